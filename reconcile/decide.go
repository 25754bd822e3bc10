package reconcile

import (
	"fmt"
	"reflect"
	"slices"
	"time"

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
	if !d.suspended() {
		d.settleGoverning()
		d.settleRetry()
		d.settleCanary()
	}
	full := choose(d, fullRules)
	canary := choose(d, canaryRules)
	d.fillSlot(canary)
	d.fileReports()
	d.markSeen()
	return Decision{
		Record:            d.record,
		Full:              full,
		Canary:            canary,
		WantsFreshVerdict: d.wantsFresh,
		Again:             d.again(),
		View:              d.view(),
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
	if d.o.Head.Problem == ProblemNone && !d.isNew() {
		d.record.Settled = d.o.Head.Branch
	}
}

// A draft is a decision in the making: the facts, and the record as edited so far.
type draft struct {
	o          *Observed
	record     Record
	wantsFresh bool
}

func (d *draft) suspended() bool {
	s := d.o.Orders.Suspend
	return s != nil && (s.Until.IsZero() || d.o.Now.Before(s.Until))
}

// usable: the head can be read and rendered, belongs to the history of what is
// promoted, is in the catalog, and is not held.
func (d *draft) usable() bool {
	if d.o.Head.Problem != ProblemNone {
		return false
	}
	_, held := d.record.hold(d.o.Head.Digest)
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
	return d.slotHolds(d.o.Head.Digest) && !d.record.Canary.Passed.IsZero()
}

func (d *draft) canaryHealthyNow() bool {
	if !d.o.Head.HasCanary {
		return true
	}
	return d.slotHolds(d.o.Head.Digest) && d.o.Canary.Digest == d.o.Head.Digest && d.o.Canary.Health == Healthy
}

// settleGoverning moves the governing entry to the head's when the commits
// that changed it are approved under the present one.
func (d *draft) settleGoverning() {
	if d.record.Governing == nil {
		d.record.Governing = copied(&d.o.StartRules)
	}
	if d.o.Head.Problem != ProblemNone || d.o.Head.Rules.Digest == d.record.Governing.Digest {
		return
	}
	if approved(d.o.RulesVerdict) {
		d.record.Governing = copied(&d.o.Head.Rules)
	}
}

// settleRetry honours a retry token once.
func (d *draft) settleRetry() {
	t := d.o.Orders.Retry
	if t == "" || t == d.record.RetryUsed {
		return
	}
	d.record.RetryUsed = t
	h, held := d.record.hold(d.o.Head.Digest)
	if d.o.Head.Problem != ProblemNone || !held {
		return
	}
	d.record.release(h.Digest)
	d.reopen(h.Commit)
	d.reopen(d.o.Head.Commit)
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
	if !s.Passed.IsZero() || d.record.runs(s.Digest) {
		return
	}
	switch {
	case s.Healthy && d.o.Now.Sub(s.HealthSince) >= d.bake():
		s.Passed = d.o.Now
	case d.o.Canary.Health == Failed:
		d.hold(s.Ref, StageCanary, "the canary failed: "+orUnsaid(d.o.Canary.Message))
	case !s.Healthy && d.o.Now.Sub(s.HealthSince) >= d.canaryTimeout():
		d.hold(s.Ref, StageCanary, fmt.Sprintf("the canary was not healthy within %s: %s", d.canaryTimeout(), orUnsaid(d.o.Canary.Message)))
	}
}

func (d *draft) rollingFailed() (string, bool) {
	r, live := d.record.Rolling, d.o.Full
	switch {
	case live.Digest != r.Digest || live.Health == Healthy:
		return "", false
	case live.Health == Failed:
		return "full failed: " + orUnsaid(live.Message), true
	case d.o.Now.Sub(r.Since) >= d.fullTimeout():
		return fmt.Sprintf("full was not healthy within %s: %s", d.fullTimeout(), orUnsaid(live.Message)), true
	}
	return "", false
}

// hold keeps a digest from being tried again, and ends its history.
func (d *draft) hold(r Ref, stage Stage, reason string) {
	d.record.addHold(Hold{Commit: r.Commit, Digest: r.Digest, Stage: stage, Reason: reason, Since: d.o.Now})
	d.end(r, OutcomeHeld, reason)
	d.reportHeld(r.Commit, stage, reason)
}

func (d *draft) end(r Ref, out Outcome, reason string) {
	d.record.addHistory(Promotion{
		Commit: r.Commit, Digest: r.Digest, Outcome: out, Reason: reason,
		Approvers: d.approversOf(out), At: d.o.Now,
	})
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
	case LeaveAlone:
	case Absent:
		d.record.Canary = nil
	case Run:
		if slices.Contains(d.o.WithoutCanary, t.Ref.Digest) {
			d.record.Canary = nil
			return
		}
		if d.slotHolds(t.Ref.Digest) {
			d.record.Canary.Commit = t.Ref.Commit
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
	if s := d.record.Canary; s != nil && s.Passed.IsZero() && !d.record.runs(s.Digest) {
		at(s.HealthSince.Add(d.bake()))
		at(s.HealthSince.Add(d.canaryTimeout()))
	}
	if r := d.record.Rolling; r != nil {
		at(r.Since.Add(d.fullTimeout()))
	}
	if p := d.record.Promoted; p != nil {
		at(p.Since.Add(d.fullTimeout()))
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
