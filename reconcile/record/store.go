package record

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"

	"banksman.dev/reconcile"
	"banksman.dev/reconcile/api/v1alpha1"
	"banksman.dev/render"
)

// A Store is the Deliveries of a cluster. It holds the newest version of each
// that was seen, be it from the watch or from its own writes, so that what was
// saved is loaded again at once.
type Store struct {
	log    *slog.Logger
	client dynamic.Interface
	source string
	// namespaces are where Deliveries are watched; one that is "" is all of them.
	namespaces []string

	mu     sync.Mutex
	newest map[key]*v1alpha1.Delivery
	places map[render.ServiceName][]key // where the Deliveries of a service stand
	read   map[*v1alpha1.Delivery]reconcile.Record
	loaded map[render.ServiceName]*v1alpha1.Delivery // what the last Load or Save gave; nil: none

	queue   workqueue.TypedInterface[render.ServiceName]
	changed chan render.ServiceName
	ctx     context.Context
	cancel  context.CancelFunc
	tasks   sync.WaitGroup
	events  *events
}

// A key is where a Delivery stands.
type key struct{ namespace, name string }

func keyOf(d *v1alpha1.Delivery) key { return key{d.Namespace, d.Name} }

// Options are what the operator of banksman chose.
type Options struct {
	Logger *slog.Logger
	// Source names the repository, among those of one banksman; "" for the one that
	// has no name. A Delivery of another one is never touched.
	Source string
	// Namespaces are where its Deliveries may stand; empty: everywhere.
	Namespaces []string
}

// Open watches the Deliveries. It returns when the first list is in. The watch
// ends with the context; Close ends the rest.
func Open(ctx context.Context, config *rest.Config, o Options) (*Store, error) {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("open the Deliveries: %w", err)
	}
	s := newStore(ctx, client, o)
	if err := s.watch(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func newStore(ctx context.Context, client dynamic.Interface, o Options) *Store {
	s := &Store{
		log: o.Logger, client: client, source: o.Source, namespaces: o.Namespaces,
		newest:  map[key]*v1alpha1.Delivery{},
		places:  map[render.ServiceName][]key{},
		read:    map[*v1alpha1.Delivery]reconcile.Record{},
		loaded:  map[render.ServiceName]*v1alpha1.Delivery{},
		queue:   workqueue.NewTyped[render.ServiceName](),
		changed: make(chan render.ServiceName),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if len(s.namespaces) == 0 {
		s.namespaces = []string{metav1.NamespaceAll}
	}
	s.events = newEvents(client, s.log)
	s.ctx, s.cancel = context.WithCancel(ctx)
	s.tasks.Go(s.announce)
	s.tasks.Go(func() { s.events.write(s.ctx) })
	s.tasks.Go(func() {
		<-s.ctx.Done()
		s.queue.ShutDown()
	})
	return s
}

// Close ends the watch, writes the Events that wait, and waits for both.
func (s *Store) Close() {
	s.cancel()
	s.events.end()
	s.tasks.Wait()
}

// All are the services that have a Delivery, sorted.
func (s *Store) All() []render.ServiceName {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.places))
}

// Shown is what each service's Delivery shows.
func (s *Store) Shown() []reconcile.Shown {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]reconcile.Shown, 0, len(s.places))
	for name := range s.places {
		status := s.find(name).Status
		shown := reconcile.Shown{Step: reconcile.Step(status.Step)}
		if told := fromTold(status.Told); told != (reconcile.Told{}) {
			shown.Standing, shown.Since, shown.Degraded = told.Standing, told.About.Since, told.Degraded
		}
		all = append(all, shown)
	}
	return all
}

// Load returns what is remembered of a service and what an operator says of
// it, and whether there is a Delivery.
func (s *Store) Load(name render.ServiceName) (reconcile.Record, reconcile.Orders, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.find(name)
	s.loaded[name] = d
	return s.open(d)
}

// Peek is Load without a Save to follow: what was loaded stays the version that
// the next Save is made for.
func (s *Store) Peek(name render.ServiceName) (reconcile.Record, reconcile.Orders, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open(s.find(name))
}

// open reads a Delivery, each version once. It is called with the lock held.
func (s *Store) open(d *v1alpha1.Delivery) (reconcile.Record, reconcile.Orders, bool) {
	if d == nil {
		return reconcile.Record{}, reconcile.Orders{}, false
	}
	r, known := s.read[d]
	if !known {
		r = recordOf(d)
		s.read[d] = r
	}
	return r, ordersOf(d), true
}

// find picks the Delivery of a service. There may be more than one, when the
// service moved to another namespace or somebody made one by hand: the one that
// banksman wrote to, then the oldest.
func (s *Store) find(name render.ServiceName) *v1alpha1.Delivery {
	var found []*v1alpha1.Delivery
	for _, k := range s.places[name] {
		found = append(found, s.newest[k])
	}
	switch len(found) {
	case 0:
		return nil
	case 1:
		return found[0]
	}
	return slices.MinFunc(found, func(a, b *v1alpha1.Delivery) int {
		return cmp.Or(
			cmp.Compare(unwritten(a), unwritten(b)),
			a.CreationTimestamp.Compare(b.CreationTimestamp.Time),
			cmp.Compare(a.Namespace, b.Namespace))
	})
}

func unwritten(d *v1alpha1.Delivery) int {
	if d.Status.ObservedCommit != "" || len(d.Status.Conditions) > 0 {
		return 0
	}
	return 1
}

// take keeps a version of a Delivery if it is the newest, and returns the one
// before. It is called with the lock held.
func (s *Store) take(d *v1alpha1.Delivery) (before *v1alpha1.Delivery, isNew bool) {
	k := keyOf(d)
	before = s.newest[k]
	if before != nil && version(before) >= version(d) {
		return before, false
	}
	if before == nil {
		name := render.ServiceName(k.name)
		s.places[name] = append(s.places[name], k)
	}
	delete(s.read, before)
	s.newest[k] = d
	return before, true
}

// drop forgets a Delivery. It is called with the lock held.
func (s *Store) drop(k key) {
	name := render.ServiceName(k.name)
	delete(s.read, s.newest[k])
	delete(s.newest, k)
	s.places[name] = slices.DeleteFunc(s.places[name], func(o key) bool { return o == k })
	if len(s.places[name]) == 0 {
		delete(s.places, name)
	}
}

// version orders the versions of an object. Kubernetes compares them as numbers
// too (KEP-5504).
func version(d *v1alpha1.Delivery) uint64 {
	n, err := strconv.ParseUint(d.ResourceVersion, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func decode(u *unstructured.Unstructured) (*v1alpha1.Delivery, error) {
	var d v1alpha1.Delivery
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &d); err != nil {
		return nil, fmt.Errorf("read Delivery %s/%s: %w", u.GetNamespace(), u.GetName(), err)
	}
	d.ManagedFields = nil
	return &d, nil
}

func encode(d *v1alpha1.Delivery) (*unstructured.Unstructured, error) {
	o, err := runtime.DefaultUnstructuredConverter.ToUnstructured(d)
	if err != nil {
		return nil, fmt.Errorf("write Delivery %s/%s: %w", d.Namespace, d.Name, err)
	}
	u := &unstructured.Unstructured{Object: o}
	u.SetGroupVersionKind(v1alpha1.Version.WithKind(v1alpha1.Kind))
	return u, nil
}

func (s *Store) newDelivery(r reconcile.Record) *v1alpha1.Delivery {
	return &v1alpha1.Delivery{ObjectMeta: metav1.ObjectMeta{
		Name: string(r.Service), Namespace: r.Namespace, Labels: s.labels(),
	}}
}
