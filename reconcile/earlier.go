package reconcile

import (
	"cmp"
	"fmt"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
)

// An Earlier is what a service was on the branch before the head, as if the branch
// ended there. Where nothing runs and the head is not approved, the newest
// content that is comes up first: else an unapproved canary would be all that
// there is.
type Earlier struct {
	Head   // Branch is the branch's newest commit all the same
	Landed gitsrc.SHA
	// Verdict is Approved, or Unknown: then none that is older counts.
	Verdict approvals.Verdict
	// Fresh says that Verdict came from an uncached look, or needed none.
	Fresh bool
	// RulesVerdict is about the commits up to it that changed the steps.
	RulesVerdict approvals.Verdict
}

// An ahead is the branch's head while an older commit comes up first.
type ahead struct {
	head    Head
	verdict approvals.Verdict
	landed  gitsrc.SHA
}

// settleEarlier decides on an older commit in the head's place, until something
// is promoted. One that failed is not tried again: then the head is decided as
// ever, and whoever approves it gets on.
func (d *draft) settleEarlier() {
	e := d.o.Earlier
	if e == nil || d.record.Promoted != nil || d.record.Rolling != nil || !d.headWaits() {
		return
	}
	if _, held := d.record.holdOn(e.Ref); held && (d.o.Orders.Retry == "" || d.o.Orders.Retry == d.record.RetryUsed) {
		return
	}
	switch e.Verdict.State {
	case approvals.Unknown:
		d.unsure = cmp.Or(e.Verdict.Reason, "the reviews cannot be read")
	case approvals.Approved:
		d.ahead = &ahead{d.o.Head, d.o.Verdict, d.o.Landed}
		d.o.Head, d.o.Landed, d.o.Verdict, d.o.VerdictFresh, d.o.RulesVerdict = e.Head, e.Landed, e.Verdict, e.Fresh, e.RulesVerdict
	case approvals.Waiting, approvals.Blocked:
	}
}

// headWaits: the head is not known to be approved, or cannot be rendered.
func (d *draft) headWaits() bool {
	switch d.o.Head.Problem {
	case ProblemNone:
		return !approved(d.o.Verdict)
	case ProblemUnrenderable:
		return true
	case ProblemUnreadable, ProblemUnread, ProblemRewritten, ProblemGone:
	}
	return false
}

// isUnsure: nobody knows what comes up first, and the head has not begun.
func (d *draft) isUnsure() bool { return d.unsure != "" && !d.slotHolds(d.o.Head.Digest) }

// canaryOfNobody starts nothing, and takes nothing away, until it is known
// whether an older commit comes up first.
func canaryOfNobody(d *draft) (Target, bool) {
	return Target{Aim: LeaveAlone}, d.isUnsure()
}

// tip is the branch's head, also while an older commit is decided on.
func (d *draft) tip() Head {
	if d.ahead != nil {
		return d.ahead.head
	}
	return d.o.Head
}

// aheadReport is for the head while an older commit comes up first.
func (d *draft) aheadReport() Report {
	decided, o := d.o, *d.o
	defer func() { d.o = decided }()
	o.Head, o.Verdict, o.Landed = d.ahead.head, d.ahead.verdict, d.ahead.landed
	d.o = &o
	r := d.headReport()
	if r.Canary.State == approvals.Pending && !d.suspended() {
		r.Canary = pendingReport("waits for " + decided.Head.Commit.Short() + ", which is approved and comes up first: nothing runs yet")
	}
	return r
}

// viewAhead says why it is an older commit that comes up.
func (d *draft) viewAhead(v *View) {
	if d.ahead == nil {
		return
	}
	head := d.ahead.head.Commit.Short()
	why := head + " is not approved"
	if d.ahead.head.Problem != ProblemNone {
		why = head + " cannot be rendered: " + d.ahead.head.Cause
	} else if reason := d.ahead.verdict.Reason; reason != "" {
		why += ": " + reason
	}
	v.Reason = fmt.Sprintf("nothing of it runs here, so %s, the newest approved commit, comes up first: %s (%s)", d.o.Head.Commit.Short(), v.Reason, why)
	v.Waits = d.ahead.verdict.Waits
	if url := d.ahead.verdict.PullRequestURL; url != "" {
		v.Next = "review " + url
	}
}

// viewUnsure says that nobody knows what comes up first.
func (d *draft) viewUnsure(v *View) {
	v.Step = StepApproval
	v.Reason = fmt.Sprintf("nothing of it runs here, and whether %s or an older commit comes up first is not known: %s", d.o.Head.Commit.Short(), d.unsure)
	v.Next = "nothing is started until this can be read; it is asked again at every poll"
}
