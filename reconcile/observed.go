package reconcile

import (
	"time"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// A Problem is why the branch's head cannot be used for a service.
type Problem string

// The problems that a head can have. None means usable, unless it is held.
const (
	ProblemNone         Problem = ""
	ProblemUnreadable   Problem = "unreadable"   // the commit or its catalog cannot be read
	ProblemUnrenderable Problem = "unrenderable" // this service cannot be rendered, or must not be applied like that
	ProblemRewritten    Problem = "rewritten"    // history no longer contains what is promoted
	ProblemGone         Problem = "gone"         // the catalog no longer names the service
	ProblemUnread       Problem = "unread"       // neither Git nor the local copy can be read: nothing is known of the branch
)

// A Head is the release at the branch's head, as far as this service goes.
type Head struct {
	// Branch is the branch's newest commit.
	Branch gitsrc.SHA
	// Ref is the release: its commit is the newest one that changed the
	// service, and carries its statuses.
	Ref
	HasCanary bool
	IsMerge   bool // the commit has several parents
	Problem   Problem
	Cause     string // the problem in a sentence
	Rules     Rules  // what the head's catalog says of the steps
}

// Health is what the objects of a variant are like in the cluster.
type Health int

// The healths, in Argo CD's words.
const (
	Missing     Health = iota // not all objects are there with this content
	Progressing               // applied, on its way
	Healthy                   // settled
	Failed                    // will not settle without a change
)

func (h Health) String() string {
	switch h {
	case Missing:
		return "missing"
	case Progressing:
		return "progressing"
	case Healthy:
		return "healthy"
	case Failed:
		return "failed"
	}
	return "unknown"
}

// reverts: the head is back at what was promoted, while something else rolls out
// or was promoted since.
func (o *Observed) reverts() bool {
	if o.Head.Problem != ProblemNone {
		return false
	}
	if o.Record.runs(o.Head.Digest) {
		return o.Record.Rolling != nil
	}
	_, recent := o.Record.recent(o.Head.Digest)
	_, held := o.Record.holdOn(o.Head.Ref)
	return recent && !held
}

// Live is what the cluster holds of one variant.
type Live struct {
	Digest  render.Digest // whose objects were looked at; "" when nothing was
	Health  Health
	Message string   // why it is not healthy, in a sentence
	Images  []string // of the Pod templates, sorted
	Pods    string   // "3/9 Pods ready"; "" without a workload
	// Gone are objects that are not there.
	Gone []render.ObjectID
	// Drifted are objects that somebody changed and that are left so; sorted.
	Drifted []render.ObjectID
}

// Suspend is an operator's order to write nothing.
type Suspend struct {
	Reason, By string
	Until      time.Time // zero: until it is taken back
}

func (s *Suspend) holds(now time.Time) bool {
	return s != nil && (s.Until.IsZero() || now.Before(s.Until))
}

// Orders are what an operator may say of a service: the Delivery's spec.
type Orders struct {
	Suspend     *Suspend
	Retry       string     // a token; a new one ends the head's hold once
	Acknowledge gitsrc.SHA // the operator answers for everything up to it
	Abort       gitsrc.SHA // what is on its way of this commit is taken back, once

	Look string // a token; a new one fetches the branch and looks at the service at once

	ResumedBy, ResumeReason           string // who took the last Suspend back
	RetriedBy, RetryReason            string
	AcknowledgedBy, AcknowledgeReason string
	AbortedBy, AbortReason            string
}

// Observed is everything that Decide may look at.
type Observed struct {
	Now    time.Time
	Record Record
	Orders Orders
	Head   Head

	// Full is about the release that Rolling, else Promoted names; Canary is
	// about the one in the canary slot.
	Full, Canary Live

	// Verdict is about the head's range, RollingVerdict about Rolling's.
	Verdict, RollingVerdict approvals.Verdict
	// VerdictFresh says that Verdict came from an uncached look at the forge
	// in this very pass, or needed none.
	VerdictFresh bool

	// Landed is the head of the pull request that became the head's commit, as far
	// as it is known without asking the forge.
	Landed gitsrc.SHA

	// Looked is the order to look now that a fetch has followed; "" none.
	Looked string

	// RollingLost is why what rolls out cannot be rendered, and never will be; ""
	// while it can, and while the branch cannot be read.
	RollingLost string

	// Recalled is what the live objects of full say of themselves when the record
	// is lost: a release of this branch that renders to the digest that they name.
	Recalled *Ref

	// RulesVerdict is about the commits that changed the service's steps
	// since the governing entry. StartRules govern when nothing does yet.
	RulesVerdict approvals.Verdict
	StartRules   Rules

	// Earlier is what may come up first where nothing runs and the head is not
	// approved; nil: there is none.
	Earlier *Earlier

	// Proposed is the release of the open pull request that has the slot of the
	// service, if one has. ProposedUnread is why that is not known; then no canary
	// is taken away.
	Proposed       *Ref
	ProposedUnread string
	// ProposedAlone: its canary runs without the shared objects that it changes.
	ProposedAlone bool
	// ProposedVerdict is what the reviews of that pull request say so far.
	ProposedVerdict approvals.Verdict
	// Proposals are the other open pull requests that change the service, and what
	// each waits for, in sentences for people.
	Proposals []string

	// WithoutCanary are the digests, among the head's, the rolling and the
	// promoted release's, that render no canary.
	WithoutCanary []render.Digest

	// Changes are the commits since Record.Observed that changed the service,
	// oldest first; the newest is the head's.
	Changes []gitsrc.SHA
	// Fights are about objects that somebody changes again after each repair.
	Fights []Fight
	// Distance is how many commits lie between the head and the newest one up
	// to which everything counts as approved.
	Distance int
}
