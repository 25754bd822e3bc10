package lease

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordination "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"
)

// Options say which lease, and who wants it.
type Options struct {
	Namespace, Name string
	// Identity must never be another running process's. One that ends and starts
	// again under the same identity goes on at once.
	Identity string
	Logger   *slog.Logger
	// Impatient: Take fails when another process holds the lease and lives.
	Impatient bool
}

// A Lease is this process's claim. A nil Lease is that of a process which is
// said to be alone: it holds back nothing. Its methods may be called from
// several goroutines.
type Lease struct {
	log   *slog.Logger
	lock  *lock
	term  *term
	tasks sync.WaitGroup
	stop  context.CancelFunc // ends the election; nil before Take
}

// New sends nothing yet. The configuration must not be one that Wrap guards.
func New(config *rest.Config, o Options) (*Lease, error) {
	config = rest.CopyConfig(config)
	config.Timeout = answerTime
	client, err := coordination.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("reach the lease: %w", err)
	}
	return newLease(client, o, time.Now), nil
}

func newLease(client coordination.LeasesGetter, o Options, now func() time.Time) *Lease {
	t := &term{now: now}
	return &Lease{log: o.Logger, term: t, lock: newLock(&resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Namespace: o.Namespace, Name: o.Name},
		Client:     client,
		LockConfig: resourcelock.ResourceLockConfig{Identity: o.Identity},
	}, t, o)}
}

// Take waits until the lease is this process's and keeps it from then on, until
// Release. It returns the context's error, what makes waiting pointless (an API
// error, a NoNamespaceError), or, when it is impatient, a HeldError. It may be
// called once.
func (l *Lease) Take(ctx context.Context) error {
	if l == nil {
		return nil
	}
	// The lease must outlast the context: what is being written when it ends is
	// still to be finished.
	run, stop := context.WithCancel(klog.NewContext(context.WithoutCancel(ctx), logr.Discard()))
	l.stop = stop
	l.lock.giveUp = stop
	over := make(chan struct{})
	l.tasks.Go(func() {
		defer close(over)
		l.elect(run)
	})
	select {
	case <-l.lock.held:
		return nil
	case <-over:
	case <-ctx.Done():
		l.Release()
		return ctx.Err()
	}
	stop()
	if err := l.lock.failed(); err != nil {
		return err
	}
	return l.Lost()
}

// elect holds elections until it is told to stop. An election ends, too, when
// the API server could not be reached for long.
func (l *Lease) elect(ctx context.Context) {
	for ctx.Err() == nil {
		elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
			Name: l.lock.Describe(), Lock: l.lock,
			LeaseDuration: Duration, RenewDeadline: renewWithin, RetryPeriod: retry,
			ReleaseOnCancel: true,
			// Both are told by the lock, which knows when a request was sent.
			Callbacks: leaderelection.LeaderCallbacks{OnStartedLeading: func(context.Context) {}, OnStoppedLeading: func() {}},
		})
		if err != nil {
			l.lock.fail(fmt.Errorf("hold an election: %w", err))
			return
		}
		elector.Run(ctx)
	}
}

// Release gives the lease back, so that another process can take it at once.
// Everything that writes must have ended. It returns when nothing of the
// election runs any more; a lease that cannot be given back runs out by itself.
func (l *Lease) Release() {
	if l == nil || l.stop == nil {
		return
	}
	l.lock.release()
	l.stop()
	l.tasks.Wait()
}

// Bind ends the context when the lease is lost, with a LostError as its cause.
func (l *Lease) Bind(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	if l == nil {
		return ctx, func() { cancel(nil) }
	}
	unbind := context.AfterFunc(l.lock.life, func() { cancel(context.Cause(l.lock.life)) })
	return ctx, func() { unbind(); cancel(nil) }
}

// Lost is a LostError when another process has taken the lease, else nil.
func (l *Lease) Lost() error {
	if l == nil || l.lock.life.Err() == nil {
		return nil
	}
	return context.Cause(l.lock.life)
}

// Holds says whether this process may write now.
func (l *Lease) Holds() bool { return l == nil || l.Lost() == nil && l.term.left() > 0 }

// Seen says who holds the lease, as this process last saw it, and whether that
// is no longer ago than a lease lasts.
func (l *Lease) Seen() (holder string, recent bool) {
	if l == nil {
		return "", true
	}
	return l.lock.seen()
}
