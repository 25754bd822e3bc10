package reconcile

import (
	"fmt"
	"slices"
	"strings"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// The model is a small world around Decide: a branch, its reviews, a cluster
// that runs whatever was applied last, and one service with a canary. Every
// interleaving of events with passes of the loop is walked.

// A modelCommit is one first-parent commit. Content "" cannot be rendered.
type modelCommit struct {
	content  string
	pull     bool // it came through a pull request; else nobody can approve it
	approved bool
}

type modelWorld struct {
	branch               []modelCommit
	record               Record
	full, canary         string // content that runs
	fullUp, canaryUp     bool   // it has settled, well or badly
	badFull, badCanary   string // contents that will not become healthy
	events               int    // how many were spent
	promotedOrRolledBack string // contents that full carried rightfully and that were not struck; a ghost for the invariants
}

const (
	mostModelCommits = 5
	mostModelEvents  = 6
	drifted          = "?"
)

func (w modelWorld) sha(i int) gitsrc.SHA { return gitsrc.SHA(fmt.Sprintf("c%d", i)) }

func (w modelWorld) index(c gitsrc.SHA) int { return int(c[1] - '0') }

func (w modelWorld) clone() modelWorld {
	w.branch = slices.Clone(w.branch)
	w.record = w.record.clone()
	return w
}

func newModelWorld() modelWorld {
	return modelWorld{branch: []modelCommit{{content: "A", pull: true}}, record: Record{Service: "fop-gate", Governing: &Rules{}}}
}

// points are the branch from the newest base to the head.
func (w modelWorld) points(head int) walked {
	base := 0 // the trusted commit
	if p := w.record.Promoted; p != nil {
		base = max(base, w.index(p.Commit))
	}
	if s := w.record.Settled; s != "" {
		base = max(base, w.index(s))
	}
	if base > head {
		base = head
	}
	out := walked{base: w.sha(base)}
	for i := base; i <= head; i++ {
		p := point{commit: w.sha(i), digest: render.Digest(w.branch[i].content)}
		if p.digest == "" {
			p.fault = "a template is broken"
		}
		out.points = append(out.points, p)
	}
	return out
}

func (w modelWorld) verdict(points []point) approvals.Verdict {
	var judged []approvals.Verdict
	always := func(_, _ point) bool { return true }
	for _, c := range contentRange(points, known(w.record), always) {
		m := w.branch[w.index(c)]
		v := approvals.Verdict{State: approvals.Waiting, Commit: approvals.SHA(c), Reason: "waits for a review"}
		switch {
		case !m.pull:
			v.State, v.Reason = approvals.Blocked, "a direct push"
		case m.approved:
			v.State, v.Reason = approvals.Approved, "approved"
		}
		judged = append(judged, v)
	}
	return approvals.JudgeRange(judged)
}

func (w modelWorld) observe(fresh bool) Observed {
	tip := len(w.branch) - 1
	at := w.points(tip)
	i := introduced(at.points)
	o := Observed{
		Now: noon, Record: w.record.clone(), VerdictFresh: fresh,
		Head: Head{
			Branch: w.sha(tip), HasCanary: true,
			Ref: Ref{Commit: at.points[i].commit, Digest: render.Digest(w.branch[tip].content)},
		},
		Changes:  changesSince(at.points, w.record.Observed),
		Distance: len(at.points) - 1,
	}
	if i == 0 && at.base == w.record.Settled && w.record.Promoted != nil {
		o.Head.Commit = w.record.Promoted.Commit
	}
	if w.branch[tip].content == "" {
		o.Head.Problem, o.Head.Cause = ProblemUnrenderable, "a template is broken"
	} else {
		o.Verdict = w.verdict(at.points)
	}
	if r := w.record.Rolling; r != nil {
		o.RollingVerdict = w.verdict(w.points(w.index(r.Commit)).points)
		o.Full = w.live(r.Digest, w.full, w.fullUp, w.badFull)
	} else if p := w.record.Promoted; p != nil {
		o.Full = w.live(p.Digest, w.full, w.fullUp, w.badFull)
	}
	if s := w.record.Canary; s != nil {
		o.Canary = w.live(s.Digest, w.canary, w.canaryUp, w.badCanary)
	}
	return o
}

func (w modelWorld) live(asked render.Digest, runs string, settled bool, bad string) Live {
	l := Live{Digest: asked, Health: Missing}
	switch {
	case string(asked) != runs:
	case !settled:
		l.Health = Progressing
	case strings.Contains(bad, runs):
		l.Health, l.Message = Failed, "the Pods crash"
	default:
		l.Health = Healthy
	}
	return l
}

// pass is one look of the loop; with crash it dies after the record was saved.
// It says which invariant it broke.
func (w modelWorld) pass(l lists, crash bool) (modelWorld, Decision, string) {
	n := w.clone()
	o := n.observe(false)
	d := decide(o, l.full, l.canary)
	if d.WantsFreshVerdict {
		o = n.observe(true)
		d = decide(o, l.full, l.canary)
	}
	broken := n.check(o, d)
	n.carry(d)
	n.record = d.Record
	if crash {
		return n, d, broken
	}
	if d.Full.Aim == Run && n.full != string(d.Full.Ref.Digest) {
		n.full, n.fullUp = string(d.Full.Ref.Digest), false
	}
	switch {
	case d.Canary.Aim == Run && n.canary != string(d.Canary.Ref.Digest):
		n.canary, n.canaryUp = string(d.Canary.Ref.Digest), false
	case d.Canary.Aim == Absent:
		n.canary, n.canaryUp = "", false
	}
	return n, d, broken
}

// carry keeps the ghost: what was promoted may be gone back to, what was rolled
// back from may not.
func (w *modelWorld) carry(d Decision) {
	was, is := w.record.Promoted, d.Record.Promoted
	if is == nil || was != nil && was.Digest == is.Digest {
		return
	}
	if was != nil && d.Full.Rule == "rollback" {
		w.promotedOrRolledBack = strings.ReplaceAll(w.promotedOrRolledBack, string(was.Digest), "")
	}
	if !strings.Contains(w.promotedOrRolledBack, string(is.Digest)) {
		w.promotedOrRolledBack += string(is.Digest)
	}
}

// check holds the decision against what must always be true.
func (w modelWorld) check(o Observed, d Decision) string {
	if d.Full.Aim != Run {
		return ""
	}
	to := string(d.Full.Ref.Digest)
	was := w.record
	begins := d.Record.Rolling != nil && (was.Rolling == nil || was.Rolling.Digest != d.Record.Rolling.Digest)
	switch {
	case begins && to != "A" && !w.rightful(w.index(d.Full.Ref.Commit)):
		return "full begins content that was not approved: " + to
	case begins && (w.canary != to || !w.canaryUp || strings.Contains(w.badCanary, to)):
		return "full begins content that the canary does not carry healthily: " + to
	case begins && (d.Canary.Aim != Run || string(d.Canary.Ref.Digest) != to):
		return "the canary leaves the content that full begins: " + to
	case !begins && (d.Record.Rolling == nil || string(d.Record.Rolling.Digest) != to) && !was.runs(render.Digest(to)) &&
		(was.Rolling == nil || was.Rolling.Digest != render.Digest(to)) && !strings.Contains(w.promotedOrRolledBack, to):
		return "full gets content that was never promoted: " + to
	}
	return ""
}

// rightful says, without the code under test, whether the content of commit i
// is covered: every commit since the newest one that was promoted is approved
// or lies between two equal contents.
func (w modelWorld) rightful(i int) bool {
	base := 0
	for j := 1; j <= i; j++ {
		_, promotedBefore := w.record.recent(render.Digest(w.branch[j].content))
		if promotedBefore || w.record.Promoted != nil && w.index(w.record.Promoted.Commit) == j {
			base = j
		}
	}
	for j := base + 1; j <= i; j++ {
		if w.branch[j].approved && w.branch[j].pull || w.cancelled(base, j, i) {
			continue
		}
		return false
	}
	return true
}

func (w modelWorld) cancelled(base, j, i int) bool {
	for a := base; a < j; a++ {
		for b := j; b <= i; b++ {
			if c := w.branch[a].content; c != "" && c == w.branch[b].content {
				return true
			}
		}
	}
	return false
}

// next are the worlds one event further.
func (w modelWorld) next(l lists) []modelWorld {
	var out []modelWorld
	event := func(change func(*modelWorld)) {
		n := w.clone()
		n.events++
		change(&n)
		out = append(out, n)
	}
	commit := func(m modelCommit) {
		event(func(n *modelWorld) { n.branch = append(n.branch, m) })
	}
	if tip := len(w.branch) - 1; tip < mostModelCommits {
		fresh := string(rune('A' + len(w.branch)))
		commit(modelCommit{content: fresh, pull: true})
		commit(modelCommit{content: fresh})
		commit(modelCommit{})
		for i := range tip { // reverts, also over several commits and of reverts
			if c := w.branch[i].content; c != "" && c != w.branch[tip].content {
				commit(modelCommit{content: c, pull: true})
			}
		}
	}
	for i := w.judgedFrom(); i < len(w.branch); i++ {
		if w.branch[i].pull {
			event(func(n *modelWorld) { n.branch[i].approved = !n.branch[i].approved })
		}
	}
	if c := w.canary; c != "" && c != drifted && !strings.Contains(w.badCanary, c) {
		event(func(n *modelWorld) { n.badCanary += c })
	}
	if c := w.full; c != "" && c != drifted && !strings.Contains(w.badFull, c) {
		event(func(n *modelWorld) { n.badFull += c })
		event(func(n *modelWorld) { n.full = drifted })
	}
	if w.canary != "" && w.canary != drifted {
		event(func(n *modelWorld) { n.canary = drifted })
	}
	event(func(n *modelWorld) { *n, _, _ = n.pass(l, true) })
	return out
}

// judgedFrom is the oldest commit whose review can still matter.
func (w modelWorld) judgedFrom() int {
	if p := w.record.Promoted; p != nil {
		return w.index(p.Commit) + 1
	}
	return 1
}

// settle lets the cluster finish what was applied.
func (w modelWorld) settle() (modelWorld, bool) {
	if w.fullUp == (w.full != "") && w.canaryUp == (w.canary != "") {
		return w, false
	}
	n := w.clone()
	n.fullUp, n.canaryUp = n.full != "", n.canary != ""
	return n, true
}

func (w modelWorld) key() string {
	b := make([]byte, 0, 256)
	for i, c := range w.branch {
		b = append(b, c.content...)
		if i >= w.judgedFrom() {
			b = append(b, flag(c.pull)+flag(c.approved)<<1+'0')
		}
	}
	r := w.record
	for _, p := range []*Ref{r.Promoted, r.Rolling} {
		b = append(b, '|')
		if p != nil {
			b = append(append(b, p.Commit...), p.Digest...)
		}
	}
	b = append(append(append(b, '|'), r.Settled...), r.Observed...)
	b = append(b, '|')
	if s := r.Canary; s != nil {
		b = append(append(b, s.Commit...), s.Digest...)
		b = append(b, flag(s.Healthy)+flag(!s.Passed.IsZero())<<1+'0')
	}
	for _, p := range r.Recent {
		b = append(append(b, '+'), p.Digest...)
	}
	for _, h := range r.Holds {
		b = append(append(b, '-'), h.Digest...)
	}
	for _, p := range r.Reports {
		b = append(append(b, '/'), p.Commit...)
		for _, s := range []StageReport{p.Canary, p.Approval, p.Full} {
			b = append(b, (s.State + " ")[0])
		}
	}
	b = append(append(b, '|'), w.full...)
	b = append(append(b, '|'), w.canary...)
	b = append(b, flag(w.fullUp)+flag(w.canaryUp)<<1+'0')
	b = append(append(append(append(b, '|'), w.badFull...), '|'), w.badCanary...)
	return string(append(append(b, '|'), w.promotedOrRolledBack...))
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// atRest holds a world in which nothing moves any more against what people
// were promised.
func (w modelWorld) atRest(d Decision) string {
	tip := w.branch[len(w.branch)-1].content
	r := w.record
	switch {
	case r.Rolling != nil:
		return "a rollout is left unfinished"
	case d.View.Reason == "":
		return "no reason is given"
	case r.Promoted != nil && w.full != string(r.Promoted.Digest):
		return "full does not run what is promoted"
	}
	_, held := r.hold(render.Digest(tip))
	waits := d.View.Step == StepApproval || d.View.Step == StepCanary && r.Canary != nil && !r.Canary.Passed.IsZero()
	switch {
	case tip != "" && !held && !waits && (r.Promoted == nil || string(r.Promoted.Digest) != tip):
		return "the branch's content is neither promoted, nor held, nor waiting: " + string(d.View.Step)
	case tip != "" && !held && w.canary != tip:
		return "the canary does not run the branch's content"
	}
	for _, p := range r.Reports {
		head := p.Commit == d.View.Head.Commit
		for _, s := range []StageReport{p.Canary, p.Approval, p.Full} {
			if !s.ended() && (!head || !waits) {
				return fmt.Sprintf("a status of %s never ends: %s (head %s, step %s)", p.Commit, s.Description, d.View.Head.Commit, d.View.Step)
			}
		}
	}
	return ""
}

func (w modelWorld) describe(d Decision) string {
	var b strings.Builder
	for i, c := range w.branch {
		fmt.Fprintf(&b, "c%d %q pull=%v approved=%v\n", i, c.content, c.pull, c.approved)
	}
	fmt.Fprintf(&b, "promoted %v rolling %v canary %+v recent %v holds %v\n", w.record.Promoted, w.record.Rolling, w.record.Canary, w.record.Recent, w.record.Holds)
	fmt.Fprintf(&b, "runs: full %q (settled %v), canary %q (settled %v), bad %q %q\n", w.full, w.fullUp, w.canary, w.canaryUp, w.badFull, w.badCanary)
	fmt.Fprintf(&b, "decision: full %q %s, canary %q %s; %s: %s\n", d.Full.Rule, aimOf(d.Full), d.Canary.Rule, aimOf(d.Canary), d.View.Step, d.View.Reason)
	for _, p := range w.record.Reports {
		fmt.Fprintf(&b, "report %+v\n", p)
	}
	return b.String()
}
