package reconcile

import (
	"testing"
	"time"

	"banksman.dev/approvals"
	"banksman.dev/render"
)

func TestTheStepsThatARolloutBeganUnderAreKeptAsLongAsItRolls(t *testing.T) {
	t.Parallel()
	begins := tuple{head: "N", twin: true, passed: true, promoted: true, slot: slotHead, canary: Healthy, verdict: approvals.Approved, fresh: true}
	rolls := tuple{head: "R", twin: true, passed: true, promoted: true, rolling: true, slot: slotHead, canary: Healthy, rollingVerdict: approvals.Approved}
	for name, c := range map[string]struct {
		is   tuple
		full Health
		keep bool
	}{
		"it begins":  {begins, Missing, true},
		"it goes on": {rolls, Progressing, true},
		"it ended":   {rolls, Healthy, false},
		"it failed":  {rolls, Failed, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.is.full = c.full
			o := c.is.observed()
			o.Record.Governing.Digest, o.Head.Rules.Digest = "two", "two"
			if c.is.rolling {
				o.Record.RollingRules = &Rules{Digest: "two"}
			}
			r := Decide(o).Record.RollingRules
			if (r != nil) != c.keep || c.keep && r.Digest != "two" {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestWhatRollsHasTheTimeThatItsOwnStepsGive(t *testing.T) {
	o := tuple{
		head: "R", twin: true, passed: true, promoted: true, rolling: true, slot: slotHead,
		canary: Healthy, rollingVerdict: approvals.Approved, full: Progressing,
	}.observed()
	steps := func(d time.Duration) render.Pipeline {
		return render.Pipeline{Full: []render.Step{{Kind: render.StepApply, Timeout: d}}}
	}
	o.Record.RollingRules = &Rules{Digest: "slow", Pipeline: steps(30 * time.Minute)}
	o.Record.Governing = &Rules{Digest: "quick", Pipeline: steps(time.Minute)}
	o.Head.Rules.Digest = "quick"
	for after, goesOn := range map[time.Duration]bool{5 * time.Minute: true, 31 * time.Minute: false} {
		o.Now = o.Record.Rolling.Since.Add(after)
		if d := Decide(o); (d.Record.Rolling != nil) != goesOn {
			t.Errorf("after %s: %+v; holds %+v", after, d.Full, d.Record.Holds)
		}
	}
}
