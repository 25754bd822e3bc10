package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"banksman.dev/cmd/banksman/config"
	"banksman.dev/reconcile/notify"
)

const notifyLong = `Send a test to the targets of notifications in a configuration file, and say of each
whether it was taken. What banksman run tells them, and how a receiver verifies a
webhook: banksman guide notifications.`

const notifyTestLong = `Send one notification of no release, with the event test, to each target of the
configuration file that a repository tells, or to the TARGET named. Each is tried once.
A chat that takes it shows it; whether the right people see it only they can say.

Files with URLs and secrets are read as banksman run reads them, so try it where they
are: kubectl -n banksman-system exec deploy/banksman -- /ko-app/banksman notify test …

Exit codes: 0 all were taken; 1 one was not; 2 the file or the command line is wrong.`

func (p *program) notifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "notify",
		Short:   "Try the targets of notifications",
		Long:    notifyLong,
		Example: "  banksman notify test --config banksman.yaml",
		Args:    noSuchCommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.notifyTestCommand(), p.notifySchemaCommand())
	return cmd
}

func (p *program) notifySchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of what a webhook is sent",
		Example: "  banksman notify schema > notification.schema.json",
		Args:    arguments(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			_, err := p.streams.Out.Write(notify.Schema())
			return err
		},
	}
}

func (p *program) notifyTestCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "test --config FILE [TARGET]",
		Short: "Send a test to the targets of a configuration file",
		Long:  notifyTestLong,
		Example: `  banksman notify test --config banksman.yaml
  banksman notify test --config banksman.yaml releases`,
		Args: arguments(0, 1, ""),
	}
	file := cmd.Flags().String("config", "", "configuration `file` of banksman run")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *file == "" {
			return misused(helpOf(cmd), "which targets? --config is missing")
		}
		content, err := contentOf(*file)
		if err != nil {
			return misused("", "%w", err)
		}
		sources, err := sourcesOf(*file, content)
		if err != nil {
			return misused("", "%w", err)
		}
		return p.tryTargets(cmd.Context(), *file, sources, args)
	}
	return cmd
}

// tryTargets tells each target that is named, or all, one after the other.
func (p *program) tryTargets(ctx context.Context, file string, sources []config.Source, named []string) error {
	targets := targetsOf(sources)
	if len(named) == 1 {
		all := targets
		targets = slices.DeleteFunc(slices.Clone(targets), func(t notify.Target) bool { return t.Name != named[0] })
		if len(targets) == 0 {
			return misused(otherTarget(named[0], all), "no repository of %s tells a target %q", file, named[0])
		}
	}
	if len(targets) == 0 {
		return p.note("no repository of " + file + " tells a target: it has no notifications")
	}
	sample := notify.Sample(notify.Source{Environment: oneEnvironment(sources)}, p.now())
	lost := 0
	for _, t := range targets {
		says := "taken"
		if err := notify.Trial(ctx, notify.Options{UserAgent: userAgent(), Now: p.now}, t, sample); err != nil {
			lost++
			says = "not taken: " + err.Error()
		}
		if _, err := fmt.Fprintf(p.streams.Out, "%s (%s): %s\n", t.Name, wayTo(t), printable(says)); err != nil {
			return err
		}
	}
	if lost > 0 {
		return failed(fmt.Errorf("%d of %d targets did not take the test", lost, len(targets)), "")
	}
	return nil
}

func otherTarget(typed string, all []notify.Target) string {
	names := make([]string, len(all))
	for i, t := range all {
		names[i] = t.Name
	}
	if near := nearest(typed, names); near != "" {
		return "did you mean " + near + "?"
	}
	return "it tells " + cmp.Or(strings.Join(names, ", "), "none")
}

// oneEnvironment is what a test names: the sources' environment where all have
// the same.
func oneEnvironment(sources []config.Source) string {
	for _, s := range sources {
		if s.Environment != sources[0].Environment {
			return ""
		}
	}
	if len(sources) == 0 {
		return ""
	}
	return sources[0].Environment
}

// wayTo says how a target is reached, without what may be secret in its URL.
func wayTo(t notify.Target) string {
	switch {
	case t.Webhook != nil:
		return "webhook"
	case t.URLFile != "":
		return "the URL in " + t.URLFile
	}
	scheme, _, _ := strings.Cut(t.URL, ":")
	return scheme
}
