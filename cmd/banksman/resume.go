package main

import (
	"context"

	"github.com/spf13/cobra"

	"banksman.dev/reconcile/api/v1alpha1"
)

func (p *program) resumeCommand() *cobra.Command {
	var f orderFlags
	cmd := &cobra.Command{
		Use:   "resume {SERVICE… | --all}",
		Short: "Go on with a suspended service",
		Long: `Take back the suspension of services, whoever gave it. banksman goes on from what
the branch says then: a rollout that was paused goes on, a revert that came meanwhile
rolls back, and what somebody changed is put back. A service that is not suspended
stays as it is.

It is written into the Delivery, with who says so: your account must be allowed to
patch deliveries.banksman.dev. Then it waits until banksman has taken note.

Exit codes: 0 it is not suspended any more; 1 it could not be written, or banksman
has not taken note within --timeout; 2 wrong usage.`,
		Example: `  banksman resume fop-gate
  banksman resume fop-gate ledger -n dora-apps --reason 'the incident is over'
  banksman resume --all -n dora-apps`,
	}
	f.register(p, cmd)
	f.registerAll(cmd, "resume all services")
	cmd.Args = f.oneOrAll
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := f.check(); err != nil {
			return err
		}
		return p.resume(cmd.Context(), f, args)
	}
	return cmd
}

func (p *program) resume(ctx context.Context, f orderFlags, names []string) error {
	found, err := p.addressed(ctx, f, names)
	if err != nil {
		return err
	}
	resumed := false
	err = p.give(ctx, f, found, func(d v1alpha1.Delivery, by person) (order, error) {
		before := d.Spec.Suspend
		switch {
		case before == nil && f.all:
			return order{}, nil
		case before == nil:
			return order{says: "is not suspended: there is nothing to resume"}, nil
		}
		resumed = true
		o := order{
			spec:        map[string]any{"suspend": nil},
			annotations: map[string]any{v1alpha1.AnnotationResumedBy: orNull(string(by)), v1alpha1.AnnotationResumeReason: orNull(f.reason)},
			says:        "is resumed: " + goesOn(d) + " (before: " + suspendedWords(before) + ")",
		}
		if suspension(d, p.now()) == nil {
			o.says = "is not suspended any more: that ended at " + moment(before.Until) + "; the order is taken away"
		}
		return o, nil
	})
	if err == nil && f.all && len(found) > 0 && !resumed {
		return p.note("no service of namespace " + found[0].Namespace + " is suspended")
	}
	return err
}

// goesOn is what a resumed service does first.
func goesOn(d v1alpha1.Delivery) string {
	if r := d.Status.Rolling; r != nil {
		return "the rollout of " + short(r.Commit) + " goes on, unless the branch says something else by now"
	}
	return "banksman goes on from what the branch says now"
}
