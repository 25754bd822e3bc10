package reconcile

import (
	"testing"

	"banksman.dev/approvals"
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
