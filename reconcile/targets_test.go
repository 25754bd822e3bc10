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
// what is promoted, Q was promoted before, R is rolling out, N is new.
type tuple struct {
	suspended         bool
	problem           Problem
	head              string
	held, twin        bool
	promoted, rolling bool
	recent            bool // Q is among the last ten
	slot              string
	canary, full      Health
	verdict           approvals.State
	fresh             bool
	rollingVerdict    approvals.State
}

const (
	slotEmpty  = "empty"
	slotOpen   = "head, steps open"
	slotPassed = "head, steps passed"
	slotOther  = "other content"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func ref(letter string) Ref {
	return Ref{Commit: gitsrc.SHA("c" + letter), Digest: render.Digest(letter), Since: noon}
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
	r.Governing = &Rules{}
	if w.suspended {
		o.Orders.Suspend = &Suspend{Reason: "freeze", By: "alice"}
	}
	if w.held {
		r.Holds = []Hold{{Commit: ref(w.head).Commit, Digest: ref(w.head).Digest, Stage: StageCanary, Reason: "it crashed"}}
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
	switch w.slot {
	case slotOpen, slotPassed:
		r.Canary = &Slot{Ref: ref(w.head), HealthSince: noon}
		if w.slot == slotPassed {
			r.Canary.Passed = noon
		}
	case slotOther:
		r.Canary = &Slot{Ref: ref("P"), HealthSince: noon}
	}
	if r.Canary != nil {
		o.Canary = Live{Digest: r.Canary.Digest, Health: w.canary}
	}
	return o
}

// want reads the two lists of the design off the tuple, without Decide's words.
func (w tuple) want() (full, canary Target) {
	if w.suspended {
		return Target{Aim: LeaveAlone}, Target{Aim: LeaveAlone}
	}
	readable := w.problem == ProblemNone
	isP := func() bool { return w.promoted && w.head == "P" }
	held, passed := w.held, !w.twin
	slotIsHead := w.slot == slotOpen || w.slot == slotPassed || w.slot == slotOther && w.head == "P"
	if w.slot == slotPassed {
		passed = true
	}
	if (w.slot == slotOpen || w.slot == slotOther && w.head == "P") && !isP() {
		if w.canary == Healthy {
			passed = true
		}
		if w.canary == Failed {
			held = true
		}
	}
	healthyNow := !w.twin || slotIsHead && w.canary == Healthy
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
	return w.wantFull(promoted, rolls), w.wantCanary(promoted, rolls, usable)
}

func (w tuple) wantFull(promoted, rolls string) Target {
	switch {
	case rolls != "":
		return Target{Aim: Run, Ref: ref(rolls)}
	case promoted != "" && (promoted != "P" || w.problem != ProblemGone):
		return Target{Aim: Run, Ref: ref(promoted)}
	}
	return Target{Aim: LeaveAlone}
}

func (w tuple) wantCanary(promoted, rolls string, usable bool) Target {
	switch {
	case rolls != "":
		return Target{Aim: Run, Ref: ref(rolls)}
	case usable && w.head != promoted && w.twin:
		return Target{Aim: Run, Ref: ref(w.head)}
	case w.problem == ProblemGone:
		return Target{Aim: Absent}
	case promoted != "":
		return Target{Aim: Run, Ref: ref(promoted)}
	case w.problem != ProblemNone:
		return Target{Aim: LeaveAlone}
	}
	return Target{Aim: Absent}
}

// everyTuple walks the whole input space, leaving out points that differ only
// in what cannot be seen (a rolling verdict without a rollout).
func everyTuple(visit func(tuple)) {
	bools := []bool{false, true}
	problems := []Problem{ProblemNone, ProblemUnreadable, ProblemUnrenderable, ProblemRewritten, ProblemGone}
	states := []approvals.State{approvals.Unknown, approvals.Waiting, approvals.Blocked, approvals.Approved}
	healths := []Health{Missing, Progressing, Healthy, Failed}
	var w tuple
	choices := []func(next func()){
		func(next func()) { each([]string{"P", "Q", "N", "R"}, &w.head, next) },
		func(next func()) { each(bools, &w.held, next) },
		func(next func()) { each(bools, &w.twin, next) },
		func(next func()) { each(bools, &w.promoted, next) },
		func(next func()) { each(bools, &w.recent, next) },
		func(next func()) { each([]string{slotEmpty, slotOpen, slotPassed, slotOther}, &w.slot, next) },
		func(next func()) { each(healths, &w.canary, next) },
		func(next func()) { each(states, &w.verdict, next) },
		func(next func()) { each(bools, &w.fresh, next) },
		func(next func()) {
			w.rolling, w.full, w.rollingVerdict = false, Missing, approvals.Unknown
			next()
			w.rolling = true
			each(healths, &w.full, func() { each(states, &w.rollingVerdict, next) })
		},
		// What stops everything varies fastest, so that a mistake there is met early.
		func(next func()) { each(problems, &w.problem, next) },
		func(next func()) { each(bools, &w.suspended, next) },
	}
	var walk func(int)
	walk = func(i int) {
		if i == len(choices) {
			visit(w)
			return
		}
		choices[i](func() { walk(i + 1) })
	}
	walk(0)
}

func each[T any](values []T, at *T, next func()) {
	for _, v := range values {
		*at = v
		next()
	}
}

// possible leaves out contradictions: a slot that is empty has no health, what
// is promoted is not held, and content that is promoted or rolling passed.
func (w tuple) possible() bool {
	switch {
	case w.slot == slotEmpty && w.canary != Missing:
		return false
	case w.promoted && w.head == "P" && w.held:
		return false
	case w.rolling && w.head == "R" && w.held:
		return false
	case w.rolling && w.head == "R" && w.slot == slotOpen:
		return false
	}
	return true
}

func TestBothListsGiveTheDesignsTargetOverTheirWholeInputSpace(t *testing.T) {
	points := 0
	if diff := firstDifference(fullRules(), canaryRules(), &points); diff != "" {
		t.Fatal(diff)
	}
	t.Logf("%d points", points)
	if points < 100_000 {
		t.Errorf("only %d points were visited", points)
	}
}

// firstDifference is the first point at which these lists give another target
// than the design's, or give no reason.
func firstDifference(fullRules, canaryRules []rule, points *int) string {
	found := ""
	everyTuple(func(w tuple) {
		if found != "" || !w.possible() {
			return
		}
		*points++
		o := w.observed()
		d := decide(o, fullRules, canaryRules)
		full, canary := w.want()
		switch {
		case aimOf(d.Full) != aimOf(full):
			found = fmt.Sprintf("full: %s by rule %q, want %s\n%+v", aimOf(d.Full), d.Full.Rule, aimOf(full), w)
		case aimOf(d.Canary) != aimOf(canary):
			found = fmt.Sprintf("canary: %s by rule %q, want %s\n%+v", aimOf(d.Canary), d.Canary.Rule, aimOf(canary), w)
		case d.WantsFreshVerdict && (w.fresh || w.verdict != approvals.Approved || d.Record.Rolling != nil):
			found = fmt.Sprintf("an uncached look at the forge was asked for in vain\n%+v", w)
		case d.View.Step == "":
			found = fmt.Sprintf("no step\n%+v", w)
		}
	})
	return found
}

func TestNewContentGoesToFullOnlyWithAFreshApprovalAndAHealthyCanary(t *testing.T) {
	everyTuple(func(w tuple) {
		d := Decide(w.observed())
		if d.Full.Aim != Run || d.Full.Ref.Digest != "N" {
			return
		}
		if w.head != "N" || w.problem != ProblemNone || w.held || w.suspended {
			t.Fatalf("full got a head that cannot be used: %+v", w)
		}
		if w.verdict != approvals.Approved || !w.fresh {
			t.Fatalf("full got new content without a fresh approval: %+v", w)
		}
		if w.twin && w.canary != Healthy {
			t.Fatalf("full got new content beside a canary that is not healthy: %+v", w)
		}
	})
}

func TestDecideChangesNothingAndSaysTheSameOfTheSameFacts(t *testing.T) {
	n := 0
	everyTuple(func(w tuple) {
		if n++; n%37 != 0 { // a prime: every value of every field comes along
			return
		}
		o, untouched := w.observed(), w.observed()
		first := Decide(o)
		if !reflect.DeepEqual(o, untouched) {
			t.Fatalf("Decide changed its argument: %+v", w)
		}
		if again := Decide(o); !reflect.DeepEqual(again, first) {
			t.Fatalf("two decisions on the same facts differ: %+v", w)
		}
	})
}

func aimOf(t Target) string {
	switch t.Aim {
	case Run:
		return "run " + string(t.Ref.Digest)
	case Absent:
		return "absent"
	case LeaveAlone:
		return "leave alone"
	}
	return "?"
}
