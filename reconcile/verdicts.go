package reconcile

import (
	"context"
	"fmt"
	"maps"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// verdictKey names a question to the forge: about the head, about what is
// rolling, or about the steps.
type verdictKey struct {
	service render.ServiceName
	about   string
}

const (
	aboutHead    = "head"
	aboutRolling = "rolling"
	aboutRules   = "rules"
	aboutEarlier = "earlier"
	aboutBefore  = "earlier rules"
)

// heard is the forge's answer. It counts until the next poll.
type heard struct {
	question string
	poll     int
	verdict  approvals.Verdict
}

// hearVerdicts asks the forge only what the decision can hang on.
func (l *Loop) hearVerdicts(ctx context.Context, o *Observed, w walked, fresh bool) {
	name := o.Record.Service
	rules := o.Record.Governing
	if rules == nil {
		rules = &o.StartRules
	}
	policy := PolicyOf(*rules, l.Floor)

	if !l.headNeedsVerdict(o) {
		delete(l.verdicts, verdictKey{name, aboutHead})
	} else if needed := l.contentRange(o.Record, w); len(needed) == 0 {
		o.Verdict, o.VerdictFresh = nothingToApprove(o, w, l.Trust), fresh
		delete(l.verdicts, verdictKey{name, aboutHead})
	} else {
		o.Verdict = l.judge(ctx, verdictKey{name, aboutHead}, needed, w.points, policy, fresh)
		o.VerdictFresh = fresh
	}
	// A way back hangs on no answer of the forge.
	reverts := o.reverts()
	if o.Record.Rolling == nil || reverts {
		delete(l.verdicts, verdictKey{name, aboutRolling})
	} else {
		under := rules
		if o.Record.RollingRules != nil {
			under = o.Record.RollingRules
		}
		o.RollingVerdict = l.rollingVerdict(ctx, o, PolicyOf(*under, l.Floor))
	}
	switch gone := o.Head.Problem == ProblemGone; {
	case reverts, gone && o.Record.Leaves == o.Head.Commit,
		!gone && (o.Head.Problem != ProblemNone || o.Head.Rules.Digest == rules.Digest):
		delete(l.verdicts, verdictKey{name, aboutRules})
	default:
		o.RulesVerdict = l.rulesVerdict(ctx, o, aboutRules, o.Head.Branch, *rules, policy, gone && fresh)
		o.VerdictFresh = o.VerdictFresh || gone && fresh
	}
}

// headNeedsVerdict is false where Decide does not look at it: the head is what
// is promoted, or a rollback, or cannot be used.
func (l *Loop) headNeedsVerdict(o *Observed) bool {
	if o.Head.Problem != ProblemNone || o.Record.runs(o.Head.Digest) {
		return false
	}
	_, rollback := o.Record.recent(o.Head.Digest)
	_, held := o.Record.holdOn(o.Head.Ref)
	return !rollback && (!held || o.Orders.Retry != o.Record.RetryUsed)
}

func known(r Record) func(render.Digest) bool {
	return func(d render.Digest) bool {
		_, recent := r.recent(d)
		return recent || r.runs(d)
	}
}

// rollingVerdict judges what is rolling out, whatever the branch has become.
func (l *Loop) rollingVerdict(ctx context.Context, o *Observed, policy approvals.Policy) approvals.Verdict {
	r := o.Record.Rolling
	if ack := o.Orders.Acknowledge; ack != "" {
		if covered, err := l.Source.IsAncestor(r.Commit, ack); err == nil && covered {
			return approvals.Verdict{State: approvals.Approved, Reason: "acknowledged by an operator up to " + ack.Short()}
		}
	}
	w, err := l.walk(o.Record.Service, r.Commit, l.bases(o.Record, o.Orders))
	if err != nil || w.lost != "" {
		return approvals.Verdict{Reason: "the history of " + r.Commit.Short() + " cannot be read"}
	}
	needed := l.contentRange(o.Record, w)
	if len(needed) == 0 {
		return nothingToApprove(o, w, l.Trust)
	}
	return l.judge(ctx, verdictKey{o.Record.Service, aboutRolling}, needed, w.points, policy, false)
}

// rulesVerdict judges the commits up to one that changed the service's steps
// since the governing entry, under the present steps.
func (l *Loop) rulesVerdict(ctx context.Context, o *Observed, about string, upTo gitsrc.SHA, governing Rules, policy approvals.Policy, fresh bool) approvals.Verdict {
	var ends []gitsrc.SHA
	if governing.Commit != "" {
		ends = append(ends, governing.Commit)
	}
	for _, c := range []gitsrc.SHA{o.Orders.Acknowledge, l.Trust} {
		// An operator answers now for the head of a history without the commit whose
		// steps govern. Said before those governed, it is no answer.
		now := c == o.Orders.Acknowledge && c == l.head && c != o.Record.AcknowledgeUsed && l.isNowhere(governing.Commit)
		if c != "" && (governing.Commit == "" || now || !l.isOlder(c, governing.Commit)) {
			ends = append(ends, c)
		}
	}
	w, err := l.walk(o.Record.Service, upTo, ends)
	if err != nil || w.lost != "" {
		return approvals.Verdict{Reason: "the history of the pipeline cannot be read"}
	}
	needed := rulesRange(w.points)
	if len(needed) == 0 {
		return nothingToApprove(o, w, l.Trust)
	}
	return l.judge(ctx, verdictKey{o.Record.Service, about}, needed, w.points, policy, fresh)
}

// judge judges each commit of a range. An answer is asked for once in a poll,
// unless it must be fresh.
func (l *Loop) judge(ctx context.Context, key verdictKey, needed []gitsrc.SHA, points []point, policy approvals.Policy, fresh bool) approvals.Verdict {
	question := fmt.Sprint(needed, policy)
	if h, ok := l.verdicts[key]; ok && !fresh && h.question == question && h.poll == l.polls {
		return h.verdict
	}
	poll := l.polls
	judged := make([]approvals.Verdict, 0, len(needed))
	for _, c := range needed {
		facts := l.factsOf(ctx, c, following(points, c), policy.TeamNames(), fresh)
		facts.Commit, facts.Branch = approvals.SHA(c), l.Branch
		v := approvals.Judge(facts, policy)
		if v.PullRequestHead != "" {
			l.proposals.noteLanded(c, gitsrc.SHA(v.PullRequestHead))
		}
		judged = append(judged, v)
	}
	v := approvals.JudgeRange(judged)
	l.verdicts[key] = heard{question: question, poll: poll, verdict: v}
	return v
}

// polledFacts count until the next poll.
type polledFacts struct {
	poll  int
	facts approvals.Facts
}

// factsOf asks the forge about one commit, once for all services that it
// changes.
func (l *Loop) factsOf(ctx context.Context, c gitsrc.SHA, following []gitsrc.SHA, teams []string, fresh bool) approvals.Facts {
	key := fmt.Sprint(c, following, teams)
	if known, ok := l.facts[key]; ok && !fresh && known.poll == l.polls {
		return known.facts
	}
	poll := l.polls
	var facts approvals.Facts
	l.ask(func() {
		facts = l.asks.do(fmt.Sprint(key, fresh), func() approvals.Facts {
			l.gate <- struct{}{}
			defer func() { <-l.gate }()
			ctx, end := l.reading(ctx)
			defer end()
			facts, err := l.Facts(ctx, c, following, teams, fresh)
			if err != nil {
				facts.Problem = err.Error()
			}
			return facts
		})
	})
	maps.DeleteFunc(l.facts, func(_ string, known polledFacts) bool { return known.poll < l.polls })
	l.facts[key] = polledFacts{poll, facts}
	return facts
}

// asksForge says whether the service waits for an answer of the forge.
func (l *Loop) asksForge(name render.ServiceName) bool {
	for _, about := range []string{aboutHead, aboutRolling, aboutRules, aboutEarlier} {
		if _, ok := l.verdicts[verdictKey{name, about}]; ok {
			return true
		}
	}
	return false
}

// contentRange are the commits that the newest point's content needs approved.
func (l *Loop) contentRange(r Record, w walked) []gitsrc.SHA {
	newest := w.points[len(w.points)-1]
	inputs := releaseInputs{
		templates: l.content.release(l, r.Service, newest.commit).inputs,
		catalog:   l.content.catalog(l, newest.commit).inputs,
	}
	return contentRange(w.points, known(r), func(before, after point) bool { return l.touches(inputs, before, after) })
}
