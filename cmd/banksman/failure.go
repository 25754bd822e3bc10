package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"banksman.dev/render"
)

// The exit codes. They are part of the interface; see the root command's help.
const (
	exitOK     = 0
	exitFailed = 1
	exitDecide = 2 // the command line is wrong, or leaves open what a person must decide
	exitLate   = 3 // what was waited for can still come, and had not within --timeout
)

// A failure ends a command: what happened and where, and what to do about it.
type failure struct {
	err  error
	try  string // commands or sentences, one a line; may be ""
	code int
	// silent: the answer is the exit code alone.
	silent bool
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// failed is a failure at run time.
func failed(err error, try string) error { return &failure{err: err, try: try, code: exitFailed} }

// misused is a failure of the command line.
func misused(try, format string, args ...any) error {
	return &failure{err: fmt.Errorf(format, args...), try: try, code: exitDecide}
}

// report prints why a command failed and returns its exit code.
func report(w io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	code := exitFailed
	text := "banksman: " + indented(printable(message(err))) + "\n"
	var f *failure
	if errors.As(err, &f) {
		code = f.code
		if f.silent {
			return code
		}
		if f.try != "" {
			text += "  " + indented(f.try) + "\n"
		}
	}
	_, _ = io.WriteString(w, text) // where even this cannot be written, the exit code remains
	return code
}

// message is the error's text, with the lines around the fault when it lies in
// the manifest repository.
func message(err error) string {
	var one *render.Error
	var several render.Errors
	if errors.As(err, &one) && !errors.As(err, &several) && one.Excerpt != "" {
		return err.Error() + "\n" + one.Excerpt
	}
	return err.Error()
}

func indented(s string) string { return strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n  ") }
