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
Only Deliveries are read: neither Git nor GitHub is asked.

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

// A tableStyle says what a list of services shows.
type tableStyle struct{ withNamespace, wide, noHeader bool }

func (p *program) printTable(found []v1alpha1.Delivery, style tableStyle) error {
	s := p.screen()
	if style.wide {
		s.width = 0
	}
	var b strings.Builder
	t := p.tableOfServices(found, style)
	t.print(&b, s)
	return p.print(&b)
}

func (p *program) tableOfServices(found []v1alpha1.Delivery, style tableStyle) *table {
	t := &table{flexible: "REASON", noHeader: style.noHeader}
	if style.withNamespace {
		t.columns = append(t.columns, "NAMESPACE")
	}
	t.columns = append(t.columns, "SERVICE", "FULL", "CANARY", "STEP", "READY")
	if style.wide {
		t.columns = append(t.columns, "PODS", "CANARY-PODS", "IMAGES", "CANARY-IMAGES")
	}
	t.columns = append(t.columns, "REASON", "AGE")
	for _, d := range found {
		var row []cell
		if style.withNamespace {
			row = append(row, cell{text: d.Namespace})
		}
		full, canary := liveOf(d.Status.Full), liveOf(d.Status.Canary)
		row = append(row, cell{text: d.Name}, shortCommit(full), shortCommit(canary),
			cell{orDash(d.Status.Step), stepColour(d)}, readyCell(d))
		if style.wide {
			row = append(row, podsCell(full), podsCell(canary), imagesCell(full), imagesCell(canary))
		}
		row = append(row, cell{text: waitsOrReason(d)}, cell{text: age(p.now(), d.CreationTimestamp.Time)})
		t.add(row...)
	}
	return t
}

// waitsOrReason says on whom the service waits, and why.
func waitsOrReason(d v1alpha1.Delivery) string {
	reason := oneLine(d.Status.Reason)
	if len(d.Status.Waits) == 0 {
		return orDash(reason)
	}
	waits := "waits for " + waitsFor(d)
	switch {
	case reason == "":
		return waits
	case strings.HasPrefix(reason, "waits for "):
		return reason // it says it already, with the pull request
	}
	return waits + ": " + reason
}

func waitsFor(d v1alpha1.Delivery) string { return oneLine(strings.Join(d.Status.Waits, ", ")) }

// liveOf is what a variant is like; without one, nothing.
func liveOf(l *v1alpha1.Live) v1alpha1.Live {
	if l == nil {
		return v1alpha1.Live{}
	}
	return *l
}

func shortCommit(l v1alpha1.Live) cell {
	c := cell{text: orDash(oneLine(l.Short))}
	if l.Health == reconcile.Failed.String() {
		c.colour = red
	}
	return c
}

// podsCell is "3/9": the column says of what.
func podsCell(l v1alpha1.Live) cell {
	return cell{text: orDash(strings.TrimSuffix(oneLine(l.Pods), " Pods ready"))}
}

func imagesCell(l v1alpha1.Live) cell {
	return cell{text: orDash(oneLine(strings.Join(l.Images, ",")))}
}

func readyCell(d v1alpha1.Delivery) cell {
	ready := condition(d, v1alpha1.ConditionReady)
	switch ready {
	case "":
		return cell{text: "Unknown"}
	case "True":
		return cell{ready, green}
	}
	return cell{text: ready}
}

// stepColour is green only where what runs is what the branch says.
func stepColour(d v1alpha1.Delivery) colour {
	switch {
	case condition(d, v1alpha1.ConditionStalled) == "True":
		return red
	case needsYou(d), d.Status.Step == string(reconcile.StepSuspended):
		return yellow
	case condition(d, v1alpha1.ConditionReady) == "True":
		return green
	}
	return cyan
}
