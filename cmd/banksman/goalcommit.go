package main

import (
	"slices"
	"strings"

	"banksman.dev/approvals"
	"banksman.dev/reconcile"
	"banksman.dev/reconcile/api/v1alpha1"
)

// commitArrival is how far one commit is from a goal: of the branch, or the head
// of a pull request, open or merged. Of a commit that the Delivery does not name
// nothing is known yet, or it changes nothing for the service.
func commitArrival(d v1alpha1.Delivery, commit, kind string) arrival {
	isIt := func(c string) bool { return c != "" && strings.HasPrefix(c, commit) }
	if h := slices.IndexFunc(d.Status.Holds, func(h v1alpha1.Hold) bool { return isIt(h.Commit) }); h >= 0 {
		if kind == goalHeld {
			return arrived
		}
		return lost(d.Status.Holds[h].Reason)
	}
	if r := slices.IndexFunc(d.Status.Reports, func(r v1alpha1.Report) bool { return isIt(r.Commit) || isIt(r.Mirror) }); r >= 0 {
		return reportArrival(d, d.Status.Reports[r], kind)
	}
	if ended := endedArrival(d, isIt, kind); ended != notYet {
		return ended
	}
	if s := d.Status.CanarySlot; s != nil && s.Pull != 0 && isIt(s.Commit) {
		return arrival{reached: (kind == goalCanary || kind == goalApproval) && hasPassed(d, s.Digest) && s.Healthy}
	}
	if d.Status.ObservedCommit != "" && isIt(d.Status.ObservedCommit) {
		return unchangedArrival(d, kind)
	}
	return notYet
}

// reportArrival reads a goal off the statuses of a commit.
func reportArrival(d v1alpha1.Delivery, r v1alpha1.Report, kind string) arrival {
	state := func(s *v1alpha1.StageReport) arrival {
		switch {
		case s == nil:
			return notYet
		case s.State == string(approvals.Success):
			return arrived
		case s.State == string(approvals.Failure), s.State == string(approvals.Error):
			return lost(s.Description)
		}
		return notYet
	}
	canary, approval, full := state(r.Canary), state(r.Approval), state(r.Full)
	switch kind {
	case goalCanary:
		return canary
	case goalApproval:
		blocked := approval.lost != "" && r.Approval.State == string(approvals.Failure) // somebody must act
		if canary.reached && blocked {
			return arrived
		}
		if canary.reached && approval.lost == "" && full.lost == "" {
			return arrived // it waits, or need not any more
		}
		return firstLost(canary, approval, full)
	case goalComplete:
		return full
	}
	if full.reached {
		return lost("full runs it")
	}
	if full.lost != "" && d.Status.Head != nil && d.Status.Head.Commit != r.Commit {
		return lost(full.lost)
	}
	return notYet
}

func firstLost(all ...arrival) arrival {
	for _, a := range all {
		if a.lost != "" {
			return a
		}
	}
	return notYet
}

// endedArrival reads a goal off the history, which remembers longer.
func endedArrival(d v1alpha1.Delivery, isIt func(string) bool, kind string) arrival {
	i := slices.IndexFunc(d.Status.History, func(h v1alpha1.Promotion) bool { return isIt(h.Commit) && !isOrdered(h.Outcome) })
	if i < 0 {
		return notYet
	}
	end := d.Status.History[i]
	switch reached := slices.Contains(reachedFull, reconcile.Outcome(end.Outcome)); {
	case reached && kind == goalHeld:
		return lost("full runs it, or ran it")
	case reached:
		return arrived
	}
	return lost(end.Outcome + ": " + end.Reason)
}

// unchangedArrival is for a commit that leaves the service as it was.
func unchangedArrival(d v1alpha1.Delivery, kind string) arrival {
	if kind == goalHeld {
		return lost("it changes nothing here")
	}
	return arrival{reached: isComplete(d)}
}

// hasPassed: the canary steps of a content have passed.
func hasPassed(d v1alpha1.Delivery, digest string) bool {
	return slices.ContainsFunc(d.Status.Passed, func(p v1alpha1.Pass) bool { return p.Digest == digest })
}
