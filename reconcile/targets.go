package reconcile

import "banksman.dev/approvals"

// A rule names a target, or passes to the next rule. It may edit the draft's
// record: that edit is written ahead of anything the target asks for.
type rule struct {
	name  string
	match func(*draft) (Target, bool)
}

// fullRules is the target list of the full variant. The first match wins.
func fullRules() []rule {
	return []rule{
		{"suspended", freeze},
		{"drop what must not go on", dropRolling}, // never matches: it clears the way
		{"rollback", rollback},
		{"finish what has begun", finish},
		{"promote", promote},
		{"gone from the catalog", removeFull},
		{"keep what is promoted", keepPromotedFull},
	}
}

// canaryRules is the target list of the canary. The first match wins.
func canaryRules() []rule {
	return []rule{
		{"suspended", suspended},
		{"nothing is known of the branch", keepCanaryUnread},
		{"beside what is rolling", canaryOfRolling},
		{"an older commit may come first", canaryOfNobody},
		{"head has open canary steps", canaryOfOpenHead},
		{"proposed by a pull request", canaryOfProposed},
		{"head waits for its approval", canaryOfHead},
		{"gone from the catalog", removeCanary},
		{"keep what is promoted", keepPromotedCanary},
	}
}

// choose tries the rules in order.
func choose(d *draft, rules []rule) Target {
	for _, r := range rules {
		if t, ok := r.match(d); ok {
			t.Rule = r.name
			return t
		}
	}
	return Target{Aim: LeaveAlone, Rule: "no rule"}
}

func suspended(d *draft) (Target, bool) {
	return Target{Aim: LeaveAlone}, d.suspended()
}

// freeze holds a rollout where it is.
func freeze(d *draft) (Target, bool) {
	if r := d.record.Rolling; r != nil && d.suspended() {
		return Target{Aim: Freeze, Ref: *r}, true
	}
	return suspended(d)
}

// dropRolling ends a rollout that must not be finished: the branch is back at
// what was promoted, an operator aborted it, its approval was withdrawn, or it
// failed. An unknown verdict is no withdrawal.
func dropRolling(d *draft) (Target, bool) {
	r := d.record.Rolling
	if r == nil {
		return Target{}, false
	}
	failure, failed := d.rollingFailed()
	switch {
	case d.aborted == r.Digest: // its end is noted
	case d.o.Head.Problem == ProblemNone && d.record.runs(d.o.Head.Digest):
		d.record.strike(r.Digest)
		d.end(*r, OutcomeReverted, "the branch went back to "+d.record.Promoted.Commit.Short()+" before the rollout had ended")
	case d.o.RollingVerdict.State == approvals.Waiting || d.o.RollingVerdict.State == approvals.Blocked:
		d.end(*r, OutcomeWithdrawn, d.o.RollingVerdict.Reason)
	case failed:
		d.hold(*r, StageFull, failure)
	default:
		return Target{}, false
	}
	// A process that died may have kept it as promoted before it said so.
	d.record.Rolling, d.record.Kept = nil, ""
	return Target{}, false
}

// rollback returns to content that was promoted before. It needs no canary, no
// approval and no answer of the forge, and it is written ahead as promoted: if
// it fails, it stays there and says so.
func rollback(d *draft) (Target, bool) {
	if !d.usable() || !d.isNew() {
		return Target{}, false
	}
	was, ok := d.record.recent(d.o.Head.Digest)
	if !ok {
		return Target{}, false
	}
	if r := d.record.Rolling; r != nil {
		d.record.strike(r.Digest)
		d.end(*r, OutcomeReverted, "the branch went back to the content of "+was.Commit.Short()+" before the rollout had ended")
		d.record.Rolling = nil
	}
	if p := d.record.Promoted; p != nil {
		d.record.strike(p.Digest)
	}
	to := d.headRef()
	d.record.promote(to)
	d.record.Kept = "" // something else may have been kept since
	d.end(to, OutcomeRolledBack, "the content of "+was.Commit.Short()+", which was promoted before")
	return Target{Aim: Run, Ref: to}, true
}

func finish(d *draft) (Target, bool) {
	r := d.record.Rolling
	if r == nil {
		return Target{}, false
	}
	if d.o.Full.Digest == r.Digest && d.o.Full.Health == Healthy {
		done := *r
		done.Since = d.o.Now
		d.record.Rolling = nil
		d.record.promote(done)
		d.end(done, OutcomePromoted, d.o.RollingVerdict.Reason)
		return Target{Aim: Run, Ref: done}, true
	}
	return Target{Aim: Run, Ref: *r}, true
}

// promote is the only way for new content to the full variant. The last look
// at the forge before it is an uncached one.
func promote(d *draft) (Target, bool) {
	if !d.usable() || !d.isNew() || !d.canaryPassed() || !d.canaryHealthyNow() ||
		d.o.Verdict.State != approvals.Approved {
		return Target{}, false
	}
	if d.rulesMoved {
		return Target{}, false // the verdict is about the steps of before
	}
	if !d.o.VerdictFresh {
		d.wantsFresh = true
		return Target{}, false
	}
	r := d.headRef()
	d.record.Rolling, d.record.RollingRules = &r, copied(d.record.Governing)
	return Target{Aim: Run, Ref: r}, true
}

// removeFull is for a service that left the catalog: its objects are left as
// they are, or deleted where the governing entry says so. Until it is approved
// that the service leaves, everything stays and is kept in repair. The last look
// at the forge before a deletion is an uncached one.
func removeFull(d *draft) (Target, bool) {
	if d.hasLeft() {
		return Target{Aim: LeaveAlone}, true
	}
	if !d.mayLeave() {
		return Target{}, false
	}
	if !d.deletes() || d.fullObjects() == 0 {
		d.record.Leaves = d.o.Head.Commit
		return Target{Aim: LeaveAlone}, true
	}
	if !d.o.VerdictFresh && d.record.Leaves != d.o.Head.Commit {
		d.wantsFresh = true
		return Target{Aim: LeaveAlone}, true
	}
	d.record.Leaves = d.o.Head.Commit
	return Target{Aim: Absent}, true
}

func keepPromotedFull(d *draft) (Target, bool) {
	if p := d.record.Promoted; p != nil {
		return Target{Aim: Run, Ref: *p}, true
	}
	return Target{Aim: LeaveAlone}, true
}

// keepCanaryUnread leaves the canary of anything but what is promoted as it is:
// nobody has said that it goes, and nothing of it is kept.
func keepCanaryUnread(d *draft) (Target, bool) {
	other := d.record.Canary != nil && !d.record.runs(d.record.Canary.Digest)
	return Target{Aim: LeaveAlone}, d.unread() && (other || d.record.Rolling != nil)
}

func canaryOfRolling(d *draft) (Target, bool) {
	if r := d.record.Rolling; r != nil {
		return Target{Aim: Run, Ref: *r}, true
	}
	return Target{}, false
}

// canaryOfOpenHead is also for a head that only needs its canary healthy to go
// on to full: it and a pull request would take the slot from each other else.
func canaryOfOpenHead(d *draft) (Target, bool) {
	if d.usable() && d.isNew() && d.o.Head.HasCanary && (!d.canaryPassed() || d.headMayGo()) {
		return Target{Aim: Run, Ref: d.headRef()}, true
	}
	return Target{}, false
}

// canaryOfProposed runs the canary of an open pull request. While it is not
// known which one, the canary that a pull request has is left as it is.
func canaryOfProposed(d *draft) (Target, bool) {
	p := d.o.Proposed
	if d.o.Head.Problem != ProblemNone {
		return Target{}, false
	}
	if p == nil {
		unread := d.o.ProposedUnread != "" && d.record.Canary != nil && d.record.Canary.Pull != 0
		return Target{Aim: LeaveAlone}, unread
	}
	if _, held := d.record.hold(p.Digest); held {
		return Target{}, false
	}
	return Target{Aim: Run, Ref: *p}, true
}

// canaryOfHead leaves the canary of what is promoted alone while a head without
// a canary waits: nobody has approved yet that it goes.
func canaryOfHead(d *draft) (Target, bool) {
	if d.usable() && d.isNew() && d.o.Head.HasCanary {
		return Target{Aim: Run, Ref: d.headRef()}, true
	}
	return Target{}, false
}

func removeCanary(d *draft) (Target, bool) {
	if d.hasLeft() {
		return Target{Aim: LeaveAlone}, true
	}
	return Target{Aim: Absent}, d.mayLeave()
}

// keepPromotedCanary leaves a first canary alone while the head cannot be read:
// there is nothing to go back to, and nobody has said that it should go.
func keepPromotedCanary(d *draft) (Target, bool) {
	switch p := d.record.Promoted; {
	case p != nil:
		return Target{Aim: Run, Ref: *p}, true
	case d.o.Head.Problem != ProblemNone:
		return Target{Aim: LeaveAlone}, true
	}
	return Target{Aim: Absent}, true
}
