package notify

import (
	"context"
	"errors"
	"time"
)

const (
	mostTries  = 8
	firstPause = time.Second
	longest    = time.Minute      // pause that nobody asked for
	oldest     = 15 * time.Minute // a notification that is still worth a try
)

// deliver tries until it is taken, refused, or given up.
func (o *outlet) deliver(life context.Context, q queued) {
	for try := 1; ; try++ {
		err := o.send(life, q.message)
		if err == nil {
			o.sent(q)
			return
		}
		wait, again := o.pauseAfter(err, try, o.options.Now().Sub(q.since))
		if !again {
			o.lost(q, err)
			return
		}
		o.options.Count(o.target.Name, Retried)
		o.options.Log.Debug("a notification is tried again", "target", o.target.Name, "id", q.ID, "error", err, "in", wait)
		if o.options.Pause(life, wait) != nil {
			o.lost(q, err)
			return
		}
	}
}

// pauseAfter doubles, spread over half of itself so that those who failed together
// do not come back together. What the target asks for is obeyed.
func (o *outlet) pauseAfter(err error, try int, age time.Duration) (time.Duration, bool) {
	var failure *tryError
	if !errors.As(err, &failure) || failure.isFinal || try >= mostTries {
		return 0, false
	}
	wait := min(firstPause<<(try-1), longest)
	wait = wait/2 + time.Duration(o.chance()*float64(wait/2))
	wait = max(wait, failure.after)
	return wait, age+wait <= oldest
}

func (o *outlet) sent(q queued) {
	o.count(q, Sent)
	if o.trouble.ends() {
		o.options.Log.Info("notifications are taken again", "target", o.target.Name)
	}
}

func (o *outlet) lost(q queued, err error) {
	o.count(q, Failed)
	o.say(o.trouble.fails(), "a notification is lost; the release goes on", q, "error", err)
}

// A tryError is why one try failed. Its text holds no secret.
type tryError struct {
	problem string
	isFinal bool          // another try would end the same, or tell it twice
	after   time.Duration // the target asks for this pause
}

func (e *tryError) Error() string { return e.problem }
