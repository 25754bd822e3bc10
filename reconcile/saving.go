package reconcile

import (
	"context"
	"reflect"
	"slices"
	"time"
)

// A write of a Delivery costs the API server more than one of most objects. What
// is intended is always written ahead; the words for people, and what the API
// server answered, come along with it or at most once a second.

// A saving is what was saved last of a service.
type saving struct {
	record Record
	view   View
	at     time.Time
}

func (l *Loop) store(ctx context.Context, r Record, v View) error {
	if err := l.save(ctx, r, v); err != nil {
		delete(l.saved, r.Service)
		return err
	}
	l.saved[r.Service] = saving{record: r, view: v, at: l.Now()}
	delete(l.unsaved, r.Service)
	return nil
}

// isStored: what was saved last intends the same.
func (l *Loop) isStored(r Record) bool {
	was, known := l.saved[r.Service]
	return known && sameIntent(was.record, r)
}

// mayWait: only the words for people changed, or what the API server answered,
// and something was saved a moment ago: a rollout of many Pods is not worth a
// write for each of them. Losing what waits costs a look at the objects.
func (l *Loop) mayWait(r Record, v View) bool {
	was, known := l.saved[r.Service]
	since := l.Now().Sub(was.at)
	if !l.isRunning || !known || since >= calm || was.view.Step != v.Step || was.view.Ready != v.Ready ||
		was.view.Stalled != v.Stalled || !slices.Equal(was.view.Waits, v.Waits) {
		return false
	}
	if !reflect.DeepEqual(was.record, r) || !reflect.DeepEqual(was.view, v) {
		l.unsaved[r.Service] = &r
		l.wake(r.Service, calm-since)
	}
	return true
}

// sameIntent: two records differ at most in what the API server answered.
func sameIntent(a, b Record) bool { return reflect.DeepEqual(unanswered(a), unanswered(b)) }

func unanswered(r Record) Record {
	r.Drift = nil
	r.Inventory = slices.Clone(r.Inventory)
	for i := range r.Inventory {
		r.Inventory[i].UID, r.Inventory[i].Want, r.Inventory[i].Owned = "", "", ""
	}
	return r
}
