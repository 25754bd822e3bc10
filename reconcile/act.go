package reconcile

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"banksman.dev/render"
)

// refusedKey names a variant whose content the API server refused.
type refusedKey struct {
	service render.ServiceName
	track   Track
}

// A refusal is a permanent error of an apply: the same content would be
// refused again, so it is not sent again before the next poll.
type refusal struct {
	digest render.Digest
	err    *ApplyError
	poll   int
}

// act carries out a decision. The record is saved before the first object is
// sent, and names every object that may be sent. What the API server answered is
// saved with the next look, which comes at once if there is more to decide.
func (l *Loop) act(ctx context.Context, o Observed, d Decision) (next Record, more bool, err error) {
	stable, beside, lost, err := l.sets(d.Record, refOf(d.Full), refOf(d.Canary))
	if err != nil && isOvertaken(o, d) {
		return o.Record, true, nil
	}
	if err != nil {
		d.Full.Aim, d.Canary.Aim = LeaveAlone, LeaveAlone
	}
	if lost != nil {
		d.Full.Aim = LeaveAlone
		l.say(d.Record.Service, lost)
	}
	audit := l.isAuditDue(d.Record.Service)
	stable.Audit, beside.Audit = audit, audit
	record := d.Record
	record.Inventory = forgotten(record.Inventory, slices.Concat(o.Full.Gone, o.Canary.Gone))
	record.Inventory = withEntries(record.Inventory, append(entriesOf(stable.Objects, TrackStable), entriesOf(beside.Objects, TrackCanary)...))
	// Nothing new is intended: a repair does not wait for the words about it.
	ahead := err != nil || !sameIntent(record, o.Record) || !l.isStored(record) ||
		len(o.Full.Gone)+len(o.Canary.Gone) > 0 // what is made anew has another UID
	if ahead {
		l.keep(ctx, o, d, &record, keepNow)
		unsaved := l.store(ctx, record, d.View)
		l.tellOnceSaved(record.Service, d.Transitions, unsaved)
		if err := errors.Join(err, unsaved); err != nil {
			return record, false, err
		}
	}
	l.noteView(record.Service, d.View)
	l.logTurn(o.Record.Proposed, record)
	l.letGo(o.Record, record)
	if _, orders, _ := l.peek(record.Service); orders.Suspend.holds(l.Now()) && !o.Orders.Suspend.holds(o.Now) {
		return record, true, nil // somebody said so while the cluster or the forge was asked
	}
	refusedBefore := l.refusals(record.Service)
	if err := l.bringBoth(ctx, d, stable, beside, &record); err != nil {
		return record, false, err
	}
	if lost == nil { // else what full needs is not known
		if err := l.prune(ctx, o, d, append(stable.Objects, beside.Objects...), &record); err != nil {
			return record, false, err
		}
	}
	if audit {
		l.keep(ctx, o, d, &record, keepAgain)
		l.audited(record.Service)
	}
	calmed := record
	calmed.Drift = o.Record.Drift // a repair alone is no reason to look again at once
	more = !reflect.DeepEqual(calmed, o.Record) || l.refusals(record.Service) != refusedBefore
	isSaved := ahead && reflect.DeepEqual(record, l.saved[record.Service].record)
	if !more && !isSaved && !l.mayWait(record, d.View) {
		l.keep(ctx, o, d, &record, keepLater)
		if err := l.store(ctx, record, d.View); err != nil {
			return record, false, err
		}
	}
	l.proposals.dirty = l.proposals.dirty || more
	return record, more, nil
}

// isOvertaken: the pull request that the decision is about lost its slot while
// the cluster was looked at.
func isOvertaken(o Observed, d Decision) bool {
	return o.Proposed != nil && d.Canary.Aim == Run && d.Canary.Ref.Pull == o.Proposed.Pull
}

// bringBoth brings both variants to their targets. A rollout that is not to go
// on is paused, and nothing else.
func (l *Loop) bringBoth(ctx context.Context, d Decision, stable, beside Set, record *Record) error {
	var err error
	switch d.Full.Aim {
	case Freeze:
		delete(l.unpaused, stable.Service)
		return l.pause(ctx, stable, true)
	case Run, LeaveAlone, Absent:
		err = l.bring(ctx, d.Full, stable, record)
	}
	if d.Full.Aim == Run && err == nil {
		err = l.letGoOn(ctx, stable)
	}
	return errors.Join(err, l.bring(ctx, d.Canary, beside, record))
}

func refOf(t Target) *Ref {
	if t.Aim != Run && t.Aim != Freeze {
		return nil
	}
	return &t.Ref
}

// letGoOn takes a pause back, of this process or of one before it. A rollout that
// was paused must not go on with what it had then.
func (l *Loop) letGoOn(ctx context.Context, stable Set) error {
	_, refused := l.refused[refusedKey{stable.Service, stable.Track}]
	if refused || l.unpaused[stable.Service] {
		return nil
	}
	err := l.pause(ctx, stable, false)
	l.unpaused[stable.Service] = err == nil
	return err
}

// bring applies a set and notes the objects' UIDs. A permanent refusal is not
// an error of the pass: the next look sees it as a failed variant.
func (l *Loop) bring(ctx context.Context, t Target, s Set, record *Record) error {
	key := refusedKey{s.Service, s.Track}
	if t.Aim != Run {
		delete(l.refused, key)
		return nil
	}
	if r, ok := l.refused[key]; ok {
		if r.digest == s.Ref.Digest && r.poll == l.polls {
			return nil
		}
		delete(l.refused, key)
	}
	s.Resting = l.resting(s.Service)
	applied, err := l.apply(ctx, s)
	record.Inventory = withEntries(record.Inventory, applied.Entries)
	record.noteDrift(applied.Repaired, l.Now())
	l.noteRepairs(s.Service, applied)
	var refused *ApplyError
	if errors.As(err, &refused) && refused.Unapproved {
		// Not the content's fault: it is not held, and runs from the branch.
		l.proposals.dirty = true
		l.proposals.refused[refusedPull{s.Service, s.Ref.Digest}] = fmt.Sprintf("%s: %v", refused.Object, refused.Err)
		return nil
	}
	if errors.As(err, &refused) && refused.Permanent {
		l.refused[key] = refusal{digest: s.Ref.Digest, err: refused, poll: l.polls}
		return nil
	}
	return err
}

// prune removes what neither target wants. It runs only after both variants
// were applied whole.
func (l *Loop) prune(ctx context.Context, o Observed, d Decision, wanted []render.Object, record *Record) error {
	if d.Canary.Aim == LeaveAlone || d.Full.Aim == Freeze || o.Head.Problem == ProblemUnread || l.isRefused(record.Service) {
		return nil
	}
	kept, err := l.keptFor(d, *record)
	if err != nil {
		return nil //nolint:nilerr // what is promoted cannot be rendered, which is said elsewhere: nothing is deleted
	}
	gone := superfluous(record.Inventory, append(wanted, kept...), isSettled(o, d))
	gone, record.Withheld = withinBudget(gone, record.Inventory, record.Withheld, isSettled(o, d), l.answersFor(o, d))
	if len(gone) == 0 {
		return nil
	}
	left, err := l.delete(ctx, record.Service, gone)
	record.Inventory = without(record.Inventory, gone, left)
	if len(left) > 0 {
		l.wake(record.Service, 5*time.Second)
	}
	return err
}

// isSettled: Pods of an earlier release need nothing of full's any more.
func isSettled(o Observed, d Decision) bool {
	return d.Full.Aim == Absent || d.Full.Aim == Run && d.Record.Rolling == nil &&
		o.Full.Digest == d.Full.Ref.Digest && o.Full.Health == Healthy
}

// keptFor are the objects of what is promoted that stay while other content has
// the canary slot: nobody has approved yet that they go.
func (l *Loop) keptFor(d Decision, r Record) ([]render.Object, error) {
	if d.Canary.Aim != Run || r.Promoted == nil || r.runs(d.Canary.Ref.Digest) {
		return nil, nil
	}
	_, beside, lost, err := l.sets(r, r.Promoted, r.Promoted)
	return beside.Objects, errors.Join(lost, err)
}

// answersFor: an operator answers for the commit whose deletions these are.
func (l *Loop) answersFor(o Observed, d Decision) bool {
	ack, commit := o.Orders.Acknowledge, o.Head.Commit
	if d.Full.Aim == Run {
		commit = d.Full.Ref.Commit
	}
	if ack == "" || commit == "" {
		return false
	}
	if ack == commit {
		return true
	}
	covered, err := l.Source.IsAncestor(commit, ack)
	return err == nil && covered
}

// without takes the entries that are gone out of an inventory.
func without(inventory, pruned, kept []Entry) []Entry {
	still := map[render.ObjectID]bool{}
	for _, e := range kept {
		still[e.ID()] = true
	}
	gone := map[render.ObjectID]bool{}
	for _, e := range pruned {
		gone[e.ID()] = !still[e.ID()]
	}
	var left []Entry
	for _, e := range inventory {
		if !gone[e.ID()] {
			left = append(left, e)
		}
	}
	return left
}

// refusals are what is refused of a service: full's, and the canary's content.
func (l *Loop) refusals(name render.ServiceName) [2]render.Digest {
	return [2]render.Digest{l.refused[refusedKey{name, TrackStable}].digest, l.refused[refusedKey{name, TrackCanary}].digest}
}

func (l *Loop) isRefused(name render.ServiceName) bool {
	for _, track := range []Track{TrackStable, TrackCanary} {
		if _, ok := l.refused[refusedKey{name, track}]; ok {
			return true
		}
	}
	return false
}

// say logs once that what full should run cannot be rendered.
func (l *Loop) say(name render.ServiceName, lost error) {
	if l.unrendered[name] == lost.Error() {
		return
	}
	l.unrendered[name] = lost.Error()
	l.Log.Error("what is promoted cannot be rendered; full is left as it is, and not repaired", "service", name, "error", lost)
}
