package reconcile

import (
	"time"

	"banksman.dev/approvals"
	"banksman.dev/render"
)

// canarySteps are the governing entry's: a canary that the governing entry
// does not know yet gets one apply.
func (d *draft) canarySteps() []render.Step {
	if d.record.Governing == nil || len(d.record.Governing.Pipeline.Canary) == 0 {
		return []render.Step{{Kind: render.StepApply, Timeout: render.DefaultApplyTimeout}}
	}
	return d.record.Governing.Pipeline.Canary
}

// bake is how long the canary must stay healthy.
func (d *draft) bake() time.Duration {
	var sum time.Duration
	for _, s := range d.canarySteps() {
		if s.Kind == render.StepBake {
			sum += s.Bake
		}
	}
	return sum
}

func (d *draft) canaryTimeout() time.Duration { return applyTimeout(d.canarySteps()) }

func (d *draft) fullTimeout() time.Duration {
	if d.record.Governing == nil {
		return render.DefaultApplyTimeout
	}
	return applyTimeout(d.record.Governing.Pipeline.Full)
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
