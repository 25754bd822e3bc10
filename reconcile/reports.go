package reconcile

import (
	"slices"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
)

// fileReports brings the reports to what the draft says: the head's in full,
// the rolling release's as far as it is, and every other commit's to an end.
func (d *draft) fileReports() {
	if d.unread() {
		return // what was said stays
	}
	for _, c := range d.o.Changes {
		if _, ok := d.record.report(c); !ok {
			d.file(d.unseenReport(c))
		}
	}
	head := d.o.Head
	if head.Commit != "" {
		d.file(d.headReport())
	}
	if d.ahead != nil {
		d.file(d.aheadReport())
	}
	defer d.trimReports()
	if d.suspended() {
		return
	}
	for i := range d.record.Reports {
		r := &d.record.Reports[i]
		switch {
		case r.Commit == head.Commit, r.Commit == d.tip().Commit:
		case d.isUnsure() && d.record.Canary != nil && r.Commit == d.record.Canary.Commit:
		case d.record.Rolling != nil && r.Commit == d.record.Rolling.Commit:
		case d.record.Promoted != nil && r.Commit == d.record.Promoted.Commit:
			r.Full = d.promotedFull(r.Full)
		default:
			r.endOpen(errorReport("superseded by " + d.tip().Commit.Short()))
		}
	}
}

// unseenReport is for a commit that was passed over between two looks.
func (d *draft) unseenReport(c gitsrc.SHA) Report {
	r := Report{Commit: c}
	if d.suspended() {
		r.endOpen(pendingReport(suspendedSentence(d.o.Orders.Suspend)))
	}
	return r
}

// trimReports drops the oldest reports that had ended before this pass. What is
// still open is kept until it ends, and what ends now until it was said.
func (d *draft) trimReports() {
	for i := len(d.record.Reports) - 1; i >= 0 && len(d.record.Reports) > keepReports; i-- {
		r := d.record.Reports[i]
		standing := r.Commit == d.o.Head.Commit || r.Commit == d.tip().Commit || d.record.Promoted != nil && r.Commit == d.record.Promoted.Commit
		was, _ := d.o.Record.report(r.Commit)
		if r.ended() && was.ended() && !standing {
			d.record.Reports = slices.Delete(d.record.Reports, i, i+1)
		}
	}
}

// headReport says how far the head's commit has come.
func (d *draft) headReport() Report {
	r, _ := d.record.report(d.o.Head.Commit)
	if h, held := d.record.holdOn(d.o.Head.Ref); held && d.o.Head.Problem == ProblemNone && !r.ended() {
		// Held content came back with another commit.
		r.fail(h.Stage, "held since "+h.Commit.Short()+": "+h.Reason)
	}
	if v := d.o.Verdict; gitsrc.SHA(v.Commit) == r.Commit && v.PullRequestHead != "" {
		r.Mirror = gitsrc.SHA(v.PullRequestHead)
	} else if r.Mirror == "" {
		r.Mirror = d.o.Landed
	}
	switch {
	case d.suspended():
		r.endOpen(pendingReport(suspendedSentence(d.o.Orders.Suspend)))
	case d.o.Head.Problem == ProblemGone:
		d.goneReport(&r)
	case d.o.Head.Problem != ProblemNone:
		r = d.unusableReport(r.Mirror)
	case !d.isNew():
		d.runningReport(&r)
	case d.usable():
		d.progressReport(&r)
	}
	return r
}

func (d *draft) unusableReport(mirror gitsrc.SHA) Report {
	first := errorReport(d.o.Head.Cause)
	rest := errorReport("an earlier step failed: " + d.o.Head.Cause)
	return Report{Commit: d.o.Head.Commit, Canary: first, Approval: rest, Full: rest, Mirror: mirror}
}

// runningReport is for a head whose content is what is promoted: it went
// through its steps, it was rolled back to, or it restores what runs anyway.
func (d *draft) runningReport(r *Report) {
	p := d.record.Promoted
	if p.Commit != d.o.Head.Commit {
		restores := successReport("restores " + p.Commit.Short() + ", which is what runs: nothing to do")
		r.Canary, r.Approval, r.Full = restores, restores, restores
		return
	}
	if r.Canary.State != approvals.Success {
		r.Canary = successReport("content that was promoted before: no canary needed")
	}
	if r.Approval.State != approvals.Success {
		r.Approval = successReport("content that was approved before")
	}
	r.Full = d.promotedFull(r.Full)
}

// promotedFull says whether what is promoted has arrived. Once it has, the
// commit's report stays: later illness is the Delivery's to tell.
func (d *draft) promotedFull(was StageReport) StageReport {
	live := d.o.Full
	switch {
	case was.State == approvals.Success:
		return was
	case live.Digest == d.record.Promoted.Digest && live.Health == Healthy:
		return successReport("all Pods run this content")
	case live.Digest == d.record.Promoted.Digest && (live.Health == Failed || d.promotedIsLate()):
		return failureReport("full is not healthy: " + orUnsaid(live.Message))
	case was.State == approvals.Failure:
		return was
	}
	return pendingReport("full is rolling out")
}

func (d *draft) promotedIsLate() bool {
	return d.o.Now.Sub(d.record.Promoted.Since) >= d.record.fullTimeout()
}

// progressReport is for a head on its way.
func (d *draft) progressReport(r *Report) {
	switch {
	case !d.o.Head.HasCanary:
		r.Canary = successReport("the catalog names no canary for this service")
	case d.canaryPassed():
		r.Canary = successReport("the canary is healthy")
	case d.isUnsure():
		r.Canary = pendingReport("waits until it is known what comes up first: " + d.unsure)
	case !d.slotHolds(d.o.Head.Digest):
		r.Canary = pendingReport("waits for the rollout before it")
	case d.record.Canary.Healthy:
		r.Canary = pendingReport("the canary is healthy and bakes for " + shortDuration(d.record.bake()))
	default:
		r.Canary = pendingReport("the canary is rolling out")
	}
	r.Approval = approvalReport(d.o.Verdict)
	rolling := d.record.Rolling
	switch {
	case rolling != nil && rolling.Digest == d.o.Head.Digest:
		r.Full = pendingReport("full is rolling out")
	case r.Approval.State == approvals.Failure:
		r.Full = errorReport("an earlier step failed: " + d.o.Verdict.Reason)
	case r.Canary.State == approvals.Pending:
		r.Full = pendingReport("waits for the canary")
	default:
		r.Full = pendingReport("waits for the approval")
	}
}

func approvalReport(v approvals.Verdict) StageReport {
	switch v.State {
	case approvals.Approved:
		return successReport(v.Reason)
	case approvals.Blocked:
		return failureReport(v.Reason)
	case approvals.Waiting, approvals.Unknown:
		return pendingReport(v.Reason)
	}
	return pendingReport(v.Reason)
}

// reportHeld ends the report of a commit whose stage failed.
func (d *draft) reportHeld(c gitsrc.SHA, stage Stage, reason string) {
	r, _ := d.record.report(c)
	r.fail(stage, reason)
	d.file(r)
}

// fail marks the stage as failed and everything after it as not reached.
func (r *Report) fail(stage Stage, reason string) {
	after := errorReport("an earlier step failed: " + string(stage))
	if stage == StageApproval {
		if r.Canary.State != approvals.Success {
			r.Canary = errorReport("held before: it was aborted")
		}
		r.Approval, r.Full = failureReport(reason), after
		return
	}
	if stage == StageFull {
		if r.Canary.State != approvals.Success {
			r.Canary = errorReport("held before: full failed")
		}
		if r.Approval.State != approvals.Success {
			r.Approval = errorReport("held before: full failed")
		}
		r.Full = failureReport(reason)
		return
	}
	r.Canary, r.Approval, r.Full = failureReport(reason), after, after
}

// reopen forgets what was said of a commit, so that it is said anew.
func (d *draft) reopen(c gitsrc.SHA) {
	d.record.Reports = slices.DeleteFunc(d.record.Reports, func(r Report) bool { return r.Commit == c })
}

// file puts a report in its commit's place, or in front.
func (d *draft) file(r Report) {
	if i := slices.IndexFunc(d.record.Reports, func(o Report) bool { return o.Commit == r.Commit }); i >= 0 {
		d.record.Reports[i] = r
		return
	}
	d.record.Reports = append([]Report{r}, d.record.Reports...)
}

// endOpen gives every stage that has not ended this end.
func (r *Report) endOpen(end StageReport) {
	for _, s := range []*StageReport{&r.Canary, &r.Approval, &r.Full} {
		if !s.ended() {
			*s = end
		}
	}
}

func (r Report) ended() bool {
	return r.Canary.ended() && r.Approval.ended() && r.Full.ended()
}

func (s StageReport) ended() bool {
	return s.State != "" && s.State != approvals.Pending
}

func pendingReport(s string) StageReport { return StageReport{approvals.Pending, s} }
func successReport(s string) StageReport { return StageReport{approvals.Success, s} }
func failureReport(s string) StageReport { return StageReport{approvals.Failure, s} }
func errorReport(s string) StageReport   { return StageReport{approvals.Error, s} }
