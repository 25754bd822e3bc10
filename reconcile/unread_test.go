package reconcile

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// unreadWorld is a service that runs P while nothing is known of the branch.
func unreadWorld() Observed {
	o := tuple{problem: ProblemUnread, promoted: true, head: "", slot: slotOther, full: Healthy, canary: Healthy, pull: pullUnread}.observed()
	o.Head = Head{Branch: "tip", Problem: ProblemUnread, Cause: "main cannot be read: the server is away"}
	o.Record.Observed, o.Record.Canary.Healthy = "tip", true
	o.Record.Reports = []Report{
		{Commit: "cN", Canary: successReport("the canary is healthy"), Approval: pendingReport("waits for a review"), Full: pendingReport("waits for the approval")},
		{Commit: "cP", Canary: successReport("a"), Approval: successReport("b"), Full: pendingReport("full is rolling out")},
	}
	return o
}

func TestWhatIsAboutTheBranchWaitsUntilItCanBeRead(t *testing.T) {
	for name, c := range map[string]func(*Observed){
		"what the statuses say":                 func(*Observed) {},
		"an order to try again":                 func(o *Observed) { o.Orders.Retry = "again" },
		"the entry that is to govern":           func(o *Observed) { o.Record.Governing = nil },
		"the turn of a pull request":            func(o *Observed) { p := pullRef("X"); o.Record.Proposed = &p },
		"that the service leaves":               func(o *Observed) { o.Record.Leaves = "cL" },
		"a hold":                                func(o *Observed) { o.Record.addHold(Hold{Commit: "cN", Digest: "N", Stage: StageCanary}) },
		"a rollout whose content is not there":  func(o *Observed) { r := ref("R"); o.Record.Rolling, o.Full = &r, Live{Message: "not there"} },
		"a rollout that ought to have ended":    func(o *Observed) { r := ref("R"); o.Record.Rolling, o.Full, o.Now = &r, Live{}, noon.Add(time.Hour) },
		"a canary whose content is not there":   func(o *Observed) { o.Record.Canary, o.Canary = &Slot{Ref: ref("N"), HealthSince: noon}, Live{} },
		"the canary of a pull request":          func(o *Observed) { o.Record.Canary, o.Canary = &Slot{Ref: pullRef("X"), HealthSince: noon}, Live{} },
		"a service that was never released yet": func(o *Observed) { o.Record.Promoted, o.Record.Canary, o.Full, o.Canary = nil, nil, Live{}, Live{} },
	} {
		t.Run(name, func(t *testing.T) {
			o := unreadWorld()
			c(&o)
			d := Decide(o)
			if !reflect.DeepEqual(d.Record, o.Record) {
				t.Errorf("the record changes: %s", differences(o.Record, d.Record))
			}
			if d.WantsFreshVerdict || d.View.Ready || d.View.Step != StepUnreadable || !strings.HasPrefix(d.View.Reason, o.Head.Cause) {
				t.Errorf("%+v", d.View)
			}
			for _, target := range []Target{d.Full, d.Canary} {
				if target.Aim != LeaveAlone && (target.Aim != Run || target.Ref.Digest != "P" && target.Ref.Digest != "R") {
					t.Errorf("%+v", target)
				}
			}
		})
	}
}

func TestADroppedRolloutForgetsWhatIsKept(t *testing.T) {
	o := tuple{promoted: true, rolling: true, head: "N", twin: true, rollingVerdict: approvals.Blocked}.observed()
	o.Record.Kept = "P"
	if d := Decide(o); d.Record.Rolling != nil || d.Record.Kept != "" {
		t.Errorf("%+v", d.Record)
	}
}

func TestNothingIsPrunedWhileTheBranchCannotBeRead(t *testing.T) {
	for _, c := range []struct {
		problem Problem
		pruned  int
	}{{ProblemNone, 1}, {ProblemUnread, 0}} {
		pruned := 0
		l := &Loop{Now: func() time.Time { return noon }, Prune: func(_ context.Context, _ render.ServiceName, gone []Entry) ([]Entry, error) {
			pruned += len(gone)
			return nil, nil
		}}
		p := ref("P")
		d := Decision{Full: Target{Aim: Run, Ref: p}, Canary: Target{Aim: Run, Ref: p}}
		d.Record.Promoted = &p
		o := Observed{Head: Head{Problem: c.problem}, Full: Live{Digest: "P", Health: Healthy}}
		record := Record{Service: "web", Promoted: &p, Inventory: []Entry{{Kind: "ConfigMap", Name: "old", UID: "1", Track: TrackStable}}}
		l.mu.Lock()
		err := l.prune(t.Context(), o, d, nil, &record)
		l.mu.Unlock()
		if err != nil || pruned != c.pruned {
			t.Errorf("%q: %d pruned, %v", c.problem, pruned, err)
		}
	}
}

func TestWhatIsKeptIsOnlyWhatIsPromoted(t *testing.T) {
	l := &Loop{state: state{content: newContents(), proposals: newProposals(), keeping: newKeeping()}}
	lost := errors.New("it is in no history")
	for _, commit := range []gitsrc.SHA{"cP", "cN"} {
		l.content.releases[releaseKey{"web", commit}] = releaseAt{unread: lost}
	}
	l.keeping.read["web"] = readBack{digest: "P", release: render.Release{Service: "web", Digest: "P"}, drift: render.DriftWarn}
	p, n, pull := ref("P"), ref("N"), pullRef("P")
	if r, err := l.releaseOf("web", &p); err != nil || r.Digest != "P" || !l.keepsDrift("web", &p) {
		t.Errorf("%+v %v", r, err)
	}
	if _, err := l.releaseOf("web", &n); !errors.Is(err, lost) || l.keepsDrift("web", &n) {
		t.Errorf("another release is taken from what is kept: %v", err)
	}
	if _, err := l.releaseOf("web", &pull); err == nil || l.keepsDrift("web", &pull) {
		t.Error("a pull request's is taken from what is kept")
	}
	l.content.releases[releaseKey{"web", "cP"}] = releaseAt{release: render.Packed{Service: "web", Digest: "P", Namespace: "rendered"}}
	if r, err := l.releaseOf("web", &p); err != nil || r.Namespace != "rendered" || l.keepsDrift("web", &p) {
		t.Errorf("what is kept goes before what is rendered: %+v %v", r, err)
	}
}
