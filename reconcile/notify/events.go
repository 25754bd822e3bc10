package notify

import (
	"slices"

	"banksman.dev/reconcile"
)

// EventTest is the event of what `banksman notify test` sends. No release has it.
const EventTest reconcile.Event = "test"

// Usual are the events of a target that chooses none: where somebody is waited
// for, where something ended, and where something is wrong. That a canary or a
// rollout is on its way is left out; every release says so.
func Usual() []reconcile.Event {
	return slices.DeleteFunc(reconcile.Events(), isNoisy)
}

func isNoisy(e reconcile.Event) bool {
	return e == reconcile.EventCanaryStarted || e == reconcile.EventCanaryReady || e == reconcile.EventRolloutStarted
}

// phrase is an event in the words of a title.
func phrase(e reconcile.Event) string {
	switch e {
	case reconcile.EventCanaryStarted:
		return "canary started"
	case reconcile.EventCanaryReady:
		return "canary is healthy"
	case reconcile.EventAwaitingApproval:
		return "waits for a review"
	case reconcile.EventBlocked:
		return "is blocked"
	case reconcile.EventRolloutStarted:
		return "rollout started"
	case reconcile.EventPromoted:
		return "promoted"
	case reconcile.EventRolledBack:
		return "rolled back"
	case reconcile.EventHeld:
		return "held"
	case reconcile.EventWithdrawn:
		return "withdrawn"
	case reconcile.EventDegraded:
		return "degraded"
	case reconcile.EventRecovered:
		return "recovered"
	case reconcile.EventUnreadable:
		return "cannot be read"
	case reconcile.EventSuspended:
		return "suspended"
	case reconcile.EventResumed:
		return "resumed"
	case reconcile.EventRemoved:
		return "removed"
	case EventTest:
		return "a test"
	}
	return string(e)
}
