package reconcile

import "time"

// A Track is the value of the label banksman.dev/track.
type Track string

// The tracks: objects of the full variant are stable.
const (
	TrackStable Track = "stable"
	TrackCanary Track = "canary"
)

// An Aim says what to do about a variant.
type Aim int

// The aims.
const (
	LeaveAlone Aim = iota // write nothing
	Run                   // bring the cluster to the target's release, drift included
	Absent                // remove the variant's own objects
	Freeze                // pause its rollout, and write nothing else
)

// A Target is what a variant is to become.
type Target struct {
	Aim  Aim
	Ref  Ref    // when Aim is Run
	Rule string // the rule that matched, for tests and logs
}

// A Step is where a service stands, for people.
type Step string

// The steps.
const (
	StepUpToDate    Step = "Up to date"
	StepCanary      Step = "Canary"
	StepBake        Step = "Bake"
	StepApproval    Step = "Approval"
	StepFull        Step = "Full"
	StepRollback    Step = "Rollback"
	StepHeld        Step = "Held"
	StepSuspended   Step = "Suspended"
	StepUnreadable  Step = "Unreadable"
	StepRewritten   Step = "Rewritten"
	StepGone        Step = "Removed"
	StepNotReleased Step = "Not released"
)

// Steps are all of them, in the order in which a release meets them.
func Steps() []Step {
	return []Step{
		StepNotReleased, StepCanary, StepBake, StepApproval, StepFull, StepUpToDate, StepRollback, StepHeld,
		StepSuspended, StepUnreadable, StepRewritten, StepGone,
	}
}

// A Shown is what a Delivery shows of its service, for whoever counts them.
type Shown struct {
	Step     Step
	Standing Event // awaiting-approval, blocked or unreadable; "" where nothing waits
	// Since is since when it stands so.
	Since    time.Time
	Degraded bool // what is promoted is not healthy, and that was told
}

// A View is what a person is shown. It is derived on every pass and never read
// back.
type View struct {
	Step   Step
	Reason string   // a sentence
	Waits  []string // on whom or what; sorted
	Next   string   // the command or act that goes on from here; may be ""
	Pulls  []string // the open pull requests that change the service, and where each stands
	// Ready: what runs is what the branch says and it is healthy.
	// Stalled: nothing will move without somebody acting on an error.
	Ready, Stalled bool

	Head         Ref
	Full, Canary Live
}

// A Decision is what one pass is to do, and why.
type Decision struct {
	// Record is the next record. It is saved before anything is applied.
	Record       Record
	Full, Canary Target
	// WantsFreshVerdict asks for an uncached look at the forge and another
	// decision: the last check before the first full write.
	WantsFreshVerdict bool
	// Again is how long until time alone may change the decision; 0 is never.
	Again time.Duration
	View  View
	// Transitions are what happened with this decision, in their order. They are
	// told once the record is saved.
	Transitions []Transition
}
