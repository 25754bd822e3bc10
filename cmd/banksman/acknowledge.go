package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"banksman.dev/gitsrc"
	"banksman.dev/reconcile"
	"banksman.dev/reconcile/api/v1alpha1"
)

// acknowledgeFlags are what a person answers for, and how it is looked up.
type acknowledgeFlags struct {
	orderFlags
	from     manifestFlags
	yes      bool
	unlisted bool
}

func (p *program) acknowledgeCommand() *cobra.Command {
	var f acknowledgeFlags
	cmd := &cobra.Command{
		Use:     "acknowledge SERVICE COMMIT",
		Aliases: []string{"ack"},
		Short:   "Answer for what no review approves: commits, and many deletions",
		Long: `Answer with your name for every change of a service up to a commit, reviewed or not:
for a direct push that nobody wants to revert, for a history that was rewritten, for
deletions that are withheld because they are many. The canary still goes first; full
then follows without a review. Later commits need their own.

COMMIT is a hash, whole or its first four digits or more. It must be one that the
Delivery names (banksman why and history print them), or with --repo one of the
branch; --unlisted takes any whole hash. What you answer for is printed first: the
commits, with --repo who made them and their subjects, and the deletions. On a
terminal you are asked then; elsewhere it needs --yes.

It is written into the Delivery, with who says so: your account must be allowed to
patch deliveries.banksman.dev. Then it waits until banksman has taken note.

Exit codes: 0 it is acknowledged; 1 there is no such commit, nothing to answer for,
you said no, it could not be written, or banksman has not taken note within
--timeout; 2 wrong usage, or --yes is missing.`,
		Example: `  banksman acknowledge fop-gate 1a2b3c4 --reason 'hotfix of incident 4711'
  banksman acknowledge fop-gate 1a2b3c4 --repo https://github.com/dora/manifests
  banksman acknowledge fop-gate 1a2b3c4 --yes`,
		Args: arguments(2, 2, "the name of a SERVICE, and a COMMIT"),
	}
	f.register(p, cmd)
	cmd.ValidArgsFunction = p.serviceAndCommit(f.cluster)
	flags := cmd.Flags()
	flags.Lookup("namespace").Usage = "`namespace` to look in (default: any)"
	flags.BoolVarP(&f.yes, "yes", "y", false, "do not ask")
	flags.BoolVar(&f.unlisted, "unlisted", false, "take a whole hash that nothing here names")
	flags.StringVar(&f.from.repo, "repo", "", "look the commits up in the manifest repository at this `URL`")
	flags.StringVar(&f.from.branch, "branch", "main", "`branch` of --repo")
	flags.StringVar(&f.from.tokenFile, "token-file", "", "`file` with the GitHub token for --repo (default $GITHUB_TOKEN, else $GH_TOKEN)")
	flags.StringVar(&f.from.dataDir, "data-dir", "", "`folder` for the copy of --repo (default one of its own in the user's cache)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := f.check(); err != nil {
			return err
		}
		return p.acknowledge(cmd.Context(), f, args[0], strings.ToLower(args[1]))
	}
	return cmd
}

func (p *program) acknowledge(ctx context.Context, f acknowledgeFlags, service, typed string) error {
	found, err := p.addressed(ctx, f.orderFlags, []string{service})
	if err != nil {
		return err
	}
	about, err := p.answerOf(ctx, f, found[0], typed)
	if err != nil {
		return err
	}
	var b strings.Builder
	about.print(&b, p.screen())
	if err := p.print(&b); err != nil {
		return err
	}
	if !f.yes {
		if err := p.confirm("Answer for this? [y/N] "); err != nil {
			return err
		}
	}
	return p.give(ctx, f.orderFlags, found, func(d v1alpha1.Delivery, by person) (order, error) {
		if err := about.stillTrueOf(d); err != nil {
			return order{}, err
		}
		says := "is acknowledged up to " + about.commit.Short() + " by " + by.or("an operator") + ": " + afterAnswer(d)
		if s := suspension(d, p.now()); s != nil {
			says += "; but only after " + inNamespace("resume", d) + ": it is " + suspendedWords(s)
		}
		return order{
			spec: map[string]any{
				"acknowledge":   string(about.commit),
				"acknowledgeBy": orNull(string(by)), "acknowledgeReason": orNull(f.reason),
			},
			says: says,
		}, nil
	})
}

// afterAnswer is what an acknowledged service does next.
func afterAnswer(d v1alpha1.Delivery) string {
	switch reconcile.Step(d.Status.Step) {
	case reconcile.StepUpToDate, reconcile.StepFull:
		if len(d.Status.Withheld) > 0 {
			return "the withheld objects are deleted"
		}
	case reconcile.StepApproval:
		return "full follows as long as the canary is healthy"
	default:
	}
	return "when the canary has passed its steps, full follows without a review"
}

// confirm asks a person; without one it is a decision that is left open.
func (p *program) confirm(question string) error {
	if !p.asksPeople() {
		return misused("read what is printed above, then add --yes", "nobody can be asked here: standard input is no terminal")
	}
	if _, err := io.WriteString(p.streams.ErrOut, question); err != nil {
		return err
	}
	answer, err := bufio.NewReader(p.streams.In).ReadString('\n')
	if word := strings.ToLower(strings.TrimSpace(answer)); word == "y" || word == "yes" {
		return nil
	}
	if err != nil { // the cursor stands behind the question still
		return errors.Join(failed(errNotConfirmed, ""), p.note(""))
	}
	return failed(errNotConfirmed, "")
}

// serviceAndCommit completes a SERVICE, then the commits that its Delivery names.
func (p *program) serviceAndCommit(c *clusterFlags) cobra.CompletionFunc {
	services := p.serviceNames(c)
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) != 1 {
			return services(cmd, args, typed)
		}
		d, err := p.oneDelivery(cmd.Context(), c, args[0])
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		var names []cobra.Completion
		for _, commit := range namedCommits(d) {
			if strings.HasPrefix(string(commit), typed) {
				names = append(names, commit.Short())
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

// shortList is commits for a sentence.
func shortList(commits []gitsrc.SHA) string {
	words := make([]string, len(commits))
	for i, c := range commits {
		words[i] = c.Short()
	}
	return strings.Join(words, ", ")
}

var errNotConfirmed = errors.New("nothing was written: you did not say yes")

// isTerminal: a person types what is read there.
func isTerminal(in io.Reader) bool {
	f, ok := in.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
