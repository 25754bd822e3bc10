package cluster

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"banksman.dev/reconcile"
)

// watchLine lets a test cut the watches of a resource, and have the API server
// say that it forgot what has happened since.
type watchLine struct {
	resource string
	mu       sync.Mutex
	bodies   []io.Closer
	cut      bool
	forgets  bool
	relists  int
}

func (l *watchLine) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.URL.Query().Get("watch") == "" || !strings.HasSuffix(r.URL.Path, "/"+l.resource) {
			return next.RoundTrip(r)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		switch {
		case l.cut:
			return nil, errors.New("the line is cut")
		case l.forgets && r.URL.Query().Get("sendInitialEvents") == "":
			l.forgets = false
			return &http.Response{
				StatusCode: http.StatusGone, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
				Body: io.NopCloser(strings.NewReader(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410}`)),
			}, nil
		}
		answer, err := next.RoundTrip(r)
		if err == nil {
			l.bodies = append(l.bodies, answer.Body)
			if r.URL.Query().Get("sendInitialEvents") != "" {
				l.relists++
			}
		}
		return answer, err
	})
}

func (l *watchLine) hangUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = true
	for _, b := range l.bodies {
		_ = b.Close() // what is cut may be broken already
	}
	l.bodies = nil
}

func (l *watchLine) reconnect() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut, l.forgets = false, true
}

func (l *watchLine) listed() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.relists
}

func TestDriftInAGapOfTheWatchIsFoundByTheNextList(t *testing.T) {
	for name, deed := range map[string]func(*bench){
		"an edit":                     func(b *bench) { b.edit(`{"data":{"mode":"loud"}}`) },
		"a deletion":                  func(b *bench) { b.deleteConfigMap() },
		"a deletion and another like": func(b *bench) { b.deleteConfigMap(); b.createByHand(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			line := &watchLine{resource: "configmaps"}
			b.config.Wrap(line.wrap)
			b.cluster = b.open(Options{})
			s := b.set()
			b.apply(s)
			b.becomes(s, reconcile.Healthy)
			lists := line.listed()
			line.hangUp()
			deed(b)
			line.reconnect()
			b.eventually("the next list shows it", func() bool { return b.live(s).Health != reconcile.Healthy })
			if line.listed() == lists {
				t.Error("it was no list")
			}
			if applied := b.applied(s); len(applied.Repaired) != 1 {
				t.Errorf("repaired %v", applied.Repaired)
			}
			b.becomes(s, reconcile.Healthy)
		})
	}
}
