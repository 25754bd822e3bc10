package cluster

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/fluxcd/pkg/ssa"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"banksman.dev/reconcile"
	"banksman.dev/render"
)

// concurrency is how many requests one apply has open at a time.
const concurrency = 8

// Apply brings the cluster to a set. Objects that are known to be as wanted
// cost nothing. The others are checked for claims and dry-run, all of them,
// before the first of them is written; only those whose kind or namespace the
// set itself brings are checked once that is there. A single change is not
// dry-run: it is written whole or not at all. Of a proposed set nothing
// is written when anything of it exists that is not of the service's canary.
//
// The entries name every object of the set that was seen, also when there is
// an error, which is a *reconcile.ApplyError. An entry that was saved before an
// apply and is older than what the apply wrote costs one look, and no more.
func (c *Cluster) Apply(ctx context.Context, s reconcile.Set) (reconcile.Applied, error) {
	if err := checkProposed(s); err != nil {
		return reconcile.Applied{}, err
	}
	objects, err := c.withoutForeign(ctx, s)
	if err != nil {
		return reconcile.Applied{}, refusal(render.ObjectID{}, err)
	}
	a := &application{Cluster: c, set: s, session: newSession(c.client, s.Proposed), rivals: map[render.ObjectID]string{}}
	err = a.run(ctx, objects)
	return a.result(), err
}

// An application is one Apply.
type application struct {
	*Cluster
	set      reconcile.Set
	session  *session
	all      []*todo
	repaired []render.ObjectID
	rivals   map[render.ObjectID]string
}

func (a *application) run(ctx context.Context, objects []render.Object) error {
	unserved, err := a.plan(ctx, objects, kindsDefinedBy(objects))
	if err != nil {
		return err
	}
	a.findSingle(unserved)
	definitions, others := split(open(a.all), func(t *todo) bool { return isDefinition(t.place.kind.GroupKind()) })
	refusals := a.check(ctx, definitions)
	dependent, free := split(others, a.dependsOn(definitions))
	if err := joined(append(refusals, a.check(ctx, free)...)); err != nil {
		return err
	}
	if err := a.write(ctx, definitions); err != nil {
		return err
	}
	if err := a.awaitDefinitions(ctx, objects); err != nil {
		return err
	}
	planned := len(a.all)
	if _, err := a.plan(ctx, unserved, nil); err != nil {
		return err
	}
	dependent = append(dependent, open(a.all[planned:])...)
	if err := joined(a.check(ctx, dependent)); err != nil {
		return err
	}
	return a.write(ctx, append(free, dependent...))
}

// open are the objects that must be looked at.
func open(all []*todo) []*todo {
	return slices.DeleteFunc(slices.Clone(all), func(t *todo) bool { return t.settled })
}

func split(all []*todo, is func(*todo) bool) (yes, no []*todo) {
	for _, t := range all {
		if is(t) {
			yes = append(yes, t)
		} else {
			no = append(no, t)
		}
	}
	return yes, no
}

// write writes what was checked and differs, in ssa's order as far as objects
// may need each other: what workloads need, then workloads and everything else,
// then webhooks. Within one of the three all objects are tried.
func (a *application) write(ctx context.Context, send []*todo) error {
	rm := ssa.NewResourceManager(a.session, nil, ssa.Owner{Field: Owner, Group: "banksman.dev"})
	for wave := range waves {
		now, _ := split(send, func(t *todo) bool { return waveOf(t.place.kind.GroupKind()) == wave })
		refusals := each(now, func(t *todo) error { return a.writeOne(ctx, rm, t) })
		for _, t := range now {
			a.report(t)
		}
		if err := joined(refusals); err != nil {
			return err
		}
	}
	return nil
}

const waves = 3

func waveOf(k schema.GroupKind) int {
	switch {
	case ssa.IsLessThan(k, deploymentKind):
		return 0
	case slices.Contains(ssa.ReconcileOrder.Last, k.Kind):
		return 2
	}
	return 1
}

func (a *application) writeOne(ctx context.Context, rm *ssa.ResourceManager, t *todo) error {
	if left, err := a.leaves(ctx, rm, t); err != nil || left {
		return err
	}
	id := t.place.id()
	var err error
	if t.unchecked {
		err = a.session.applyOnly(ctx, t.wanted)
	} else {
		options := ssa.DefaultApplyOptions()
		options.Cleanup = takenOver()
		_, err = rm.Apply(ctx, t.object, options)
	}
	if err == nil && !a.session.wrote(id) && a.session.lostFields(id) {
		err = a.session.apply(ctx, t.wanted)
	}
	if u := a.session.answer(id); u != nil && (err == nil || a.session.wrote(id)) {
		a.witness.note(id, t.want, sightingOf(u))
	} else if err != nil && !isRefused(err) {
		a.witness.doubt(id) // it may have been written: the answer was lost
		a.mayHaveWritten(id)
	}
	return err
}

// isRefused: the API server says that it did not do it. Of its own failures
// (5xx) and of timeouts nobody knows.
func isRefused(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return false
	}
	code := status.Status().Code
	return code >= http.StatusBadRequest && code < http.StatusInternalServerError && code != http.StatusRequestTimeout
}

// mayHaveWritten keeps the next apply from taking our own doing for drift.
func (c *Cluster) mayHaveWritten(id render.ObjectID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unsure[id] = true
}

func (c *Cluster) isUnsure(id render.ObjectID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.unsure[id]
}

// wasUnsure says whether the answer to the last write was lost.
func (c *Cluster) wasUnsure(id render.ObjectID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.unsure[id]
	delete(c.unsure, id)
	return was
}

// leaves says whether an object is left as it is, because somebody changed it
// and that is to be kept.
func (a *application) leaves(ctx context.Context, rm *ssa.ResourceManager, t *todo) (bool, error) {
	if !a.set.KeepDrift || !a.wasApplied(t) {
		return false, nil
	}
	change, _, _, err := rm.Diff(ctx, t.object.DeepCopy(), ssa.DefaultDiffOptions())
	if err != nil || change.Action == ssa.UnchangedAction {
		return false, err // there is nothing to write
	}
	now := sighting{gone: true}
	if live := a.session.before(t.place.id()); live != nil {
		now = sightingOf(live)
	}
	if !a.witness.isLeft(t.place.id(), t.want) {
		a.log.Warn("changed by somebody, and left so", "service", a.set.Service, "track", a.set.Track, "object", t.id.String())
	}
	a.witness.leave(t.place.id(), t.want, now)
	t.settled = true
	return true, nil
}

// wasApplied says whether the wanted content of an object was applied before, so
// that what differs from it is somebody else's doing. The object says it itself.
// What is remembered counts for one that is gone; for another it is not enough,
// because a later apply may have been forgotten.
func (a *application) wasApplied(t *todo) bool {
	if live := a.session.before(t.place.id()); live != nil {
		return t.isOn(live)
	}
	return t.applied
}

// report logs what was adopted and what was put back.
func (a *application) report(t *todo) {
	if !a.session.wrote(t.place.id()) {
		return
	}
	logger := a.log.With("service", a.set.Service, "track", a.set.Track, "object", t.id.String())
	was, unsure := a.session.before(t.place.id()), a.wasUnsure(t.place.id())
	switch {
	case unsure:
		logger.Info("applied; the answer to the last try was lost")
	case a.wasApplied(t), t.applied && !t.recalled:
		a.repaired = append(a.repaired, t.id)
		if rival := rivalOf(was); rival != "" {
			a.rivals[t.id] = rival
		}
		logger.Info("drift repaired")
	case was == nil:
		logger.Info("created")
	case !isOurs(was):
		logger.Info("adopted")
	default:
		logger.Debug("applied")
	}
}

func (a *application) result() reconcile.Applied {
	slices.SortFunc(a.repaired, render.ObjectID.Compare)
	entries := make([]reconcile.Entry, 0, len(a.all))
	for _, t := range a.all {
		if e := a.entryOf(t); e.UID != "" {
			entries = append(entries, e)
		}
	}
	return reconcile.Applied{Entries: entries, Repaired: a.repaired, Rivals: a.rivals}
}

// entryOf is the entry of one object, without a UID when it was not seen.
func (a *application) entryOf(t *todo) reconcile.Entry {
	e := reconcile.Entry{
		Group: t.id.Group, Version: t.place.kind.Version, Kind: t.id.Kind,
		Namespace: t.id.Namespace, Name: t.id.Name, Track: a.set.Track,
	}
	known, ok := a.witness.of(t.place.id())
	if ok {
		e.Want, e.Owned = known.want, known.entry.String()
	}
	if u := a.session.answer(t.place.id()); u != nil {
		e.UID = string(u.GetUID())
	} else if t.settled && !t.absent {
		e.UID = string(known.uid)
	}
	return e
}
