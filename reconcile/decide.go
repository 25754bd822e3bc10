package reconcile

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"banksman.dev/approvals"
	"banksman.dev/render"
)

// Decide says what to do about one service. It is pure: time is a field of
// Observed, and the next record is a value of the Decision.
//
// What has been seen is settled first (health, passed and failed canary
// steps, the governing entry). Then each variant gets its target from its own
// list in targets.go, and the reports and the view follow from both.
func Decide(o Observed) Decision { return decide(o, fullRules(), canaryRules()) }

func decide(o Observed, fullRules, canaryRules []rule) Decision {
	d := &draft{o: &o, record: o.Record.clone()}
	d.settleLook()
	d.settleSuspension()
	if !d.suspended() {
		d.settleRecalled()
	}
	d.settleEarlier()
	if !d.suspended() {
		d.settleLeaving()
		d.settleGoverning()
		d.settleOrders()
		d.settleRetry()
		d.settleAbort()
		d.settleCanary()
		d.settleTurn()
	}
	full := choose(d, fullRules)
	canary := choose(d, canaryRules)
	if d.record.Rolling == nil {
		d.record.RollingRules = nil
	}
	d.fillSlot(canary)
	d.fileReports()
	d.markSeen()
	view := d.view()
	transitions := d.tell(view)
	return Decision{
		Record:            d.record,
		Full:              full,
		Canary:            canary,
		WantsFreshVerdict: d.wantsFresh,
		Again:             d.again(),
		View:              view,
		Transitions:       transitions,
	}
}

// mostUnsaved is how many commits the record's marks may lag behind.
const mostUnsaved = 100

// markSeen notes the head in the record. A head that changes nothing for the
// service is not worth a write of its own, unless many have gathered.
func (d *draft) markSeen() {
	if d.suspended() || reflect.DeepEqual(d.record, d.o.Record) && d.o.Distance < mostUnsaved {
		return
	}
	d.record.Observed = d.o.Head.Branch
	if d.o.Head.Problem == ProblemNone && !d.isNew() && d.ahead == nil {
		d.record.Settled = d.o.Head.Branch
	}
}

// A draft is a decision in the making: the facts, and the record as edited so far.
type draft struct {
	o          *Observed
	record     Record
	wantsFresh bool
	aborted    render.Digest // an operator has just taken it back
	rulesMoved bool          // another entry governs than when the verdict was asked for
	ahead      *ahead
	unsure     string      // why it is not known whether an older commit comes up first
	ended      []Promotion // what came into the history, oldest first
}

// unread: nothing is known of the branch. What is to be decided about it waits
// until it can be read.
func (d *draft) unread() bool { return d.o.Head.Problem == ProblemUnread }

func (d *draft) suspended() bool {
	return d.o.Orders.Suspend.holds(d.o.Now)
}

// usable: the head can be read and rendered, belongs to the history of what is
// promoted, is in the catalog, and is not held.
func (d *draft) usable() bool {
	if d.o.Head.Problem != ProblemNone {
		return false
	}
	_, held := d.record.holdOn(d.o.Head.Ref)
	return !held
}

// isNew: the head is not what is promoted.
func (d *draft) isNew() bool { return !d.record.runs(d.o.Head.Digest) }

func (d *draft) headRef() Ref {
	r := d.o.Head.Ref
	r.Since = d.o.Now
	return r
}

// slotHolds says whether the canary slot holds this content.
func (d *draft) slotHolds(digest render.Digest) bool {
	return d.record.Canary != nil && d.record.Canary.Digest == digest
}

func (d *draft) canaryPassed() bool {
	if !d.o.Head.HasCanary {
		return true
	}
	_, passed := d.record.passed(d.o.Head.Digest)
	return passed
}

func (d *draft) canaryHealthyNow() bool {
	if !d.o.Head.HasCanary {
		return true
	}
	// As a pull request's it was looked at without what comes with the branch's.
	return d.slotHolds(d.o.Head.Digest) && d.record.Canary.Pull == 0 &&
		d.o.Canary.Digest == d.o.Head.Digest && d.o.Canary.Health == Healthy
}

// headMayGo: the head is approved, or was not said not to be while its canary runs.
func (d *draft) headMayGo() bool {
	switch d.o.Verdict.State {
	case approvals.Approved:
		return true
	case approvals.Unknown:
		return d.slotHolds(d.o.Head.Digest) && d.record.Canary.Pull == 0
	case approvals.Waiting, approvals.Blocked:
		return false
	}
	return false
}

// settleGoverning moves the governing entry to the head's when the commits
// that changed it are approved under the present one.
func (d *draft) settleGoverning() {
	if d.unread() {
		return
	}
	if d.record.Governing == nil {
		d.record.Governing = copied(&d.o.StartRules)
	}
	if d.o.Head.Problem != ProblemNone || d.o.Head.Rules.Digest == d.record.Governing.Digest {
		return
	}
	if approved(d.o.RulesVerdict) {
		d.record.Governing, d.rulesMoved = copied(&d.o.Head.Rules), true
	}
}

// settleRetry honours a retry token once. It is for the head, and for the open
// pull requests.
func (d *draft) settleRetry() {
	t := d.o.Orders.Retry
	if t == "" || t == d.record.RetryUsed || d.unread() {
		return
	}
	d.record.RetryUsed = t
	d.noteOrder(d.o.Head.Commit, OutcomeRetried, d.o.Orders.RetriedBy, d.o.Orders.RetryReason)
	for _, h := range slices.Clone(d.record.Holds) {
		if h.Pull != 0 && h.Digest != d.o.Head.Digest {
			d.record.release(h.Digest)
			d.record.forgetPass(h.Digest)
		}
	}
	h, held := d.record.holdOn(d.o.Head.Ref)
	if d.o.Head.Problem != ProblemNone || !held {
		return
	}
	d.record.release(h.Digest)
	d.reopen(h.Commit)
	d.reopen(d.o.Head.Commit)
	d.record.forgetPass(h.Digest)
	if d.slotHolds(h.Digest) {
		d.record.Canary = nil
	}
}

// settleCanary notes the health of the slot's content, and whether its steps
// have passed or failed. A canary whose steps have passed is not held any more.
func (d *draft) settleCanary() {
	s := d.record.Canary
	if s == nil || d.o.Canary.Digest != s.Digest {
		return
	}
	if healthy := d.o.Canary.Health == Healthy; healthy != s.Healthy {
		s.Healthy, s.HealthSince = healthy, d.o.Now
	}
	if d.slotEnded() {
		return
	}
	switch {
	case s.Healthy && d.o.Now.Sub(s.HealthSince) >= d.record.bake():
		d.record.addPass(s.Digest, d.o.Now)
	case d.o.Canary.Health == Failed:
		d.hold(s.Ref, StageCanary, "the canary failed: "+orUnsaid(d.o.Canary.Message))
	case !s.Healthy && d.o.Now.Sub(s.HealthSince) >= d.record.canaryTimeout():
		d.hold(s.Ref, StageCanary, fmt.Sprintf("the canary was not healthy within %s: %s", shortDuration(d.record.canaryTimeout()), orUnsaid(d.o.Canary.Message)))
	}
}

// slotEnded: nothing is open any more for the content in the slot.
func (d *draft) slotEnded() bool {
	digest := d.record.Canary.Digest
	_, passed := d.record.passed(digest)
	_, held := d.record.holdOn(d.record.Canary.Ref)
	return passed || held || d.record.runs(digest)
}

// settleTurn notes which pull request has the slot. What is not known changes
// nothing.
func (d *draft) settleTurn() {
	if d.o.ProposedUnread != "" {
		return
	}
	was, is := d.record.Proposed, copied(d.o.Proposed)
	if is != nil {
		is.Since = d.o.Now
		if was != nil && was.Pull == is.Pull && was.Commit == is.Commit {
			is.Since = was.Since
		}
	}
	d.record.Proposed = is
}

func (d *draft) rollingFailed() (string, bool) {
	r, live := d.record.Rolling, d.o.Full
	late := d.o.Now.Sub(r.Since) >= d.record.fullTimeout()
	switch {
	case late && d.o.RollingLost != "":
		return fmt.Sprintf("full was not healthy within %s, and cannot be rolled out any further: %s", shortDuration(d.record.fullTimeout()), d.o.RollingLost), true
	case live.Digest != r.Digest || live.Health == Healthy:
		return "", false
	case live.Health == Failed:
		return "full failed: " + orUnsaid(live.Message), true
	case late:
		return fmt.Sprintf("full was not healthy within %s: %s", shortDuration(d.record.fullTimeout()), orUnsaid(live.Message)), true
	}
	return "", false
}

// hold keeps a digest from being tried again, and ends its history.
func (d *draft) hold(r Ref, stage Stage, reason string) {
	d.record.addHold(Hold{Commit: r.Commit, Pull: r.Pull, Alone: r.Pull != 0 && d.o.ProposedAlone, Digest: r.Digest, Stage: stage, Reason: reason, Since: d.o.Now})
	if r.Pull != 0 {
		return // the pull request's own statuses say it; it is no release yet
	}
	d.end(r, OutcomeHeld, reason)
	d.reportHeld(r.Commit, stage, reason)
}

func (d *draft) end(r Ref, out Outcome, reason string) {
	d.note(Promotion{
		Commit: r.Commit, Digest: r.Digest, Outcome: out, Reason: reason,
		Approvers: d.approversOf(out), At: d.o.Now,
	})
}

// note adds a line to the history.
func (d *draft) note(p Promotion) {
	d.record.addHistory(p)
	d.ended = append(d.ended, p)
}

func (d *draft) approversOf(out Outcome) []string {
	if out != OutcomePromoted {
		return nil
	}
	var names []string
	for _, a := range d.o.RollingVerdict.Approvers {
		names = append(names, a.Login)
	}
	return names
}

// fillSlot makes the slot follow the canary's target.
func (d *draft) fillSlot(t Target) {
	switch t.Aim {
	case LeaveAlone, Freeze:
	case Absent:
		d.record.Canary = nil
	case Run:
		if slices.Contains(d.o.WithoutCanary, t.Ref.Digest) {
			d.record.Canary = nil
			return
		}
		if d.slotHolds(t.Ref.Digest) {
			d.record.Canary.Commit, d.record.Canary.Pull = t.Ref.Commit, t.Ref.Pull
			return
		}
		ref := t.Ref
		ref.Since = d.o.Now
		d.record.Canary = &Slot{Ref: ref, HealthSince: d.o.Now}
	}
}

// again is how long until time alone may change the decision.
func (d *draft) again() time.Duration {
	var next time.Duration
	at := func(t time.Time) {
		if w := t.Sub(d.o.Now); w > 0 && (next == 0 || w < next) {
			next = w
		}
	}
	if s := d.record.Canary; s != nil && !d.slotEnded() {
		at(s.HealthSince.Add(d.record.bake()))
		at(s.HealthSince.Add(d.record.canaryTimeout()))
	}
	if r := d.record.Rolling; r != nil {
		at(r.Since.Add(d.record.fullTimeout()))
	}
	if p := d.record.Promoted; p != nil {
		at(p.Since.Add(d.record.fullTimeout()))
	}
	if ill := d.record.Told.IllSince; !ill.IsZero() && !d.record.Told.Degraded {
		at(ill.Add(d.record.fullTimeout()))
	}
	if s := d.o.Orders.Suspend; s != nil && !s.Until.IsZero() {
		at(s.Until)
	}
	return next
}

func orUnsaid(message string) string {
	if message == "" {
		return "its Pods did not become ready"
	}
	return message
}
