package reconcile

import "banksman.dev/approvals"

// What a tuple knows of E, which the branch had before the head.
const (
	earlierNone     = ""
	earlierUnknown  = "not known whether it is approved"
	earlierApproved = "approved"
	earlierPassed   = "approved, and its canary passed"
	earlierHeld     = "approved, and held"
)

func (w tuple) goBack(o *Observed) {
	e := Earlier{Head: Head{Branch: "tip", Ref: ref("E"), HasCanary: w.twin}, Fresh: w.fresh}
	switch w.earlier {
	case earlierNone:
		return
	case earlierPassed:
		o.Record.addPass("E", noon)
	case earlierHeld:
		o.Record.addHold(Hold{Commit: "cE", Digest: "E", Stage: StageCanary, Reason: "it crashed"})
	}
	if w.earlier != earlierUnknown {
		e.Verdict.State = approvals.Approved
	}
	o.Earlier = &e
}

// startsAnew: nothing runs, and the head does not come up by itself.
func (w tuple) startsAnew() bool {
	waits := w.problem == ProblemNone && w.verdict != approvals.Approved || w.problem == ProblemUnrenderable
	return waits && !w.promoted && !w.rolling
}

// comesFirst: it is what the branch had before that is decided on.
func (w tuple) comesFirst() bool {
	return w.startsAnew() && (w.earlier == earlierApproved || w.earlier == earlierPassed)
}

// asEarlier is the same world, if the branch ended at what it had before.
func (w tuple) asEarlier() tuple {
	e := w
	e.head, e.problem, e.held, e.passed, e.verdict, e.earlier = "E", ProblemNone, false, w.earlier == earlierPassed, approvals.Approved, earlierNone
	switch w.slot {
	case slotEarlier:
		e.slot = slotHead
	case slotHead, slotHeadPull:
		e.slot = slotOther
	}
	return e
}

// tellsOfEarlier: it meets the rest only in a sample.
func (w tuple) tellsOfEarlier() bool {
	switch {
	case w.pull != pullNone && (w.pull != pullNew || w.slot != slotEmpty && w.slot != slotEarlier),
		w.problem == ProblemRewritten || w.problem == ProblemGone,
		w.suspended && w.slot != slotEarlier,
		w.rolling && (w.full != Progressing || w.rollingVerdict != approvals.Approved):
		return false
	}
	return true
}
