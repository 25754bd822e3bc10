package render

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Error is a fault in a file that a person must mend, of the manifest repository or of the configuration: what, where, and what to try.
type Error struct {
	File         string // path, "" when the fault has no file
	Line, Column int    // from 1; 0 when unknown
	Service      ServiceName
	Problem      string // a clause without a full stop
	Try          string // what to do, in the imperative; may be empty
	Excerpt      string // lines around the fault, ready to print below the message; may be empty
	Err          error  // the cause, when there is one beyond Problem
}

// Error gives one line: "services.yaml:12:5: fop-gate: unknown key \"tmplates\"; try …".
func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File)
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d", e.Line)
			if e.Column > 0 {
				fmt.Fprintf(&b, ":%d", e.Column)
			}
		}
		b.WriteString(": ")
	}
	if e.Service != "" {
		b.WriteString(string(e.Service))
		b.WriteString(": ")
	}
	b.WriteString(e.Problem)
	if e.Err != nil && !strings.Contains(e.Problem, e.Err.Error()) {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if e.Try != "" {
		b.WriteString("; ")
		b.WriteString(e.Try)
	}
	return b.String()
}

// Long is Error with the excerpt below it.
func (e *Error) Long() string {
	if e.Excerpt == "" {
		return e.Error()
	}
	return e.Error() + "\n" + e.Excerpt
}

func (e *Error) Unwrap() error { return e.Err }

// Errors are several faults, sorted by place. errors.As finds the first of them as an *Error.
type Errors []*Error

func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

func (es Errors) Unwrap() []error {
	errs := make([]error, len(es))
	for i, e := range es {
		errs[i] = e
	}
	return errs
}

// Err gives the faults in a stable order without repetitions: nil, the *Error itself, or Errors.
func (es Errors) Err() error {
	slices.SortStableFunc(es, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Service, b.Service), cmp.Compare(a.Problem, b.Problem))
	})
	es = slices.CompactFunc(es, func(a, b *Error) bool { return a.Error() == b.Error() })
	switch len(es) {
	case 0:
		return nil
	case 1:
		return es[0]
	}
	return es
}

// collect flattens err into faults; an error of another kind becomes a fault of the service without a place.
func collect(err error, service ServiceName) Errors {
	var several Errors
	var one *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &several):
		return several
	case errors.As(err, &one):
		return Errors{one}
	}
	return Errors{{Service: service, Problem: "cannot be rendered", Err: err}}
}

// excerpt shows the lines around line (from 1), the line itself marked.
func excerpt(text string, line int) string {
	lines := strings.Split(text, "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	var b strings.Builder
	for n := max(1, line-2); n <= min(len(lines), line+1); n++ {
		mark := " "
		if n == line {
			mark = ">"
		}
		fmt.Fprintf(&b, "%s %4d | %s\n", mark, n, clip(lines[n-1], 120))
	}
	return strings.TrimRight(b.String(), "\n")
}

// clip shortens s to at most n runes.
func clip(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return string(runes[:n-1]) + "…"
}
