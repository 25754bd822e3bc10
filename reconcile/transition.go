package reconcile

import (
	"time"

	"banksman.dev/render"
)

// A Transition is one thing that happened to a release and that a person, a
// dashboard or another program may want to hear of. It is told once, after the
// record that knows it was told is saved: a process that dies between the two
// tells nothing, and none tells it twice.
type Transition struct {
	// ID is the same for the same transition, whoever derives it, and no other has it.
	ID        string
	Event     Event
	Service   render.ServiceName
	Namespace string // of the Delivery
	Ref       Ref    // the release that it is about
	Step      Step   // where the service stands now
	Reason    string // a sentence
	Waits     []string
	Next      string   // the command or act that goes on from here; may be ""
	By        []string // who approved, or who said so
	URL       string   // of the pull request, or of the service's dashboard; may be ""
	At        time.Time
	Took      map[Step]time.Duration // how long the steps took that ended with it; may be nil
}

// An Event is a kind of transition. Its value is public: notifications are chosen
// by it, and metrics count it.
type Event string

// The events, in the order in which a release meets them.
const (
	EventCanaryStarted    Event = "canary-started"
	EventCanaryReady      Event = "canary-ready" // healthy, and its steps passed
	EventAwaitingApproval Event = "awaiting-approval"
	EventBlocked          Event = "blocked" // waits for an operator, not for a review
	EventRolloutStarted   Event = "rollout-started"
	EventPromoted         Event = "promoted"
	EventRolledBack       Event = "rolled-back"
	EventHeld             Event = "held" // a step failed
	EventWithdrawn        Event = "withdrawn"
	EventDegraded         Event = "degraded" // what is promoted is not healthy, for longer than its timeout
	EventRecovered        Event = "recovered"
	EventUnreadable       Event = "unreadable" // the branch, the catalog or the service's manifests
	EventSuspended        Event = "suspended"
	EventResumed          Event = "resumed"
	EventRemoved          Event = "removed"
)

// Warns says that somebody should look.
func (e Event) Warns() bool {
	switch e {
	case EventBlocked, EventHeld, EventWithdrawn, EventDegraded, EventUnreadable:
		return true
	case EventCanaryStarted, EventCanaryReady, EventAwaitingApproval, EventRolloutStarted, EventPromoted, EventRolledBack,
		EventRecovered, EventSuspended, EventResumed, EventRemoved:
	}
	return false
}

// Events are all kinds of transitions, in the order in which a release meets them.
func Events() []Event {
	return []Event{
		EventCanaryStarted, EventCanaryReady, EventAwaitingApproval, EventBlocked, EventRolloutStarted, EventPromoted, EventRolledBack,
		EventHeld, EventWithdrawn, EventDegraded, EventRecovered, EventUnreadable, EventSuspended, EventResumed, EventRemoved,
	}
}
