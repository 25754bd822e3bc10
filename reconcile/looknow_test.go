package reconcile

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// orderedWorld runs without a poll of its own, so that only orders fetch.
type orderedWorld struct {
	*pullWorld
	wakes chan render.ServiceName
	ctx   context.Context
}

func newOrderedWorld(t *testing.T) *orderedWorld {
	w := &orderedWorld{pullWorld: newPullWorld(t, twoServices("")), wakes: make(chan render.ServiceName)}
	w.restart()
	w.parallel()
	w.Interval, w.Wake = time.Hour, w.wakes
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	ended := make(chan error, 1)
	w.ctx = ctx
	go func() { ended <- w.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	w.until("the first look", w.Ready)
	return w
}

func (w *orderedWorld) until(what string, holds func() bool) {
	w.t.Helper()
	for !holds() {
		select {
		case <-w.ctx.Done():
			w.t.Fatalf("never: %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// orderLook is what the store does with an annotation.
func (w *orderedWorld) orderLook(name render.ServiceName, token string) {
	w.t.Helper()
	w.mu.Lock()
	o := w.orders[name]
	o.Look = token
	w.orders[name] = o
	w.mu.Unlock()
	w.wakeUp(name)
}

func (w *orderedWorld) wakeUp(name render.ServiceName) {
	w.t.Helper()
	select {
	case w.wakes <- name:
	case <-w.ctx.Done():
		w.t.Fatal("the loop does not listen")
	}
}

func (w *orderedWorld) record(name render.ServiceName) Record {
	r, _, _ := w.load(name)
	return r
}

func TestAnOrderToLookNowFetchesTheBranchAndIsFollowedOnce(t *testing.T) {
	w := newOrderedWorld(t)
	head := w.push(bump("v3", "a"))
	w.wakeUp("a") // something else happened to it: that is no reason to fetch
	w.orderLook("a", "now")
	w.until("a is looked at", func() bool { return w.record("a").Looked == "now" })
	w.until("the new head is decided on", func() bool { return w.record("a").Observed == head })

	later := w.push(bump("v4", "a"))
	w.wakeUp("a")
	w.orderLook("b", "me too")
	w.until("b is looked at", func() bool { return w.record("b").Looked == "me too" })
	w.until("a follows, too", func() bool { return w.record("a").Observed == later })
}

func TestAnOrderToLookNowIsFollowedByNoFetchThatFailed(t *testing.T) {
	w := newOrderedWorld(t)
	head := w.push(bump("v3", "a"))
	away := w.dir + ".away"
	if err := os.Rename(w.dir, away); err != nil {
		t.Fatal(err)
	}
	failed := make(chan struct{}, 100)
	w.Loop.mu.Lock()
	w.Log = failuresTo(failed)
	w.Loop.mu.Unlock()
	w.orderLook("a", "now")
	select {
	case <-failed:
	case <-w.ctx.Done():
		t.Fatal("nothing was fetched")
	}
	if got := w.record("a").Looked; got != "" {
		t.Fatalf("followed: %q", got)
	}
	if err := os.Rename(away, w.dir); err != nil {
		t.Fatal(err)
	}
	w.orderLook("a", "once more")
	w.until("a is looked at", func() bool { return w.record("a").Looked == "once more" && w.record("a").Observed == head })
}

func TestAnOrderThatAFetchFailedForWaitsForTheNextPoll(t *testing.T) {
	w := newPullWorld(t, twoServices(""))
	away := w.dir + ".away"
	if err := os.Rename(w.dir, away); err != nil {
		t.Fatal(err)
	}
	w.orders["a"] = Orders{Look: "now"}
	var all sync.WaitGroup
	r := &run{Loop: w.Loop, ctx: t.Context(), beside: &all, fetching: newErrand[fetched]()}
	event := func() { r.hurryFetch([]render.ServiceName{"a"}) }
	event()
	event()
	if !r.fetching.out || r.fetchAgain {
		t.Fatalf("an order fetches once: out %v, again %v", r.fetching.out, r.fetchAgain)
	}
	f := <-r.fetching.back
	r.fetching.out = false
	if r.poll(f); r.fetchErr == nil {
		t.Fatal("it could be fetched")
	}
	if event(); r.fetching.out {
		t.Fatal("an event fetches where fetching fails")
	}
	if err := os.Rename(away, w.dir); err != nil {
		t.Fatal(err)
	}
	r.fetch() // the next poll
	if due := r.followed(<-r.fetching.back); len(due) != 1 || w.looked["a"] != "now" {
		t.Errorf("the next poll does not follow it: %v", due)
	}
}

func TestAnOrderDuringAFetchWaitsForTheNextOne(t *testing.T) {
	w := newPullWorld(t, twoServices(""))
	w.orders["a"] = Orders{Look: "now"}
	r := &run{Loop: w.Loop, ctx: t.Context(), fetching: newErrand[fetched]()}
	r.fetching.out = true // it began before the order
	r.hurryFetch([]render.ServiceName{"b"})
	if r.fetchAgain {
		t.Fatal("nobody ordered anything of b")
	}
	if r.hurryFetch([]render.ServiceName{"b", "a"}); !r.fetchAgain {
		t.Fatal("the order is forgotten")
	}
	if due := w.followed(fetched{head: gitsrc.SHA("x")}); len(due) != 0 || w.looked["a"] != "" {
		t.Errorf("a fetch that began before the order followed it: %v", due)
	}
}

// failuresTo is a log that tells of each fetch that failed.
func failuresTo(failed chan<- struct{}) *slog.Logger {
	return slog.New(slog.NewTextHandler(writes(func(line string) {
		if strings.Contains(line, "cannot fetch") {
			failed <- struct{}{}
		}
	}), nil))
}

type writes func(string)

func (w writes) Write(line []byte) (int, error) {
	w(string(line))
	return len(line), nil
}
