package record

import (
	"banksman.dev/reconcile"
	"banksman.dev/reconcile/api/v1alpha1"
)

func toTold(t reconcile.Told) *v1alpha1.Told {
	if t == (reconcile.Told{}) {
		return nil
	}
	out := v1alpha1.Told{
		Count: t.Count, Last: t.Last, Standing: string(t.Standing), Review: maybe(t.Review, toRef),
		IllSince: toTime(t.IllSince), Degraded: t.Degraded,
	}
	if about := toRef(t.About); about != (v1alpha1.Ref{}) {
		out.About = &about
	}
	return &out
}

func fromTold(t *v1alpha1.Told) reconcile.Told {
	if t == nil {
		return reconcile.Told{}
	}
	out := reconcile.Told{
		Count: t.Count, Last: t.Last, Standing: reconcile.Event(t.Standing), Review: maybe(t.Review, fromRef),
		IllSince: fromTime(t.IllSince), Degraded: t.Degraded,
	}
	if t.About != nil {
		out.About = fromRef(*t.About)
	}
	return out
}
