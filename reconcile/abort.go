package reconcile

import "banksman.dev/gitsrc"

// settleAbort honours an operator's order to take back what is on its way: the
// content of the commit that it names is held as if it had failed, wherever it
// has come to, and what is promoted comes back. An order is for that one commit,
// so that a push that it did not know of is not hit, and is used once: a retry
// takes the content up again. It waits while the branch cannot be read, except
// for what rolls out.
func (d *draft) settleAbort() {
	c := d.o.Orders.Abort
	if c == "" {
		d.record.AbortUsed = ""
		return
	}
	word := d.abortWord()
	if word == d.record.AbortUsed || d.unread() && !d.rolls(c) {
		return
	}
	d.record.AbortUsed = word
	for _, at := range d.onTheWay() {
		if _, held := d.record.holdOn(at.Ref); at.Commit != c || held || d.record.runs(at.Digest) {
			continue
		}
		d.abort(at)
	}
}

// abortWord tells an order from the one before, which may have named the same
// commit: between the two it was retried.
func (d *draft) abortWord() string { return string(d.o.Orders.Abort) + " " + d.o.Orders.Retry }

func (d *draft) rolls(c gitsrc.SHA) bool {
	return d.record.Rolling != nil && d.record.Rolling.Commit == c
}

// An underway is a release that is on its way, and how far it has come.
type underway struct {
	Ref
	stage Stage
}

// onTheWay are the releases that an order may abort.
func (d *draft) onTheWay() []underway {
	var on []underway
	if r := d.record.Rolling; r != nil {
		on = append(on, underway{*r, StageFull})
	}
	if d.o.Head.Problem == ProblemNone {
		stage := StageCanary
		if d.canaryPassed() {
			stage = StageApproval
		}
		on = append(on, underway{d.o.Head.Ref, stage})
	}
	if d.ahead != nil && d.ahead.head.Problem == ProblemNone {
		on = append(on, underway{d.ahead.head.Ref, StageCanary})
	}
	if p := d.o.Proposed; p != nil {
		on = append(on, underway{*p, StageCanary})
	} else if s := d.record.Canary; s != nil && s.Pull != 0 {
		on = append(on, underway{s.Ref, StageCanary}) // which one has its turn is not known now
	}
	return on
}

// abort holds a content. It is the operator's word about the content itself: also
// of a canary that ran without what it shares.
func (d *draft) abort(at underway) {
	o := d.o.Orders
	reason := abortedSentence(o.AbortedBy, o.AbortReason)
	d.record.addHold(Hold{Commit: at.Commit, Pull: at.Pull, Digest: at.Digest, Stage: at.stage, Reason: reason, Since: d.o.Now})
	p := Promotion{Commit: at.Commit, Digest: at.Digest, Outcome: OutcomeAborted, Reason: o.AbortReason, At: d.o.Now}
	if o.AbortedBy != "" {
		p.Approvers = []string{o.AbortedBy}
	}
	d.record.addHistory(p)
	d.aborted = at.Digest
	if at.Pull == 0 {
		d.reportHeld(at.Commit, at.stage, reason)
	}
}

func abortedSentence(by, reason string) string {
	s := "aborted"
	if by != "" {
		s += " by " + by
	}
	if reason != "" {
		s += ": " + reason
	}
	return s
}
