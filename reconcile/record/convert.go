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

// toTime cuts a time to what a Delivery can hold: seconds, UTC; the zero time
// is none.
func toTime(t time.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	cut := metav1.NewTime(t.UTC().Truncate(time.Second))
	return &cut
}

func fromTime(t *metav1.Time) time.Time {
	if t == nil || t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Second)
}

// each converts a list; an empty one is nil.
func each[A, B any](list []A, convert func(A) B) []B {
	if len(list) == 0 {
		return nil
	}
	out := make([]B, len(list))
	for i, item := range list {
		out[i] = convert(item)
	}
	return out
}

// maybe converts what a pointer points at.
func maybe[A, B any](p *A, convert func(A) B) *B {
	if p == nil {
		return nil
	}
	v := convert(*p)
	return &v
}

func toRef(r reconcile.Ref) v1alpha1.Ref {
	return v1alpha1.Ref{Commit: string(r.Commit), Digest: string(r.Digest), Since: toTime(r.Since), Pull: r.Pull}
}

func fromRef(r v1alpha1.Ref) reconcile.Ref {
	return reconcile.Ref{Commit: gitsrc.SHA(r.Commit), Digest: render.Digest(r.Digest), Since: fromTime(r.Since), Pull: r.Pull}
}

func toSlot(s reconcile.Slot) v1alpha1.Slot {
	return v1alpha1.Slot{Ref: toRef(s.Ref), Healthy: s.Healthy, HealthSince: toTime(s.HealthSince)}
}

func fromSlot(s v1alpha1.Slot) reconcile.Slot {
	return reconcile.Slot{Ref: fromRef(s.Ref), Healthy: s.Healthy, HealthSince: fromTime(s.HealthSince)}
}

func toPass(p reconcile.Pass) v1alpha1.Pass {
	return v1alpha1.Pass{Digest: string(p.Digest), At: toTime(p.At)}
}

func fromPass(p v1alpha1.Pass) reconcile.Pass {
	return reconcile.Pass{Digest: render.Digest(p.Digest), At: fromTime(p.At)}
}

func toHold(h reconcile.Hold) v1alpha1.Hold {
	return v1alpha1.Hold{Commit: string(h.Commit), Pull: h.Pull, Alone: h.Alone, Digest: string(h.Digest), Stage: string(h.Stage), Reason: h.Reason, Since: toTime(h.Since)}
}

func fromHold(h v1alpha1.Hold) reconcile.Hold {
	return reconcile.Hold{
		Commit: gitsrc.SHA(h.Commit), Pull: h.Pull, Alone: h.Alone, Digest: render.Digest(h.Digest),
		Stage: reconcile.Stage(h.Stage), Reason: h.Reason, Since: fromTime(h.Since),
	}
}

func toEntry(e reconcile.Entry) v1alpha1.Entry {
	return v1alpha1.Entry{
		Group: e.Group, Version: e.Version, Kind: e.Kind,
		Namespace: e.Namespace, Name: e.Name, UID: e.UID, Track: string(e.Track),
		Want: e.Want, Owned: e.Owned,
	}
}

func fromEntry(e v1alpha1.Entry) reconcile.Entry {
	return reconcile.Entry{
		Group: e.Group, Version: e.Version, Kind: e.Kind,
		Namespace: e.Namespace, Name: e.Name, UID: e.UID, Track: reconcile.Track(e.Track),
		Want: e.Want, Owned: e.Owned,
	}
}

func toDrift(d reconcile.Drift) v1alpha1.Drift {
	return v1alpha1.Drift{Count: d.Count, Last: each(d.Last, same), At: toTime(d.At)}
}

func fromDrift(d v1alpha1.Drift) reconcile.Drift {
	return reconcile.Drift{Count: d.Count, Last: each(d.Last, same), At: fromTime(d.At)}
}

func toPromotion(p reconcile.Promotion) v1alpha1.Promotion {
	return v1alpha1.Promotion{
		Commit: string(p.Commit), Digest: string(p.Digest), Outcome: string(p.Outcome),
		Reason: p.Reason, Approvers: each(p.Approvers, same), At: toTime(p.At),
	}
}

func fromPromotion(p v1alpha1.Promotion) reconcile.Promotion {
	return reconcile.Promotion{
		Commit: gitsrc.SHA(p.Commit), Digest: render.Digest(p.Digest), Outcome: reconcile.Outcome(p.Outcome),
		Reason: p.Reason, Approvers: each(p.Approvers, same), At: fromTime(p.At),
	}
}

func same(s string) string { return s }

func toReport(r reconcile.Report) v1alpha1.Report {
	return v1alpha1.Report{
		Commit: string(r.Commit), Canary: toStage(r.Canary), Approval: toStage(r.Approval), Full: toStage(r.Full),
		Mirror: string(r.Mirror),
	}
}

func fromReport(r v1alpha1.Report) reconcile.Report {
	return reconcile.Report{
		Commit: gitsrc.SHA(r.Commit), Canary: fromStage(r.Canary), Approval: fromStage(r.Approval), Full: fromStage(r.Full),
		Mirror: gitsrc.SHA(r.Mirror),
	}
}

func toStage(s reconcile.StageReport) *v1alpha1.StageReport {
	if s == (reconcile.StageReport{}) {
		return nil
	}
	return &v1alpha1.StageReport{State: string(s.State), Description: s.Description}
}

func fromStage(s *v1alpha1.StageReport) reconcile.StageReport {
	if s == nil {
		return reconcile.StageReport{}
	}
	return reconcile.StageReport{State: approvals.StatusState(s.State), Description: s.Description}
}
