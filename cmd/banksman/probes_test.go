package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
)

// probed is the answer of a server of probes at a path.
func probed(t *testing.T, address, method, path string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, strings.TrimSpace(string(text))
}

// freeAddress is one that nothing listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func TestTheProbesSayWhatTheProcessCanDo(t *testing.T) {
	yes, no := func() bool { return true }, func() bool { return false }
	fine := func() error { return nil }
	first := func() error { return errors.New("dora: the first look at the services has not ended") }
	seen := func(holder string, recent bool) func() (string, bool) {
		return func() (string, bool) { return holder, recent }
	}
	for name, c := range map[string]struct {
		set           func(*probes)
		ready, health int
		says          string
	}{
		"it starts":                          {func(*probes) {}, 503, 200, "it is starting"},
		"it waits and sees the lease":        {func(p *probes) { p.standBy(seen("a-1", true)) }, 200, 200, "waits for the lease: a-1 holds it"},
		"it waits and does not see it":       {func(p *probes) { p.standBy(seen("a-1", false)) }, 503, 200, "the lease was not seen lately"},
		"it leads and has not looked yet":    {func(p *probes) { p.lead(yes, first, fine) }, 503, 200, "dora: the first look at the services has not ended"},
		"it leads and has looked":            {func(p *probes) { p.lead(yes, fine, fine) }, 200, 200, "reconciles"},
		"it leads and cannot renew":          {func(p *probes) { p.lead(no, fine, fine) }, 503, 200, "the lease could not be renewed"},
		"it leads and its loop hangs":        {func(p *probes) { p.lead(yes, fine, func() error { return errors.New("it hangs") }) }, 200, 503, "reconciles"},
		"it waited and leads, and looks now": {func(p *probes) { p.standBy(seen("a-1", true)); p.lead(yes, first, fine) }, 503, 200, "dora: the first look at the services has not ended"},
	} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			p := &probes{}
			c.set(p)
			address := freeAddress(t)
			stop, err := p.serve(t.Context(), address, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer stop()
			if code, text := probed(t, address, http.MethodGet, "/readyz"); code != c.ready || text != c.says {
				t.Errorf("/readyz is %d %q, want %d %q", code, text, c.ready, c.says)
			}
			if code, text := probed(t, address, http.MethodGet, "/healthz"); code != c.health {
				t.Errorf("/healthz is %d %q, want %d", code, text, c.health)
			}
			if code, _ := probed(t, address, http.MethodPost, "/healthz"); code != http.StatusMethodNotAllowed {
				t.Errorf("a POST is answered %d", code)
			}
		})
	}
}

func TestAnAddressInUseIsAFailureAndNoneIsNoServer(t *testing.T) {
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	_, err = (&probes{}).serve(t.Context(), taken.Addr().String(), slog.New(slog.DiscardHandler))
	var f *failure
	if !errors.As(err, &f) || f.code != exitFailed || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("serve = %v", err)
	}
	stop, err := (&probes{}).serve(t.Context(), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	stop()
}

func TestThePulseOfALoopIsFeltUntilItHasNotComeRoundForLong(t *testing.T) {
	for name, c := range map[string]struct {
		interval, since time.Duration
		hangs           bool
	}{
		"it came round just now":                    {15 * time.Second, time.Second, false},
		"five minutes are no reason yet":            {15 * time.Second, 5 * time.Minute, false},
		"more than five minutes are":                {15 * time.Second, 5*time.Minute + time.Second, true},
		"a slow one may take ten of its intervals":  {time.Hour, 10 * time.Hour, false},
		"a slow one may not take more than that":    {time.Hour, 10*time.Hour + time.Second, true},
		"a clock that was set back is not a reason": {15 * time.Second, -time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
			p := newPulse(func() time.Time { return now }, c.interval)
			now = now.Add(time.Hour)
			p.beat()
			now = now.Add(c.since)
			if err := p.felt(); (err != nil) != c.hangs {
				t.Errorf("felt = %v, want that it hangs: %v", err, c.hangs)
			}
		})
	}
}

func TestAStatusIsPostedOnlyByWhoMayWrite(t *testing.T) {
	posted := 0
	post := func(context.Context, gitsrc.SHA, approvals.Status) error { posted++; return nil }
	if err := posting(nil, post)(t.Context(), "", approvals.Status{Context: "banksman/full"}); err != nil || posted != 1 {
		t.Errorf("one that is alone: %v, %d posted", err, posted)
	}
	err := posting(unheldLease(t), post)(t.Context(), "", approvals.Status{Context: "banksman/full"})
	if err == nil || posted != 1 || err.Error() != "the status banksman/full was not sent: this banksman no longer holds the lease; another one may be writing" {
		t.Errorf("one that does not hold the lease: %v, %d posted", err, posted)
	}
}
