package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"banksman.dev/cmd/banksman/config"
	"banksman.dev/render"
)

var errDown = &url.Error{Op: "Get", URL: "https://cluster", Err: syscall.ECONNREFUSED}

// startWith is a start whose pauses are counted and end at once.
func startWith(tries int, waits *[]time.Duration) start {
	return start{
		host: "https://cluster", tries: tries, logger: slog.New(slog.DiscardHandler),
		pause: func(ctx context.Context, d time.Duration) error {
			*waits = append(*waits, d)
			return ctx.Err()
		},
	}
}

func TestAStartWaitsForTheAPIServer(t *testing.T) {
	var waits []time.Duration
	calls := 0
	err := startWith(0, &waits).step(t.Context(), "look", func(context.Context) error {
		if calls++; calls < 9 {
			return errDown
		}
		return nil
	})
	if err != nil || calls != 9 {
		t.Fatalf("step = %v after %d calls, want success after 9", err, calls)
	}
	want := []time.Duration{1, 2, 4, 8, 16, 30, 30, 30}
	for i, w := range waits {
		if w != want[i]*time.Second {
			t.Errorf("wait %d is %s, want %ds", i, w, want[i])
		}
	}
}

func TestAStartGivesUpAfterItsTries(t *testing.T) {
	var waits []time.Duration
	err := startWith(3, &waits).step(t.Context(), "look", func(context.Context) error { return errDown })
	if err == nil || !strings.Contains(err.Error(), "https://cluster: connection refused (3 tries)") {
		t.Errorf("step = %v, want cause, place and tries", err)
	}
	if len(waits) != 2 {
		t.Errorf("%d waits, want 2", len(waits))
	}
}

func TestAStartDoesNotRepeatWhatAnotherTryCannotMend(t *testing.T) {
	for name, cause := range map[string]error{
		"bad credentials": apierrors.NewUnauthorized("no"),
		"not allowed":     apierrors.NewForbidden(schema.GroupResource{Resource: "deliveries"}, "", errors.New("no")),
		"a failure":       failed(errors.New("no"), ""),
	} {
		t.Run(name, func(t *testing.T) {
			var waits []time.Duration
			err := startWith(0, &waits).step(t.Context(), "look", func(context.Context) error { return cause })
			var f *failure
			if !errors.As(err, &f) || f.code != exitFailed || len(waits) != 0 {
				t.Errorf("step = %v after %d waits, want a failure at once", err, len(waits))
			}
		})
	}
}

func TestAnInterruptEndsTheWaiting(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	var waits []time.Duration
	calls := 0
	err := startWith(0, &waits).step(ctx, "look for the cluster", func(context.Context) error {
		if calls++; calls == 3 {
			interrupt()
		}
		return errDown
	})
	if err == nil || err.Error() != "stopped: look for the cluster" || calls != 3 {
		t.Errorf("step = %v after %d calls, want it stopped after 3", err, calls)
	}
}

func TestWakeUpPassesOnTheNamesOfAllSourcesUntilTheEnd(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	a, b := make(chan render.ServiceName), make(chan render.ServiceName)
	names, wait := wakeUp(ctx, a, b)
	seen := map[render.ServiceName]bool{}
	for source, name := range map[chan render.ServiceName]render.ServiceName{a: "one", b: "two"} {
		source <- name
		seen[<-names] = true
	}
	if !seen["one"] || !seen["two"] {
		t.Errorf("seen %v, want one and two", seen)
	}
	a <- "nobody takes it"
	end()
	wait() // returns although a name was not taken
}

func TestOnceAdvisesToLookAtTheServicesOnlyWhereThereCanBeSome(t *testing.T) {
	_, noCatalog := render.ReadCatalog(fstest.MapFS{}, "")
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"a service that failed":          {errors.New("gate: no"), "banksman status -A"},
		"a repository without a catalog": {fmt.Errorf("main at 1234567: %w", noCatalog), ""},
	} {
		var f *failure
		if err := failedOnce(config.Source{}, c.err); !errors.As(err, &f) || !strings.HasPrefix(f.try, c.want) || (c.want == "") != (f.try == "") {
			t.Errorf("%s: %+v, want the advice %q", name, f, c.want)
		}
	}
	if noCatalog == nil || !strings.Contains(noCatalog.Error(), "banksman init") || strings.Count(noCatalog.Error(), "no services.yaml") != 1 {
		t.Errorf("it does not say how to make one: %v", noCatalog)
	}
}
