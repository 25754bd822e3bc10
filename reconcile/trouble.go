package reconcile

import (
	"context"
	"time"

	"banksman.dev/render"
)

// A trouble is an effect that failed and is to be tried again.
type trouble struct {
	err   error
	times int
}

// note remembers a failed pass and says so once.
func (l *Loop) note(ctx context.Context, name render.ServiceName, err error) {
	if ctx.Err() != nil {
		return // the process is ending, and so does whatever it was doing
	}
	was, failed := l.troubles[name]
	if err == nil {
		delete(l.troubles, name)
		if failed {
			l.Log.Info("goes on", "service", name)
		}
		return
	}
	if !failed || was.err.Error() != err.Error() {
		l.Log.Error("pass failed; it is tried again", "service", name, "error", err)
	}
	now := trouble{err: err, times: was.times + 1}
	l.troubles[name] = now
	l.wakeAt[name] = l.Now().Add(backoff(now.times))
}

// backoff grows from a second to half a minute.
func backoff(times int) time.Duration {
	return min(time.Second<<min(times-1, 5), 30*time.Second)
}
