package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"banksman.dev/reconcile/api/v1alpha1"
)

// statusFlags are what status prints, of whom, and how.
type statusFlags struct {
	cluster *clusterFlags
	all     bool
	output  string
	watch   bool
	until   string
	timeout time.Duration
}

func (p *program) statusCommand() *cobra.Command {
	var f statusFlags
	cmd := &cobra.Command{
		Use:     "status [SERVICE]",
		Aliases: []string{"st"},
		Short:   "What runs, what waits, and on whom",
		Long: `List the services with what runs and what they wait for; those that wait for
a person come first. With SERVICE, show that service with both of its variants.
A canary that runs an open pull request shows its number: 1a2b3c4 (#12). Only
Deliveries are read: neither Git nor GitHub is asked.

Without -n or -A the list is of the context's namespace, as with kubectl; a
SERVICE is found in any namespace.

With --watch it stays and shows each change: on a terminal as a picture that is
drawn anew (of a SERVICE, with its workloads down to the Pods), elsewhere as a
line for each change. It ends with an interrupt, or as soon as what --for names
is true of the SERVICE, at once if it is already: ready, awaiting-approval, held,
or step=STEP (step=bake, say).

Exit codes: 0 the answer is printed, good or bad, and what --for names is true;
1 there is no answer, or it was not true within --timeout; 2 wrong usage.`,
		Example: `  banksman status -A
  banksman status fop-gate
  banksman status -A -o wide
  banksman status fop-gate -w
  banksman status fop-gate --watch --for=awaiting-approval --timeout=10m
  banksman status -A -o json | jq -r '.items[] | select(.status.waits) | .metadata.name'`,
		Args: arguments(0, 1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf(cmd.Flags(), "output", "", "json", "yaml", "wide", "name"); err != nil {
				return err
			}
			switch {
			case f.timeout < 0:
				return misused("", "--timeout %s: want more than nothing", f.timeout)
			case f.watch:
				return p.statusWatched(cmd.Context(), f, args)
			case f.until != "" || f.timeout != 0:
				return misused("add --watch", "--for and --timeout need --watch")
			}
			if len(args) == 1 {
				return p.statusOfOne(cmd.Context(), f, args[0])
			}
			return p.statusOfAll(cmd.Context(), f)
		},
	}
	f.cluster = newClusterFlags(cmd.Flags(), "to look in")
	cmd.ValidArgsFunction = p.serviceNames(f.cluster)
	cmd.Flags().BoolVarP(&f.all, "all-namespaces", "A", false, "look in all namespaces")
	cmd.Flags().StringVarP(&f.output, "output", "o", "", "output `format`: json, yaml, wide or name")
	cmd.Flags().BoolVarP(&f.watch, "watch", "w", false, "stay, and show each change")
	cmd.Flags().StringVar(&f.until, "for", "", "with --watch: end when the `goal` holds: ready, awaiting-approval, held or step=STEP")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 0, "with --watch: end after this `time` (default: never)")
	return cmd
}

func (p *program) statusOfOne(ctx context.Context, f statusFlags, name string) error {
	d, err := p.oneDelivery(ctx, f.cluster, name)
	if err != nil {
		return err
	}
	if f.output != "" && f.output != "wide" {
		return p.printObject(&d, f.output)
	}
	return p.printOne(d)
}

func (p *program) statusOfAll(ctx context.Context, f statusFlags) error {
	found, namespace, err := p.listedDeliveries(ctx, f)
	if err != nil {
		return err
	}
	if f.output != "" && f.output != "wide" {
		return p.printObjects(found, f.output)
	}
	if len(found) == 0 {
		return p.nothingThere(ctx, f, namespace)
	}
	return p.printTable(found, tableStyle{withNamespace: f.all, wide: f.output == "wide"})
}

// listedDeliveries are those of one namespace, or of all for "", sorted.
func (p *program) listedDeliveries(ctx context.Context, f statusFlags) (found []v1alpha1.Delivery, namespace string, err error) {
	if !f.all {
		if namespace, err = f.cluster.namespace(); err != nil {
			return nil, "", err
		}
	}
	if found, err = p.deliveries(ctx, f.cluster, namespace); err != nil {
		return nil, "", err
	}
	sortDeliveries(found)
	return found, namespace, nil
}

// nothingThere says where to look instead. An empty list is an answer, not a failure.
func (p *program) nothingThere(ctx context.Context, f statusFlags, namespace string) error {
	where := ""
	if namespace != "" {
		where = " in namespace " + namespace
		// Who may not look elsewhere gets the plain answer.
		if elsewhere, err := p.deliveries(ctx, f.cluster, ""); err == nil && len(elsewhere) > 0 {
			_, err := fmt.Fprintf(p.streams.ErrOut, "no services%s, %d elsewhere: banksman status -A\n", where, len(elsewhere))
			return err
		}
	}
	_, err := fmt.Fprintf(p.streams.ErrOut, "no services%s; %s\n", where, indented(noDeliveriesYet))
	return err
}
