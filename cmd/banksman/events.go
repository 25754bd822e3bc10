package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"banksman.dev/reconcile/api/v1alpha1"
)

var eventKind = core.SchemeGroupVersion.WithKind("Event")

// eventFlags say whose Events, and for how long.
type eventFlags struct {
	cluster *clusterFlags
	all     bool
	watch   bool
}

func (p *program) eventsCommand() *cobra.Command {
	var f eventFlags
	cmd := &cobra.Command{
		Use:   "events [SERVICE]",
		Short: "What happened to a service: Kubernetes' Events of its Delivery, objects and Pods",
		Long: `List the Events of a service, the newest last: those of its Delivery, which banksman
writes when a release gets on, and Kubernetes' own of the service's objects, ReplicaSets
and Pods, in all namespaces that it has any in. With --watch it stays and prints each
new one. Without SERVICE, those of the Deliveries of the context's namespace, or of -n,
or with -A of all.

A cluster keeps Events for an hour, as a rule: banksman history knows the releases. The
Events of a Pod that is gone are not shown. The account needs to list and watch
Deliveries, Events, workloads, ReplicaSets and Pods.

Exit codes: 0 the answer is printed, or an interrupt ended the watch; 1 there is none;
2 wrong usage.`,
		Example: `  banksman events fop-gate
  banksman events fop-gate --watch
  banksman events -A`,
		Args: arguments(0, 1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.all && len(args) > 0 {
				return misused("", "a SERVICE and --all-namespaces cannot stand together")
			}
			return interruptedOr(cmd.Context(), p.events(cmd.Context(), f, args))
		},
	}
	f.cluster = newClusterFlags(cmd.Flags(), "to look in")
	cmd.ValidArgsFunction = p.serviceNames(f.cluster)
	cmd.Flags().BoolVarP(&f.all, "all-namespaces", "A", false, "of the Deliveries of all namespaces")
	cmd.Flags().BoolVarP(&f.watch, "watch", "w", false, "stay, and print each new one")
	return cmd
}

func (p *program) events(ctx context.Context, f eventFlags, args []string) error {
	l, c, where, err := p.eventLookout(ctx, f, args)
	if err != nil {
		return err
	}
	stop, err := l.start(ctx)
	if err != nil {
		return explainCluster(c.host, err)
	}
	defer stop()
	for _, w := range l.watches {
		if err := w.why(); err != nil && w.kind == eventKind {
			return explainCluster(c.host, fmt.Errorf("list Events in namespace %s: %w", w.namespace, err))
		}
	}
	printed := map[types.UID]int32{}
	happened, err := l.happened(printed)
	if err != nil {
		return err
	}
	switch {
	case len(happened) > 0:
		err = p.printEvents(happened)
	case !f.watch:
		err = p.note("no Events " + where + "; banksman history knows the releases")
	}
	for f.watch && err == nil {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.changed:
		}
		if happened, err = l.happened(printed); err == nil {
			err = p.logEvents(happened)
		}
	}
	return err
}

// eventLookout watches Events, and whose they may be.
func (p *program) eventLookout(ctx context.Context, f eventFlags, args []string) (*lookout, clients, string, error) {
	var one *v1alpha1.Delivery
	namespace, where := "", "of the Deliveries of any namespace"
	switch {
	case len(args) == 1:
		d, err := p.oneDelivery(ctx, f.cluster, args[0])
		if err != nil {
			return nil, clients{}, "", err
		}
		one, where = &d, "of "+nameOfService(d)
	case !f.all:
		here, err := f.cluster.namespace()
		if err != nil {
			return nil, clients{}, "", err
		}
		namespace, where = here, "of the Deliveries of namespace "+here
	}
	c, err := p.clients(f.cluster)
	if err != nil {
		return nil, c, "", err
	}
	l, err := lookoutOver(c, one, namespace)
	if err != nil {
		return nil, c, "", explainCluster(c.host, err)
	}
	namespaces := []string{namespace}
	if one != nil {
		namespaces = eventNamespaces(*one)
	}
	for _, ns := range namespaces {
		if err := l.watch(c, eventKind, ns, ""); err != nil {
			return nil, c, "", explainCluster(c.host, err)
		}
	}
	return l, c, where, nil
}

// eventNamespaces are those of a service's Delivery and objects.
func eventNamespaces(d v1alpha1.Delivery) []string {
	all := []string{d.Namespace}
	for _, e := range d.Status.Inventory {
		if e.Namespace != "" {
			all = append(all, e.Namespace)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// happened are the service's Events that were not printed yet, or happened again,
// the newest last.
func (l *lookout) happened(printed map[types.UID]int32) ([]core.Event, error) {
	deliveries, err := l.deliveries()
	if err != nil {
		return nil, err
	}
	whose := ownEvents(deliveries, l.lineage(), l.service != "")
	var all []core.Event
	for _, o := range l.objects(eventKind) {
		var e core.Event
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &e); err != nil {
			return nil, fmt.Errorf("read Event %s/%s: %w", o.GetNamespace(), o.GetName(), err)
		}
		if before, known := printed[e.UID]; known && before >= timesOf(e) || !whose(e.InvolvedObject) {
			continue
		}
		printed[e.UID] = timesOf(e)
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b core.Event) int {
		return cmp.Or(whenOf(a).Compare(whenOf(b)), cmp.Compare(a.InvolvedObject.Name, b.InvolvedObject.Name), cmp.Compare(a.Name, b.Name))
	})
	return all, nil
}

// ownEvents says whether an object is one of the Deliveries or, of one service, one
// of its objects or what these own.
func ownEvents(deliveries []v1alpha1.Delivery, found lineage, withObjects bool) func(core.ObjectReference) bool {
	names, uids := map[objectName]bool{}, map[types.UID]bool{}
	var own func(o *unstructured.Unstructured)
	own = func(o *unstructured.Unstructured) {
		uids[o.GetUID()] = true
		for _, child := range found.owned[o.GetUID()] {
			own(child)
		}
	}
	for _, d := range deliveries {
		names[objectName{Kind: v1alpha1.Kind, Namespace: d.Namespace, Name: d.Name}] = true
		for _, e := range d.Status.Inventory {
			if !withObjects {
				continue
			}
			names[objectName{Kind: e.Kind, Namespace: e.Namespace, Name: e.Name}] = true
			if live, _ := found.find(e); live != nil {
				own(live)
			}
		}
	}
	return func(r core.ObjectReference) bool {
		return r.UID != "" && uids[r.UID] || names[objectName{Kind: r.Kind, Namespace: r.Namespace, Name: r.Name}]
	}
}

func whenOf(e core.Event) time.Time {
	switch {
	case e.Series != nil:
		return e.Series.LastObservedTime.Time
	case !e.LastTimestamp.IsZero():
		return e.LastTimestamp.Time
	case !e.EventTime.IsZero():
		return e.EventTime.Time
	}
	return e.CreationTimestamp.Time
}

func timesOf(e core.Event) int32 {
	if e.Series != nil {
		return e.Series.Count
	}
	return max(e.Count, 1)
}

// eventCells are when, kind, reason, object and message.
func eventCells(e core.Event) []cell {
	kind := cell{text: orDash(e.Type)}
	if e.Type == core.EventTypeWarning {
		kind.colour = yellow
	}
	message := oneLine(e.Message)
	if n := timesOf(e); n > 1 {
		message = fmt.Sprintf("(%d times) %s", n, message)
	}
	return []cell{
		{text: whenOf(e).UTC().Format("01-02 15:04:05Z")},
		kind,
		{text: orDash(oneLine(e.Reason))},
		{text: e.InvolvedObject.Kind + " " + e.InvolvedObject.Name},
		{text: orDash(message)},
	}
}

func (p *program) printEvents(all []core.Event) error {
	var b strings.Builder
	t := table{columns: []string{"WHEN", "TYPE", "REASON", "OBJECT", "MESSAGE"}, flexible: "MESSAGE", whole: true}
	for _, e := range all {
		t.add(eventCells(e)...)
	}
	t.print(&b, p.screen())
	return p.print(&b)
}

// logEvents prints a line for each.
func (p *program) logEvents(all []core.Event) error {
	var b strings.Builder
	for _, e := range all {
		var words []string
		for _, c := range eventCells(e) {
			words = append(words, p.screen().paint.in(c.colour, c.text))
		}
		fmt.Fprintln(&b, strings.Join(words, columnGap))
	}
	return p.print(&b)
}
