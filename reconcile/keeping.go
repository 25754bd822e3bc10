package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"banksman.dev/render"
)

// keeping is what the loop knows of what is kept beside the records.
type keeping struct {
	// read is what was read back, while the release that is promoted cannot be
	// rendered. Else nothing of it is in memory.
	read map[render.ServiceName]readBack
	// unkept is what could not be written.
	unkept map[render.ServiceName]unkept
}

// readBack is what was kept of one release, or why it cannot be used.
type readBack struct {
	digest  render.Digest
	release render.Release
	drift   render.Drift
	err     error
	until   time.Time // then it is asked for again; zero: it need not be
}

// unkept is a release that could not be kept.
type unkept struct {
	digest render.Digest
	err    error
	times  int
	until  time.Time // then it is tried again; zero: never
}

func newKeeping() keeping {
	return keeping{read: map[render.ServiceName]readBack{}, unkept: map[render.ServiceName]unkept{}}
}

// owesKeeping: what is promoted is not kept yet, could be, and it is time to.
func (l *Loop) owesKeeping(r Record) bool {
	if l.Keep == nil || r.Promoted == nil || r.Kept == r.Promoted.Digest {
		return false
	}
	u, failed := l.keeping.unkept[r.Service]
	if failed && u.digest == r.Promoted.Digest && (u.until.IsZero() || u.until.After(l.Now())) {
		return false
	}
	_, err := l.rendered(r.Service, *r.Promoted)
	return err == nil
}

// keepHow says how much it matters when what is promoted is kept.
type keepHow int

const (
	keepNow   keepHow = iota
	keepLater         // not before the services that wait: they may be on their way back
	keepAgain         // also when it is known to be kept
)

// keep keeps what is promoted, once full was seen to have it: what has to be
// written to full waits for nothing. It goes before a write of the record, which
// then says so, too. What fails keeps nothing else from going on.
func (l *Loop) keep(ctx context.Context, o Observed, d Decision, record *Record, how keepHow) {
	p := record.Promoted
	has := p != nil && d.Full.Aim == Run && d.Full.Ref.Digest == p.Digest && o.Full.Digest == p.Digest && o.Full.Health != Missing
	if !has || !l.owesKeeping(*record) && (how != keepAgain || l.Keep == nil) {
		return
	}
	if how == keepLater && l.isRunning && l.passes.waiting() > 0 {
		l.wake(record.Service, l.lull())
		return
	}
	at, err := l.rendered(record.Service, *p)
	if err != nil {
		return
	}
	var k Kept
	release, err := l.content.whole(at.release)
	if err == nil {
		k, err = keptOf(*release, at.entry.Drift)
	}
	if err == nil {
		l.write(ctx, lookTimeout, func(ctx context.Context) { err = l.Keep(ctx, record.Service, record.Namespace, k) })
	}
	l.noteKept(ctx, record, err)
}

// mostKeepWait is how long it takes at most until what could not be kept is
// tried again.
const mostKeepWait = 10 * time.Minute

// noteKept remembers whether what is promoted is kept, and says once when it is
// not.
func (l *Loop) noteKept(ctx context.Context, record *Record, err error) {
	name := record.Service
	was := l.keeping.unkept[name]
	if err == nil {
		delete(l.keeping.unkept, name)
		record.Kept = record.Promoted.Digest
		return
	}
	if !errors.Is(err, ErrTooLargeToKeep) {
		record.Kept = "" // it may have been written: the answer was lost
	}
	if ctx.Err() != nil {
		return
	}
	if was.err == nil || was.digest != record.Promoted.Digest || was.err.Error() != err.Error() {
		l.Log.Warn("what is promoted is not kept beside its record; if Git and the local copy are both gone, it is not repaired",
			"service", name, "commit", record.Promoted.Commit, "error", err)
	}
	now := unkept{digest: record.Promoted.Digest, err: err, times: 1}
	if was.digest == now.digest {
		now.times += was.times
	}
	if !errors.Is(err, ErrTooLargeToKeep) {
		now.until = l.Now().Add(min(time.Second<<min(now.times, 10), mostKeepWait))
	}
	l.keeping.unkept[name] = now
}

// askAgain is when what is kept is asked for again, after an error.
const askAgain = time.Minute

// lookForKept reads what is kept of what is promoted, once, when that cannot be
// rendered any more.
func (l *Loop) lookForKept(ctx context.Context, r Record) {
	name := r.Service
	if l.Kept == nil || r.Promoted == nil {
		return
	}
	_, lost := l.rendered(name, *r.Promoted)
	was, known := l.keeping.read[name]
	switch {
	case lost == nil:
		delete(l.keeping.read, name)
		return
	case known && was.digest == r.Promoted.Digest && (was.until.IsZero() || was.until.After(l.Now())):
		return
	}
	back := readBack{digest: r.Promoted.Digest}
	var k Kept
	var found bool
	l.askCluster(ctx, func(ctx context.Context) { k, found, back.err = l.Kept(ctx, name, r.Namespace) })
	switch {
	case errors.Is(back.err, ErrKeptDamaged):
	case back.err != nil:
		back.until = l.Now().Add(askAgain)
	case !found:
		back.err = errors.New("nothing is kept of it")
	default:
		if back.release, back.drift, back.err = k.release(name, r.Promoted.Digest); back.err != nil {
			back.err = fmt.Errorf("what is kept of it is not used: %w", back.err)
		}
	}
	l.keeping.read[name] = back
	if back.err == nil {
		l.Log.Warn("what is promoted cannot be rendered; what was kept of it is used instead", "service", name, "commit", r.Promoted.Commit, "error", lost)
	}
}

// wakeToKeep looks at a service again when what failed is to be tried again.
func (l *Loop) wakeToKeep(name render.ServiceName) {
	for _, until := range []time.Time{l.keeping.read[name].until, l.keeping.unkept[name].until} {
		if until.After(l.Now()) {
			l.wake(name, until.Sub(l.Now()))
		}
	}
}

// of is what was kept of a release, if it was read back.
func (k *keeping) of(name render.ServiceName, ref Ref) (readBack, bool) {
	back, ok := k.read[name]
	return back, ok && back.digest == ref.Digest
}
