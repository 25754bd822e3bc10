package render

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
)

// meter bounds what the templates of one variant may do. text/template itself can be neither cancelled nor limited:
// the parse trees carry calls of turn and show (see instrument), and every function a template names is metered.
type meter struct {
	turns  int // loop turns and template calls
	bytes  int // strings that functions took or gave
	values int // list and map items that functions took or gave
	depth  int // nested includes
}

const (
	maxArgumentBytes = 2 << 20
	maxItems         = 100_000   // items of one value, nested ones included
	maxAllItems      = 5_000_000 // of all values of a variant
)

// turn is called once for each loop turn and template call. It prints nothing.
func (m *meter) turn() (string, error) {
	if m.turns++; m.turns > maxTemplateSteps {
		return "", fmt.Errorf("the template takes more than %d loop turns", maxTemplateSteps)
	}
	return "", nil
}

// show is the last function of every action that prints. What prints nothing sensible is a fault, never "<no value>".
func (m *meter) show(v any) (any, error) {
	if v == nil {
		return nil, errors.New("it has no value")
	}
	return v, m.add(reflect.ValueOf(v))
}

// function meters one function of the library: what it takes is weighed before the call, what it gives after.
func (m *meter) function(name string, fn any) any {
	call := reflect.ValueOf(fn)
	t := call.Type()
	in := make([]reflect.Type, t.NumIn())
	for i := range in {
		in[i] = t.In(i)
	}
	fault := reflect.TypeFor[error]()
	metered := reflect.FuncOf(in, []reflect.Type{t.Out(0), fault}, t.IsVariadic())
	guard := guards[name]
	return reflect.MakeFunc(metered, func(args []reflect.Value) []reflect.Value {
		fail := func(err error) []reflect.Value {
			return []reflect.Value{reflect.Zero(t.Out(0)), reflect.ValueOf(&err).Elem()}
		}
		for _, arg := range args {
			if err := m.add(arg); err != nil {
				return fail(err)
			}
		}
		if guard != nil {
			if err := guard(args); err != nil {
				return fail(err)
			}
		}
		var out []reflect.Value
		if t.IsVariadic() {
			out = call.CallSlice(args)
		} else {
			out = call.Call(args)
		}
		if len(out) == 2 && !out[1].IsNil() {
			return []reflect.Value{out[0], out[1]}
		}
		if err := m.add(out[0]); err != nil {
			return fail(err)
		}
		return []reflect.Value{out[0], reflect.Zero(fault)}
	}).Interface()
}

// add charges one value to the render.
func (m *meter) add(v reflect.Value) error {
	w := weight{}
	if err := w.weigh(v, 0); err != nil {
		return err
	}
	m.bytes += w.bytes
	m.values += w.items
	switch {
	case m.bytes > maxTemplateMemory:
		return fmt.Errorf("the template's functions handle more than %d bytes", maxTemplateMemory)
	case m.values > maxAllItems:
		return fmt.Errorf("the template's functions handle more than %d values", maxAllItems)
	}
	return nil
}

// weight is the size of one value. It bounds depth too: printing or encoding a very deep value exhausts the stack.
type weight struct{ bytes, items int }

func (w *weight) weigh(v reflect.Value, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("a value nested deeper than %d", maxDepth)
	}
	w.items++
	switch {
	case w.items > maxItems:
		return fmt.Errorf("a value of more than %d items", maxItems)
	case w.bytes > maxArgumentBytes:
		return fmt.Errorf("a value of more than %d bytes", maxArgumentBytes)
	}
	switch v.Kind() { //nolint:exhaustive // every other kind has no parts and a fixed size
	case reflect.Interface:
		if v.IsNil() {
			return nil
		}
		w.items--
		return w.weigh(v.Elem(), depth)
	case reflect.String:
		w.bytes += v.Len()
		if v.Len() > maxTemplateLength {
			return fmt.Errorf("a string of %d bytes, more than %d", v.Len(), maxTemplateLength)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if err := w.weigh(v.Index(i), depth+1); err != nil {
				return err
			}
		}
	case reflect.Map:
		for iter := v.MapRange(); iter.Next(); {
			w.bytes += len(iter.Key().String())
			if err := w.weigh(iter.Value(), depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// guards refuse calls whose result may be far larger than what they take.
var guards = map[string]func([]reflect.Value) error{
	"replace":                    func(a []reflect.Value) error { return product(a[2].Len()+1, a[1].Len()) },
	"regexReplaceAll":            func(a []reflect.Value) error { return product(a[1].Len()+1, a[2].Len()) },
	"regexReplaceAllLiteral":     func(a []reflect.Value) error { return product(a[1].Len()+1, a[2].Len()) },
	"mustRegexReplaceAll":        func(a []reflect.Value) error { return product(a[1].Len()+1, a[2].Len()) },
	"mustRegexReplaceAllLiteral": func(a []reflect.Value) error { return product(a[1].Len()+1, a[2].Len()) },
	"wrapWith":                   func(a []reflect.Value) error { return product(a[2].Len()+1, a[1].Len()) },
	"join":                       guardJoin,
	"printf":                     guardPrintf,
}

const maxProduct = 64 << 20

func product(times, length int) error {
	if length > 0 && times > maxProduct/length {
		return fmt.Errorf("its result could have more than %d bytes", maxProduct)
	}
	return nil
}

func guardJoin(args []reflect.Value) error {
	w := weight{}
	if err := w.weigh(args[1], 0); err != nil {
		return err
	}
	return product(w.items, args[0].Len())
}

var (
	wideVerb    = regexp.MustCompile(`%[^a-zA-Z%]*(\*|\d{4,})`)
	pointerVerb = regexp.MustCompile(`%[^a-zA-Z%]*p`)
)

func guardPrintf(args []reflect.Value) error {
	format := args[0].String()
	switch {
	case wideVerb.MatchString(format):
		return fmt.Errorf("the format %q has a width of more than 999", clip(format, 40))
	case pointerVerb.MatchString(format):
		return errors.New("%p prints an address, which differs at every run")
	}
	w := weight{}
	if err := w.weigh(args[1], 0); err != nil {
		return err
	}
	return product(strings.Count(format, "%"), w.bytes+1000*w.items)
}
