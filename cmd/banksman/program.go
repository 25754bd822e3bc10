package main

import (
	"context"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"banksman.dev/reconcile/api/v1alpha1"
)

// A program is what every verb needs of the world. Its function fields are
// where tests put another world.
type program struct {
	streams genericiooptions.IOStreams
	// isPlugin: it was called through kubectl.
	isPlugin bool
	getenv   func(string) string
	now      func() time.Time
	screen   func() screen
	// asksPeople: a person sits at the input, and can be asked.
	asksPeople func() bool
	// pause waits, or returns the context's error.
	pause func(context.Context, time.Duration) error
	// clients reach the cluster that the flags name.
	clients func(c *clusterFlags) (clients, error)
	// deliveries reads the Deliveries of one namespace, or of all for "".
	deliveries func(ctx context.Context, c *clusterFlags, namespace string) ([]v1alpha1.Delivery, error)
}

func newProgram(streams genericiooptions.IOStreams) *program {
	return &program{
		streams:    streams,
		getenv:     os.Getenv,
		now:        time.Now,
		screen:     func() screen { return screenOf(streams.Out, os.Getenv) },
		asksPeople: func() bool { return isTerminal(streams.In) },
		pause:      pause,
		clients:    connectTo,
		deliveries: listDeliveries,
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

const rootLong = `banksman is a GitOps reconciler for Kubernetes. It renders the services of a
manifest repository, applies each service's canary first, and applies the full
variant once a pull-request review has approved exactly that content. A git
revert rolls back. Every stage is written to the commit as a commit status.

Exit codes:
  0  it worked
  1  something failed: a server, a repository, a manifest
  2  the command line is wrong, or leaves open what you must decide
     (run without --trust, for one)
  3  status --for: what was waited for has not come within --timeout`

const rootExample = `  # See what a repository would run, before you commit
  banksman validate ~/src/manifests

  # Prepare a repository, and install banksman into the cluster
  banksman init --repo dora/manifests
  banksman install --repo https://github.com/dora/manifests

  # Or run it here; the first start asks what to trust
  export GITHUB_TOKEN=…
  banksman run --repo https://github.com/dora/manifests

  # What runs, what waits, and on whom
  banksman status -A
  banksman why fop-gate`

// run runs one command and returns its exit code.
func (p *program) run(ctx context.Context, args []string) int {
	root := p.command()
	root.SetArgs(args)
	return report(p.streams.ErrOut, root.ExecuteContext(ctx))
}

func (p *program) command() *cobra.Command {
	root := &cobra.Command{
		Use:     "banksman",
		Short:   "Canary first, full after the review, back with git revert",
		Long:    rootLong,
		Example: rootExample,
		// What goes wrong is printed once, by report.
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noSuchCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(p.streams.In)
	root.SetOut(p.streams.Out)
	root.SetErr(p.streams.ErrOut)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return misused(helpOf(cmd), "%w", err)
	})
	root.AddCommand(
		p.runCommand(),
		p.statusCommand(),
		p.whyCommand(),
		p.historyCommand(),
		p.getCommand(),
		p.treeCommand(),
		p.renderCommand(),
		p.diffCommand(),
		p.suspendCommand(),
		p.resumeCommand(),
		p.retryCommand(),
		p.abortCommand(),
		p.acknowledgeCommand(),
		p.validateCommand(),
		p.crdCommand(),
		p.monitoringCommand(),
		p.guideCommand(),
		p.versionCommand(),
		p.notifyCommand(),
		p.reconcileCommand(),
		p.configCommand(),
		p.installCommand(),
		p.uninstallCommand(),
		p.initCommand(),
		p.traceCommand(),
		p.bumpCommand(),
		p.rollbackCommand(),
		p.eventsCommand(),
		p.logsCommand(),
		p.pluginCommand(),
	)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	if p.isPlugin {
		speakAsPlugin(root)
	}
	return root
}

// print writes an answer, whole.
func (p *program) print(b *strings.Builder) error {
	_, err := io.WriteString(p.streams.Out, b.String())
	return err
}

// note says on standard error that an answer is empty.
func (p *program) note(text string) error {
	_, err := io.WriteString(p.streams.ErrOut, text+"\n")
	return err
}

func helpOf(cmd *cobra.Command) string { return "see " + cmd.CommandPath() + " --help" }

func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	try := helpOf(cmd)
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		try = "did you mean " + cmd.CommandPath() + " " + near[0] + "? " + try
	}
	return misused(try, "no command %q", args[0])
}

// arguments checks the count of a verb's arguments, and says what they are.
func arguments(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least {
			return misused(helpOf(cmd), "%s needs %s", cmd.Name(), what)
		}
		if len(args) > most {
			return misused(helpOf(cmd), "%s takes no argument %q", cmd.Name(), args[most])
		}
		return nil
	}
}

// oneOf checks the value of a flag against what it may be.
func oneOf(flags *pflag.FlagSet, flag string, allowed ...string) error {
	value := flags.Lookup(flag).Value.String()
	for _, a := range allowed {
		if value == a {
			return nil
		}
	}
	return misused("", "--%s %q: %s", flag, value, "want "+orList(allowed))
}

func orList(words []string) string {
	list := ""
	for i, w := range words {
		switch {
		case w == "":
			continue
		case list == "":
		case i == len(words)-1:
			list += " or "
		default:
			list += ", "
		}
		list += w
	}
	return list
}
