package github

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"banksman.dev/approvals"
)

func TestALimitIsWaitedOutByEveryRequest(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	for _, row := range []struct {
		name   string
		code   int
		header map[string]string
		body   string
		wait   time.Duration
	}{
		{"429 without a time is a minute", 429, nil, "", time.Minute},
		{"429 with seconds", 429, map[string]string{"Retry-After": "30"}, "", 30 * time.Second},
		{"403 with a date", 403, map[string]string{"Retry-After": start.Add(90 * time.Second).UTC().Format(http.TimeFormat)}, "", 90 * time.Second},
		{"403 with an empty limit", 403, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1800000600"}, `{"message":"API rate limit exceeded"}`, 10 * time.Minute},
		{"403 that names a secondary limit only in words", 403, nil, `{"message":"You have exceeded a secondary rate limit."}`, time.Minute},
		{"a wait of a year is an hour", 429, map[string]string{"Retry-After": "31536000"}, "", time.Hour},
		{"a reset in the past is a second", 429, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}, "", time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newServer(t)
			s.replies("GET /repos/dora/jjh", row.code, row.header, row.body)
			c := s.client(t)
			now := start
			c.wire.limit.now = func() time.Time { return now }
			refused := func() *Error {
				_, err := c.Facts(t.Context(), landed, "main", nil, nil, true)
				var e *Error
				if !errors.As(err, &e) || e.Kind != RateLimited {
					t.Fatalf("not a limit: %v", err)
				}
				return e
			}
			if e := refused(); e.Wait != row.wait {
				t.Errorf("waits %s, want %s", e.Wait, row.wait)
			}
			now = start.Add(row.wait - time.Millisecond)
			if e := refused(); e.Wait != time.Millisecond {
				t.Errorf("waits %s more, want 1ms", e.Wait)
			}
			if n := len(s.requests()); n != 1 {
				t.Fatalf("%d requests were sent while waiting", n-1)
			}
			now = start.Add(row.wait)
			s.says("GET /repos/dora/jjh", `{"id":99}`)
			if v := judged(t, c, approvals.Policy{}); v.State != approvals.Approved {
				t.Errorf("afterwards %s: %s", v.State, v.Reason)
			}
		})
	}
}

func TestTheLastAllowedRequestIsAnswered(t *testing.T) {
	s := newServer(t)
	s.replies("GET /repos/dora/jjh", 200, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": fmt.Sprint(time.Now().Add(time.Minute).Unix())}, `{"id":99}`)
	_, err := s.client(t).Facts(t.Context(), landed, "main", nil, nil, false)
	if !is(err, RateLimited) {
		t.Errorf("got %v", err)
	}
	if n := len(s.requests()); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}
