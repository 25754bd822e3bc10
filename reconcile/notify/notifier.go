package notify

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"banksman.dev/reconcile"
)

// Options are what a Notifier needs of the world. Only Log must be there.
type Options struct {
	Log       *slog.Logger
	UserAgent string
	// Count is told of each end and each repetition of a delivery, from any
	// goroutine. nil: nobody is told.
	Count func(target string, o Outcome)
	// Now and Pause are the clock: time.Now, and a wait that ends with its context.
	Now   func() time.Time
	Pause func(context.Context, time.Duration) error
	// Transport carries the webhooks. nil: one of their own.
	Transport http.RoundTripper
}

func (o Options) complete() Options {
	if o.UserAgent == "" {
		o.UserAgent = "banksman"
	}
	if o.Count == nil {
		o.Count = func(string, Outcome) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Pause == nil {
		o.Pause = pause
	}
	return o
}

// An Outcome is what became of one try, or of a notification before its first.
type Outcome string

// The outcomes. A notification ends with Sent, Failed or Dropped.
const (
	Sent    Outcome = "sent"
	Retried Outcome = "retried" // a try failed, and another one follows
	Failed  Outcome = "failed"  // refused, or not taken in all its tries
	Dropped Outcome = "dropped" // never tried: the queue was full, or it was too old
)

// A Notifier tells targets. It owns a goroutine for each, until Close.
type Notifier struct {
	options Options
	client  *http.Client
	life    context.Context
	end     context.CancelFunc

	mu       sync.Mutex
	outlets  map[string]*outlet
	isClosed bool
	working  sync.WaitGroup
}

// Start begins to deliver to the targets. Close ends it.
func Start(o Options, targets []Target) (*Notifier, error) {
	o = o.complete()
	life, end := context.WithCancel(context.Background()) // ends with Close: what is queued outlives the request to stop
	n := &Notifier{options: o, client: webhookClient(o.Transport), life: life, end: end, outlets: map[string]*outlet{}}
	if err := n.Aim(targets); err != nil {
		end()
		return nil, err
	}
	return n, nil
}

// Aim replaces the targets. One that stays as it was keeps its queue; one that
// goes or changes delivers what it has; one that changes remembers what it was
// told. With an error nothing changes.
func (n *Notifier) Aim(targets []Target) error {
	if err := Check(targets); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.isClosed {
		return errors.New("notifications have ended")
	}
	next := make(map[string]*outlet, len(targets))
	for _, t := range targets {
		next[t.Name] = n.outletFor(t)
	}
	for name, o := range n.outlets {
		if next[name] != o {
			o.line.close()
		}
	}
	n.outlets = next
	return nil
}

// outletFor is the one that is there where nothing about it changed.
func (n *Notifier) outletFor(t Target) *outlet {
	known := newMemory()
	if old, ok := n.outlets[t.Name]; ok {
		if old.target.equal(t) {
			return old
		}
		known = old.known
	}
	o := &outlet{
		target: t, options: n.options, send: senderFor(t, n.client, n.options), known: known,
		line: newLine(t.Webhook == nil), chance: rand.Float64,
	}
	n.working.Go(func() { o.run(n.life) })
	return o
}

// Tell queues what happened in a source for those targets that want it. It waits
// for none, and may be called from any goroutine.
func (n *Notifier) Tell(s Source, t reconcile.Transition) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.isClosed {
		return
	}
	told := notificationOf(s, t)
	for name, o := range n.outlets {
		if (len(s.Targets) == 0 || slices.Contains(s.Targets, name)) && o.target.wants(told) {
			o.take(told)
		}
	}
}

// Close takes nothing more, delivers what is queued until ctx ends, and gives the
// rest up. It returns when no target's goroutine is left. Only a library's send
// that hangs is left behind, one at most for each chat.
func (n *Notifier) Close(ctx context.Context) {
	n.mu.Lock()
	if !n.isClosed {
		n.isClosed = true
		for _, o := range n.outlets {
			o.line.close()
		}
	}
	n.mu.Unlock()
	stop := context.AfterFunc(ctx, n.end)
	defer stop()
	n.working.Wait()
	n.end()
	n.client.CloseIdleConnections()
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
