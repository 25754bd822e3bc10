package record

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"banksman.dev/gitsrc"
	"banksman.dev/reconcile"
	"banksman.dev/reconcile/api/v1alpha1"
	"banksman.dev/render"
)

// recordOf reads the record out of a Delivery.
func recordOf(d *v1alpha1.Delivery) reconcile.Record {
	s := d.Status
	return reconcile.Record{
		Service:         render.ServiceName(d.Name),
		Namespace:       d.Namespace,
		Observed:        gitsrc.SHA(s.ObservedCommit),
		Settled:         gitsrc.SHA(s.Settled),
		Promoted:        maybe(s.Promoted, fromRef),
		Kept:            render.Digest(s.Kept),
		Rolling:         maybe(s.Rolling, fromRef),
		RollingRules:    maybe(s.RollingRules, fromRules),
		Canary:          maybe(s.CanarySlot, fromSlot),
		Proposed:        maybe(s.Proposed, fromRef),
		Passed:          each(s.Passed, fromPass),
		Recent:          each(s.Recent, fromRef),
		Holds:           each(s.Holds, fromHold),
		Governing:       maybe(s.Governing, fromRules),
		RetryUsed:       s.RetryUsed,
		Leaves:          gitsrc.SHA(s.Leaves),
		Withheld:        each(s.Withheld, fromEntry),
		Drift:           maybe(s.Drift, fromDrift),
		Frozen:          fromTime(s.Frozen),
		Told:            fromTold(s.Told),
		Looked:          s.ReconciledAt,
		AbortUsed:       s.AbortUsed,
		AcknowledgeUsed: gitsrc.SHA(s.AcknowledgeUsed),
		Inventory:       each(s.Inventory, fromEntry),
		History:         each(s.History, fromPromotion),
		Reports:         each(s.Reports, fromReport),
	}
}

// ordersOf reads what an operator says.
func ordersOf(d *v1alpha1.Delivery) reconcile.Orders {
	return reconcile.Orders{
		Suspend: maybe(d.Spec.Suspend, func(s v1alpha1.Suspend) reconcile.Suspend {
			return reconcile.Suspend{Reason: s.Reason, By: s.By, Until: fromTime(s.Until)}
		}),
		ResumedBy: d.Annotations[v1alpha1.AnnotationResumedBy], ResumeReason: d.Annotations[v1alpha1.AnnotationResumeReason],
		Retry: d.Spec.Retry, RetriedBy: d.Spec.RetryBy, RetryReason: d.Spec.RetryReason,
		Acknowledge: gitsrc.SHA(d.Spec.Acknowledge), AcknowledgedBy: d.Spec.AcknowledgeBy, AcknowledgeReason: d.Spec.AcknowledgeReason,
		Abort: gitsrc.SHA(d.Spec.Abort), AbortedBy: d.Spec.AbortBy, AbortReason: d.Spec.AbortReason,
		Look: lookOf(d),
	}
}

// longestOrder is the size of a token.
const longestOrder = 253

// lookOf is the order to look now. One that is too long to be remembered is none.
func lookOf(d *v1alpha1.Delivery) string {
	if at := d.Annotations[v1alpha1.AnnotationReconcileAt]; len(at) <= longestOrder {
		return at
	}
	return ""
}

// statusOf is the status that says a record and a view. The conditions go on
// from those of before: their times move only with their state.
func statusOf(r reconcile.Record, v reconcile.View, before *v1alpha1.Delivery, now metav1.Time) v1alpha1.DeliveryStatus {
	s := v1alpha1.DeliveryStatus{
		ObservedGeneration: before.Generation,
		ObservedCommit:     string(r.Observed),
		Conditions:         before.Status.DeepCopy().Conditions,
		Shown:              shown(r, v),
		Record: v1alpha1.Record{
			Settled:         string(r.Settled),
			Promoted:        maybe(r.Promoted, toRef),
			Kept:            string(r.Kept),
			Rolling:         maybe(r.Rolling, toRef),
			RollingRules:    maybe(r.RollingRules, toRules),
			CanarySlot:      maybe(r.Canary, toSlot),
			Proposed:        maybe(r.Proposed, toRef),
			Passed:          each(r.Passed, toPass),
			Recent:          each(r.Recent, toRef),
			Holds:           each(r.Holds, toHold),
			Governing:       maybe(r.Governing, toRules),
			RetryUsed:       r.RetryUsed,
			Leaves:          string(r.Leaves),
			Withheld:        each(r.Withheld, toEntry),
			Drift:           maybe(r.Drift, toDrift),
			Frozen:          toTime(r.Frozen),
			Told:            toTold(r.Told),
			ReconciledAt:    r.Looked,
			AbortUsed:       r.AbortUsed,
			AcknowledgeUsed: string(r.AcknowledgeUsed),
			Inventory:       each(r.Inventory, toEntry),
			History:         each(r.History, toPromotion),
			Reports:         each(r.Reports, toReport),
		},
	}
	setConditions(&s.Conditions, v, before.Generation, now)
	return s
}

func shown(r reconcile.Record, v reconcile.View) v1alpha1.Shown {
	s := v1alpha1.Shown{
		Step: string(v.Step), Reason: v.Reason,
		Waits: each(v.Waits, same), WaitsOn: strings.Join(v.Waits, ", "), Next: v.Next,
		Pulls: each(v.Pulls, same),
		Full:  live(v.Full, r.Rolling, r.Promoted),
	}
	if v.Head.Commit != "" || v.Head.Digest != "" {
		head := toRef(v.Head)
		s.Head = &head
	}
	if r.Canary != nil {
		s.Canary = live(v.Canary, &r.Canary.Ref)
	}
	return s
}

// live says of which release the objects are: the first of these that has the
// digest.
func live(l reconcile.Live, of ...*reconcile.Ref) *v1alpha1.Live {
	if l.Digest == "" && l.Message == "" {
		return nil
	}
	out := v1alpha1.Live{
		Digest: string(l.Digest), Health: l.Health.String(), Message: l.Message,
		Images: each(l.Images, same), Pods: l.Pods,
	}
	for _, r := range of {
		if r != nil && r.Digest == l.Digest {
			out.Commit, out.Short, out.Since, out.Pull = string(r.Commit), r.Commit.Short(), toTime(r.Since), r.Pull
			break
		}
	}
	return &out
}
