package reconcile

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"banksman.dev/approvals"
)

// news is what a decision tells, as "event of commit".
func news(d Decision) string {
	var all []string
	for _, t := range d.Transitions {
		of := strings.TrimPrefix(string(t.Ref.Commit), "c")
		if t.Ref.Pull != 0 {
			of = fmt.Sprintf("#%d", t.Ref.Pull)
		}
		all = append(all, fmt.Sprintf("%s of %s", t.Event, of))
	}
	return strings.Join(all, ", ")
}

// waiting is N with a passed and healthy canary, beside P.
func waiting(v approvals.State) Observed {
	o := tuple{head: "N", twin: true, passed: true, promoted: true, slot: slotHead, canary: Healthy, full: Healthy, verdict: v}.observed()
	o.Record.Canary.Healthy, o.Verdict.Reason = true, "so"
	return o
}

// ill is P, not healthy since noon.
func ill(now time.Time) Observed {
	o := tuple{head: "P", promoted: true, slot: slotOther, full: Progressing, canary: Healthy}.observed()
	o.Full.Health, o.Now = Progressing, now
	o.Record.Told.IllSince = noon
	return o
}

// reviewed is a pull request whose canary passed, beside P.
func reviewed() Observed {
	o := tuple{head: "P", promoted: true, slot: slotPull, full: Healthy, canary: Healthy, pull: pullPassed}.observed()
	p := pullRef("X")
	o.Record.Proposed, o.ProposedVerdict = &p, approvals.Verdict{State: approvals.Waiting, Reason: "waits for alice"}
	return o
}

func TestWhatIsTold(t *testing.T) {
	rolling := func(full Health, v approvals.State) Observed {
		return tuple{head: "R", promoted: true, rolling: true, full: full, rollingVerdict: v}.observed()
	}
	for _, c := range []struct {
		name string
		o    Observed
		want string
	}{
		{"a new content gets the canary", tuple{head: "N", twin: true, promoted: true, slot: slotOther, full: Healthy, canary: Healthy}.observed(), "canary-started of N"},
		{
			"the canary passes and a review is missing",
			tuple{head: "N", twin: true, promoted: true, slot: slotHead, full: Healthy, canary: Healthy, verdict: approvals.Waiting}.observed(),
			"canary-ready of N, awaiting-approval of N",
		},
		{
			"the canary passes and the review was there before",
			tuple{head: "N", twin: true, promoted: true, slot: slotHead, full: Healthy, canary: Healthy, verdict: approvals.Approved, fresh: true}.observed(),
			"canary-ready of N, rollout-started of N",
		},
		{"the canary fails", tuple{head: "N", twin: true, promoted: true, slot: slotHead, canary: Failed}.observed(), "held of N"},
		{
			"the canary of a pull request fails",
			func() Observed {
				o := reviewed()
				o.Record.Passed, o.Canary.Health = nil, Failed
				return o
			}(),
			"held of #7",
		},
		{"nobody knows what the reviews say", waiting(approvals.Unknown), ""},
		{"only an operator can go on", waiting(approvals.Blocked), "blocked of N"},
		{"a review is missing", waiting(approvals.Waiting), "awaiting-approval of N"},
		{"full has what rolls out", rolling(Healthy, approvals.Approved), "promoted of R"},
		{"full is not there yet", rolling(Progressing, approvals.Approved), ""},
		{"full fails", rolling(Failed, approvals.Approved), "held of R"},
		{"the approval is withdrawn on the way", rolling(Progressing, approvals.Waiting), "withdrawn of R"},
		{"the branch goes back on the way", tuple{head: "P", promoted: true, rolling: true, full: Progressing, rollingVerdict: approvals.Approved}.observed(), "rolled-back of P"},
		{"the branch goes back to what was promoted before", tuple{head: "Q", promoted: true, recent: true, full: Healthy}.observed(), "rolled-back of Q"},
		{
			"it goes back to what was promoted before on the way",
			tuple{head: "Q", promoted: true, recent: true, rolling: true, full: Progressing, rollingVerdict: approvals.Approved}.observed(),
			"rolled-back of Q",
		},
		{"the manifests cannot be rendered", tuple{head: "N", problem: ProblemUnrenderable, promoted: true, full: Healthy}.observed(), "unreadable of N"},
		{"the catalog cannot be read", tuple{head: "N", problem: ProblemUnreadable, promoted: true, full: Healthy}.observed(), "unreadable of N"},
		{"the history was rewritten", tuple{head: "N", problem: ProblemRewritten, promoted: true, full: Healthy}.observed(), "blocked of N"},
		{"the Git server does not answer", tuple{head: "N", problem: ProblemUnread, promoted: true, full: Healthy}.observed(), ""},
		{"the service may leave", tuple{head: "N", problem: ProblemGone, promoted: true, full: Healthy, leaves: approvals.Approved}.observed(), "removed of N"},
		{"nobody approved that the service leaves", tuple{head: "N", problem: ProblemGone, promoted: true, full: Healthy, leaves: approvals.Blocked}.observed(), "blocked of N"},
		{"somebody suspends it", tuple{head: "P", suspended: true, promoted: true, full: Healthy}.observed(), "suspended of P"},
		{"a pull request can be looked at", reviewed(), "awaiting-approval of #7"},
		{"what is promoted is not well for a moment", ill(noon.Add(time.Minute)), ""},
		{"what is promoted is not well for as long as a rollout may take", ill(noon.Add(time.Hour)), "degraded of P"},
		{"what is promoted is well again before it was told that it is not", func() Observed {
			o := ill(noon.Add(time.Hour))
			o.Full.Health = Healthy
			return o
		}(), ""},
		{"what is promoted is well again", func() Observed {
			o := ill(noon.Add(time.Hour))
			o.Record.Told.Degraded, o.Full.Health = true, Healthy
			return o
		}(), "recovered of P"},
		{"what is promoted is not well while another release waits", func() Observed {
			o := waiting(approvals.Unknown)
			o.Full.Health, o.Now, o.Record.Told.IllSince = Failed, noon.Add(time.Hour), noon
			return o
		}(), "degraded of P"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, v := range []*approvals.Verdict{&c.o.Verdict, &c.o.RulesVerdict} {
				v.Reason = "so say the reviews"
			}
			c.o.Head.Cause = "a fault"
			d := Decide(c.o)
			if got := news(d); got != c.want {
				t.Errorf("tells %q, want %q", got, c.want)
			}
			if n := d.Record.Told.Count - c.o.Record.Told.Count; n != len(d.Transitions) {
				t.Errorf("the record counts %d", n)
			}
			again := c.o
			again.Record, again.Orders = d.Record, c.o.Orders
			if d := Decide(again); len(d.Transitions) > 0 && sameStanding(d, c.o) {
				t.Errorf("the next look tells it again: %q", news(d))
			}
			for _, tr := range d.Transitions {
				if tr.Reason == "" || strings.HasSuffix(tr.Reason, ".") || strings.HasSuffix(tr.Reason, ": ") || tr.Service != "fop-gate" || tr.Namespace != "dora-apps" || tr.ID == "" || tr.Step != d.View.Step {
					t.Errorf("%+v", tr)
				}
			}
		})
	}
}

// sameStanding: the next look at the same facts tells nothing but what follows.
func sameStanding(d Decision, o Observed) bool {
	var before []Event
	for _, t := range Decide(o).Transitions {
		before = append(before, t.Event)
	}
	for _, t := range d.Transitions {
		for _, e := range before {
			if t.Event == e {
				return true
			}
		}
	}
	return false
}

// Between what is told there are moments in which nobody knows: they take
// nothing back.
func TestWhatWasToldOfAWaitStands(t *testing.T) {
	for _, c := range []struct {
		name string
		then func(*Observed)
		want string
	}{
		{"while the reviews cannot be read", func(o *Observed) { o.Verdict.State = approvals.Unknown }, ""},
		{"while it is approved and its canary not well", func(o *Observed) { o.Verdict.State, o.Canary.Health = approvals.Approved, Progressing }, ""},
		{"while it is suspended", func(o *Observed) { o.Orders.Suspend = &Suspend{By: "carol"} }, "suspended of N"},
		{"while nothing is known of the branch", func(o *Observed) { o.Head.Problem = ProblemUnread }, ""},
		{"until only an operator can go on", func(o *Observed) { o.Verdict.State = approvals.Blocked }, "blocked of N"},
		{"until the manifests are broken", func(o *Observed) { o.Head.Problem = ProblemUnrenderable }, "unreadable of N"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := waiting(approvals.Waiting)
			o.Record = Decide(o).Record
			o.Now = noon.Add(time.Minute)
			between := o
			c.then(&between)
			d := Decide(between)
			if got := news(d); got != c.want {
				t.Errorf("tells %q, want %q", got, c.want)
			}
			o.Record = d.Record
			want := ""
			if told := d.Record.Told; told.Standing != EventAwaitingApproval {
				want = "awaiting-approval of N"
			}
			if strings.Contains(c.want, "suspended") {
				want = "resumed of N"
			}
			if got := news(Decide(o)); got != want {
				t.Errorf("then tells %q, want %q", got, want)
			}
		})
	}
}

func TestEveryEventHasAPlace(t *testing.T) {
	seen := map[Event]bool{}
	warns := 0
	for _, e := range Events() {
		if seen[e] {
			t.Errorf("%s stands there twice", e)
		}
		seen[e] = true
		if e.Warns() {
			warns++
		}
	}
	if len(seen) != 15 || warns == 0 || warns == len(seen) {
		t.Errorf("%d events, %d warn", len(seen), warns)
	}
}

func TestHowLongTheStepsTook(t *testing.T) {
	minutes := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }
	canary := tuple{head: "N", twin: true, promoted: true, slot: slotHead, full: Healthy, canary: Healthy}.observed()
	canary.Now, canary.Record.Canary.Healthy, canary.Record.Canary.HealthSince = minutes(5), true, minutes(2)
	approval := waiting(approvals.Approved)
	approval.Now, approval.VerdictFresh = minutes(7), true
	full := tuple{head: "R", promoted: true, rolling: true, full: Healthy, rollingVerdict: approvals.Approved}.observed()
	full.Now = minutes(3)
	for _, c := range []struct {
		name string
		o    Observed
		want map[Step]time.Duration
	}{
		{"of the canary", canary, map[Step]time.Duration{StepCanary: 2 * time.Minute}},
		{"of the approval, since the canary passed", approval, map[Step]time.Duration{StepApproval: 7 * time.Minute}},
		{"of full", full, map[Step]time.Duration{StepFull: 3 * time.Minute}},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := Decide(c.o).Transitions
			if len(all) == 0 || !reflect.DeepEqual(all[0].Took, c.want) {
				t.Errorf("%+v", all)
			}
		})
	}
}
