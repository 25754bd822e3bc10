package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"banksman.dev/approvals"
)

// Told is what was told of a service, as far as the rest of its record does not
// say it. It is saved with the decision that tells, so that no later process
// tells the same.
type Told struct {
	Count int    // of transitions so far; each has its number
	Last  string // the ID of the last one
	// Standing is what was told last of where the branch's release stands:
	// EventAwaitingApproval, EventBlocked or EventUnreadable; "" once it goes on.
	// About is that release, since it was told.
	Standing Event
	About    Ref
	// Review is the release of the pull request whose review was asked for last.
	Review *Ref
	// IllSince is since when what is promoted is not healthy. Degraded: that was told.
	IllSince time.Time
	Degraded bool
}

func (t Told) clone() Told {
	t.Review = copied(t.Review)
	return t
}

// A teller holds what was decided against what was told.
type teller struct {
	*draft
	was  Record // before the decision
	view View
	all  []Transition
}

// tell says what happened with this decision, and notes in the record that it was
// told. What nobody decided on was told before, or will be.
func (d *draft) tell(v View) []Transition {
	t := &teller{draft: d, was: d.o.Record, view: v}
	t.tellEnds()
	t.tellCanary()
	if r := d.record.Rolling; r != nil && (t.was.Rolling == nil || t.was.Rolling.Digest != r.Digest) {
		t.tellRollout(*r)
	}
	if !d.suspended() && !d.unread() {
		t.tellHealth()
		t.tellStanding()
		t.tellReview()
	}
	if d.record.Leaves != "" && t.was.Leaves == "" {
		t.add(Transition{Event: EventRemoved, Ref: d.o.Head.Ref, Reason: v.Reason, Next: v.Next})
	}
	return t.all
}

// add gives a transition what all have.
func (t *teller) add(n Transition) {
	told := &t.record.Told
	told.Count++
	n.Service, n.Namespace, n.Step, n.At = t.record.Service, t.record.Namespace, t.view.Step, t.o.Now
	// The number is the record's; a record that was lost counts anew, at another time.
	n.ID = fmt.Sprintf("%s/%s/%s/%d/%d", n.Namespace, n.Service, n.Event, told.Count, n.At.Unix())
	told.Last = n.ID
	t.all = append(t.all, n)
}

// tellEnds is for what came into the history: how releases ended, and who
// suspended what.
func (t *teller) tellEnds() {
	back := slices.ContainsFunc(t.ended, func(p Promotion) bool { return p.Outcome == OutcomeRolledBack })
	for _, p := range t.ended {
		n := Transition{Ref: Ref{Commit: p.Commit, Digest: p.Digest}, Reason: p.Reason, By: p.Approvers}
		switch p.Outcome {
		case OutcomePromoted:
			n.Event, n.Reason = EventPromoted, sentence("full runs "+p.Commit.Short(), p.Reason)
			n.URL = t.o.RollingVerdict.PullRequestURL
			n.Took = map[Step]time.Duration{StepFull: t.o.Now.Sub(t.was.Rolling.Since)}
		case OutcomeRolledBack:
			n.Event, n.Reason = EventRolledBack, sentence("full goes back to "+p.Commit.Short(), p.Reason)
		case OutcomeReverted:
			if back {
				continue // the same rollback
			}
			n.Event, n.Ref = EventRolledBack, *t.record.Promoted
			n.Reason = sentence("full goes back from "+p.Commit.Short(), p.Reason)
		case OutcomeWithdrawn:
			n.Event, n.Waits, n.URL = EventWithdrawn, t.o.RollingVerdict.Waits, t.o.RollingVerdict.PullRequestURL
			n.Reason = sentence("the approval of "+p.Commit.Short()+" was withdrawn before the rollout had ended", p.Reason)
		case OutcomeSuspended:
			n.Event, n.Reason, n.Next = EventSuspended, suspendedSentence(t.o.Orders.Suspend), t.order("resume")
		case OutcomeResumed:
			n.Event, n.Reason = EventResumed, resumedSentence(p)
		case OutcomeHeld, OutcomeAborted, OutcomeRecovered, OutcomeRetried, OutcomeAcknowledged:
			continue // a hold is told below; the others are nothing that happened to a release
		}
		t.add(n)
	}
	for _, h := range slices.Backward(t.record.Holds) {
		if !slices.Contains(t.was.Holds, h) {
			t.tellHeld(h)
		}
	}
}

func resumedSentence(p Promotion) string {
	if len(p.Approvers) == 0 {
		return sentence("resumed", p.Reason)
	}
	return sentence("resumed by "+strings.Join(p.Approvers, ", "), p.Reason)
}

func sentence(what, why string) string {
	if why == "" {
		return what
	}
	return what + ": " + why
}

func (t *teller) tellHeld(h Hold) {
	n := Transition{Event: EventHeld, Ref: Ref{Commit: h.Commit, Digest: h.Digest, Since: h.Since, Pull: h.Pull}}
	if h.Pull != 0 {
		n.Reason = fmt.Sprintf("#%d is held: %s", h.Pull, h.Reason)
		n.Next = fmt.Sprintf("push a fix to #%d, or try the same content again: %s", h.Pull, t.order("retry"))
		n.URL = t.o.ProposedVerdict.PullRequestURL
	} else {
		n.Reason = fmt.Sprintf("%s is held: %s", h.Commit.Short(), h.Reason)
		n.Next = fmt.Sprintf("push a fix, or %s; to try the same content again: %s", t.revert(h.Commit), t.order("retry"))
	}
	t.add(n)
}

// tellCanary: another content got the slot, or its steps passed. The canary of
// what is approved goes along with full.
func (t *teller) tellCanary() {
	slot, was := t.record.Canary, t.was.Canary
	if was != nil && !t.record.runs(was.Digest) {
		_, before := t.was.passed(was.Digest)
		if at, passed := t.record.passed(was.Digest); passed && !before && at.Equal(t.o.Now) {
			t.tellReady(*was)
		}
	}
	if slot == nil || was != nil && was.Digest == slot.Digest || t.record.isApproved(slot.Digest) {
		return
	}
	if _, passed := t.record.passed(slot.Digest); passed {
		return // it only runs again
	}
	t.add(Transition{Event: EventCanaryStarted, Ref: slot.Ref, Reason: "the canary of " + t.nameOf(slot.Ref) + " is rolling out", URL: t.pullURL(slot.Ref)})
}

func (t *teller) tellReady(s Slot) {
	healthy := s.HealthSince
	if !s.Healthy {
		healthy = t.o.Now // it became so in this look
	}
	took := map[Step]time.Duration{StepCanary: healthy.Sub(s.Since)}
	reason := "the canary of " + t.nameOf(s.Ref) + " is healthy"
	if bake := t.record.bake(); bake > 0 {
		took[StepBake] = t.o.Now.Sub(healthy)
		reason += " and has baked for " + shortDuration(bake)
	}
	t.add(Transition{Event: EventCanaryReady, Ref: s.Ref, Reason: reason, URL: t.pullURL(s.Ref), Took: took})
}

// nameOf is "1a2b3c4", or "#12" where it is an open pull request's.
func (t *teller) nameOf(r Ref) string {
	if r.Pull != 0 {
		return fmt.Sprintf("#%d", r.Pull)
	}
	return r.Commit.Short()
}

func (t *teller) pullURL(r Ref) string {
	if r.Pull != 0 {
		return t.o.ProposedVerdict.PullRequestURL
	}
	return t.o.Verdict.PullRequestURL
}

func (t *teller) tellRollout(r Ref) {
	waited := t.o.Now
	if at, passed := t.record.passed(r.Digest); passed && t.o.Head.HasCanary {
		waited = at
	} else if told := t.record.Told; told.Standing != "" && told.About.Digest == r.Digest {
		waited = told.About.Since
	}
	n := Transition{Event: EventRolloutStarted, Ref: r, URL: t.o.Verdict.PullRequestURL, Took: map[Step]time.Duration{StepApproval: t.o.Now.Sub(waited)}}
	n.Reason = sentence(r.Commit.Short()+" is rolling out to full", t.o.Verdict.Reason)
	for _, a := range t.o.Verdict.Approvers {
		n.By = append(n.By, a.Login)
	}
	t.add(n)
}

// tellHealth tells of an illness once it has lasted as long as a rollout may
// take, and of its end: Pods that come and go are no news.
func (t *teller) tellHealth() {
	told, p := &t.record.Told, t.record.Promoted
	if p == nil || t.record.Rolling != nil {
		return
	}
	if t.was.Promoted == nil || t.was.Promoted.Digest != p.Digest {
		told.IllSince = time.Time{}
	}
	switch {
	case t.o.Full.Digest != p.Digest: // something else was looked at
	case t.o.Full.Health == Healthy && told.Degraded:
		told.IllSince, told.Degraded = time.Time{}, false
		t.add(Transition{Event: EventRecovered, Ref: *p, Reason: "full runs " + p.Commit.Short() + " and is healthy again"})
	case t.o.Full.Health == Healthy:
		told.IllSince = time.Time{}
	case told.IllSince.IsZero():
		told.IllSince = t.o.Now
	case !told.Degraded && t.o.Now.Sub(told.IllSince) >= t.record.fullTimeout():
		told.Degraded = true
		t.add(Transition{Event: EventDegraded, Ref: *p, Reason: fmt.Sprintf("full runs %s and has not been healthy for %s: %s",
			p.Commit.Short(), shortDuration(t.record.fullTimeout()), orUnsaid(t.o.Full.Message))})
	}
}

// tellStanding: the branch's release waits for a review or for an operator, or
// cannot be read.
func (t *teller) tellStanding() {
	told := &t.record.Told
	event, about := t.standing()
	switch {
	case event == told.Standing && (event == "" || event == EventUnreadable || sameRelease(about, told.About)):
		return
	case event == "":
		told.Standing, told.About = "", Ref{}
		return
	}
	about.Since = t.o.Now
	told.Standing, told.About = event, about
	url := t.o.Verdict.PullRequestURL
	if t.o.Head.Problem == ProblemGone {
		url = t.o.RulesVerdict.PullRequestURL
	}
	t.add(Transition{Event: event, Ref: about, Reason: t.view.Reason, Waits: t.view.Waits, Next: t.view.Next, URL: url})
}

// sameRelease: one without content, because it cannot be rendered, is known by
// its commit.
func sameRelease(a, b Ref) bool {
	return a.Digest == b.Digest && (a.Digest != "" || a.Commit == b.Commit)
}

// standing is what is to be told of where the branch's release stands. What is
// not known now was as it was told.
func (t *teller) standing() (Event, Ref) {
	head := t.o.Head.Ref
	switch {
	case t.record.Rolling != nil:
		return "", Ref{}
	case t.o.Head.Problem == ProblemRewritten:
		return EventBlocked, head
	case t.o.Head.Problem == ProblemGone:
		return t.standingGone()
	case t.o.Head.Problem != ProblemNone:
		return EventUnreadable, head
	case !t.isNew() && len(t.record.Withheld) > 0:
		return EventBlocked, *t.record.Promoted
	case !t.isNew() || !t.usable():
		return "", Ref{}
	case t.isUnsure():
		return t.asTold(t.record.Told.About)
	case t.view.Step != StepApproval:
		return t.asTold(head)
	}
	return t.standingVerdict(t.o.Verdict)
}

func (t *teller) standingVerdict(v approvals.Verdict) (Event, Ref) {
	switch v.State {
	case approvals.Waiting:
		return EventAwaitingApproval, t.o.Head.Ref
	case approvals.Blocked:
		return EventBlocked, t.o.Head.Ref
	case approvals.Unknown, approvals.Approved:
	}
	return t.asTold(t.o.Head.Ref)
}

// standingGone is for a service that left the catalog.
func (t *teller) standingGone() (Event, Ref) {
	switch {
	case t.mayLeave() && len(t.record.Withheld) > 0:
		return EventBlocked, t.o.Head.Ref
	case t.mayLeave():
		return "", Ref{}
	case t.o.RulesVerdict.State == approvals.Waiting && t.o.RulesVerdict.PullRequestURL == "":
		return EventBlocked, t.o.Head.Ref
	}
	return t.standingVerdict(t.o.RulesVerdict)
}

// asTold: what was told of this release still holds, if anything was.
func (t *teller) asTold(r Ref) (Event, Ref) {
	told := t.record.Told
	if told.Standing == "" || told.Standing == EventUnreadable || !sameRelease(told.About, r) {
		return "", Ref{}
	}
	return told.Standing, told.About
}

// tellReview: the canary of an open pull request can be looked at, and its review
// is missing.
func (t *teller) tellReview() {
	told, p := &t.record.Told, t.record.Proposed
	if p == nil {
		told.Review = nil
		return
	}
	if told.Review != nil && sameRelease(*told.Review, *p) && told.Review.Pull == p.Pull {
		return
	}
	_, passed := t.record.passed(p.Digest)
	v := t.o.ProposedVerdict
	if !passed || !t.slotHolds(p.Digest) || t.o.ProposedUnread != "" || v.State != approvals.Waiting {
		return
	}
	about := *p
	about.Since = t.o.Now
	told.Review = &about
	t.add(Transition{
		Event: EventAwaitingApproval, Ref: about, Reason: fmt.Sprintf("the canary of #%d is healthy: %s", p.Pull, v.Reason),
		Waits: v.Waits, Next: "review " + cmp.Or(v.PullRequestURL, fmt.Sprintf("#%d", p.Pull)), URL: v.PullRequestURL,
	})
}
