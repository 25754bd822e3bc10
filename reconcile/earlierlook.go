package reconcile

import (
	"context"
	"fmt"
	"slices"
	"time"

	"banksman.dev/approvals"
	"banksman.dev/render"
)

// mostEarlier bounds how many contents before the head's are judged.
const mostEarlier = 20

// An earlierLook is what was found of a service, and the question it answers. It
// counts until the next poll.
type earlierLook struct {
	question string
	at       int // the point of what was found
	found    *Earlier
	clear    clearing
}

// A clearing is whether a release may come up without taking anything from
// anybody.
type clearing struct {
	digest render.Digest
	taken  bool
	until  time.Time // when it is looked at again
}

// clearFor is how long that counts. The last look before full asks anew.
const clearFor = 5 * time.Minute

// lookForEarlier finds the newest content before the head's that is approved,
// when nothing runs of a service and its head is not. A last look asks anew only
// about what was found.
func (l *Loop) lookForEarlier(ctx context.Context, o *Observed, w walked, fresh bool) error {
	name := o.Record.Service
	if !startsFromNothing(o) {
		delete(l.earlier, name)
		delete(l.verdicts, verdictKey{name, aboutEarlier})
		delete(l.verdicts, verdictKey{name, aboutBefore})
		return nil
	}
	o.VerdictFresh = o.VerdictFresh || fresh
	question := fmt.Sprint(l.polls, l.head, rulesOfRecord(o), o.Orders.Acknowledge, o.Verdict.State)
	was, known := l.earlier[name]
	known = known && was.question == question
	if known && fresh && was.found != nil {
		found, err := l.judgeEarlier(ctx, o, w, was.at, true)
		if err != nil {
			return err
		}
		known = found != nil && found.Verdict.State == was.found.Verdict.State
		was.found = found
	}
	if !known {
		look, err := l.searchEarlier(ctx, o, w)
		if err != nil {
			return err
		}
		look.question, look.clear = question, was.clear
		was = look
	}
	l.earlier[name] = was
	if o.Earlier = was.found; o.Earlier == nil {
		return nil
	}
	o.WithoutCanary = l.withoutCanary(*o)
	return l.leaveWhatRuns(ctx, o, fresh)
}

// startsFromNothing: nothing was ever promoted here, and the head is not known to
// be approved.
func startsFromNothing(o *Observed) bool {
	d := &draft{o: o}
	return o.Record.Promoted == nil && o.Record.Rolling == nil && o.Recalled == nil && d.headWaits()
}

func rulesOfRecord(o *Observed) Rules {
	if o.Record.Governing != nil {
		return *o.Record.Governing
	}
	return o.StartRules
}

// searchEarlier goes back from the head and stops at the first content that is
// approved, or of which that is not known: what is older must not come up because
// the forge does not answer.
func (l *Loop) searchEarlier(ctx context.Context, o *Observed, w walked) (earlierLook, error) {
	for _, at := range contentsBefore(w.points, mostEarlier) {
		found, err := l.judgeEarlier(ctx, o, w, at, false)
		if err != nil {
			return earlierLook{}, err
		}
		if found != nil && (found.Verdict.State == approvals.Approved || found.Verdict.State == approvals.Unknown) {
			return earlierLook{at: at, found: found}, nil
		}
	}
	return earlierLook{}, nil
}

// contentsBefore are the newest points of each content that the service had
// before the newest point's, newest first. What was before the service left the
// catalog does not count.
func contentsBefore(points []point, most int) []int {
	last := len(points) - 1
	seen := map[render.Digest]bool{"": true, points[last].digest: true}
	var found []int
	for i := last - 1; i >= 0 && len(found) < most && !points[i].absent; i-- {
		if !seen[points[i].digest] {
			seen[points[i].digest] = true
			found = append(found, i)
		}
	}
	return found
}

// judgeEarlier says what the service would be if the branch ended at a point; nil
// if it could not be applied there.
func (l *Loop) judgeEarlier(ctx context.Context, o *Observed, w walked, at int, fresh bool) (*Earlier, error) {
	name, points := o.Record.Service, w.points[:at+1]
	commit := points[at].commit
	is := l.content.release(l, name, commit)
	if is.unread != nil {
		return nil, is.unread
	}
	if is.err != nil || l.content.admissible(l, name, commit) != nil {
		return nil, nil //nolint:nilerr // a fault of that commit's content, which makes it none to go back to
	}
	head := Head{
		Branch: o.Head.Branch, HasCanary: is.release.HasCanary, Rules: rulesOf(is.entry, commit),
		Ref: Ref{Commit: points[introduced(points)].commit, Digest: is.release.Digest},
	}
	e := &Earlier{Head: head, Landed: l.proposals.landed[head.Commit], Fresh: fresh}
	if o.Head.Problem == ProblemNone && o.Verdict.State == approvals.Unknown {
		e.Verdict = o.Verdict
		return e, nil
	}
	governing := rulesOfRecord(o)
	if head.Rules.Digest != governing.Digest && (governing.Commit == "" || !l.isOlder(commit, governing.Commit)) {
		e.RulesVerdict = l.rulesVerdict(ctx, o, aboutBefore, commit, governing, PolicyOf(governing, l.Floor), fresh)
		switch e.RulesVerdict.State {
		case approvals.Approved:
			governing = head.Rules
		case approvals.Unknown:
			e.Verdict = e.RulesVerdict
			return e, nil
		case approvals.Waiting, approvals.Blocked:
		}
	}
	e.Verdict = l.earlierVerdict(ctx, o, w, at, PolicyOf(governing, l.Floor), fresh)
	return e, nil
}

func (l *Loop) earlierVerdict(ctx context.Context, o *Observed, w walked, at int, policy approvals.Policy, fresh bool) approvals.Verdict {
	upTo := walked{points: w.points[:at+1], base: w.base}
	needed := l.contentRange(o.Record, upTo)
	if len(needed) == 0 {
		v := nothingToApprove(o, upTo, l.Trust)
		v.Commit = approvals.SHA(upTo.points[introduced(upTo.points)].commit)
		return v
	}
	return l.judge(ctx, verdictKey{o.Record.Service, aboutEarlier}, needed, w.points, policy, fresh)
}

// leaveWhatRuns takes nothing for nothing: objects of full that are of another
// release than the one found, or that banksman did not make for it, belong to
// whoever put them there, perhaps to a record that was lost.
func (l *Loop) leaveWhatRuns(ctx context.Context, o *Observed, fresh bool) error {
	name, found := o.Record.Service, o.Earlier
	_, held := o.Record.holdOn(found.Ref)
	retried := o.Orders.Retry != "" && o.Orders.Retry != o.Record.RetryUsed
	if held && !retried || found.Verdict.State != approvals.Approved || o.Orders.Suspend.holds(o.Now) {
		return nil // it does not come up now
	}
	look := l.earlier[name]
	was := look.clear
	if fresh || was.digest != found.Digest || !was.until.After(l.Now()) {
		foreign, err := l.foreignObjects(ctx, o)
		if err != nil {
			return fmt.Errorf("look for what runs of %s: %w", name, err)
		}
		look.clear = clearing{digest: found.Digest, taken: len(foreign) > 0, until: l.Now().Add(clearFor)}
		l.earlier[name] = look
		if look.clear.taken && (!was.taken || was.digest != found.Digest) {
			l.Log.Warn("an older commit is approved, and does not come up: something else is there already",
				"service", name, "commit", found.Commit, "object", foreign[0].String())
		}
	}
	if look.clear.taken {
		o.Earlier = nil
		l.wake(name, look.clear.until.Sub(l.Now()))
	}
	return nil
}

func (l *Loop) foreignObjects(ctx context.Context, o *Observed) (foreign []render.ObjectID, err error) {
	runs, err := l.recall(ctx, o.Record.Service, o.Record.Namespace)
	if err != nil {
		return nil, err
	}
	ours := map[render.ObjectID]bool{}
	for _, r := range runs {
		if r.Digest != o.Earlier.Digest {
			foreign = append(foreign, r.Object)
		}
		ours[r.Object] = true
	}
	if len(foreign) > 0 {
		return foreign, nil
	}
	release, err := l.releaseOf(o.Record.Service, &o.Earlier.Ref)
	if err != nil {
		return nil, err
	}
	stands, err := l.standing(ctx, o.Record.Service, slices.Concat(release.Full, release.Shared))
	return slices.DeleteFunc(stands, func(id render.ObjectID) bool { return ours[id] }), err
}
