package record

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
	"banksman.dev/reconcile"
	"banksman.dev/reconcile/api/v1alpha1"
	"banksman.dev/render"
)

func toRules(r reconcile.Rules) v1alpha1.Rules {
	return v1alpha1.Rules{
		Commit: string(r.Commit), Digest: string(r.Digest), OnRemoval: string(r.OnRemoval),
		Pipeline: r.Pipeline.ID, Canary: each(r.Pipeline.Canary, toStep), Full: each(r.Pipeline.Full, toStep),
	}
}

func fromRules(r v1alpha1.Rules) reconcile.Rules {
	return reconcile.Rules{
		Commit: gitsrc.SHA(r.Commit), Digest: render.Digest(r.Digest), OnRemoval: render.OnRemoval(r.OnRemoval),
		Pipeline: render.Pipeline{ID: r.Pipeline, Canary: each(r.Canary, fromStep), Full: each(r.Full, fromStep)},
	}
}

func toStep(s render.Step) v1alpha1.Step {
	step := v1alpha1.Step{Kind: string(s.Kind), Timeout: toDuration(s.Timeout), Bake: toDuration(s.Bake)}
	if p := toPolicy(s.Approval); s.Kind == render.StepApproval || !isEmpty(p) {
		step.Approval = &p
	}
	return step
}

func isEmpty(p v1alpha1.Policy) bool {
	part := p.PolicyPart
	return part.Any == 0 && len(part.Users)+len(part.Teams)+len(part.All)+len(p.Also) == 0
}

func fromStep(s v1alpha1.Step) render.Step {
	step := render.Step{Kind: render.StepKind(s.Kind), Timeout: fromDuration(s.Timeout), Bake: fromDuration(s.Bake)}
	if s.Approval != nil {
		step.Approval = fromPolicy(*s.Approval)
	}
	return step
}

func toDuration(d time.Duration) *metav1.Duration {
	if d == 0 {
		return nil
	}
	return &metav1.Duration{Duration: d}
}

func fromDuration(d *metav1.Duration) time.Duration {
	if d == nil {
		return 0
	}
	return d.Duration
}

func toPolicy(p approvals.Policy) v1alpha1.Policy {
	return v1alpha1.Policy{PolicyPart: toPart(p), Also: each(p.Also, toPart)}
}

func fromPolicy(p v1alpha1.Policy) approvals.Policy {
	policy := fromPart(p.PolicyPart)
	policy.Also = each(p.Also, fromPart)
	return policy
}

func toPart(p approvals.Policy) v1alpha1.PolicyPart {
	return v1alpha1.PolicyPart{Any: p.Any, Users: each(p.Users, same), Teams: each(p.Teams, same), All: each(p.All, same)}
}

func fromPart(p v1alpha1.PolicyPart) approvals.Policy {
	return approvals.Policy{Any: p.Any, Users: each(p.Users, same), Teams: each(p.Teams, same), All: each(p.All, same)}
}
