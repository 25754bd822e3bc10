package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"banksman.dev/render"
)

// nodes reads strictly from the file's YAML and keeps the faults it finds.
type nodes struct {
	file   string
	faults render.Errors
}

func (r *nodes) fault(n *yaml.Node, problem, try string) {
	r.faults = append(r.faults, &render.Error{File: r.file, Line: n.Line, Column: n.Column, Problem: problem, Try: try})
}

// A field reads the value of one known key.
type field func(value *yaml.Node)

// fields reads a mapping whose keys are all known. what names it in faults:
// "repository dora". It returns the keys that stand there, nil where it is no
// mapping.
func (r *nodes) fields(n *yaml.Node, what string, known map[string]field) (said map[string]*yaml.Node) {
	if n = resolve(n); n.Kind != yaml.MappingNode {
		r.fault(n, what+" is not a map", "write it as key: value lines")
		return nil
	}
	said = map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], resolve(n.Content[i+1])
		read, found := known[key.Value]
		switch {
		case !found:
			r.fault(key, fmt.Sprintf("unknown key %q in %s", clip(key.Value), what), instead(key.Value, slices.Sorted(maps.Keys(known))))
		case isNull(value):
			r.fault(value, fmt.Sprintf("%s of %s says nothing", key.Value, what), "give it a value, or leave the key out")
		default:
			said[key.Value] = value
			read(value)
		}
	}
	return said
}

// required faults each of the keys that is not said.
func (r *nodes) required(n *yaml.Node, what string, said map[string]*yaml.Node, keys map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if _, found := said[key]; !found && said != nil {
			r.fault(n, what+" does not say "+key, keys[key])
		}
	}
}

// each reads the items of a list.
func (r *nodes) each(n *yaml.Node, what string, read func(item *yaml.Node)) {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		r.fault(n, what+" is not a list with something in it", "write it as lines that begin with a dash, or leave the key out")
		return
	}
	for _, item := range n.Content {
		read(resolve(item))
	}
}

// word reads a string; a number is taken as it is written, so that a commit of
// digits alone stays what it is.
func (r *nodes) word(into *string, what string) field {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || isNull(n) || n.Value == "" {
			r.fault(n, what+" is not a word", "write it as a string")
			return
		}
		*into = n.Value
	}
}

// A form is what a word must look like, and what that is called.
type form struct {
	pattern *regexp.Regexp
	want    string // an imperative
}

func (r *nodes) formed(into *string, what string, f form) field {
	return func(n *yaml.Node) {
		before := len(r.faults)
		r.word(into, what)(n)
		if len(r.faults) == before && !f.pattern.MatchString(n.Value) {
			r.fault(n, fmt.Sprintf("%s %q is none", what, clip(n.Value)), f.want)
		}
	}
}

// words reads a list of different words of a form.
func (r *nodes) words(into *[]string, what, one string, f form) field {
	return func(n *yaml.Node) {
		r.each(n, what, func(item *yaml.Node) {
			var word string
			r.formed(&word, one, f)(item)
			if word != "" && slices.Contains(*into, word) {
				r.fault(item, fmt.Sprintf("%s lists %q twice", what, clip(word)), "keep one of them")
				return
			}
			*into = append(*into, word)
		})
	}
}

// chosen reads one of the allowed words.
func chosen[W ~string](r *nodes, into *W, what string, allowed ...W) field {
	return func(n *yaml.Node) {
		words := make([]string, len(allowed))
		for i, a := range allowed {
			words[i] = string(a)
		}
		if n.Kind != yaml.ScalarNode || !slices.Contains(words, n.Value) {
			r.fault(n, fmt.Sprintf("%s %q is unknown", what, clip(n.Value)), instead(n.Value, words))
			return
		}
		*into = W(n.Value)
	}
}

// count reads a whole number from 1.
func count[N int | int64](r *nodes, into *N, what string) field {
	return func(n *yaml.Node) {
		number, err := strconv.ParseInt(n.Value, 10, 53)
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || err != nil || number < 1 {
			r.fault(n, fmt.Sprintf("%s is not a whole number from 1", what), "write it as "+what+": 1")
			return
		}
		*into = N(number)
	}
}

func (r *nodes) yes(into *bool, what string) field {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" || n.Decode(into) != nil {
			r.fault(n, what+" is neither true nor false", "write "+what+": true, or leave the key out")
		}
	}
}

// duration reads a time of at least least, or 0 where that means something.
func (r *nodes) duration(into **Duration, what string, least time.Duration, zero string) field {
	return func(n *yaml.Node) {
		d, err := time.ParseDuration(n.Value)
		want := fmt.Sprintf("write at least %s", Duration(least))
		if zero != "" {
			want += ", or 0 for " + zero
		}
		switch {
		case n.Kind != yaml.ScalarNode || err != nil:
			r.fault(n, fmt.Sprintf("%s %q is not a time", what, clip(n.Value)), "write it with its unit, such as 15s, 30m or 12h")
		case d < least && (d != 0 || zero == ""):
			r.fault(n, fmt.Sprintf("%s %s is too short", what, n.Value), want)
		default:
			*into = (*Duration)(&d)
		}
	}
}

func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// instead proposes the known word that was probably meant, else lists them all.
func instead(word string, known []string) string {
	if near := render.Nearest(word, known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "known here: " + strings.Join(known, ", ")
}

// clip keeps a long value out of a message.
func clip(s string) string {
	const most = 60
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return s
}
