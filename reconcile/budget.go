package reconcile

import "slices"

// Deleting more than this share of a service's full objects at once, and more
// than this number, is what a mistake looks like.
const (
	budgetShare = 5 // one in five
	budgetCount = 5
)

// withinBudget divides deletions into those that are done now and those that
// wait for an acknowledgement. Only full's objects count: a canary's can be
// made again. Settled says that the deletions of full's are all among them;
// before that nothing is known of what was withheld.
func withinBudget(gone, inventory, withheld []Entry, settled, acknowledged bool) (now, wait []Entry) {
	if !settled {
		return gone, withheld
	}
	var full []Entry
	for _, e := range gone {
		if e.Track == TrackStable {
			full = append(full, e)
		}
	}
	all := 0
	for _, e := range inventory {
		if e.Track == TrackStable {
			all++
		}
	}
	if acknowledged || len(full) <= budgetCount || len(full)*budgetShare <= all {
		return gone, nil
	}
	now = slices.DeleteFunc(slices.Clone(gone), func(e Entry) bool { return e.Track == TrackStable })
	return now, full
}
