package reconcile

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
)

// heardFacts is what the forge said of a pull request's reviews.
type heardFacts struct {
	poll  int
	facts approvals.Facts
}

// A pullQuestion is something to ask the forge about one pull request. It is
// asked beside the loop: a forge that hangs must hold up nothing.
type pullQuestion struct {
	number int
	head   gitsrc.SHA
	about  pullMatter
	teams  []string
}

type pullMatter int

const (
	mayStart pullMatter = iota // the last look before it gets its slots
	ended                      // what became of it
	reviews
)

type pullAnswer struct {
	pullQuestion
	proposal approvals.Proposal // mayStart
	facts    approvals.Facts    // ended, reviews
	err      error
}

// Bounds of one hearing. Whose reviews are not asked for now comes at the next
// ones, who was asked least lately first.
const (
	mostFacts    = 50
	mostFailures = 3 // in a row: the forge is down
	mostTries    = 5 // to find out what became of one; the forge hides some for good
)

// questions are what the loop wants to know now. The reviews are asked for once
// after each look.
func (l *Loop) questions() []pullQuestion {
	p := &l.proposals
	var ask []pullQuestion
	for _, number := range slices.Compact(slices.Sorted(maps.Values(p.given))) {
		if o := p.pull(number); o != nil && p.checked[number] != o.head() && !o.isMoving && !o.isGone {
			ask = append(ask, pullQuestion{number: number, head: o.head(), about: mayStart})
		}
	}
	if !p.unheard {
		return ask
	}
	p.unheard = false
	ask = append(ask, l.askReviews()...)
	for _, number := range slices.Sorted(maps.Keys(p.left)) {
		ask = append(ask, pullQuestion{number: number, head: p.left[number].head, about: ended})
	}
	return ask
}

func (l *Loop) askReviews() []pullQuestion {
	p := &l.proposals
	var ask []pullQuestion
	for _, o := range p.open {
		policies := l.policies(o)
		if len(policies) == 0 || o.isGone {
			continue
		}
		q := pullQuestion{number: o.Number, head: o.head(), about: reviews}
		for _, policy := range policies {
			q.teams = append(q.teams, policy.TeamNames()...)
		}
		slices.Sort(q.teams)
		q.teams = slices.Compact(q.teams)
		ask = append(ask, q)
	}
	slices.SortStableFunc(ask, func(a, b pullQuestion) int { return p.heard[a.number].poll - p.heard[b.number].poll })
	if l.isOnce {
		return ask // nobody comes back for the others
	}
	return ask[:min(len(ask), mostFacts)]
}

// hear asks. It runs beside the loop.
func (l *Loop) hear(ctx context.Context, ask []pullQuestion) []pullAnswer {
	var answers []pullAnswer
	failures := 0
	for _, q := range ask {
		a := pullAnswer{pullQuestion: q}
		if q.about == mayStart {
			a.proposal, a.err = l.Pull(ctx, q.number)
		} else {
			a.facts, a.err = l.PullFacts(ctx, q.number, q.teams)
		}
		if ctx.Err() != nil {
			return nil
		}
		answers = append(answers, a)
		if failures++; a.err == nil {
			failures = 0
		}
		if failures == mostFailures {
			break
		}
	}
	return answers
}

// take makes use of the answers.
func (l *Loop) take(answers []pullAnswer) {
	p := &l.proposals
	for _, a := range answers {
		switch a.about {
		case mayStart:
			l.takeLastLook(a)
		case ended:
			l.takeEnd(a)
		case reviews:
			if was := p.heard[a.number]; a.err != nil && was.facts.Problem == "" && was.facts.Commit == approvals.SHA(a.head) && l.polls-was.poll < mostFailures {
				continue // what was heard just now of the same head
			}
			if a.err != nil {
				a.facts.Problem = oneLine(a.err)
			}
			p.heard[a.number] = heardFacts{poll: l.polls, facts: a.facts}
		}
	}
	p.dirty = true
}

// takeLastLook: an error gives nobody a slot, and takes none away.
func (l *Loop) takeLastLook(a pullAnswer) {
	p := &l.proposals
	o := p.pull(a.number)
	switch {
	case o == nil || o.head() != a.head:
		return // overtaken by a newer look
	case a.err != nil && !hasTurn(p.turns, Turn{o.Number, o.head()}):
		o.eligible = approvals.Eligibility{Reason: fmt.Sprintf("%s cannot be read: %s", o.name(), oneLine(a.err))}
		return
	case a.err != nil:
	case a.proposal.Head != o.Head:
		o.isMoving = true
		return
	default:
		o.eligible = approvals.Eligible(a.proposal, l.proposalRules())
	}
	p.checked[o.Number] = o.head()
}

// mostLanded bounds what is remembered of merged pull requests.
const mostLanded = 1000

// takeEnd finds out what became of a pull request that is not open any more: the
// head of a merged one says what the branch commit says, until that ends.
func (l *Loop) takeEnd(a pullAnswer) {
	p := &l.proposals
	if left, ok := p.left[a.number]; ok && (a.err != nil || len(a.facts.Pulls) != 1) {
		if left.tries++; left.tries < mostTries {
			p.left[a.number] = left // it is asked again after the next look
			return
		}
		delete(p.left, a.number)
		p.closed[a.head] = fmt.Sprintf("#%d is not there any more", a.number)
		p.forget(a.number)
		return
	}
	delete(p.left, a.number)
	gone := p.pull(a.number)
	if gone != nil && !gone.isGone {
		return // it is open again
	}
	if len(a.facts.Pulls) != 1 {
		return
	}
	switch pull := a.facts.Pulls[0]; {
	case pull.Base != l.Branch:
		p.closed[a.head] = fmt.Sprintf("#%d is not for %s any more", a.number, l.Branch)
		p.forget(a.number)
	case pull.Merged && pull.MergeCommit != "":
		if gone != nil {
			gone.isEnded = true // and keeps its turn until the branch has the merge
		}
		p.noteLanded(gitsrc.SHA(pull.MergeCommit), a.head)
	case !pull.Open:
		p.closed[a.head] = fmt.Sprintf("#%d was closed without a merge", a.number)
		p.forget(a.number)
	}
}

// noteLanded remembers which head became a commit of the branch.
func (p *proposals) noteLanded(commit, head gitsrc.SHA) {
	if len(p.landed) >= mostLanded {
		clear(p.landed) // what is at work says it itself by now
	}
	p.landed[commit] = head
}

// forget lets go of one that is gone.
func (p *proposals) forget(number int) {
	p.open = slices.DeleteFunc(p.open, func(o *openPull) bool { return o.Number == number })
	for name, pulls := range p.touching {
		p.touching[name] = slices.DeleteFunc(slices.Clone(pulls), func(o *openPull) bool { return o.Number == number })
	}
}
