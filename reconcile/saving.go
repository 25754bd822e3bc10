package reconcile

import (
	"context"
	"reflect"
	"slices"
	"time"

	"banksman.dev/render"
)

// A write of a Delivery costs the API server more than one of most objects. What
// is intended is always written ahead; the words for people, and what the API
// server answered, come along with it or at most once a second.

// A saving is what was saved last of a service.
type saving struct {
	record Record
	loaded Record // as it comes back
	view   View
	at     time.Time
}

func (l *Loop) store(ctx context.Context, r Record, v View) error {
	delete(l.unsaved, r.Service)
	delete(l.unsavedAt, r.Service)
	if err := l.save(ctx, r, v); err != nil {
		delete(l.saved, r.Service)
		return err
	}
	loaded, _, _ := l.peek(r.Service)
	l.saved[r.Service] = saving{record: r, loaded: loaded, view: v, at: l.Now()}
	return nil
}

// takeUnsaved is the record that waits to be saved, if the Delivery is still the
// one that was saved last.
func (l *Loop) takeUnsaved(name render.ServiceName) *Record {
	waits := l.unsaved[name]
	delete(l.unsaved, name)
	loaded, _, ok := l.Load(name)
	if !ok || !reflect.DeepEqual(loaded, l.saved[name].loaded) {
		delete(l.saved, name)
		return nil
	}
	return waits
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
	begun, waits := l.unsavedAt[r.Service]
	if !waits {
		begun = l.Now()
	}
	since := l.Now().Sub(begun)
	if !l.isRunning || !known || since >= l.lull() || was.view.Step != v.Step || was.view.Ready != v.Ready ||
		was.view.Stalled != v.Stalled || !slices.Equal(was.view.Waits, v.Waits) {
		return false
	}
	if !reflect.DeepEqual(was.record, r) || !reflect.DeepEqual(was.view, v) || l.owesKeeping(r) {
		l.unsaved[r.Service] = &r
		l.unsavedAt[r.Service] = begun
		l.wake(r.Service, l.lull()-since)
	}
	return true
}

// sameIntent: two records differ at most in what the API server answered.
func sameIntent(a, b Record) bool { return reflect.DeepEqual(unanswered(a), unanswered(b)) }

func unanswered(r Record) Record {
	r.Drift, r.Kept, r.Told.IllSince = nil, "", time.Time{}
	r.Inventory = slices.Clone(r.Inventory)
	for i := range r.Inventory {
		r.Inventory[i].UID, r.Inventory[i].Want, r.Inventory[i].Owned = "", "", ""
	}
	return r
}

// lull is for how long words and answers may wait for a write that comes anyway.
func (l *Loop) lull() time.Duration {
	if l.passes.waiting() > 0 {
		return 10 * calm
	}
	return calm
}
