package reconcile

import (
	"fmt"
	"time"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// What an operator said is part of a service's history: who, and why.

// settleSuspension notes when a suspension begins and ends. What was on its way
// then has as much time left as it had.
func (d *draft) settleSuspension() {
	switch s := d.o.Orders.Suspend; {
	case d.suspended() && d.record.Frozen.IsZero():
		d.record.Frozen = d.o.Now
		d.noteOrder(d.o.Head.Commit, OutcomeSuspended, s.By, s.Reason)
	case !d.suspended() && !d.record.Frozen.IsZero():
		took := d.o.Now.Sub(d.record.Frozen)
		if r := d.record.Rolling; r != nil {
			r.Since = r.Since.Add(took)
		}
		if c := d.record.Canary; c != nil {
			c.HealthSince = c.HealthSince.Add(took)
		}
		d.record.Frozen = time.Time{}
		d.noteOrder(d.o.Head.Commit, OutcomeResumed, d.o.Orders.ResumedBy, d.o.Orders.ResumeReason)
	}
}

// settleOrders notes a new acknowledgement.
func (d *draft) settleOrders() {
	if ack := d.o.Orders.Acknowledge; ack != "" && ack != d.record.AcknowledgeUsed {
		d.record.AcknowledgeUsed = ack
		d.noteOrder(ack, OutcomeAcknowledged, d.o.Orders.AcknowledgedBy, d.o.Orders.AcknowledgeReason)
	}
}

func (d *draft) noteOrder(c gitsrc.SHA, out Outcome, by, reason string) {
	p := Promotion{Commit: c, Outcome: out, Reason: reason, At: d.o.Now}
	if by != "" {
		p.Approvers = []string{by}
	}
	d.note(p)
}

// isOrder: an operator's word, not the end of a release.
func (o Outcome) isOrder() bool {
	switch o {
	case OutcomeSuspended, OutcomeResumed, OutcomeRetried, OutcomeAcknowledged:
		return true
	case OutcomePromoted, OutcomeRolledBack, OutcomeHeld, OutcomeWithdrawn, OutcomeReverted, OutcomeRecovered, OutcomeAborted:
	}
	return false
}

// settleRecalled takes up what the live objects say of themselves when the
// record was lost.
func (d *draft) settleRecalled() {
	r := d.o.Recalled
	if r == nil || d.record.Promoted != nil || d.record.Rolling != nil {
		return
	}
	to := *r
	to.Since = d.o.Now
	d.record.promote(to)
	d.end(to, OutcomeRecovered, "full ran it when its record was lost")
	if _, known := d.record.report(to.Commit); !known && to.Commit != d.o.Head.Commit {
		was := successReport("full ran it when its record was lost")
		d.file(Report{Commit: to.Commit, Canary: was, Approval: was, Full: pendingReport("full is looked at")})
	}
}

// mayLeave: the service left the catalog, and that is approved. What was approved
// once stays so.
func (d *draft) mayLeave() bool {
	return d.o.Head.Problem == ProblemGone && (d.record.Leaves == d.o.Head.Commit || approved(d.o.RulesVerdict))
}

// hasLeft: the service is gone, and nothing can be said of it now. It must not
// come back because somebody broke the catalog.
func (d *draft) hasLeft() bool {
	return d.record.Leaves != "" && d.o.Head.Problem != ProblemNone && d.o.Head.Problem != ProblemGone
}

// settleLeaving: a service that the catalog names has not left.
func (d *draft) settleLeaving() {
	if d.o.Head.Problem == ProblemNone {
		d.record.Leaves = ""
	}
}

// deletes: with the service go its objects.
func (d *draft) deletes() bool {
	return d.record.Governing != nil && d.record.Governing.OnRemoval == render.OnRemovalDelete
}

// goneReport is for the commit that takes the service out of the catalog.
func (d *draft) goneReport(r *Report) {
	v := d.o.RulesVerdict
	r.Canary = successReport("the service left the catalog: no canary needed")
	if r.Approval.State != approvals.Success || !d.mayLeave() {
		r.Approval = approvalReport(v)
	}
	switch {
	case r.Approval.State == approvals.Failure:
		r.Full = errorReport("an earlier step failed: " + v.Reason)
	case !d.mayLeave():
		r.Full = pendingReport("waits for the approval")
	case !d.deletes():
		r.Full = successReport("the service left the catalog: its full objects are left as they are")
	case d.fullObjects() > 0:
		r.Full = pendingReport("its objects are being deleted")
		if len(d.record.Withheld) > 0 {
			r.Full = pendingReport(fmt.Sprintf("the deletion of %d objects waits for an acknowledgement", len(d.record.Withheld)))
		}
	default:
		r.Full = successReport("the service left the catalog: its objects are deleted")
	}
}

// fullObjects is how many objects of full are in the inventory.
func (d *draft) fullObjects() int {
	n := 0
	for _, e := range d.record.Inventory {
		if e.Track == TrackStable {
			n++
		}
	}
	return n
}
