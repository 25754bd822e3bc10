package reconcile

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// A tuple is one point of the lists' input space. Contents are letters: P is
// what is promoted, Q was promoted before, R is rolling out, N is new, X is what
// a pull request proposes.
type tuple struct {
	suspended         bool
	problem           Problem
	head              string
	held, twin        bool
	passed            bool // the head's canary steps did, before this pass
	promoted, rolling bool
	recent            bool // Q is among the last ten
	slot              string
	canary, full      Health
	verdict           approvals.State
	fresh             bool
	rollingVerdict    approvals.State
	pull              string
	leaves            approvals.State // what the reviews say of a service's leaving the catalog
	deletes           bool            // with it go its objects
	earlier           string          // what is known of E, which the branch had before the head
}

const (
	slotEmpty    = "empty"
	slotHead     = "head"
	slotHeadPull = "head's content, as a pull request's"
	slotOther    = "what is promoted"
	slotPull     = "what a pull request proposes"
	slotEarlier  = "what the branch had before"

	pullNone   = "none"
	pullUnread = "not known"
	pullNew    = "new content"
	pullHeld   = "held content"
	pullPassed = "content whose canary passed"
	pullHead   = "the head's content"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func ref(letter string) Ref {
	return Ref{Commit: gitsrc.SHA("c" + letter), Digest: render.Digest(letter), Since: noon}
}

func pullRef(letter string) Ref {
	return Ref{Commit: "cX", Digest: render.Digest(letter), Since: noon, Pull: 7}
}

// proposed is the letter that has the slot's turn; "" for none.
func (w tuple) proposed() string {
	switch w.pull {
	case pullNew, pullHeld, pullPassed:
		return "X"
	case pullHead:
		return w.head
	}
	return ""
}

// atHand: the content in the slot can be looked at. A pull request's can while
// it has its turn.
func (w tuple) atHand() bool {
	switch w.slot {
	case slotHeadPull:
		return w.pull == pullHead
	case slotPull:
		return w.proposed() == "X"
	}
	return w.slot != slotEmpty
}

func (w tuple) observed() Observed {
	o := Observed{
		Now:            noon,
		Head:           Head{Branch: "tip", Ref: ref(w.head), HasCanary: w.twin, Problem: w.problem},
		Verdict:        approvals.Verdict{State: w.verdict},
		VerdictFresh:   w.fresh,
		RollingVerdict: approvals.Verdict{State: w.rollingVerdict},
	}
	r := &o.Record
	r.Service, r.Namespace = "fop-gate", "dora-apps"
	r.Inventory = []Entry{{Kind: "Deployment", Name: "fop-gate", Track: TrackStable}}
	r.Governing = &Rules{OnRemoval: render.OnRemovalOrphan}
	if w.deletes {
		r.Governing.OnRemoval = render.OnRemovalDelete
	}
	o.RulesVerdict = approvals.Verdict{State: w.leaves}
	if w.suspended {
		o.Orders.Suspend = &Suspend{Reason: "freeze", By: "alice"}
	}
	if w.held {
		r.addHold(Hold{Commit: ref(w.head).Commit, Digest: ref(w.head).Digest, Stage: StageCanary, Reason: "it crashed"})
	}
	if w.passed {
		r.addPass(ref(w.head).Digest, noon)
	}
	if w.recent {
		r.Recent = append(r.Recent, ref("Q"))
	}
	if w.promoted {
		p := ref("P")
		r.Promoted = &p
		r.Recent = append([]Ref{p}, r.Recent...)
		o.Full = Live{Digest: "P", Health: Healthy}
	}
	if w.rolling {
		p := ref("R")
		r.Rolling = &p
		o.Full = Live{Digest: "R", Health: w.full}
	}
	w.propose(&o)
	w.fill(&o)
	w.goBack(&o)
	return o
}

func (w tuple) propose(o *Observed) {
	r := &o.Record
	if w.pull == pullUnread {
		o.ProposedUnread = "the forge does not answer"
	}
	if letter := w.proposed(); letter != "" {
		p := pullRef(letter)
		o.Proposed = &p
	}
	switch w.pull {
	case pullHeld:
		r.addHold(Hold{Commit: "cX", Pull: 7, Digest: "X", Stage: StageCanary, Reason: "it crashed"})
	case pullPassed:
		r.addPass("X", noon)
	}
}

func (w tuple) fill(o *Observed) {
	holds := map[string]Ref{slotHead: ref(w.head), slotHeadPull: pullRef(w.head), slotOther: ref("P"), slotPull: pullRef("X"), slotEarlier: ref("E")}
	in, full := holds[w.slot]
	if !full {
		return
	}
	o.Record.Canary = &Slot{Ref: in, HealthSince: noon}
	if w.atHand() {
		o.Canary = Live{Digest: in.Digest, Health: w.canary}
	}
}

// want reads the two lists of the design off the tuple, without Decide's words.
func (w tuple) want() (full, canary Target) {
	if w.comesFirst() {
		return w.asEarlier().want()
	}
	if w.suspended && w.rolling {
		return Target{Aim: Freeze, Ref: ref("R")}, Target{Aim: LeaveAlone}
	}
	if w.suspended {
		return Target{Aim: LeaveAlone}, Target{Aim: LeaveAlone}
	}
	readable := w.problem == ProblemNone
	isP := func() bool { return w.promoted && w.head == "P" }
	held, passed := w.held, w.passed || !w.twin
	slotIsHead := w.slot == slotHead || w.slot == slotHeadPull || w.slot == slotOther && w.head == "P"
	if slotIsHead && w.atHand() && !isP() && !held && !w.passed {
		passed = passed || w.canary == Healthy
		held = w.canary == Failed
	}
	healthyNow := !w.twin || slotIsHead && w.slot != slotHeadPull && w.canary == Healthy
	reverted := readable && isP()
	withdrawn := w.rollingVerdict == approvals.Waiting || w.rollingVerdict == approvals.Blocked
	rolling := w.rolling && !reverted && !withdrawn && w.full != Failed
	if w.rolling && !reverted && !withdrawn && w.full == Failed && w.head == "R" {
		held = true
	}
	usable := readable && !held
	promoted, rolls := "", ""
	if w.promoted {
		promoted = "P"
	}
	switch {
	case usable && !isP() && w.head == "Q" && w.recent:
		promoted = "Q"
	case rolling && w.full == Healthy:
		promoted = "R"
	case rolling:
		rolls = "R"
	case usable && !isP() && passed && healthyNow && w.verdict == approvals.Approved && w.fresh:
		rolls = w.head
	}
	waits := usable && w.head != promoted && w.twin
	claims := !passed || w.verdict == approvals.Approved ||
		w.verdict == approvals.Unknown && slotIsHead && w.slot != slotHeadPull
	if w.earlier == earlierUnknown && w.startsAnew() && !slotIsHead {
		return w.wantFull(promoted, rolls), Target{Aim: LeaveAlone}
	}
	return w.wantFull(promoted, rolls), w.wantCanary(promoted, rolls, waits, waits && claims, held)
}

func (w tuple) wantFull(promoted, rolls string) Target {
	switch {
	case rolls != "":
		return Target{Aim: Run, Ref: ref(rolls)}
	case promoted != "" && promoted != "P":
		return Target{Aim: Run, Ref: ref(promoted)}
	case w.mayLeave() && w.deletes && w.fresh:
		return Target{Aim: Absent}
	case promoted != "" && !w.mayLeave():
		return Target{Aim: Run, Ref: ref(promoted)}
	}
	return Target{Aim: LeaveAlone}
}

// mayLeave: the service is gone from the catalog, and that is approved.
func (w tuple) mayLeave() bool {
	return w.problem == ProblemGone && w.leaves == approvals.Approved
}

// wantCanary: the head waits for something, and perhaps claims the canary before
// any pull request.
func (w tuple) wantCanary(promoted, rolls string, waits, claims, held bool) Target {
	proposal := w.proposed()
	if w.pull == pullHeld || w.pull == pullNew && w.slot == slotPull && w.canary == Failed || w.pull == pullHead && held {
		proposal = ""
	}
	nobodyKnows := w.pull == pullUnread && (w.slot == slotPull || w.slot == slotHeadPull)
	inSlot := map[string]string{slotHead: w.head, slotHeadPull: w.head, slotOther: "P", slotPull: "X", slotEarlier: "E"}[w.slot]
	switch {
	case w.problem == ProblemUnread && (rolls != "" || inSlot != "" && inSlot != promoted):
		return Target{Aim: LeaveAlone}
	case rolls != "":
		return Target{Aim: Run, Ref: ref(rolls)}
	case claims:
		return Target{Aim: Run, Ref: ref(w.head)}
	case w.problem == ProblemNone && proposal != "":
		return Target{Aim: Run, Ref: pullRef(proposal)}
	case w.problem == ProblemNone && nobodyKnows:
		return Target{Aim: LeaveAlone}
	case waits:
		return Target{Aim: Run, Ref: ref(w.head)}
	case w.mayLeave():
		return Target{Aim: Absent}
	case promoted != "":
		return Target{Aim: Run, Ref: ref(promoted)}
	case w.problem != ProblemNone:
		return Target{Aim: LeaveAlone}
	}
	return Target{Aim: Absent}
}

// possible leaves out contradictions: a slot that is empty has no health, what
// is promoted is not held, and content that is promoted or rolling passed.
func (w tuple) possible() bool {
	switch {
	case !w.atHand() && w.canary != Missing:
		return false
	case w.promoted && w.head == "P" && w.held:
		return false
	case w.rolling && w.head == "R" && (w.held || w.twin && !w.passed):
		return false
	}
	return true
}

// tells leaves out points that say nothing new.
func (w tuple) tells() bool {
	switch {
	case w.fresh && w.verdict != approvals.Approved,
		w.recent && w.head != "Q",
		w.passed && (!w.twin || w.promoted && w.head == "P"),
		w.pull == pullPassed && w.slot != slotPull,
		w.slot == slotEarlier && w.earlier == earlierNone,
		w.earlier != earlierNone && !w.tellsOfEarlier(),
		w.suspended && w.problem != ProblemNone && w.problem != ProblemGone:
		return false
	case w.rolling && w.pull != pullNone:
		finishes := w.rollingVerdict == approvals.Unknown && w.full == Progressing
		drops := w.rollingVerdict == approvals.Waiting && w.full == Missing
		return finishes || drops
	}
	return true
}

func TestBothListsGiveTheDesignsTargetOverTheirWholeInputSpace(t *testing.T) {
	exhaustive(t)
	t.Parallel()
	all := everyTuple()
	if diff, _ := firstDifference(all, fullRules(), canaryRules()); diff != "" {
		t.Fatal(diff)
	}
	t.Logf("%d points", len(all))
	if len(all) < 500_000 {
		t.Errorf("only %d points were visited", len(all))
	}
}

// firstDifference is the first point at which these lists give another target
// than the design's, or give no reason.
func firstDifference(all []tuple, fullRules, canaryRules []rule) (found string, points int) {
	for _, w := range all {
		points++
		o := w.observed()
		d := decide(o, fullRules, canaryRules)
		full, canary := w.want()
		switch {
		case differ(d.Full, full):
			return fmt.Sprintf("full: %s by rule %q, want %s\n%+v", aimOf(d.Full), d.Full.Rule, aimOf(full), w), points
		case differ(d.Canary, canary):
			return fmt.Sprintf("canary: %s by rule %q, want %s\n%+v", aimOf(d.Canary), d.Canary.Rule, aimOf(canary), w), points
		case d.WantsFreshVerdict && !w.wantsFresh(d.Record):
			return fmt.Sprintf("an uncached look at the forge was asked for in vain\n%+v", w), points
		case d.View.Step == "":
			return fmt.Sprintf("no step\n%+v", w), points
		}
	}
	return "", points
}

// wantsFresh: an uncached approval lets something happen now.
func (w tuple) wantsFresh(next Record) bool {
	promotes := (w.verdict == approvals.Approved || w.comesFirst()) && next.Rolling == nil
	return !w.fresh && (promotes || w.mayLeave() && w.deletes)
}

func differ(a, b Target) bool {
	return a.Aim != b.Aim || a.Ref.Digest != b.Ref.Digest || a.Ref.Pull != b.Ref.Pull
}

func TestNewContentGoesToFullOnlyWithAFreshApprovalAndAHealthyCanary(t *testing.T) {
	exhaustive(t)
	t.Parallel()
	for _, w := range everyTuple() {
		if w.head != "N" && w.pull == pullNone {
			continue // only what is new, or proposed, may go where it must not
		}
		d := Decide(w.observed())
		if d.Full.Aim != Run || d.Full.Ref.Digest != "N" && d.Full.Ref.Digest != "X" {
			continue
		}
		switch {
		case d.Full.Ref.Digest == "X" || d.Full.Ref.Pull != 0:
			t.Fatalf("full got what is only proposed: %+v", w)
		case w.head != "N" || w.problem != ProblemNone || w.held || w.suspended:
			t.Fatalf("full got a head that cannot be used: %+v", w)
		case w.verdict != approvals.Approved || !w.fresh:
			t.Fatalf("full got new content without a fresh approval: %+v", w)
		case w.twin && (w.canary != Healthy || w.slot != slotHead):
			t.Fatalf("full got new content without a healthy canary of the branch's: %+v", w)
		}
	}
}

func TestDecideChangesNothingAndSaysTheSameOfTheSameFacts(t *testing.T) {
	exhaustive(t)
	t.Parallel()
	for i, w := range everyTuple() {
		if i%37 != 0 { // a sample: the order is mixed
			continue
		}
		o, untouched := w.observed(), w.observed()
		first := Decide(o)
		if !reflect.DeepEqual(o, untouched) {
			t.Fatalf("Decide changed its argument: %+v", w)
		}
		if again := Decide(o); !reflect.DeepEqual(again, first) {
			t.Fatalf("two decisions on the same facts differ: %+v", w)
		}
	}
}
