package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"banksman.dev/approvals"
	"banksman.dev/render"
)

// unfair says what is wrong with who was given the slots.
func unfair(bids []Bid, turns map[render.ServiceName]Turn, given map[render.ServiceName]int) string {
	has := func(b Bid) int {
		n := 0
		for name := range b.Digests {
			n += int(flag(given[name] == b.Pull))
		}
		return n
	}
	for name, pull := range given {
		if !slices.ContainsFunc(bids, func(b Bid) bool { return b.Pull == pull && b.Digests[name] != "" }) {
			return fmt.Sprintf("#%d is given the slot of %s and did not ask for it", pull, name)
		}
	}
	for _, b := range bids {
		switch {
		case has(b) != 0 && has(b) != len(b.Digests):
			return fmt.Sprintf("#%d is given a part of its slots", b.Pull)
		case has(b) == 0 && b.holds(turns) && (!b.Passed || noon.Sub(b.PassedAt) < pairSlotTime) && !b.idleForLong():
			return fmt.Sprintf("#%d is interrupted", b.Pull)
		}
		for _, later := range bids {
			if has(b) == 0 && has(later) > 0 && !b.Passed && overlap(b, later) && firstCome(b, later) < 0 && !later.holds(turns) && !b.holds(turns) {
				return fmt.Sprintf("#%d is passed over for #%d", b.Pull, later.Pull)
			}
		}
	}
	return ""
}

func (b Bid) idleForLong() bool { return !b.Idle.IsZero() && noon.Sub(b.Idle) >= pairSlotTime }

// canaryWrong says what is wrong with a service's decision about its canary.
func canaryWrong(w modelWorld, d Decision) string {
	to, slot := d.Canary, w.record.Canary
	switch {
	case to.Aim == Run && to.Ref.Pull != 0 && (w.proposed == nil || to.Ref.Digest != w.proposed.Digest || to.Ref.Pull != w.proposed.Pull):
		return "the canary gets content of a pull request that does not have the slot"
	case to.Aim == Run && to.Ref.Pull == 0 && !w.branchHad(string(to.Ref.Digest)):
		return "the canary gets, as the branch's, content that the branch never had"
	case to.Aim == Run && d.Record.Canary.Pull != to.Ref.Pull:
		return "the slot does not say whose content it holds"
	case w.unread != "" && slot != nil && slot.Pull != 0 && w.branch[len(w.branch)-1].content != "" && to.Aim != LeaveAlone && (to.Aim != Run || !w.isOnItsWay(to.Ref)):
		return "the canary is taken away while nobody knows whose turn it is"
	}
	return ""
}

// isOnItsWay: it is the branch's newest content, or what rolls out.
func (w modelWorld) isOnItsWay(r Ref) bool {
	rolls := w.record.Rolling != nil && w.record.Rolling.Digest == r.Digest
	newest := w.branch[len(w.branch)-1].content == string(r.Digest) && !w.record.runs(r.Digest)
	return r.Pull == 0 && (rolls || newest)
}

// claimed: the branch's head needs nothing but a healthy canary to go on, and
// does not get it.
func (w pairWorld) claimed(s int) bool {
	p := w.parts[s]
	tip := p.branch[len(p.branch)-1].content
	return !p.record.runs(render.Digest(tip)) && in(p.badCanary, tip) && p.canary == tip &&
		p.verdict(p.points(len(p.branch)-1).points).State == approvals.Approved
}

// atRest holds a world in which nothing moves any more against what people were
// promised.
func (w pairWorld) atRest(d [2]Decision) string {
	n := w.clone()
	wrong := n.assign(realPairRules())
	for s := range n.parts {
		p := n.parts[s]
		wrong = cmp.Or(wrong, p.atRest(d[s]))
		if w.unread {
			continue
		}
		if is := p.record.Proposed; (is == nil) != (p.proposed == nil) || is != nil && (is.Pull != p.proposed.Pull || is.Digest != p.proposed.Digest) {
			wrong = cmp.Or(wrong, "the record does not say whose turn it is")
		}
		if tip := w.tip(s); tip != "" && d[s].View.Step != StepApproval && d[s].View.Step != StepUpToDate && d[s].View.Step != StepHeld && !in(p.badCanary, tip) {
			wrong = cmp.Or(wrong, fmt.Sprintf("%s waits for an approval, and its view says %s: %s", pairNames[s], d[s].View.Step, d[s].View.Reason))
		}
		if want := w.canaryWanted(s, p.proposed); p.canary != want {
			wrong = cmp.Or(wrong, fmt.Sprintf("the canary of %s runs %q at rest, want %q", pairNames[s], p.canary, want))
		}
	}
	if w.unread {
		return wrong
	}
	return cmp.Or(wrong, w.runsThoughItMustNot(), n.waitsInVain())
}

// runsThoughItMustNot finds a slot whose pull request failed in one of its
// services, has changes requested, conflicts with the branch or is not open.
func (w pairWorld) runsThoughItMustNot() string {
	for s, name := range pairNames {
		turn := w.parts[s].record.Proposed
		if turn == nil {
			continue
		}
		i := slices.IndexFunc(w.pulls, func(p pairPull) bool { return p.head() == turn.Commit })
		if i < 0 || w.pulls[i].review == reviewChangesRequested || w.conflicts(w.pulls[i]) {
			return fmt.Sprintf("#%d has the canary of %s and may not", turn.Pull, name)
		}
		for other, content := range w.changes(w.pulls[i]) {
			if _, held := w.parts[other].record.hold(render.Digest(content)); held {
				return fmt.Sprintf("#%d failed in %s and has the canary of %s", turn.Pull, pairNames[other], name)
			}
		}
	}
	return ""
}

// canaryWanted reads off the design what a canary runs once its steps are done.
func (w pairWorld) canaryWanted(s int, proposed *Ref) string {
	p := w.parts[s]
	tip := p.branch[len(p.branch)-1].content
	_, held := p.record.hold(render.Digest(tip))
	isNew := tip != "" && !held && !p.record.runs(render.Digest(tip))
	switch {
	case isNew && (w.claimed(s) || !hasPassed(p.record, tip)):
		return tip
	case proposed != nil:
		return string(proposed.Digest)
	case isNew:
		return tip
	}
	return string(p.record.Promoted.Digest)
}

// waitsInVain finds a pull request that would wait for nothing: none of its
// services is claimed by the head, and nobody who has one of them.
func (w pairWorld) waitsInVain() string {
	bids := w.bids()
	for _, b := range bids {
		has := w.hasSlots(b)
		blocked := w.blocked(b)
		for _, o := range bids {
			blocked = blocked || o.Pull != b.Pull && overlap(o, b) && (!has || w.blocked(o) && !o.Passed)
		}
		if !b.Passed && !blocked {
			return fmt.Sprintf("#%d waits for nothing", b.Pull)
		}
	}
	return ""
}

func (w pairWorld) hasSlots(b Bid) bool {
	for s, name := range pairNames {
		if p := w.parts[s].proposed; b.Digests[name] != "" && (p == nil || p.Pull != b.Pull) {
			return false
		}
	}
	return true
}

func (w pairWorld) blocked(b Bid) bool {
	for s, name := range pairNames {
		if b.Digests[name] != "" && w.claimed(s) {
			return true
		}
	}
	return false
}

// inTheEnd lets time go by until it changes nothing more. Then everybody has had
// a turn who does not stand behind the branch's own head.
func (w pairWorld) inTheEnd(l pairRules, ends *keys) string {
	const mostTurns = 6
	var path []string
	for range mostTurns {
		key := w.key()
		if ends.has(key) {
			break
		}
		path = append(path, key)
		next := w.later().rested(l)
		if next.key() == key {
			if starved := w.starved(); starved != "" {
				return starved
			}
			break
		}
		if w = next; len(path) == mostTurns {
			return "as time goes by the canaries change for ever"
		}
	}
	ends.add(path...)
	return ""
}

func (w pairWorld) starved() string {
	for _, b := range w.bids() {
		if !b.Passed && !w.blocked(b) {
			return fmt.Sprintf("#%d never gets its turn", b.Pull)
		}
	}
	return ""
}

// nextOnBranch: direct pushes, one that breaks a template and one that is a
// revert, and reviews after the merge.
func (w pairWorld) nextOnBranch() []pairWorld {
	var out []pairWorld
	tip := len(w.parts[0].branch) - 1
	if w.mayGrow() {
		for _, kind := range [][2]string{{"B", ""}, {"b", "b"}} {
			n := w.clone()
			added := n.named(kind)
			n.commit([2]string{pairPull{adds: added}.merged(0, w.tip(0)), pairPull{adds: added}.merged(1, w.tip(1))}, modelCommit{})
			out = append(out, n)
		}
		broken := w.clone()
		broken.commit([2]string{"", w.tip(1)}, modelCommit{})
		out = append(out, broken)
		if tip > 0 {
			n := w.clone()
			n.commit([2]string{w.parts[0].branch[tip-1].content, w.parts[1].branch[tip-1].content}, modelCommit{})
			out = append(out, n)
		}
	}
	for i := min(w.parts[0].judgedFrom(), w.parts[1].judgedFrom()); i <= tip; i++ {
		if w.parts[0].branch[i].pull {
			n := w.clone()
			n.approve(i)
			out = append(out, n)
		}
	}
	return out
}

// approve turns the review of a commit around.
func (w *pairWorld) approve(i int) {
	for s := range w.parts {
		w.parts[s].branch[i].approved = !w.parts[s].branch[i].approved
	}
}

// nextInCluster: what happens to the Pods, to the process and to time.
func (w pairWorld) nextInCluster(l pairRules) []pairWorld {
	var out []pairWorld
	for s := range w.parts {
		if c := w.parts[s].canary; c != drifted {
			n := w.clone()
			n.parts[s].canary = drifted
			out = append(out, n)
			if !in(w.parts[s].badCanary, c) {
				n = w.clone()
				n.parts[s].badCanary = with(n.parts[s].badCanary, c)
				out = append(out, n)
			}
		}
		n, _, _ := w.pass(l, &s)
		out = append(out, n)
	}
	n := w.clone()
	n.bidding, n.unread = nil, true
	if w.unread {
		n.unread = false
	}
	return append(out, n, w.later())
}

// later is after the slot time: what has passed did so long ago.
func (w pairWorld) later() pairWorld {
	n := w.clone()
	for s := range n.parts {
		for i := range n.parts[s].record.Passed {
			n.parts[s].record.Passed[i].At = noon.Add(-pairSlotTime)
		}
	}
	for i := range n.bidding {
		if n.bidding[i].idle == idleOfLate {
			n.bidding[i].idle = idleForLong
		}
	}
	return n
}

func modelOfPair(l pairRules) model[pairWorld] {
	calm, ends := newKeys(), newKeys()
	return model[pairWorld]{
		key:    pairWorld.key,
		free:   func(w pairWorld) ([]pairWorld, string) { return w.free(l, calm, ends) },
		events: func(w pairWorld) []pairWorld { return w.next(l) },
	}
}

func (w pairWorld) free(l pairRules, calm, ends *keys) (moves []pairWorld, broken string) {
	key := w.key()
	after, d, broken := w.pass(l, nil)
	still := after.key() == key
	if !still {
		moves = append(moves, after)
	}
	for s := range w.parts {
		if part, settles := w.parts[s].settle(); settles {
			n := w
			n.parts[s] = part
			moves = append(moves, n)
		}
	}
	switch {
	case broken != "":
	case len(moves) > 0:
		broken = w.circles(l, after, calm)
	default:
		broken = w.atRest(d)
		if broken == "" && !w.unread {
			broken = w.inTheEnd(l, ends)
		}
	}
	if broken != "" {
		return nil, broken + "\n" + w.describe(d)
	}
	return moves, ""
}

// circles: a world that moves must come to rest by itself. Those of which that
// is known are calm.
func (w pairWorld) circles(l pairRules, after pairWorld, calm *keys) string {
	var path []string
	for key := w.key(); !calm.has(key); after, _, _ = w.pass(l, nil) {
		path = append(path, key)
		w = after.settled()
		next := w.key()
		if next == key {
			break
		}
		if key = next; slices.Contains(path, key) {
			return "it never comes to rest"
		}
	}
	calm.add(path...)
	return ""
}

// Two services and two pull requests have many more events than one service. So
// every second event more is one more here: with 4 the walk is 3 events deep, with
// 6 it is 4. Behind two pull requests that were just opened it is 2 in both, and
// with 8 it is 3, which takes a quarter of an hour.
func TestNoInterleavingOfPullRequestsOverTwoServicesBreaksThePromises(t *testing.T) {
	exhaustive(t)
	l, events := realPairRules(), modelEvents(t)
	for _, start := range []struct {
		name   string
		worlds []pairWorld
		events int
	}{
		{"no pull request", []pairWorld{newPairWorld(l)}, events/2 + 1},
		{"two pull requests just opened", newPairWorld(l).twoOpen(), max(2, events/2-1)},
		{"two pull requests behind a head that is ill", claimedPairWorld(l).twoOpen(), max(1, events/2-2)},
	} {
		t.Run("from "+start.name, func(t *testing.T) {
			e := explore(modelOfPair(l), start.worlds, start.events)
			if broken := e.broken.Load(); broken != nil {
				t.Fatal(*broken)
			}
			t.Logf("two services and %d events: %d worlds, %d of them at rest", start.events, e.worlds.Load(), e.rest.Load())
		})
	}
}

func (w pairWorld) describe(d [2]Decision) string {
	var b strings.Builder
	for _, p := range w.pulls {
		bid, bids := w.bid(p)
		fmt.Fprintf(&b, "#%d.%d adds %q drops %q review %d conflicts %v bids %v %v passed %v\n",
			p.number, p.revision, p.adds, p.drops, p.review, w.conflicts(p), bids, bid.Digests, bid.Passed)
	}
	fmt.Fprintf(&b, "bidding %v, unread %v\n", w.bidding, w.unread)
	for s, name := range pairNames {
		r := w.parts[s].record
		fmt.Fprintf(&b, "%s: proposed %v passed %v\n%s", name, r.Proposed, r.Passed, w.parts[s].describe(d[s]))
	}
	return b.String()
}
