package lease

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	coordination "k8s.io/client-go/kubernetes/typed/coordination/v1"
)

// leases is the part of an API server that keeps one Lease: its versions, and
// what goes wrong on the way.
type leases struct {
	coordination.LeasesGetter // what is not used here
	coordination.LeaseInterface

	mu      sync.Mutex
	kept    *coordinationv1.Lease
	version byte
	writes  int
}

var leaseKind = schema.GroupResource{Group: "coordination.k8s.io", Resource: "leases"}

// A wire is one process's way to the leases.
type wire struct {
	coordination.LeaseInterface
	to *leases

	mu      sync.Mutex
	refuses error         // what every request gets
	hangs   chan struct{} // until it is closed, requests wait
	drops   bool          // what is written is kept, and the answer lost
}

func (w *wire) Leases(string) coordination.LeaseInterface { return w }

func (w *wire) set(change func(*wire)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(w)
}

func (w *wire) pass(ctx context.Context) error {
	w.mu.Lock()
	err, hangs := w.refuses, w.hangs
	w.mu.Unlock()
	if hangs != nil {
		bound, cancel := context.WithTimeout(ctx, answerTime) // as the real client's
		defer cancel()
		select {
		case <-hangs:
		case <-bound.Done():
			return bound.Err()
		}
	}
	return err
}

func (w *wire) Get(ctx context.Context, name string, _ metav1.GetOptions) (*coordinationv1.Lease, error) {
	if err := w.pass(ctx); err != nil {
		return nil, err
	}
	w.to.mu.Lock()
	defer w.to.mu.Unlock()
	if w.to.kept == nil {
		return nil, apierrors.NewNotFound(leaseKind, name)
	}
	return w.to.kept.DeepCopy(), nil
}

func (w *wire) Create(ctx context.Context, l *coordinationv1.Lease, _ metav1.CreateOptions) (*coordinationv1.Lease, error) {
	return w.write(ctx, l, func(kept *coordinationv1.Lease) error {
		if kept != nil {
			return apierrors.NewAlreadyExists(leaseKind, l.Name)
		}
		return nil
	})
}

func (w *wire) Update(ctx context.Context, l *coordinationv1.Lease, _ metav1.UpdateOptions) (*coordinationv1.Lease, error) {
	return w.write(ctx, l, func(kept *coordinationv1.Lease) error {
		switch {
		case kept == nil:
			return apierrors.NewNotFound(leaseKind, l.Name)
		case kept.ResourceVersion != l.ResourceVersion:
			return apierrors.NewConflict(leaseKind, l.Name, context.DeadlineExceeded)
		}
		return nil
	})
}

func (w *wire) write(ctx context.Context, l *coordinationv1.Lease, check func(*coordinationv1.Lease) error) (*coordinationv1.Lease, error) {
	if err := w.pass(ctx); err != nil {
		return nil, err
	}
	w.to.mu.Lock()
	defer w.to.mu.Unlock()
	if err := check(w.to.kept); err != nil {
		return nil, err
	}
	w.to.version++
	w.to.writes++
	w.to.kept = l.DeepCopy()
	w.to.kept.ResourceVersion = string('a' + w.to.version)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.drops {
		return nil, context.DeadlineExceeded
	}
	return w.to.kept.DeepCopy(), nil
}

func (s *leases) holder() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil || s.kept.Spec.HolderIdentity == nil {
		return ""
	}
	return *s.kept.Spec.HolderIdentity
}

func (s *leases) remove() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = nil
}

// A claimant is one process that wants the lease.
type claimant struct {
	*Lease
	wire *wire
	said *lines
	took chan error // what Take returned
}

func (s *leases) claimant(t *testing.T, identity string, o ...func(*Options)) *claimant {
	t.Helper()
	c := &claimant{wire: &wire{to: s}, said: &lines{}, took: make(chan error, 1)}
	options := Options{Namespace: "dora", Name: "banksman", Identity: identity, Logger: slog.New(slog.NewTextHandler(c.said, nil))}
	for _, change := range o {
		change(&options)
	}
	c.Lease = newLease(c.wire, options, time.Now)
	return c
}

func impatient(o *Options) { o.Impatient = true }

// take begins to take the lease.
func (c *claimant) take(ctx context.Context) *claimant {
	go func() { c.took <- c.Take(ctx) }()
	return c
}

// result is what Take has returned by now.
func (c *claimant) result(t *testing.T) error {
	t.Helper()
	select {
	case err := <-c.took:
		return err
	default:
		t.Fatal("it still waits")
		return nil
	}
}

func (c *claimant) waits() bool { return len(c.took) == 0 }

// lines is a log.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, string(p))
	return len(p), nil
}

func (l *lines) with(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(slices.DeleteFunc(slices.Clone(l.all), func(line string) bool { return !strings.Contains(line, text) }))
}
