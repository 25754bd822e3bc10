package reconcile

import "banksman.dev/approvals"

// earlier is what may come up before the head, in a cluster that is new.
func (w modelWorld) earlier(o Observed, points []point) *Earlier {
	if !startsFromNothing(&o) {
		return nil
	}
	for _, i := range contentsBefore(points, mostEarlier) {
		if v := w.verdict(points[:i+1]); v.State == approvals.Approved {
			if w.full != "" && w.full != string(points[i].digest) {
				return nil // something runs
			}
			was := Ref{Commit: points[introduced(points[:i+1])].commit, Digest: points[i].digest}
			return &Earlier{Head: Head{Branch: o.Head.Branch, Ref: was, HasCanary: true}, Verdict: v, Fresh: o.VerdictFresh}
		}
	}
	return nil
}

// firstWaits: for its canary, which passed, to be well again.
func (w modelWorld) firstWaits(d Decision) bool {
	s := w.record.Canary
	return w.record.Promoted == nil && d.View.Step == StepCanary && s != nil && s.Commit != d.View.Head.Commit && hasPassed(w.record, w.canary)
}

// anew: the cluster is made anew, with no record and nothing in it.
func (w *modelWorld) anew() {
	w.record, w.full, w.canary, w.fullUp, w.canaryUp = newModelWorld().record, "", "", false, false
	w.promotedOrRolledBack, w.passed = "", ""
}
