package reconcile

import (
	"context"
	"log/slog"
	"reflect"

	"banksman.dev/render"
)

// mostUntold bounds what waits to be told of a service.
const mostUntold = 20

// tellOnceSaved tells, unless the record that says so could not be saved. That may
// be because the answer was lost: then the next look at the record shows it.
func (l *Loop) tellOnceSaved(name render.ServiceName, all []Transition, unsaved error) {
	switch {
	case len(all) == 0:
	case unsaved == nil:
		delete(l.untold, name)
		l.tell(all)
	case len(l.untold[name]) < mostUntold:
		l.untold[name] = append(l.untold[name], all)
	}
}

// tellLate tells what was saved by a write whose answer was lost.
func (l *Loop) tellLate(r Record) {
	for _, all := range l.untold[r.Service] {
		if all[len(all)-1].ID == r.Told.Last {
			delete(l.untold, r.Service)
			l.tell(all)
			return
		}
	}
}

// tell says what happened, once the record that knows that it was told is saved:
// to whoever reads the log, and to whoever listens.
func (l *Loop) tell(all []Transition) {
	for _, t := range all {
		if t.URL == "" {
			t.URL = l.dashboardOf(t)
		}
		t.log(l.Log)
		if l.Tell != nil {
			l.Tell(t)
		}
	}
}

// dashboardOf is where the head's catalog says to look at a release; "" for nowhere.
func (l *Loop) dashboardOf(t Transition) string {
	in := l.content.catalog(l, l.head)
	if in.catalog == nil {
		return ""
	}
	e, ok := in.catalog.Entries[t.Service]
	if !ok || t.Ref.Commit == "" {
		return ""
	}
	return e.DashboardURL(string(t.Ref.Commit))
}

// log writes the one line of a transition. Its keys are public.
func (t Transition) log(log *slog.Logger) {
	level := slog.LevelInfo
	if t.Event.Warns() {
		level = slog.LevelWarn
	}
	about := []slog.Attr{
		slog.String("event", string(t.Event)),
		slog.String("service", string(t.Service)),
		slog.String("namespace", t.Namespace),
		slog.String("commit", string(t.Ref.Commit)),
		slog.String("digest", string(t.Ref.Digest)),
	}
	if t.Ref.Pull != 0 {
		about = append(about, slog.Int("pull", t.Ref.Pull))
	}
	about = append(about, slog.String("step", string(t.Step)), slog.String("reason", t.Reason))
	if len(t.Waits) > 0 {
		about = append(about, slog.Any("waits", t.Waits))
	}
	if len(t.By) > 0 {
		about = append(about, slog.Any("by", t.By))
	}
	log.LogAttrs(context.Background(), level, "transition", about...)
}

// logTurn writes one line when a pull request leaves a canary slot. That one has
// it is told with its canary.
func (l *Loop) logTurn(was *Ref, record Record) {
	if record.Proposed == nil && was != nil {
		l.Log.Info("canary slot is free", "service", record.Service, "was", was.Pull)
	}
}

// noteView makes the other services of a pull request due when something moved
// in this one.
func (l *Loop) noteView(name render.ServiceName, v View) {
	was, seen := l.lastView[name]
	l.lastView[name] = v
	if !seen || was.Step != v.Step || !reflect.DeepEqual(was.Canary, v.Canary) {
		l.proposals.dirty = true
	}
	if !seen || was.Step != v.Step || was.Ready != v.Ready {
		l.Log.Debug("service", "service", name, "step", v.Step, "ready", v.Ready, "commit", v.Head.Commit, "reason", v.Reason, "waits", v.Waits)
	}
}
