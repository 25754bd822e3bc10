package reconcile

import (
	"cmp"
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
	promotedOrRolledBack string // contents that full carried rightfully and that were not struck; a ghost for the invariants
	passed               string // contents whose canary steps passed and that were not struck since; a ghost too

	// What the loop knows of open pull requests in the pass that is under way.
	proposed *Ref
	unread   string
}

const (
	mostModelCommits = 5
	drifted          = "?"
)

func (w modelWorld) sha(i int) gitsrc.SHA { return gitsrc.SHA(fmt.Sprintf("c%d", i)) }

func (w modelWorld) index(c gitsrc.SHA) int { return int(c[1] - '0') }

func (w modelWorld) clone() modelWorld {
	w.branch = slices.Clone(w.branch)
	w.record = w.record.clone()
	return w
}

// Sets of contents are strings, so that worlds are cheap to copy and compare.
func in(set, content string) bool { return strings.Contains(set, ";"+content+";") }

func with(set, content string) string {
	if in(set, content) {
		return set
	}
	return set + ";" + content + ";"
}

func less(set, content string) string { return strings.ReplaceAll(set, ";"+content+";", "") }

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
		Now: noon, Record: w.record, VerdictFresh: fresh,
		Head: Head{
			Branch: w.sha(tip), HasCanary: true,
			Ref: Ref{Commit: at.points[i].commit, Digest: render.Digest(w.branch[tip].content)},
		},
		Changes:  changesSince(at.points, w.record.Observed, func(int) bool { return false }),
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
	o.Earlier = w.earlier(o, at.points)
	o.Proposed, o.ProposedUnread = copied(w.proposed), w.unread
	switch s := w.record.Canary; {
	case s == nil:
	case s.Pull != 0 && (w.proposed == nil || w.proposed.Pull != s.Pull || w.proposed.Digest != s.Digest):
		o.Canary = Live{Health: Missing} // its content is not at hand
	default:
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
	case in(bad, runs):
		l.Health, l.Message = Failed, "the Pods crash"
	default:
		l.Health = Healthy
	}
	return l
}

// pass is one look of the loop; with crash it dies after the record was saved.
// It says which invariant it broke.
func (w modelWorld) pass(l lists, crash bool) (modelWorld, Decision, string) {
	n := w // nothing that the two share is written to
	o := n.observe(false)
	d := decide(o, l.full, l.canary)
	if d.WantsFreshVerdict {
		o = n.observe(true)
		d = decide(o, l.full, l.canary)
	}
	broken := cmp.Or(n.check(o, d), n.unearned(d))
	n.carry(d)
	n.record = d.Record
	n.record.History = nil // it decides nothing
	if broken == "" && !n.remembersPasses() {
		broken = "content that passed its canary is to take it again"
	}
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

// carry keeps the ghosts: what was promoted may be gone back to, what was rolled
// back from may not, nor has it passed any more.
func (w *modelWorld) carry(d Decision) {
	was, is := w.record.Promoted, d.Record.Promoted
	for _, p := range d.Record.Passed {
		w.passed = with(w.passed, string(p.Digest))
	}
	if is == nil {
		return
	}
	tip := w.branch[len(w.branch)-1].content
	if r := w.record.Rolling; r != nil && d.Record.Rolling == nil && tip == string(is.Digest) && is.Digest != r.Digest {
		w.passed = less(w.passed, string(r.Digest))
	}
	if was != nil && d.Full.Rule == "rollback" {
		w.passed = less(w.passed, string(was.Digest))
	}
	if was != nil && was.Digest == is.Digest {
		return
	}
	if was != nil && d.Full.Rule == "rollback" {
		w.promotedOrRolledBack = less(w.promotedOrRolledBack, string(was.Digest))
	}
	w.promotedOrRolledBack = with(w.promotedOrRolledBack, string(is.Digest))
}

// unearned finds a pass or a hold that the canary gave no cause for.
func (w modelWorld) unearned(d Decision) string {
	for _, p := range d.Record.Passed {
		if was := string(p.Digest); !hasPassed(w.record, was) && (w.canary != was || !w.canaryUp || in(w.badCanary, was)) {
			return "content passes whose canary is not well: " + was
		}
	}
	for _, h := range d.Record.Holds {
		_, held := w.record.hold(h.Digest)
		if is := string(h.Digest); !held && h.Stage == StageCanary && (w.canary != is || !in(w.badCanary, is)) {
			return "content is held whose canary did not fail: " + is
		}
	}
	return ""
}

func (w modelWorld) remembersPasses() bool {
	for _, p := range w.record.Passed {
		w.passed = less(w.passed, string(p.Digest))
	}
	return w.passed == ""
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
	case d.Full.Ref.Pull != 0 || !w.branchHad(to):
		return "full gets content that the branch never had: " + to
	case begins && to != "A" && !w.rightful(w.index(d.Full.Ref.Commit)):
		return "full begins content that was not approved: " + to
	case begins && (w.canary != to || !w.canaryUp || in(w.badCanary, to)):
		return "full begins content that the canary does not carry healthily: " + to
	case begins && was.Canary.Pull != 0:
		return "full begins content that only a pull request's canary carries: " + to
	case begins && (d.Canary.Aim != Run || string(d.Canary.Ref.Digest) != to):
		return "the canary leaves the content that full begins: " + to
	case !begins && (d.Record.Rolling == nil || string(d.Record.Rolling.Digest) != to) && !was.runs(render.Digest(to)) &&
		(was.Rolling == nil || was.Rolling.Digest != render.Digest(to)) && !in(w.promotedOrRolledBack, to):
		return "full gets content that was never promoted: " + to
	}
	return ""
}

func (w modelWorld) branchHad(content string) bool {
	return slices.ContainsFunc(w.branch, func(c modelCommit) bool { return c.content == content })
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

// allApproved is enough to go on: every change since what is promoted is approved.
func (w modelWorld) allApproved() bool {
	if w.record.Promoted == nil {
		return false
	}
	for i := w.judgedFrom(); i < len(w.branch); i++ {
		if c := w.branch[i]; c.content != w.branch[i-1].content && (!c.pull || !c.approved) {
			return false
		}
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
	if c := w.canary; c != "" && c != drifted && !in(w.badCanary, c) {
		event(func(n *modelWorld) { n.badCanary = with(n.badCanary, c) })
	}
	if c := w.full; c != "" && c != drifted && !in(w.badFull, c) {
		event(func(n *modelWorld) { n.badFull = with(n.badFull, c) })
		event(func(n *modelWorld) { n.full = drifted })
	}
	if w.canary != "" && w.canary != drifted {
		event(func(n *modelWorld) { n.canary = drifted })
	}
	if w.full != "" {
		event((*modelWorld).anew)
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
	w.fullUp, w.canaryUp = w.full != "", w.canary != ""
	return w, true
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

func aimOf(t Target) string {
	switch t.Aim {
	case Run:
		return fmt.Sprintf("run %s of #%d", t.Ref.Digest, t.Ref.Pull)
	case Absent:
		return "absent"
	case LeaveAlone:
		return "leave alone"
	case Freeze:
		return "freeze"
	}
	return "?"
}

func hasPassed(r Record, content string) bool {
	_, passed := r.passed(render.Digest(content))
	return passed
}
