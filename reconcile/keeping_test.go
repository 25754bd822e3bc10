package reconcile

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"banksman.dev/render"
)

// keeper is a loop that runs, over a service whose full has P.
func keeper(keep func() error) (*Loop, Observed, Decision, *Record) {
	now := noon
	l := &Loop{
		Now: func() time.Time { now = now.Add(time.Millisecond); return now },
		Log: slog.New(slog.DiscardHandler),
		Keep: func(context.Context, render.ServiceName, string, Kept) error {
			return keep()
		},
		state: state{content: newContents(), keeping: newKeeping(), passes: newPasses(), wakeAt: map[render.ServiceName]time.Time{}, isRunning: true},
	}
	l.content.releases[releaseKey{"web", "cP"}] = releaseAt{release: render.Packed{Service: "web", Commit: "cP", Digest: "P"}}
	p := ref("P")
	return l, Observed{Full: Live{Digest: "P", Health: Progressing}}, Decision{Full: Target{Aim: Run, Ref: p}}, &Record{Service: "web", Namespace: "shop", Promoted: &p}
}

func TestWhatIsPromotedIsKeptWhenFullHasIt(t *testing.T) {
	for name, c := range map[string]struct {
		how    keepHow
		change func(*Loop, *Observed, *Decision, *Record)
		keeps  int
	}{
		"full has it":                       {keepLater, func(*Loop, *Observed, *Decision, *Record) {}, 1},
		"it is kept already":                {keepNow, func(_ *Loop, _ *Observed, _ *Decision, r *Record) { r.Kept = "P" }, 0},
		"it is kept, and audited":           {keepAgain, func(_ *Loop, _ *Observed, _ *Decision, r *Record) { r.Kept = "P" }, 1},
		"another one is kept":               {keepNow, func(_ *Loop, _ *Observed, _ *Decision, r *Record) { r.Kept = "Q" }, 1},
		"full has not all of it yet":        {keepNow, func(_ *Loop, o *Observed, _ *Decision, _ *Record) { o.Full.Health = Missing }, 0},
		"full has another one":              {keepNow, func(_ *Loop, o *Observed, _ *Decision, _ *Record) { o.Full.Digest = "Q" }, 0},
		"another one rolls out":             {keepNow, func(_ *Loop, _ *Observed, d *Decision, _ *Record) { d.Full.Ref = ref("R") }, 0},
		"nothing may be written":            {keepAgain, func(_ *Loop, _ *Observed, d *Decision, _ *Record) { d.Full.Aim = LeaveAlone }, 0},
		"nothing is promoted":               {keepNow, func(_ *Loop, _ *Observed, _ *Decision, r *Record) { r.Promoted = nil }, 0},
		"others wait, and it does not":      {keepNow, func(l *Loop, _ *Observed, _ *Decision, _ *Record) { l.passes.queue = []render.ServiceName{"api"} }, 1},
		"others wait, and it can wait, too": {keepLater, func(l *Loop, _ *Observed, _ *Decision, _ *Record) { l.passes.queue = []render.ServiceName{"api"} }, 0},
		"it cannot be rendered any more": {keepAgain, func(l *Loop, _ *Observed, _ *Decision, _ *Record) {
			l.content.releases[releaseKey{"web", "cP"}] = releaseAt{unread: errors.New("gone")}
		}, 0},
		"it renders to something else": {keepAgain, func(l *Loop, _ *Observed, _ *Decision, _ *Record) {
			l.content.releases[releaseKey{"web", "cP"}] = releaseAt{release: render.Packed{Digest: "Q"}}
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			keeps := 0
			l, o, d, r := keeper(func() error { keeps++; return nil })
			c.change(l, &o, &d, r)
			was := r.Kept
			l.mu.Lock()
			l.keep(t.Context(), o, d, r, c.how)
			l.mu.Unlock()
			if keeps != c.keeps || keeps == 1 && r.Kept != "P" || keeps == 0 && r.Kept != was {
				t.Errorf("it was written %d times, want %d; %q is kept", keeps, c.keeps, r.Kept)
			}
			if _, wakes := l.wakeAt["web"]; wakes != (l.passes.waiting() > 0 && c.keeps == 0) {
				t.Errorf("it is looked at again: %v", wakes)
			}
		})
	}
}

func TestWhatCannotBeKeptIsTriedLessAndLessOften(t *testing.T) {
	l, o, d, r := keeper(func() error { return errors.New("forbidden") })
	var waits []time.Duration
	for range 14 {
		l.mu.Lock()
		l.keep(t.Context(), o, d, r, keepAgain)
		l.mu.Unlock()
		waits = append(waits, l.keeping.unkept["web"].until.Sub(noon).Truncate(time.Second))
		if l.owesKeeping(*r) || r.Kept != "" {
			t.Fatal("it is tried again at once, or counts as kept")
		}
	}
	if waits[0] != 2*time.Second || waits[1] != 4*time.Second || waits[13] != mostKeepWait {
		t.Errorf("%v", waits)
	}
}
