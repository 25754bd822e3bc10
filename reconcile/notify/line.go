package notify

import (
	"slices"
	"sync"
	"time"
)

// mostWaiting is how many messages wait for one target.
const mostWaiting = 1024

// A message is what is sent at once: a notification, and in a chat the services of
// those that say the same.
type message struct {
	Notification
	others []string
}

// A queued message waits since its first notification came.
type queued struct {
	message
	since time.Time
}

// A line is the queue of one target. Anybody may add, one goroutine takes.
type line struct {
	mu       sync.Mutex
	waiting  []queued
	isClosed bool
	groups   bool          // what says the same is one message
	moved    chan struct{} // one place: something is new
}

func newLine(groups bool) *line { return &line{groups: groups, moved: make(chan struct{}, 1)} }

// add returns what gave way where the line is too long: the oldest, because what
// happened last is what is true.
func (l *line) add(q queued) (out queued, isOut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.groups {
		for i := range l.waiting {
			if w := &l.waiting[i]; saysTheSame(w.Notification, q.Notification) {
				w.others = append(w.others, q.Service)
				return queued{}, false
			}
		}
	}
	if len(l.waiting) == mostWaiting {
		out, isOut = l.waiting[0], true
		l.waiting = slices.Delete(l.waiting, 0, 1)
	}
	l.waiting = append(l.waiting, q)
	l.ring()
	return out, isOut
}

// ready waits until something is in the line; false once it is closed and empty.
func (l *line) ready() bool {
	for {
		l.mu.Lock()
		some, over := len(l.waiting) > 0, l.isClosed
		l.mu.Unlock()
		if some || over {
			return some
		}
		<-l.moved
	}
}

// take gives the first, which ready has seen.
func (l *line) take() queued {
	l.mu.Lock()
	defer l.mu.Unlock()
	q := l.waiting[0]
	l.waiting = slices.Delete(l.waiting, 0, 1)
	return q
}

// close takes nothing back: what waits can be taken.
func (l *line) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isClosed = true
	l.ring()
}

func (l *line) ring() {
	select {
	case l.moved <- struct{}{}:
	default:
	}
}

func (l *line) isOver() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.isClosed
}

// saysTheSame: a commit of many services, or a catalog that cannot be read, is
// told of each service in the same words.
func saysTheSame(a, b Notification) bool {
	return a.Event == b.Event && a.Environment == b.Environment && a.Source == b.Source &&
		a.Commit == b.Commit && a.Pull == b.Pull && a.Reason == b.Reason && a.Next == b.Next && a.URL == b.URL &&
		slices.Equal(a.Waits, b.Waits) && slices.Equal(a.By, b.By)
}
