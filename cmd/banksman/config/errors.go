package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// An Error is one fault in a configuration file: where, what, and what to try.
type Error struct {
	File         string
	Line, Column int    // from 1; 0 when unknown
	Problem      string // a clause without a full stop; it repeats no secret
	Try          string // what to do, in the imperative; may be empty
}

// Error is "banksman.yaml:7:3: unknown key \"trsut\" in repository dora; did you mean \"trust\"?".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	for _, at := range []int{e.Line, e.Column} {
		if at == 0 {
			break
		}
		fmt.Fprintf(&b, ":%d", at)
	}
	b.WriteString(": " + e.Problem)
	if e.Try != "" {
		b.WriteString("; " + e.Try)
	}
	return b.String()
}

// Errors are all faults of one file, sorted by place. errors.As finds the first
// of them as an *Error.
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

// asError gives the faults in a stable order, nil where there are none.
func (es Errors) asError() error {
	if len(es) == 0 {
		return nil
	}
	slices.SortStableFunc(es, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Problem, b.Problem))
	})
	return es
}
