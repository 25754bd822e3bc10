package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"

	"banksman.dev/reconcile/api/v1alpha1"
	"banksman.dev/reconcile/cluster"
)

// A lookout keeps what the cluster holds of one service, or the Deliveries of
// all, by watches alone.
type lookout struct {
	service string // "" for all
	changed chan struct{}
	watches []*watched

	mu   sync.Mutex
	lost error // why the newest state may be unknown; nil when it is known
}

// A watched is one kind in one namespace, or in all for "".
type watched struct {
	kind      schema.GroupVersionKind
	namespace string
	informer  cache.SharedIndexInformer
	mu        sync.Mutex
	refused   error // why nothing is known of it
}

var deliveryKind = v1alpha1.Version.WithKind(v1alpha1.Kind)

// workloadKinds are those whose Pods a person watches.
var workloadKinds = []schema.GroupVersionKind{
	{Group: "apps", Version: "v1", Kind: "Deployment"},
	{Group: "apps", Version: "v1", Kind: "StatefulSet"},
	{Group: "apps", Version: "v1", Kind: "DaemonSet"},
}

func newLookout(service string) *lookout {
	return &lookout{service: service, changed: make(chan struct{}, 1)}
}

// watch adds a kind; start starts it.
func (l *lookout) watch(c clients, kind schema.GroupVersionKind, namespace, selector string) error {
	mapping, err := c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return err
	}
	tweak := func(o *metav1.ListOptions) { o.LabelSelector = selector }
	w := &watched{kind: kind, namespace: namespace}
	w.informer = dynamicinformer.NewFilteredDynamicInformer(c.dynamic, mapping.Resource, namespace, 0, cache.Indexers{}, tweak).Informer()
	if err := w.informer.SetTransform(withoutManagedFields); err != nil {
		return err
	}
	if err := w.informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) { l.trouble(w, err) }); err != nil {
		return err
	}
	news := func() { l.trouble(w, nil) }
	_, err = w.informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { news() }, UpdateFunc: func(any, any) { news() }, DeleteFunc: func(any) { news() },
	})
	l.watches = append(l.watches, w)
	return err
}

func withoutManagedFields(o any) (any, error) {
	if u, ok := o.(*unstructured.Unstructured); ok {
		u.SetManagedFields(nil)
	}
	return o, nil
}

// trouble takes why a watch gives nothing, or nil where it gave something.
func (l *lookout) trouble(w *watched, err error) {
	if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
		return // it lists anew by itself
	}
	w.mu.Lock()
	w.refused = nil
	if troubleOf(err) == troubleForbidden || troubleOf(err) == troubleNoDeliveries || troubleOf(err) == troubleCredentials {
		w.refused = err
	}
	w.mu.Unlock()
	l.mu.Lock()
	l.lost = err
	l.mu.Unlock()
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

func (w *watched) why() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.refused
}

// start runs the watches until stop, and waits until each has its first list,
// or may not have one.
func (l *lookout) start(ctx context.Context) (stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	var tasks sync.WaitGroup
	stop = func() { cancel(); tasks.Wait() }
	for _, w := range l.watches {
		tasks.Go(func() { w.informer.RunWithContext(ctx) })
	}
	synced := time.NewTicker(syncStep)
	defer synced.Stop()
	for !l.synced() {
		if err := l.unreachable(); err != nil {
			stop()
			return nil, err
		}
		select {
		case <-ctx.Done():
			stop()
			return nil, ctx.Err()
		case <-l.changed:
		case <-synced.C:
		}
	}
	return stop, nil
}

// syncStep is between two looks at the own caches, not at the server.
const syncStep = 20 * time.Millisecond

func (l *lookout) synced() bool {
	for _, w := range l.watches {
		if !w.informer.HasSynced() && (w.why() == nil || w.kind == deliveryKind) {
			return false
		}
	}
	return true
}

// unreachable is what keeps the Deliveries from being known at the start.
func (l *lookout) unreachable() error {
	for _, w := range l.watches {
		if err := w.why(); err != nil && w.kind == deliveryKind {
			return err
		}
	}
	if lost := l.lastTrouble(); lost != nil && troubleOf(lost) == troubleUnreachable {
		return lost
	}
	return nil
}

func (l *lookout) lastTrouble() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

// deliveries are the watched ones, sorted.
func (l *lookout) deliveries() ([]v1alpha1.Delivery, error) {
	var found []v1alpha1.Delivery
	for _, o := range l.objects(deliveryKind) {
		var d v1alpha1.Delivery
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &d); err != nil {
			return nil, fmt.Errorf("read delivery %s/%s: %w", o.GetNamespace(), o.GetName(), err)
		}
		if l.service == "" || l.service == d.Name {
			found = append(found, d)
		}
	}
	sortDeliveries(found)
	return found, nil
}

func (l *lookout) objects(kinds ...schema.GroupVersionKind) []*unstructured.Unstructured {
	var found []*unstructured.Unstructured
	for _, w := range l.watches {
		if !slices.Contains(kinds, w.kind) {
			continue
		}
		for _, o := range w.informer.GetStore().List() {
			if u, ok := o.(*unstructured.Unstructured); ok {
				found = append(found, u)
			}
		}
	}
	return found
}

// lineage is what the watches know of the service's workloads.
func (l *lookout) lineage() lineage {
	found := map[v1alpha1.Entry]*unstructured.Unstructured{}
	for _, o := range l.objects(workloadKinds...) {
		found[entryOf(o.GroupVersionKind(), o)] = o
	}
	return lineage{
		find: func(e v1alpha1.Entry) (*unstructured.Unstructured, string) {
			why := ""
			for _, w := range l.watches {
				if err := w.why(); err != nil && w.kind == keyOf(e).kind && w.namespace == e.Namespace {
					why = "it cannot be watched: " + err.Error()
				}
			}
			e.UID, e.Track, e.Want, e.Owned = "", "", "", ""
			return found[e], why
		},
		owned: ownedBy(l.objects(offspringKinds...)),
	}
}

// lookoutOver watches one service with what it has, or all Deliveries.
func lookoutOver(c clients, d *v1alpha1.Delivery, namespace string) (*lookout, error) {
	if d == nil {
		l := newLookout("")
		return l, l.watch(c, deliveryKind, namespace, "")
	}
	l := newLookout(d.Name)
	errs := l.watch(c, deliveryKind, d.Namespace, "")
	for _, ns := range namespacesOf(*d) {
		for _, kind := range workloadKinds {
			errs = errors.Join(errs, l.watch(c, kind, ns, cluster.LabelService+"="+d.Name))
		}
		for _, kind := range offspringKinds {
			errs = errors.Join(errs, l.watch(c, kind, ns, ""))
		}
	}
	return l, errs
}

// namespacesOf are those that a service's workloads are in, and will be.
func namespacesOf(d v1alpha1.Delivery) []string {
	all := []string{d.Namespace}
	for _, e := range d.Status.Inventory {
		if hasPods(e) && e.Namespace != "" {
			all = append(all, e.Namespace)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// stateLine is a service on one line, for a log.
func stateLine(d v1alpha1.Delivery) string {
	parts := []string{d.Namespace + "/" + d.Name, orDash(d.Status.Step)}
	for _, v := range []struct {
		name string
		live v1alpha1.Live
	}{{"full", liveOf(d.Status.Full)}, {"canary", liveOf(d.Status.Canary)}} {
		if v.live.Commit != "" || v.live.Short != "" {
			parts = append(parts, fmt.Sprintf("%s %s %s %s", v.name, shortCommit(v.live).text, podsCell(v.live).text, orDash(v.live.Health)))
		}
	}
	return strings.Join(append(append(parts, waitsOrReason(d)), pullsOf(d)...), "   ")
}
