package reconcile

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// view says to a person where the service stands, why, on whom it waits and
// what goes on from here.
func (d *draft) view() View {
	v := View{Head: d.tip().Ref, Full: d.o.Full, Canary: d.o.Canary, Pulls: d.viewPulls()}
	v.Head.Since = time.Time{}
	switch {
	case d.suspended():
		v.Step, v.Reason = StepSuspended, d.suspendedReason()
	case d.unread():
		d.viewUnread(&v)
	case d.record.Rolling != nil:
		d.viewRolling(&v)
	case d.o.Head.Problem != ProblemNone:
		d.viewProblem(&v)
	case !d.isNew():
		d.viewPromoted(&v)
	case !d.usable():
		d.viewHeld(&v)
	case d.isUnsure():
		d.viewUnsure(&v)
	default:
		d.viewProgress(&v)
		d.viewAhead(&v)
	}
	d.viewFights(&v)
	return v
}

func (d *draft) viewRolling(v *View) {
	v.Step = StepFull
	v.Reason = fmt.Sprintf("%s was approved and is rolling out to full", d.record.Rolling.Commit.Short())
	if m := d.o.Full.Message; m != "" && d.o.Full.Digest == d.record.Rolling.Digest {
		v.Reason += ": " + m
	}
}

func (d *draft) viewProblem(v *View) {
	v.Reason = d.o.Head.Cause
	v.Stalled = true
	switch d.o.Head.Problem {
	case ProblemGone:
		v.Step, v.Stalled = StepGone, false
		d.viewGone(v)
	case ProblemRewritten:
		v.Step = StepRewritten
		v.Next = "answer for the new history: " + d.order("acknowledge", d.o.Head.Branch)
	case ProblemUnreadable, ProblemUnrenderable, ProblemUnread, ProblemNone:
		v.Step = StepUnreadable
		v.Next = "push a fix, or " + d.revert(d.o.Head.Commit)
	}
}

// viewUnread: nothing is known of the branch. Nobody has to act here: it is
// fetched again at every poll.
func (d *draft) viewUnread(v *View) {
	v.Step, v.Waits = StepUnreadable, []string{"the Git server"}
	switch p, r := d.record.Promoted, d.record.Rolling; {
	case r != nil:
		v.Reason = "the rollout of " + r.Commit.Short() + " waits" + progress(d.o.Full)
	case p != nil:
		v.Reason = "full keeps " + p.Commit.Short() + progress(d.o.Full)
	default:
		v.Reason = "nothing is released"
	}
	v.Reason = d.o.Head.Cause + "; until then " + v.Reason
}

// viewGone: the service left the catalog.
func (d *draft) viewGone(v *View) {
	verdict := d.o.RulesVerdict
	again := fmt.Sprintf("put the service back into the catalog, or delete its objects (kubectl get all -A -l banksman.dev/service=%s) and then this Delivery", d.record.Service)
	switch {
	case !d.mayLeave():
		v.Reason = "the catalog no longer names this service; until that is approved its objects stay: " + verdict.Reason
		v.Waits = verdict.Waits
		if verdict.PullRequestURL != "" {
			v.Next = "review " + verdict.PullRequestURL
		} else {
			v.Next = "put the service back into the catalog, or answer for its removal: " + d.order("acknowledge", d.o.Head.Branch)
		}
	case !d.deletes():
		v.Reason, v.Next = "the catalog no longer names this service; its full objects are left as they are", again
	case len(d.record.Withheld) > 0:
		v.Reason = "the catalog no longer names this service"
		d.viewWithheld(v)
	case d.fullObjects() > 0:
		v.Reason = "the catalog no longer names this service; its objects are being deleted"
	default:
		v.Reason = "the catalog no longer names this service; its objects are deleted"
		v.Next = fmt.Sprintf("kubectl -n %s delete delivery %s", d.record.Namespace, d.record.Service)
	}
}

// viewWithheld: deletions wait for somebody to answer for them.
func (d *draft) viewWithheld(v *View) {
	v.Ready, v.Stalled = false, true
	v.Waits = append(v.Waits, "an operator")
	v.Reason += fmt.Sprintf("; %d of its %d full objects are to be deleted, too many to do so unasked", len(d.record.Withheld), d.fullObjects())
	v.Next = "put them back, or answer for it: " + d.order("acknowledge", d.deletionsOf())
}

// deletionsOf is the commit that takes away the objects whose deletion waits.
func (d *draft) deletionsOf() gitsrc.SHA {
	if p := d.record.Promoted; p != nil && d.o.Head.Problem != ProblemGone {
		return p.Commit
	}
	return d.o.Head.Commit
}

func (d *draft) viewPromoted(v *View) {
	p := d.record.Promoted
	v.Step = StepUpToDate
	switch {
	case d.o.Full.Digest == p.Digest && d.o.Full.Health == Healthy:
		v.Ready = true
		v.Reason = "full runs " + p.Commit.Short()
		if p.Commit != d.o.Head.Commit {
			v.Reason += ", which " + d.o.Head.Commit.Short() + " restores"
		}
		if drifted := slices.Concat(d.o.Full.Drifted, d.o.Canary.Drifted); len(drifted) > 0 {
			v.Reason += fmt.Sprintf("; somebody changed %s, which is left so (drift: warn)", someOf(drifted))
		}
		d.viewReview(v)
		if len(d.record.Withheld) > 0 {
			d.viewWithheld(v)
		}
	case d.rolledBack():
		v.Step = StepRollback
		v.Reason = "rolling back to " + p.Commit.Short() + progress(d.o.Full)
		v.Stalled = d.promotedIsLate()
	default:
		v.Reason = "full should run " + p.Commit.Short() + " and is not healthy" + progress(d.o.Full)
		v.Stalled = d.promotedIsLate()
	}
}

// viewReview says who may look at the canary of a pull request now.
func (d *draft) viewReview(v *View) {
	p := d.o.Proposed
	if p == nil || !d.slotHolds(p.Digest) {
		return
	}
	if _, passed := d.record.passed(p.Digest); !passed {
		return
	}
	switch verdict := d.o.ProposedVerdict; verdict.State {
	case approvals.Waiting:
		v.Waits, v.Next = verdict.Waits, "review "+verdict.PullRequestURL
	case approvals.Approved:
		v.Next = "merge " + verdict.PullRequestURL
	case approvals.Unknown, approvals.Blocked:
	}
}

// rolledBack says whether what is promoted came by a rollback.
func (d *draft) rolledBack() bool {
	for _, h := range d.record.History {
		if h.Commit == d.record.Promoted.Commit && !h.Outcome.isOrder() {
			return h.Outcome == OutcomeRolledBack
		}
	}
	return false
}

func (d *draft) viewHeld(v *View) {
	h, _ := d.record.holdOn(d.o.Head.Ref)
	v.Step, v.Stalled = StepHeld, true
	v.Reason = fmt.Sprintf("%s is held: %s", h.Commit.Short(), h.Reason)
	v.Next = fmt.Sprintf("push a fix, or %s; to try the same content again: %s", d.revert(h.Commit), d.order("retry"))
}

func (d *draft) viewProgress(v *View) {
	head := d.o.Head.Commit.Short()
	switch {
	case d.o.Head.HasCanary && !d.canaryPassed() && d.slotHolds(d.o.Head.Digest) && d.record.Canary.Healthy:
		v.Step = StepBake
		v.Reason = fmt.Sprintf("the canary of %s is healthy and bakes for %s", head, shortDuration(d.record.bake()))
	case !d.canaryPassed():
		v.Step = StepCanary
		v.Reason = "the canary of " + head + " is rolling out" + progress(d.o.Canary)
	case d.slotHolds(d.o.Head.Digest) && d.record.Canary.Pull != 0:
		v.Step, v.Reason = StepCanary, fmt.Sprintf("the canary of %s is that of #%d, which has passed", head, d.record.Canary.Pull)
	case !d.canaryHealthyNow() && !d.slotLent():
		v.Step, v.Reason = StepCanary, "the canary of "+head+" passed and is not healthy now"+progress(d.o.Canary)
	case approved(d.o.Verdict):
		v.Step, v.Reason = StepApproval, "the approval of "+head+" is checked once more"
	default:
		v.Step = StepApproval
		v.Reason = d.o.Verdict.Reason
		v.Waits = d.o.Verdict.Waits
		v.Stalled = d.o.Verdict.State == approvals.Blocked
		if v.Stalled && len(v.Waits) == 0 {
			v.Waits = []string{"an operator"}
		}
		v.Next = d.nextForApproval()
	}
}

// slotLent: a pull request has the canary while the head waits for its approval.
func (d *draft) slotLent() bool {
	return d.record.Canary != nil && d.record.Canary.Pull != 0 && !d.slotHolds(d.o.Head.Digest) && !approved(d.o.Verdict)
}

func (d *draft) nextForApproval() string {
	v := d.o.Verdict
	needsOperator := v.State == approvals.Blocked && len(v.Waits) == 0 // no review helps
	switch {
	case v.PullRequestURL != "" && !needsOperator:
		return "review " + v.PullRequestURL
	case v.State == approvals.Unknown:
		return "nothing is approved or refused until this can be read; it is asked again at every poll"
	case v.State == approvals.Blocked && d.blamed() == d.o.Head.Commit:
		return fmt.Sprintf("%s, or answer for it: %s", d.revert(d.blamed()), d.order("acknowledge", d.blamed()))
	case v.State == approvals.Blocked:
		// A revert on top of later commits is new content and helps nothing.
		return fmt.Sprintf("answer for everything up to %s: %s",
			d.o.Head.Commit.Short(), d.order("acknowledge", d.o.Head.Commit))
	}
	return ""
}

// revert is the command that reverts a commit, as far as it is known what it is.
func (d *draft) revert(c gitsrc.SHA) string {
	if c == d.o.Head.Commit && d.o.Head.IsMerge {
		return "git revert -m 1 " + c.Short()
	}
	return "git revert " + c.Short()
}

// order is the command that gives an order.
func (d *draft) order(verb string, about ...gitsrc.SHA) string {
	words := []string{"banksman", verb, string(d.record.Service)}
	for _, sha := range about {
		words = append(words, string(sha))
	}
	return strings.Join(append(words, "-n", d.record.Namespace), " ")
}

func (d *draft) suspendedReason() string {
	s := suspendedSentence(d.o.Orders.Suspend)
	if d.record.Rolling != nil {
		s += "; half rolled out"
	}
	return s
}

func suspendedSentence(s *Suspend) string {
	t := "suspended"
	if s.By != "" {
		t += " by " + s.By
	}
	if !s.Until.IsZero() {
		t += " until " + s.Until.UTC().Format(time.RFC3339)
	}
	if s.Reason != "" {
		t += ": " + s.Reason
	}
	return t
}

// someOf names the first of several objects.
func someOf(ids []render.ObjectID) string {
	if len(ids) == 1 {
		return ids[0].String()
	}
	return fmt.Sprintf("%s and %d more", ids[0], len(ids)-1)
}

func progress(l Live) string {
	if l.Message == "" {
		return ""
	}
	return ": " + l.Message
}

// shortDuration is a duration without its zero parts: 5m, not 5m0s.
func shortDuration(t time.Duration) string {
	s := t.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// blamed is the commit that the verdict speaks of, or the head's.
func (d *draft) blamed() gitsrc.SHA {
	if c := d.o.Verdict.Commit; c != "" {
		return gitsrc.SHA(c)
	}
	return d.o.Head.Commit
}
