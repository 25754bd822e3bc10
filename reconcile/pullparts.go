package reconcile

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

var errMoving = errors.New("it is being pushed to")

// canaryIsHealthy is true only as long as the pull request has the canary.
const canaryIsHealthy = "the canary is healthy"

// A pullPart is where one of the services stands that a pull request changes.
type pullPart struct {
	bids     bool // it may run as the service's canary
	failed   bool // it did and failed: the pull request is out until it changes
	restores gitsrc.SHA
	report   StageReport // what is said of the canary when it does not bid
}

type partKey struct {
	pull    int
	service render.ServiceName
}

// partOf says what keeps a service's part of a pull request from having the
// canary, if anything does.
func (l *Loop) partOf(o *openPull, name render.ServiceName) pullPart {
	key, known := partKey{o.Number, name}, l.proposals.parts
	if part, ok := known[key]; ok {
		return part
	}
	part := l.findPart(o, name)
	if known != nil {
		known[key] = part
	}
	return part
}

func (l *Loop) findPart(o *openPull, name render.ServiceName) pullPart {
	c := o.merged.changes[name]
	record, _, _ := l.peek(name)
	digest := c.release.Digest
	says := func(r StageReport) pullPart { return pullPart{report: r} }
	if c.leaves {
		return says(successReport("the service leaves the catalog: no canary needed"))
	}
	head := l.content.release(l, name, l.head)
	if head.err != nil && (c.fault == "" || c.fault == oneLine(head.err)) && head.problem != ProblemGone {
		return says(successReport(l.Branch + " cannot be rendered: its canary runs after the merge"))
	}
	if c.fault != "" {
		return says(errorReport("cannot be rendered: " + c.fault))
	}
	if c.outside != "" {
		return says(errorReport(c.outside))
	}
	if c.onlySteps {
		return says(successReport("only the steps change: no canary needed"))
	}
	if was, ok := record.restored(digest); ok {
		return pullPart{restores: was, report: successReport("restores " + was.Short() + ": no canary needed")}
	}
	if h, held := record.hold(digest); held {
		return pullPart{failed: true, report: failureReport(h.Reason + oldShared(c))}
	}
	switch {
	case c.isNew:
		return says(successReport("the service is new: its canary runs after the merge"))
	case !c.release.HasCanary:
		return says(successReport("the catalog names no canary for this service"))
	case record.Promoted == nil && record.Rolling != nil:
		return says(pendingReport("waits until the first release has reached full"))
	case record.Promoted == nil:
		return says(successReport("nothing was promoted yet: its canary runs after the merge"))
	}
	running, err := l.releaseOf(name, record.Promoted)
	if err != nil {
		return says(errorReport("what is promoted cannot be read: " + oneLine(err)))
	}
	c.guard(running)
	if foreign := l.foreign(record, c.release.Canary); foreign != nil {
		return says(*foreign)
	}
	if why, refused := l.proposals.refused[refusedPull{name, digest}]; refused {
		return says(successReport(afterMergeFor(why)))
	}
	if len(c.guarded) > 0 {
		return says(successReport(afterMergeFor(c.guarded[0])))
	}
	return pullPart{bids: true}
}

func afterMergeFor(why string) string {
	return "merge first; this part is canaried from the branch: " + why
}

// restored is the commit of the same content that runs, or ran and may run again.
func (r Record) restored(d render.Digest) (gitsrc.SHA, bool) {
	if r.runs(d) {
		return r.Promoted.Commit, true
	}
	was, ok := r.recent(d)
	return was.Commit, ok
}

// foreign finds an object of a proposed canary that belongs to another service,
// or that full had and that is not gone yet.
func (l *Loop) foreign(record Record, canary []render.Object) *StageReport {
	owners := l.content.ownersAt(l, l.head)
	for _, o := range canary {
		id := o.ID()
		if owner, ok := owners[id]; ok && owner != record.Service {
			r := errorReport(fmt.Sprintf("%s belongs to %s", o, owner))
			return &r
		}
		if slices.ContainsFunc(record.Inventory, func(e Entry) bool { return e.ID() == id && e.Track == TrackStable }) {
			r := successReport(afterMergeFor(fmt.Sprintf("%s was full's and is not gone yet", o)))
			return &r
		}
	}
	return nil
}

// ownersAt are the services that render the objects of a commit.
func (c *contents) ownersAt(l *Loop, commit gitsrc.SHA) map[render.ObjectID]render.ServiceName {
	if c.ownersCommit == commit {
		return c.owners
	}
	c.owners, c.ownersCommit = map[render.ObjectID]render.ServiceName{}, commit
	in := c.catalog(l, commit)
	if in.catalog == nil {
		return c.owners
	}
	for _, name := range in.catalog.Names() {
		for _, id := range c.release(l, name, commit).release.IDs() {
			c.owners[id] = name
		}
	}
	return c.owners
}

// has says whether a pull request has the slot of a service.
func (p *proposals) has(o *openPull, name render.ServiceName) bool { return p.given[name] == o.Number }

// mayRun: it may have a canary, or has one and it is not known that it may not.
func (l *Loop) mayRun(o *openPull) bool {
	if o.eligible.Standing != approvals.StandingUnknown {
		return o.eligible.Eligible()
	}
	for name := range o.merged.changes {
		if l.proposals.has(o, name) {
			return true
		}
	}
	return false
}

// pullCanary says of an open pull request how far the canary of one service has come.
func (l *Loop) pullCanary(o *openPull, name render.ServiceName) StageReport {
	part := l.partOf(o, name)
	if !part.bids {
		return part.report
	}
	switch {
	case o.isMoving:
		return pendingReport(o.name() + " is being pushed to")
	case !l.mayRun(o):
		return ineligible(o.eligible)
	}
	record, orders, _ := l.peek(name)
	digest := o.merged.changes[name].release.Digest
	s := record.Canary
	_, passed := record.passed(digest)
	has := l.proposals.has(o, name)
	switch {
	case passed && has && (s == nil || s.Digest != digest || !s.Healthy && s.HealthSince.Equal(s.Since)):
		return successReport("the canary was healthy; it is rolled out again")
	case passed && has && !s.Healthy:
		return pendingReport("the canary passed and is not healthy now" + progress(l.lastView[name].Canary))
	case passed && has:
		return successReport(canaryIsHealthy + oldShared(o.merged.changes[name]))
	case passed:
		return successReport("the canary was healthy" + oldShared(o.merged.changes[name]))
	case has && !l.proposals.started(o):
		return pendingReport("is looked at once more before its canary runs")
	case has && orders.Suspend.holds(l.Now()):
		return pendingReport(suspendedSentence(orders.Suspend))
	case has && (s == nil || s.Digest != digest):
		return pendingReport("waits for the canary of the branch")
	case has && s.Healthy:
		return pendingReport("the canary is healthy and bakes for " + shortDuration(record.bake()))
	case has:
		return pendingReport("the canary is rolling out")
	}
	if o.failedIn != "" {
		return errorReport(fmt.Sprintf("the canary of %s failed: push a fix", o.failedIn))
	}
	return pendingReport(l.proposals.waiting(o))
}

func ineligible(e approvals.Eligibility) StageReport {
	switch e.Standing {
	case approvals.StandingAfterMerge:
		return successReport(e.Reason)
	case approvals.StandingWithheld:
		return errorReport(e.Reason)
	case approvals.StandingUnknown, approvals.StandingEligible:
		return pendingReport(e.Reason)
	}
	return pendingReport(e.Reason)
}

// oldShared says what of the pull request its canary did not run with.
func oldShared(c *change) string {
	if len(c.shared) == 0 {
		return ""
	}
	id := c.shared[0]
	return fmt.Sprintf("; it ran with the old %s %s: name it by .system.SERVICE to canary it", id.Kind, id.Name)
}

// waiting names those that have a slot which the pull request wants. Who else is
// ahead of it changes too often to be said.
func (p *proposals) waiting(o *openPull) string {
	var have []int
	for _, n := range p.waits[o.Number] {
		if slices.Contains(slices.Collect(maps.Values(p.given)), n) {
			have = append(have, n)
		}
	}
	if len(have) == 0 {
		have = p.waits[o.Number][:min(1, len(p.waits[o.Number]))]
	}
	if len(have) == 0 {
		return "waits for its turn"
	}
	return "waits for the canary of " + numbers(have)
}

// numbers is "#12, #13 and #14".
func numbers(pulls []int) string {
	s := ""
	for i, n := range pulls {
		switch {
		case i == 0:
		case i == len(pulls)-1:
			s += " and "
		default:
			s += ", "
		}
		s += fmt.Sprintf("#%d", n)
	}
	return s
}
