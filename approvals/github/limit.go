package github

import (
	"bytes"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// limit keeps requests back after GitHub asked for a pause.
// Source: docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api.
type limit struct {
	now func() time.Time

	mu    sync.Mutex
	until time.Time
}

const (
	// A secondary limit without a time: "wait for at least one minute".
	unsaidPause = time.Minute
	// Limits are per hour. A longer pause is a mistake of a clock or a header.
	longestPause = time.Hour
)

// left is how long nothing may be sent.
func (l *limit) left() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(l.until.Sub(l.now()), 0)
}

// learn reads an answer's limits. It returns how long to wait when the answer
// says that a limit refused the request, else 0.
func (l *limit) learn(resp *http.Response, body []byte) time.Duration {
	pause, refused := l.pause(resp, body)
	if pause <= 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if until := l.now().Add(pause); until.After(l.until) {
		l.until = until
	}
	if !refused {
		return 0
	}
	return pause
}

func (l *limit) pause(resp *http.Response, body []byte) (pause time.Duration, refused bool) {
	code, header := resp.StatusCode, resp.Header
	after := header.Get("Retry-After")
	exhausted := header.Get("X-RateLimit-Remaining") == "0"
	refuses := code == http.StatusForbidden || code == http.StatusTooManyRequests
	secondary := refuses && bytes.Contains(bytes.ToLower(body), []byte("secondary rate limit"))
	switch {
	case after != "" && (refuses || code == http.StatusServiceUnavailable):
		return l.bounded(l.retryAfter(after)), true
	case exhausted && (refuses || code < 400):
		return l.bounded(l.reset(header.Get("X-RateLimit-Reset"))), refuses
	case secondary || code == http.StatusTooManyRequests:
		return unsaidPause, true
	}
	return 0, false
}

func (l *limit) bounded(d time.Duration) time.Duration {
	return min(max(d, time.Second), longestPause)
}

// retryAfter is in seconds or a date.
func (l *limit) retryAfter(s string) time.Duration {
	if seconds, err := strconv.Atoi(s); err == nil {
		return time.Duration(min(max(seconds, 0), int(longestPause/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(s); err == nil {
		return at.Sub(l.now())
	}
	return unsaidPause
}

// reset is in seconds since 1970.
func (l *limit) reset(s string) time.Duration {
	at, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return unsaidPause
	}
	return time.Unix(at, 0).Sub(l.now())
}
