package record

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"

	"banksman.dev/reconcile/api/v1alpha1"
	"banksman.dev/render"
)

const syncTimeout = 30 * time.Second

// watch starts the watches, one for each namespace, and waits for their first
// lists.
func (s *Store) watch(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, syncTimeout, fmt.Errorf("no answer within %s", syncTimeout))
	defer cancel()
	down := &outage{log: s.log}
	var begun []*watching
	for _, namespace := range s.namespaces {
		w, err := s.watchIn(namespace, down)
		if err != nil {
			return watchFailed(namespace, err)
		}
		begun = append(begun, w)
	}
	for i, w := range begun {
		if err := w.wait(ctx); err != nil {
			return watchFailed(s.namespaces[i], err)
		}
	}
	return nil
}

func watchFailed(namespace string, err error) error {
	where := ""
	if namespace != "" {
		where = " in namespace " + namespace
	}
	if apierrors.IsForbidden(err) {
		return fmt.Errorf("watch deliveries.banksman.dev%s: %w; give this account the rights get, list, watch, create, update and patch on deliveries.banksman.dev and deliveries.banksman.dev/status there (banksman install --export prints the Roles)", where, err)
	}
	return fmt.Errorf("watch deliveries.banksman.dev%s: %w", where, err)
}

// A watching is the watch of one namespace, or of all.
type watching struct {
	synced cache.DoneChecker
	failed chan error // the first failure; the watch tries again by itself
}

func (s *Store) watchIn(namespace string, down *outage) (*watching, error) {
	informer := dynamicinformer.NewFilteredDynamicInformer(s.client, v1alpha1.Resource, namespace, 0, cache.Indexers{}, s.selected).Informer()
	w := &watching{failed: make(chan error, 1)}
	err := informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) {
		select {
		case w.failed <- err:
		default: // one is enough
		}
		down.failed(err, time.Now())
	})
	if err != nil {
		return nil, err
	}
	if err := informer.SetTransform(typed); err != nil {
		return nil, err
	}
	registration, err := informer.AddEventHandler(s.handler())
	if err != nil {
		return nil, err
	}
	w.synced = registration.HasSyncedChecker()
	s.tasks.Go(func() { informer.RunWithContext(s.ctx) })
	return w, nil
}

func (w *watching) wait(ctx context.Context) error {
	select {
	case <-w.synced.Done():
		return nil
	case err := <-w.failed:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// selected asks for the Deliveries of this repository, and for what the API server holds now, where a watch would be content
// with a cache that lags behind: a process that starts must not decide on what
// another one has overtaken. A watch that begins with all objects is as new as
// that (KEP-3157).
func (s *Store) selected(o *metav1.ListOptions) {
	o.LabelSelector = s.selector()
	if o.ResourceVersion == "0" {
		o.ResourceVersion = ""
	}
}

func (s *Store) handler() cache.ResourceEventHandler {
	return cache.ResourceEventHandlerDetailedFuncs{
		AddFunc:    func(o any, initial bool) { s.saw(o, initial) },
		UpdateFunc: func(_, o any) { s.saw(o, false) },
		DeleteFunc: s.lost,
	}
}

// saw takes a version from the watch. What it brings is news when an operator
// gave other orders, or when somebody else wrote the record.
func (s *Store) saw(o any, initial bool) {
	d := s.decoded(o)
	if d == nil {
		return
	}
	s.mu.Lock()
	before, isNew := s.take(d)
	s.mu.Unlock()
	switch {
	case initial, !isNew:
	case before == nil, before.UID != d.UID,
		lookOf(before) != lookOf(d),
		!equality.Semantic.DeepEqual(before.Spec, d.Spec),
		!equality.Semantic.DeepEqual(before.Status, d.Status):
		s.queue.Add(render.ServiceName(d.Name))
	}
}

// lost forgets a Delivery that was deleted.
func (s *Store) lost(o any) {
	if last, ok := o.(cache.DeletedFinalStateUnknown); ok {
		o = last.Obj
	}
	d := s.decoded(o)
	if d == nil {
		return
	}
	s.mu.Lock()
	if known := s.newest[keyOf(d)]; known != nil && known.UID == d.UID {
		s.drop(keyOf(d))
	}
	s.mu.Unlock()
	s.queue.Add(render.ServiceName(d.Name))
}

// typed makes the watch keep what the Store keeps, instead of a second form of it.
func typed(o any) (any, error) {
	if u, ok := o.(*unstructured.Unstructured); ok {
		if d, err := decode(u); err == nil {
			return d, nil
		}
	}
	return o, nil // whoever takes it says that it cannot be read
}

func (s *Store) decoded(o any) *v1alpha1.Delivery {
	if d, ok := o.(*v1alpha1.Delivery); ok {
		return d
	}
	u, ok := o.(*unstructured.Unstructured)
	if !ok {
		return nil
	}
	d, err := decode(u)
	if err != nil {
		s.log.Error("a Delivery cannot be read", "error", err)
		return nil
	}
	return d
}

// Changed names the services of which an operator changed the orders, or whose
// Delivery was deleted or written by somebody else.
func (s *Store) Changed() <-chan render.ServiceName { return s.changed }

// announce moves names from the queue to the channel, so that the watch never
// waits for a reader.
func (s *Store) announce() {
	for {
		name, done := s.queue.Get()
		if done {
			return
		}
		select {
		case s.changed <- name:
		case <-s.ctx.Done():
		}
		s.queue.Done(name)
	}
}
