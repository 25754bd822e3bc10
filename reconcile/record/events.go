package record

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"

	"banksman.dev/reconcile"
)

const (
	mostEvents = 4096             // wait to be written
	eventTime  = 10 * time.Second // for one of them
	lastEvents = 2 * time.Second  // for what waits when the Store is closed
)

var eventResource = corev1.SchemeGroupVersion.WithResource("events")

// events writes Kubernetes Events beside whatever else happens. They are news:
// where there is no room, or the API server takes none, they are dropped and
// counted, and nothing waits for them.
type events struct {
	log    *slog.Logger
	client dynamic.Interface
	queue  chan *corev1.Event
	end    func() // nothing more comes
	ended  chan struct{}

	dropped atomic.Int64
	said    sync.Once
}

func newEvents(client dynamic.Interface, log *slog.Logger) *events {
	e := &events{log: log, client: client, queue: make(chan *corev1.Event, mostEvents), ended: make(chan struct{})}
	e.end = sync.OnceFunc(func() { close(e.ended) })
	return e
}

// Tell writes a transition as an Event of the service's Delivery, where
// kubectl describe shows it. It does not wait for the API server.
func (s *Store) Tell(t reconcile.Transition) {
	s.mu.Lock()
	d := s.newest[key{t.Namespace, string(t.Service)}]
	s.mu.Unlock()
	if d == nil {
		s.events.drop(errors.New("its Delivery is gone"))
		return
	}
	select {
	case s.events.queue <- eventOf(t, d):
	default:
		s.events.drop(errors.New("too many wait"))
	}
}

// Dropped is how many Events were not written.
func (s *Store) Dropped() int64 { return s.events.dropped.Load() }

func (e *events) drop(why error) {
	e.dropped.Add(1)
	e.said.Do(func() { e.log.Warn("an Event was not written; the log and the metrics have it", "error", why) })
}

// write writes what is told until the end; then what waits, if that is quick.
func (e *events) write(ctx context.Context) {
	ctx = context.WithoutCancel(ctx) // the last passes of a process tell, too
	for {
		select {
		case n := <-e.queue:
			e.send(ctx, n)
		case <-e.ended:
			ctx, cancel := context.WithTimeout(ctx, lastEvents)
			defer cancel()
			e.drain(ctx)
			return
		}
	}
}

func (e *events) drain(ctx context.Context) {
	for {
		select {
		case n := <-e.queue:
			e.send(ctx, n)
		default:
			return
		}
	}
}

// send writes one. The name is the transition's: one that is there already was
// written by a request whose answer was lost.
func (e *events) send(ctx context.Context, n *corev1.Event) {
	ctx, cancel := context.WithTimeout(ctx, eventTime)
	defer cancel()
	u, err := unstructuredOf(n)
	if err == nil {
		_, err = e.client.Resource(eventResource).Namespace(n.Namespace).Create(ctx, u, metav1.CreateOptions{FieldManager: owner})
	}
	if err != nil && !apierrors.IsAlreadyExists(err) {
		e.drop(err)
	}
}
