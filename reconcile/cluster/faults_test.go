package cluster

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"banksman.dev/reconcile"
	"banksman.dev/render"
)

func isWrite(r *http.Request, resource string) bool {
	return r.Method == http.MethodPatch && !strings.Contains(r.URL.RawQuery, "dryRun") && strings.Contains(r.URL.Path, resource)
}

func TestAnApplyThatBrokeInTheMiddleIsFinishedByTheNext(t *testing.T) {
	b := newBench(t)
	s := b.set()
	b.sent.lose(func(r *http.Request) bool { return isWrite(r, "/deployments/") })
	applied, err := b.cluster.Apply(t.Context(), s)
	var e *reconcile.ApplyError
	if !errors.As(err, &e) || e.Permanent || e.Object.Kind != "Deployment" {
		t.Fatalf("%v", err)
	}
	if len(applied.Entries) != 2 {
		t.Errorf("entries of what was applied: %v", applied.Entries)
	}
	b.sent.lose(nil)
	b.eventually("the watches show the others", func() bool {
		return strings.HasPrefix(b.live(s).Message, "Deployment")
	})
	w := writes(b.sent.during(func() { b.apply(s) }))
	if len(w) != 1 || !strings.Contains(w[0], "/deployments/") {
		t.Errorf("the next apply wrote %q", w)
	}
	b.becomes(s, reconcile.Healthy)
}

// The release may be called full only when every object has its content, also
// by a process that does not remember what the one before it had written.
func TestAHalfAppliedSetIsNotHealthyAfterARestart(t *testing.T) {
	b := newBench(t)
	s := b.set()
	b.apply(s)
	b.becomes(s, reconcile.Healthy)
	next := b.set("quiet", "loud")
	slices.Reverse(next.Objects)
	next.Ref.Digest = "2"
	half := next
	half.Objects = slices.DeleteFunc(slices.Clone(next.Objects), func(o render.Object) bool { return o.Kind() == "ConfigMap" })
	b.apply(half)
	b.cluster.Close()
	b.cluster = b.open(Options{})
	b.becomes(half, reconcile.Healthy)
	if live := b.live(next); live.Health != reconcile.Missing || !strings.Contains(live.Message, "ConfigMap") {
		t.Errorf("live: %+v", live)
	}
}

func TestAServerThatCannotBeReachedIsSaidAtOnceAndTriedAgain(t *testing.T) {
	b := newBench(t)
	s := b.set()
	b.sent.lose(func(*http.Request) bool { return true })
	done := make(chan error, 1)
	go func() {
		_, err := b.cluster.Apply(t.Context(), s)
		done <- err
	}()
	select {
	case err := <-done:
		var e *reconcile.ApplyError
		if !errors.As(err, &e) || e.Permanent || !strings.Contains(err.Error(), "the connection broke") {
			t.Errorf("%v", err)
		}
	case <-time.After(syncTimeout / 2):
		t.Fatal("it waits for a server that is not there")
	}
	b.sent.lose(nil)
	b.eventually("the next apply works", func() bool {
		_, err := b.cluster.Apply(t.Context(), s)
		return err == nil
	})
}

func TestCloseEndsEveryGoroutineAlsoWhenNobodyListens(t *testing.T) {
	b := newBench(t)
	c := b.open(Options{})
	if _, err := c.Apply(t.Context(), b.set()); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { c.Close(); close(done) }()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("Close does not return")
	}
	c.Close()
}
