package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"banksman.dev/reconcile"
	"banksman.dev/reconcile/api/v1alpha1"
)

func (p *program) retryCommand() *cobra.Command {
	var f orderFlags
	cmd := &cobra.Command{
		Use:   "retry {SERVICE… | --all}",
		Short: "Try a release that is held once more",
		Long: `Try once more what failed: the release at the branch's head, if it is held, and the
canaries of open pull requests that are held. The same content starts with its canary
again and is held again if it fails again; a fix needs no retry, because other content
is never held. What somebody aborted is held, too. With --all, those services of the namespace of which something is held.

It is written into the Delivery, with who says so: your account must be allowed to
patch deliveries.banksman.dev. Then it waits until banksman has taken note. What
becomes of it: banksman status SERVICE --watch.

Exit codes: 0 it is tried again; 1 nothing of a named SERVICE is held, it could not be
written, or banksman has not taken note within --timeout; 2 wrong usage.`,
		Example: `  banksman retry fop-gate --reason 'the registry is back'
  banksman retry fop-gate ledger -n dora-apps
  banksman retry --all -n dora-apps --reason 'the nodes are back'`,
	}
	f.register(p, cmd)
	f.registerAll(cmd, "retry all held services")
	cmd.Args = f.oneOrAll
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := f.check(); err != nil {
			return err
		}
		return p.retry(cmd.Context(), f, args)
	}
	return cmd
}

func (p *program) retry(ctx context.Context, f orderFlags, names []string) error {
	found, err := p.addressed(ctx, f, names)
	if err != nil {
		return err
	}
	retried := false
	err = p.give(ctx, f, found, func(d v1alpha1.Delivery, by person) (order, error) {
		held := retriable(d)
		switch {
		case len(held) == 0 && f.all:
			return order{}, nil
		case len(held) == 0:
			return order{}, failed(fmt.Errorf("nothing of %s is held: %s", nameOfService(d), nowWords(d)), inNamespace("why", d)+" says what it waits for")
		}
		retried = true
		o := order{
			spec: map[string]any{
				// Each order needs a word of its own.
				"retry":   p.now().UTC().Format(time.RFC3339Nano),
				"retryBy": orNull(string(by)), "retryReason": orNull(f.reason),
				"abort": nil, "abortBy": nil, "abortReason": nil, // what was aborted is tried again, too
			},
			says: "is tried once more: " + strings.Join(held, ", "),
		}
		if s := suspension(d, p.now()); s != nil {
			o.says += "; but only after " + inNamespace("resume", d) + ": it is " + suspendedWords(s)
		}
		return o, nil
	})
	if err == nil && f.all && len(found) > 0 && !retried {
		return p.note("nothing is held in namespace " + found[0].Namespace)
	}
	return err
}

// retriable are the releases that a retry would try: the branch's head and open
// pull requests. Holds of what came before the head are over.
func retriable(d v1alpha1.Delivery) []string {
	var held []string
	for _, h := range d.Status.Holds {
		switch {
		case d.Status.Head != nil && h.Digest == d.Status.Head.Digest:
			held = append(held, short(h.Commit)+" from its canary"+becauseHeld(h))
		case h.Pull != 0:
			held = append(held, fmt.Sprintf("the canary of #%d", h.Pull)+becauseHeld(h))
		}
	}
	if len(held) == 0 && d.Status.Step == string(reconcile.StepHeld) && d.Status.Head != nil {
		held = append(held, short(d.Status.Head.Commit)+" from its canary")
	}
	return held
}

func becauseHeld(h v1alpha1.Hold) string {
	if reason := oneLine(h.Reason); reason != "" {
		return " (" + reason + ")"
	}
	return ""
}

// nowWords is where a service stands, for a sentence.
func nowWords(d v1alpha1.Delivery) string {
	if d.Status.Step == "" {
		return "banksman has not looked at it yet"
	}
	return "it stands at " + d.Status.Step + ", " + waitsOrReason(d)
}
