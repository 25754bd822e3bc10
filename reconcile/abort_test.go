package reconcile

import (
	"reflect"
	"slices"
	"testing"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// aborting gives the order to abort a commit.
func aborting(o Observed, c gitsrc.SHA) Observed {
	o.Orders.Abort, o.Orders.AbortedBy, o.Orders.AbortReason = c, "carol", "it is wrong"
	return o
}

// mayAbort are the commits that a tuple's order may name: of the head, of what
// rolls out, of a pull request, and of what is promoted.
var mayAbort = []string{"N", "R", "X", "P", "Q", "E"}

func TestWhatAnOperatorAbortsRunsNowhereOverTheWholeInputSpace(t *testing.T) {
	t.Parallel()
	aborted, untouched := 0, 0
	for i, w := range everyTuple() {
		if i%11 != 0 { // a sample: the order is mixed
			continue
		}
		was := w.observed()
		without := Decide(was)
		for _, letter := range mayAbort {
			d := Decide(aborting(w.observed(), ref(letter).Commit))
			h := slices.IndexFunc(d.Record.Holds, func(h Hold) bool { return h.Reason == "aborted by carol: it is wrong" })
			if h < 0 {
				untouched++
				d.Record.AbortUsed = without.Record.AbortUsed
				d.Record.Observed, d.Record.Settled = without.Record.Observed, without.Record.Settled // worth a mark
				if !reflect.DeepEqual(d.Record, without.Record) || differ(d.Full, without.Full) || differ(d.Canary, without.Canary) {
					t.Fatalf("an order for %s, which is not on its way, changes something: %+v", letter, w)
				}
				continue
			}
			aborted++
			digest := d.Record.Holds[h].Digest
			switch {
			case d.Full.Aim == Run && d.Full.Ref.Digest == digest:
				t.Fatalf("full runs what was aborted, %s, by rule %q: %+v", digest, d.Full.Rule, w)
			case d.Canary.Aim == Run && d.Canary.Ref.Digest == digest:
				t.Fatalf("the canary runs what was aborted, %s, by rule %q: %+v", digest, d.Canary.Rule, w)
			case d.Record.Rolling != nil && d.Record.Rolling.Digest == digest:
				t.Fatalf("what was aborted, %s, still rolls out: %+v", digest, w)
			case was.Record.runs(digest):
				t.Fatalf("what is promoted was aborted: %+v", w)
			case d.Record.Promoted != nil && d.Record.Promoted.Digest == digest:
				t.Fatalf("what was aborted is promoted: %+v", w)
			case w.suspended:
				t.Fatalf("a suspended service was written for: %+v", w)
			}
		}
	}
	if aborted < 10_000 || untouched < 10_000 {
		t.Errorf("only %d points abort something, and %d do not", aborted, untouched)
	}
}

func TestAnAbortTakesBackWhatItsCommitHasCome(t *testing.T) {
	t.Parallel()
	canary := tuple{head: "N", twin: true, promoted: true, slot: slotHead, canary: Progressing, verdict: approvals.Waiting}
	waits := tuple{head: "N", twin: true, passed: true, promoted: true, slot: slotHead, canary: Healthy, verdict: approvals.Waiting}
	rolls := tuple{head: "R", twin: true, passed: true, promoted: true, rolling: true, slot: slotHead, canary: Healthy, full: Progressing, rollingVerdict: approvals.Approved}
	pull := tuple{head: "P", twin: true, promoted: true, slot: slotPull, canary: Progressing, pull: pullNew}
	with := func(w tuple, edit func(*tuple)) tuple { edit(&w); return w }
	for name, c := range map[string]struct {
		is           tuple
		order        string
		held         render.Digest // "" nothing is
		stage        Stage
		full, canary string
	}{
		"a canary":                            {canary, "N", "N", StageCanary, "P", "P"},
		"a canary that waits for its review":  {waits, "N", "N", StageApproval, "P", "P"},
		"a rollout":                           {rolls, "R", "R", StageFull, "P", "P"},
		"a rollout that would end now":        {with(rolls, func(w *tuple) { w.full = Healthy }), "R", "R", StageFull, "P", "P"},
		"a rollout beside a newer head":       {with(rolls, func(w *tuple) { w.head = "N" }), "R", "R", StageFull, "P", "N"},
		"a newer head beside a rollout":       {with(rolls, func(w *tuple) { w.head, w.passed = "N", false }), "N", "N", StageCanary, "R", "R"},
		"a rollout whose approval is gone":    {with(rolls, func(w *tuple) { w.rollingVerdict = approvals.Blocked }), "R", "R", StageFull, "P", "P"},
		"a rollout while nothing can be read": {with(rolls, func(w *tuple) { w.problem = ProblemUnread }), "R", "R", StageFull, "P", ""},
		"a pull request's canary":             {pull, "X", "X", StageCanary, "P", "P"},
		"a pull request's, not known which":   {with(pull, func(w *tuple) { w.pull = pullUnread }), "X", "X", StageCanary, "P", "?"},
		"another commit":                      {canary, "R", "", "", "P", "N"},
		"what is promoted":                    {canary, "P", "", "", "P", "N"},
		"a canary while nothing can be read":  {with(canary, func(w *tuple) { w.problem = ProblemUnread }), "N", "", "", "P", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := Decide(aborting(c.is.observed(), ref(c.order).Commit))
			var held render.Digest
			var stage Stage
			if len(d.Record.Holds) > 0 {
				held, stage = d.Record.Holds[0].Digest, d.Record.Holds[0].Stage
			}
			if held != c.held || stage != c.stage {
				t.Errorf("held: %q at %q, want %q at %q", held, stage, c.held, c.stage)
			}
			if got := runsBy(d.Full); got != c.full {
				t.Errorf("full: %q, want %q", got, c.full)
			}
			if got := runsBy(d.Canary); got != c.canary && c.canary != "?" {
				t.Errorf("canary: %q, want %q", got, c.canary)
			}
			if c.held == "" {
				return
			}
			last := d.Record.History[0]
			if last.Outcome != OutcomeAborted || !slices.Equal(last.Approvers, []string{"carol"}) || last.Reason != "it is wrong" || last.Digest != c.held {
				t.Errorf("history: %+v", last)
			}
		})
	}
}

func runsBy(t Target) string {
	if t.Aim != Run {
		return ""
	}
	return string(t.Ref.Digest)
}

func TestAnAbortIsFollowedOnceAndARetryEndsIt(t *testing.T) {
	t.Parallel()
	o := aborting(tuple{head: "N", twin: true, promoted: true, slot: slotHead, canary: Progressing, verdict: approvals.Waiting}.observed(), "cN")
	next := func(orders func(*Orders)) Decision {
		t.Helper()
		orders(&o.Orders)
		d := Decide(o)
		o.Record = d.Record
		o.Canary = Live{}
		return d
	}
	if d := next(func(*Orders) {}); len(d.Record.Holds) != 1 || runsBy(d.Canary) != "P" {
		t.Fatalf("it is not held: %+v, %+v", d.Canary, d.Record.Holds)
	}
	if d := next(func(*Orders) {}); len(d.Record.History) != 1 {
		t.Errorf("it is noted twice: %+v", d.Record.History)
	}
	if d := next(func(o *Orders) { o.Retry, o.Abort = "once", "" }); len(d.Record.Holds) != 0 || runsBy(d.Canary) != "N" {
		t.Errorf("a retry does not end it: %+v, %+v", d.Canary, d.Record.Holds)
	}
	if d := next(func(o *Orders) { o.Abort = "cN" }); len(d.Record.Holds) != 1 || runsBy(d.Canary) != "P" {
		t.Errorf("the same commit cannot be aborted again: %+v, %+v", d.Canary, d.Record.Holds)
	}
	// Nobody looked between a retry and the next abort.
	if d := next(func(o *Orders) { o.Retry = "twice" }); len(d.Record.Holds) != 1 || runsBy(d.Canary) != "P" {
		t.Errorf("an abort behind a retry is lost: %+v, %+v", d.Canary, d.Record.Holds)
	}
}

func TestAnAbortOfASuspendedServiceWaitsForItsEnd(t *testing.T) {
	t.Parallel()
	w := tuple{head: "R", twin: true, passed: true, promoted: true, rolling: true, slot: slotHead, canary: Healthy, full: Progressing, rollingVerdict: approvals.Approved, suspended: true}
	o := aborting(w.observed(), "cR")
	d := Decide(o)
	if d.Full.Aim != Freeze || d.Record.AbortUsed != "" || len(d.Record.Holds) != 0 {
		t.Fatalf("%s, %q, %+v", aimOf(d.Full), d.Record.AbortUsed, d.Record.Holds)
	}
	o.Record, o.Orders.Suspend = d.Record, nil
	if d = Decide(o); runsBy(d.Full) != "P" || len(d.Record.Holds) != 1 {
		t.Errorf("%s, %+v", aimOf(d.Full), d.Record.Holds)
	}
}

func TestAnAbortedCanaryThatRanAloneIsHeldOnTheBranchToo(t *testing.T) {
	t.Parallel()
	w := tuple{head: "P", twin: true, promoted: true, slot: slotPull, canary: Progressing, pull: pullNew}
	o := aborting(w.observed(), "cX")
	o.ProposedAlone = true
	r := Decide(o).Record
	if _, held := r.holdOn(Ref{Commit: "merged", Digest: "X"}); !held {
		t.Errorf("%+v", r.Holds)
	}
}

func TestAnAbortOfACanaryWaitsUntilTheBranchCanBeRead(t *testing.T) {
	t.Parallel()
	w := tuple{head: "N", twin: true, promoted: true, slot: slotHead, canary: Progressing, verdict: approvals.Waiting, problem: ProblemUnread}
	o := aborting(w.observed(), "cN")
	o.Record = Decide(o).Record
	o.Head.Problem = ProblemNone
	if d := Decide(o); runsBy(d.Canary) != "P" || len(d.Record.Holds) != 1 {
		t.Errorf("%s, %+v", aimOf(d.Canary), d.Record.Holds)
	}
}
