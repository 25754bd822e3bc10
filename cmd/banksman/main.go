// Command banksman is the whole program: the reconciler (banksman run) and the
// commands that ask it questions.
//
// Each verb has a file of its name. run.go is the only place where the
// packages of this module meet. Nothing is decided here: verbs read flags,
// call one package, and print.
//
// What the commands print keeps to these rules:
//
//   - Standard output carries the answer and nothing else.
//   - Standard error carries log lines of run, and at most one failure:
//     "banksman: ", then what happened and where, in lower case and without a
//     full stop; below it, indented, what to do.
//   - A failure of usage points at --help. No failure prints the help itself.
//   - Colour only on a terminal that wants it; every colour has its word.
//
// The log of run says each thing that happens to a release in one line, with the
// message "transition" and keys that stay as they are:
//
//   - event: canary-started, canary-ready, awaiting-approval, blocked,
//     rollout-started, promoted, rolled-back, held, withdrawn, degraded, recovered,
//     unreadable, suspended, resumed, removed.
//   - service, and namespace, that of its Delivery; source, the repository's name
//     in the configuration, where it has one.
//   - commit and digest of the release that it is about, and pull where that is
//     an open pull request's.
//   - step, where the service stands then, and reason, a sentence.
//   - waits, on whom, and by, who approved or said so; lists, left out where empty.
//
// Its level is WARN where somebody should look, else INFO. No other line says it
// again, and none is repeated by a process that starts.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	// Logging in to clusters of cloud providers, as kubectl can.
	_ "k8s.io/client-go/plugin/pkg/client/auth"
)

func main() {
	os.Exit(Run(untilInterrupted(), os.Args, genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}))
}

// untilInterrupted ends with an interrupt or SIGTERM. A second one ends the
// process.
func untilInterrupted() context.Context {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx
}

// Run runs one command, whose first word is the program's name, and returns its
// exit code.
func Run(ctx context.Context, args []string, streams genericiooptions.IOStreams) int {
	p := newProgram(streams)
	return p.run(ctx, p.calledAs(args[0], args[1:]))
}
