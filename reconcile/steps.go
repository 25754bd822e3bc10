package reconcile

import (
	"time"

	"banksman.dev/approvals"
	"banksman.dev/render"
)

// canarySteps are the governing entry's: a canary that the governing entry
// does not know yet gets one apply.
func (r Record) canarySteps() []render.Step {
	if r.Governing == nil || len(r.Governing.Pipeline.Canary) == 0 {
		return []render.Step{{Kind: render.StepApply, Timeout: render.DefaultApplyTimeout}}
	}
	return r.Governing.Pipeline.Canary
}

// bake is how long the canary must stay healthy.
func (r Record) bake() time.Duration {
	var sum time.Duration
	for _, s := range r.canarySteps() {
		if s.Kind == render.StepBake {
			sum += s.Bake
		}
	}
	return sum
}

func (r Record) canaryTimeout() time.Duration { return applyTimeout(r.canarySteps()) }

func (r Record) fullTimeout() time.Duration {
	rules := r.Governing
	if r.RollingRules != nil {
		rules = r.RollingRules
	}
	if rules == nil {
		return render.DefaultApplyTimeout
	}
	return applyTimeout(rules.Pipeline.Full)
}

func applyTimeout(steps []render.Step) time.Duration {
	for _, s := range steps {
		if s.Kind == render.StepApply && s.Timeout > 0 {
			return s.Timeout
		}
	}
	return render.DefaultApplyTimeout
}

// PolicyOf is what the approval steps of the governing entry ask for, never
// less than the controller's floor.
func PolicyOf(r Rules, floor approvals.Policy) approvals.Policy {
	p := floor
	for _, s := range r.Pipeline.Full {
		if s.Kind == render.StepApproval {
			p = s.Approval.AtLeast(p)
		}
	}
	return p
}

func approved(v approvals.Verdict) bool { return v.State == approvals.Approved }
