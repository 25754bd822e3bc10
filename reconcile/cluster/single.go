package cluster

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"banksman.dev/render"
)

// A set is dry-run as a whole, so that no half of it is written. Where a single
// object is to be written there are no halves, and its write tells as much as a
// dry run would: a rollback, and the repair of drift, are a request shorter.

// findSingle marks the object that is all that has to be looked at, if there is
// one. A set that must not be written over what somebody made, or is there to
// find out what somebody changed, is always asked about first.
func (a *application) findSingle(unserved []render.Object) {
	if a.set.Proposed || a.set.KeepDrift || a.set.Audit || len(unserved) > 0 {
		return
	}
	if todo := open(a.all); len(todo) == 1 {
		todo[0].single = true
	}
}

// isChange says whether an apply changes a live object for sure, and takes
// nothing over from anybody: then ssa, which asks what an apply would do, and
// cleans up after others, has nothing to add.
func (t *todo) isChange(live *unstructured.Unstructured) bool {
	if live == nil {
		return true
	}
	differs := !t.isOn(live) || t.applied && !t.recalled
	_, kubectls := live.GetAnnotations()[lastApplied]
	s := sightingOf(live)
	return differs && !kubectls && !s.leftover && s.entry != (ownEntry{})
}

// applyOnly writes an object that was not dry-run. One that comes back in the
// version that was seen was not changed.
func (s *session) applyOnly(ctx context.Context, w wanted) error {
	if err := s.apply(ctx, w); err != nil {
		return err
	}
	id := w.place.id()
	s.mu.Lock()
	defer s.mu.Unlock()
	if live := s.live[id]; live != nil && live.GetResourceVersion() == s.after[id].GetResourceVersion() {
		delete(s.after, id)
	}
	return nil
}
