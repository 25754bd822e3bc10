package notify

import (
	"context"
	"log/slog"
	"time"
)

// together is how long a chat waits for others that say the same.
const together = 2 * time.Second

// An outlet is one target with its queue. Its goroutine is run.
type outlet struct {
	target  Target
	options Options
	send    sender
	line    *line
	known   *memory
	chance  func() float64 // from 0 to 1, for the jitter
	trouble trouble
}

// A sender is one try to tell a target.
type sender func(context.Context, message) error

// take queues it, unless it was taken before.
func (o *outlet) take(n Notification) {
	if !o.known.add(n.ID) {
		return
	}
	if old, isOut := o.line.add(queued{message{Notification: n}, o.options.Now()}); isOut {
		o.drop(old, "too many wait")
	}
}

// run delivers until the line is closed and empty. Once its life ends it drops.
func (o *outlet) run(life context.Context) {
	for o.line.ready() {
		if o.line.groups && !o.line.isOver() {
			_ = o.options.Pause(life, together) // an early end is seen below
		}
		q := o.line.take()
		switch {
		case life.Err() != nil:
			o.drop(q, "banksman stops")
		case o.options.Now().Sub(q.since) > oldest:
			o.drop(q, "the target was not reachable for too long")
		default:
			o.deliver(life, q)
		}
	}
}

// count is of notifications, also where one message told several.
func (o *outlet) count(q queued, outcome Outcome) {
	for range 1 + len(q.others) {
		o.options.Count(o.target.Name, outcome)
	}
}

// drop is counted each time, and said once.
func (o *outlet) drop(q queued, why string) {
	o.count(q, Dropped)
	o.say(o.trouble.drops(), "a notification is dropped; the release goes on", q, "reason", why)
}

// say is a warning the first time, and a detail from then on.
func (o *outlet) say(isNew bool, text string, q queued, more ...any) {
	level := slog.LevelDebug
	if isNew {
		level = slog.LevelWarn
	}
	about := []any{"target", o.target.Name, "event", q.Event, "service", q.Service, "id", q.ID}
	o.options.Log.Log(context.Background(), level, text, append(about, more...)...) //nolint:sloglint // the callers give constants
}
