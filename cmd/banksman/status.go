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
	commit  string
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
line for each change. It ends with an interrupt.

With --for it watches, too, and ends as soon as the SERVICE is there, at once if it
is already, or cannot get there any more:

  canary-ready        the canary is healthy and its steps have passed
  awaiting-approval   its canary has passed, and it waits for a review
  complete            full runs it and is healthy; ready says the same
  held                a step failed, or somebody aborted it
  step=STEP           it stands at a step: step=bake, say

It is about the release that banksman knows of now. In CI name your own with
--commit: a commit of the branch, or the head of a pull request, before and after its
merge; a later commit that supersedes it ends the wait. Of a commit that changes
nothing of the service banksman knows as soon as it has looked: banksman reconcile.

Exit codes: 0 the answer is printed, good or bad, and what --for names is true;
1 there is no answer, or what --for names cannot come any more: the release failed,
was aborted or superseded; 2 wrong usage; 3 it has not come within --timeout.`,
		Example: `  banksman status -A
  banksman status fop-gate
  banksman status -A -o wide
  banksman status fop-gate -w
  banksman status fop-gate --for=awaiting-approval --timeout=10m
  banksman status fop-gate --for=complete --commit="$(git rev-parse HEAD)" --timeout=1h
  banksman status -A -o json | jq -r '.items[] | select(.status.waits) | .metadata.name'`,
		Args: arguments(0, 1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf(cmd.Flags(), "output", "", "json", "yaml", "wide", "name"); err != nil {
				return err
			}
			switch {
			case f.timeout < 0:
				return misused("", "--timeout %s: want more than nothing", f.timeout)
			case f.watch || f.until != "":
				return p.statusWatched(cmd.Context(), f, args)
			case f.timeout != 0 || f.commit != "":
				return misused("", "--commit needs --for, --timeout needs --for or --watch")
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
	cmd.Flags().StringVar(&f.until, "for", "", "wait for a `goal`: canary-ready, awaiting-approval, complete, held or step=STEP")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 0, "with --for or --watch: end after this `time` (default: never)")
	cmd.Flags().StringVar(&f.commit, "commit", "", "with --for: the release of this `commit`, or of the pull request whose head it is")
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
	_, err := fmt.Fprintf(p.streams.ErrOut, "no services%s; %s\n", where, indented(p.beforeTheFirst(ctx, f.cluster)))
	return err
}
