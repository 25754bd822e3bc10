package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"banksman.dev/reconcile/api/v1alpha1"
)

func (p *program) reconcileCommand() *cobra.Command {
	f := orderFlags{look: true}
	cmd := &cobra.Command{
		Use:   "reconcile {SERVICE… | --all}",
		Short: "Look now: fetch the branch and look at services",
		Long: `Make banksman fetch the branch at once, look at the services and ask for the
reviews that they wait for, instead of at the next --interval; and wait until it
has. Nothing is done that would not be done then: what waits for a review, is held
or suspended goes on doing so.

It is written into the Delivery, as the annotation banksman.dev/reconcile-at: your
account must be allowed to patch deliveries.banksman.dev. A service that has none
yet, because nothing of it was ever looked at, comes with the fetch for any other.

Exit codes: 0 it was looked at; 1 the order could not be written, or banksman has not
looked within --timeout, because it does not run or cannot fetch; 2 wrong usage.`,
		Example: `  git push && banksman reconcile fop-gate
  banksman reconcile --all -n dora-apps`,
	}
	f.register(p, cmd)
	f.registerAll(cmd, "look at all services")
	cmd.Flags().Lookup("wait").Usage = "wait until banksman has looked"
	cmd.Flags().Lookup("timeout").Usage = "longest `time` to wait for that"
	cmd.Args = f.oneOrAll
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := f.check(); err != nil {
			return err
		}
		return p.lookNow(cmd.Context(), f, args)
	}
	return cmd
}

func (p *program) lookNow(ctx context.Context, f orderFlags, names []string) error {
	found, err := p.addressed(ctx, f, names)
	if err != nil {
		return err
	}
	token := p.now().UTC().Format(time.RFC3339Nano)
	return p.give(ctx, f, found, func(v1alpha1.Delivery, person) (order, error) {
		o := order{annotations: map[string]any{v1alpha1.AnnotationReconcileAt: token}}
		if !f.wait {
			o.says = "is looked at as soon as banksman has fetched the branch"
		}
		return o, nil
	})
}
