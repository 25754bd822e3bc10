package lease

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"k8s.io/client-go/rest"
)

// sending is a transport that remembers what it sent.
type sending func(*http.Request) (*http.Response, error)

func (s sending) RoundTrip(r *http.Request) (*http.Response, error) { return s(r) }

func answered(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

// holding is a lease whose term began so long ago.
func holding(ago time.Duration) *Lease {
	var s leases
	l := newLease(&wire{to: &s}, Options{}, time.Now)
	l.term.renewed(time.Now().Add(-ago))
	return l
}

func request(t *testing.T, ctx context.Context, method string, content string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, "https://cluster/api/v1/namespaces/dora/configmaps/x", strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTheFenceLetsReadsPassAndWritesOnlyWhileTheLeaseIsHeld(t *testing.T) {
	const almost = Duration - Margin - time.Second
	for name, c := range map[string]struct {
		method string
		ago    time.Duration
		lost   bool
		passes bool
	}{
		"a read of one that holds":             {http.MethodGet, 0, false, true},
		"a read of one that does not":          {http.MethodGet, time.Hour, false, true},
		"a look at what may be asked":          {http.MethodOptions, time.Hour, false, true},
		"a creation while it is held":          {http.MethodPost, 0, false, true},
		"an apply just before the time is up":  {http.MethodPatch, almost, false, true},
		"an apply when the time is up":         {http.MethodPatch, Duration - Margin, false, false},
		"an update an hour later":              {http.MethodPut, time.Hour, false, false},
		"a deletion an hour later":             {http.MethodDelete, time.Hour, false, false},
		"a creation an hour later":             {http.MethodPost, time.Hour, false, false},
		"a deletion when the lease was lost":   {http.MethodDelete, 0, true, false},
		"a method that nobody thought of here": {"PURGE", time.Hour, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := holding(c.ago)
				if c.lost {
					l.lock.die(&LostError{Lease: "dora/banksman", Holder: "b"})
				}
				sent := false
				answer, err := l.Wrap(sending(func(r *http.Request) (*http.Response, error) {
					sent = true
					return answered(r)
				})).RoundTrip(request(t, t.Context(), c.method, "{}"))
				if sent != c.passes || (err == nil) != c.passes {
					t.Fatalf("sent: %v, error %v; want it to pass: %v", sent, err, c.passes)
				}
				if err == nil {
					_ = answer.Body.Close()
				} else if !errors.Is(err, ErrNotHeld) || !strings.Contains(err.Error(), "another one may be writing") {
					t.Errorf("the error says %q", err)
				}
			})
		})
	}
}

// A process that is stopped goes on where it was: between two looks at the
// clock, with a request half prepared.
func TestARequestThatWasPreparedBeforeAStopIsNotSentAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := holding(0)
		_, err := l.Wrap(sending(func(r *http.Request) (*http.Response, error) {
			time.Sleep(time.Hour) // stopped, in a bubble of synctest
			_, err := io.ReadAll(r.Body)
			return nil, err
		})).RoundTrip(request(t, t.Context(), http.MethodPatch, "{}")) //nolint:bodyclose // there is an error only
		if !errors.Is(err, ErrNotHeld) {
			t.Errorf("error %v, want that nothing was read of the body", err)
		}
	})
}

func TestARequestUnderWayIsBrokenOffWhenTheLeaseMayBeAnothers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := holding(0)
		began := time.Now()
		_, err := l.Wrap(sending(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})).RoundTrip(request(t, t.Context(), http.MethodPatch, "{}")) //nolint:bodyclose // there is an error only
		if !errors.Is(err, ErrNotHeld) || time.Since(began) != Duration-Margin {
			t.Errorf("broken off after %s: %v", time.Since(began), err)
		}
	})
}

func TestARequestUnderWayGoesOnAsLongAsTheLeaseIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := holding(0)
		answer, err := l.Wrap(sending(func(r *http.Request) (*http.Response, error) {
			for range 60 {
				time.Sleep(time.Second)
				l.term.renewed(time.Now())
			}
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, r.Context().Err()
		})).RoundTrip(request(t, t.Context(), http.MethodPatch, "{}"))
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
	})
}

func TestAnAnswerCanBeReadToItsEndAndEndsItsGuard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := holding(0)
		var during context.Context
		answer, err := l.Wrap(sending(func(r *http.Request) (*http.Response, error) {
			during = r.Context()
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("done"))}, nil
		})).RoundTrip(request(t, t.Context(), http.MethodPost, "{}"))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		if err != nil || string(text) != "done" || during.Err() != nil {
			t.Errorf("read %q, %v; the context: %v", text, err, during.Err())
		}
		_ = answer.Body.Close()
		if during.Err() == nil {
			t.Error("the guard outlives the answer")
		}
	})
}

func TestBothClocksCountAndTheOneThatSaysMoreDecides(t *testing.T) {
	began := time.Now()
	for name, c := range map[string]struct {
		now  time.Time
		want time.Duration
	}{
		"both go on": {began.Add(time.Second), time.Second},
		// Round(0) is a time without a monotonic clock, which then does not count.
		"the machine slept":         {began.Round(0).Add(time.Hour), time.Hour},
		"the monotonic clock alone": {began.Add(time.Minute), time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			if got := elapsed(began, c.now); got != c.want {
				t.Errorf("elapsed = %s, want %s", got, c.want)
			}
		})
	}
}

func TestNoGuardAndNoTimerOutlivesItsRequest(t *testing.T) {
	defer goleak.VerifyNone(t)
	var reached atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		reached.Add(1)
		_, _ = io.WriteString(w, "{}")
	}))
	defer server.Close()
	l := holding(0)
	config := &rest.Config{Host: server.URL}
	config.Wrap(l.Wrap)
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	send := func() error {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, server.URL, strings.NewReader("{}"))
		if err != nil {
			return err
		}
		answer, err := client.Do(r)
		if err != nil {
			return err
		}
		return answer.Body.Close()
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if err := send(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	l.term.end()
	if err := send(); !errors.Is(err, ErrNotHeld) || reached.Load() != 20 {
		t.Errorf("%d requests reached the server, the last failed with %v", reached.Load(), err)
	}
}
