package reconcile

import (
	"slices"
	"time"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// A Ref names a release without carrying its objects.
type Ref struct {
	Commit gitsrc.SHA
	Digest render.Digest
	// Since is when the release got the place that the Ref stands in.
	Since time.Time
	// Pull is the number of the open pull request whose content it is; Commit is
	// its head then. 0: the content of the branch.
	Pull int
}

// A Slot is the canary slot: whose content the canary runs, and how far its
// steps have come.
type Slot struct {
	Ref
	Healthy bool
	// HealthSince is when Healthy last changed, or Since before it ever did.
	HealthSince time.Time
}

// A Pass says that the canary steps of a content have passed, from the branch or
// from a pull request.
type Pass struct {
	Digest render.Digest
	At     time.Time
}

// A Stage is one of the three stages that a commit status speaks of.
type Stage string

// The stages, in the order in which a release passes them.
const (
	StageCanary   Stage = "canary"
	StageApproval Stage = "approval"
	StageFull     Stage = "full"
)

// A Hold keeps one digest from being tried again.
type Hold struct {
	Commit gitsrc.SHA
	Pull   int // the open pull request whose canary failed; 0: the branch's
	// Alone: it ran without the shared objects that it changes, and may run well
	// with them. It is no hold on the branch then.
	Alone  bool
	Digest render.Digest
	Stage  Stage // the stage that failed
	Reason string
	Since  time.Time
}

// Rules are the governing entry of a service: the steps that its releases must
// take. They are kept apart from what is promoted, so that a commit cannot
// remove its own gate.
type Rules struct {
	Commit    gitsrc.SHA // "" for the defaults
	Pipeline  render.Pipeline
	OnRemoval render.OnRemoval
	Digest    render.Digest
}

// An Entry is one object of the inventory: something that banksman applied, or
// is about to apply.
type Entry struct {
	Group, Version, Kind string
	Namespace, Name      string
	UID                  string // "" until the object was seen
	Track                Track
	// Want and Owned are hashes of what was applied last, and of what the API
	// server said then that banksman owns of the object; "" when unknown. They
	// prove after a restart, without a request, that nobody touched it.
	Want, Owned string
}

// A Drift is what somebody changed in the cluster and was put back.
type Drift struct {
	Count int
	Last  []string // the objects of the last time, sorted
	At    time.Time
}

// ID is the identity of the entry's object.
func (e Entry) ID() render.ObjectID {
	return render.ObjectID{Group: e.Group, Kind: e.Kind, Namespace: e.Namespace, Name: e.Name}
}

// A Promotion is one line of a service's history.
type Promotion struct {
	Commit    gitsrc.SHA
	Digest    render.Digest
	Outcome   Outcome
	Reason    string
	Approvers []string
	At        time.Time
}

// An Outcome is how a release ended.
type Outcome string

// The outcomes of a release.
const (
	OutcomePromoted   Outcome = "promoted"
	OutcomeRolledBack Outcome = "rolled back to"
	OutcomeHeld       Outcome = "held"
	OutcomeWithdrawn  Outcome = "approval withdrawn"
	OutcomeReverted   Outcome = "reverted"
	OutcomeRecovered  Outcome = "recovered"
	OutcomeAborted    Outcome = "aborted" // by an operator

	// What an operator said.
	OutcomeSuspended    Outcome = "suspended"
	OutcomeResumed      Outcome = "resumed"
	OutcomeRetried      Outcome = "retried"
	OutcomeAcknowledged Outcome = "acknowledged"
)

// A StageReport is what the commit status of one stage says.
type StageReport struct {
	State       approvals.StatusState
	Description string
}

// A Report is what a commit's statuses say of one service.
type Report struct {
	Commit                 gitsrc.SHA
	Canary, Approval, Full StageReport
	// Mirror is the head of the pull request that became the commit: it says the
	// same. "" when unknown.
	Mirror gitsrc.SHA
}

// Sizes of what a record keeps.
const (
	keepRecent  = 10
	keepHistory = 20
	keepReports = 20
	keepHolds   = 20  // of the branch's releases, and
	keepPulls   = 100 // of pull requests', so that these push out none of those
	keepPasses  = 100
)

// A Record is what banksman remembers of one service between two passes and
// over a restart. It is a value: Decide returns the next one.
type Record struct {
	Service   render.ServiceName
	Namespace string // of the Delivery

	Observed gitsrc.SHA // the branch's head that was decided on last
	Settled  gitsrc.SHA // the newest commit seen at which the service is what is promoted; may be ""
	Promoted *Ref       // completed its full stage last
	// Kept is the release whose objects are kept beside the record; "" when none is
	// known to be.
	Kept    render.Digest
	Rolling *Ref // its full apply has begun and has not ended
	// RollingRules are what governed when Rolling began: a stricter policy that
	// comes later takes nothing back that was approved.
	RollingRules *Rules

	Canary    *Slot
	Proposed  *Ref   // the open pull request whose turn it is to have the slot
	Passed    []Pass // whose canary steps passed, newest first
	Recent    []Ref  // promoted and not struck, newest first
	Holds     []Hold
	Governing *Rules
	RetryUsed string // the retry token that was honoured last

	Looked          string     // the order to look now that was followed last
	AbortUsed       string     // the abort that was honoured last, and the retry token that stood beside it
	AcknowledgeUsed gitsrc.SHA // the acknowledgement that the history names
	Leaves          gitsrc.SHA // the commit that takes the service out; full's objects go, that was approved
	Withheld        []Entry    // deletions that are too many to be done unasked
	Drift           *Drift
	// Frozen is since when the service is suspended; a rollout is paused then.
	Frozen time.Time
	Told   Told

	Inventory []Entry
	History   []Promotion // newest first
	Reports   []Report    // newest first
}

// clone copies the record deep enough for Decide to edit the copy.
func (r Record) clone() Record {
	r.Promoted = copied(r.Promoted)
	r.Rolling = copied(r.Rolling)
	r.RollingRules = copied(r.RollingRules)
	r.Canary = copied(r.Canary)
	r.Proposed = copied(r.Proposed)
	r.Drift = copied(r.Drift)
	r.Withheld = slices.Clone(r.Withheld)
	r.Passed = slices.Clone(r.Passed)
	r.Recent = slices.Clone(r.Recent)
	r.Holds = slices.Clone(r.Holds)
	r.Inventory = slices.Clone(r.Inventory)
	r.History = slices.Clone(r.History)
	r.Reports = slices.Clone(r.Reports)
	r.Told = r.Told.clone()
	return r
}

func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

// runs says whether d is the promoted content.
func (r Record) runs(d render.Digest) bool { return r.Promoted != nil && r.Promoted.Digest == d }

// isApproved: full runs this content, or is on its way to.
func (r Record) isApproved(d render.Digest) bool {
	return r.runs(d) || r.Rolling != nil && r.Rolling.Digest == d
}

// recent finds a digest among the last promoted ones.
func (r Record) recent(d render.Digest) (Ref, bool) {
	i := slices.IndexFunc(r.Recent, func(p Ref) bool { return p.Digest == d })
	if i < 0 {
		return Ref{}, false
	}
	return r.Recent[i], true
}

// hold finds the hold on a digest.
func (r Record) hold(d render.Digest) (Hold, bool) {
	i := slices.IndexFunc(r.Holds, func(h Hold) bool { return h.Digest == d })
	if i < 0 {
		return Hold{}, false
	}
	return r.Holds[i], true
}

// holdOn finds what holds a release: of the branch, or of a pull request.
func (r Record) holdOn(ref Ref) (Hold, bool) {
	h, held := r.hold(ref.Digest)
	if held && h.Alone && ref.Pull == 0 {
		return Hold{}, false
	}
	return h, held
}

// report finds the report on a commit.
func (r Record) report(c gitsrc.SHA) (Report, bool) {
	i := slices.IndexFunc(r.Reports, func(p Report) bool { return p.Commit == c })
	if i < 0 {
		return Report{Commit: c}, false
	}
	return r.Reports[i], true
}

// promote makes ref the promoted release and the newest of the last ten.
func (r *Record) promote(ref Ref) {
	r.Promoted, r.Settled = &ref, ""
	r.Recent = slices.DeleteFunc(r.Recent, func(p Ref) bool { return p.Digest == ref.Digest })
	r.Recent = keep(append([]Ref{ref}, r.Recent...), keepRecent)
	r.release(ref.Digest)
}

// strike takes a digest out of the last ten and forgets that its canary passed.
func (r *Record) strike(d render.Digest) {
	r.Recent = slices.DeleteFunc(r.Recent, func(p Ref) bool { return p.Digest == d })
	r.forgetPass(d)
}

// passed says when the canary steps of a digest passed.
func (r Record) passed(d render.Digest) (time.Time, bool) {
	i := slices.IndexFunc(r.Passed, func(p Pass) bool { return p.Digest == d })
	if i < 0 {
		return time.Time{}, false
	}
	return r.Passed[i].At, true
}

func (r *Record) addPass(d render.Digest, at time.Time) {
	r.Passed = keep(append([]Pass{{d, at}}, r.Passed...), keepPasses)
}

func (r *Record) forgetPass(d render.Digest) {
	r.Passed = slices.DeleteFunc(r.Passed, func(p Pass) bool { return p.Digest == d })
}

func (r *Record) addHold(h Hold) {
	r.Holds = slices.DeleteFunc(r.Holds, func(o Hold) bool { return o.Digest == h.Digest })
	r.Holds = append([]Hold{h}, r.Holds...)
	left := map[bool]int{false: keepHolds, true: keepPulls}
	r.Holds = slices.DeleteFunc(r.Holds, func(o Hold) bool {
		left[o.Pull != 0]--
		return left[o.Pull != 0] < 0
	})
}

// release ends the hold on a digest.
func (r *Record) release(d render.Digest) {
	r.Holds = slices.DeleteFunc(r.Holds, func(h Hold) bool { return h.Digest == d })
}

// noteDrift counts what was put back.
func (r *Record) noteDrift(repaired []render.ObjectID, now time.Time) {
	if len(repaired) == 0 {
		return
	}
	d := Drift{At: now}
	if r.Drift != nil {
		d.Count = r.Drift.Count
	}
	d.Count += len(repaired)
	for _, id := range repaired {
		d.Last = append(d.Last, id.String())
	}
	r.Drift = &d
}

func (r *Record) addHistory(p Promotion) {
	r.History = keep(append([]Promotion{p}, r.History...), keepHistory)
}

func keep[T any](s []T, n int) []T {
	if len(s) > n {
		return s[:n:n]
	}
	return s
}
