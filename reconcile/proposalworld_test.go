package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// The second model is two services on one branch with up to two open pull
// requests. Each service is a modelWorld of its own; the pull requests and who
// has the slots are what the two share.
//
// A content is a set of letters after an A, so that merging is a union: the
// same changes are the same content, whichever came first. Capital letters
// stand in the one file that a direct push changes too.
type pairWorld struct {
	parts   [2]modelWorld // their branches are one: the same commits, each with its service's content
	pulls   []pairPull    // open, by number
	opened  int
	letters int // that were used
	// What the loop keeps in memory: since when the heads bid, as ranks. A crash
	// loses it.
	bidding []pairBidder
	unread  bool // the pull requests were not read since the last start
}

type pairPull struct {
	number, revision int
	adds, drops      [2]string
	base             string // what the shared file was when the pull request was opened or updated
	review           pairReview
}

type pairReview byte

const (
	reviewNone pairReview = iota
	reviewApproved
	reviewChangesRequested
)

type pairBidder struct {
	head gitsrc.SHA
	rank int
	idle pairIdle
}

// pairIdle: a head has its turn, and something keeps its canary from running.
type pairIdle byte

const (
	isBusy pairIdle = iota
	idleOfLate
	idleForLong
)

const (
	pairSlotTime    = 30 * time.Minute
	mostPairCommits = 5
)

var pairNames = [2]render.ServiceName{"alpha", "beta"}

// pairRules are what is under test: the lists, and who gets the slots.
type pairRules struct {
	lists
	slots func([]Bid, map[render.ServiceName]Turn, time.Duration, time.Time) (map[render.ServiceName]int, map[int][]int)
}

func realPairRules() pairRules { return pairRules{realLists(), Slots} }

func (w pairWorld) clone() pairWorld {
	w.parts[0], w.parts[1] = w.parts[0].clone(), w.parts[1].clone()
	w.pulls, w.bidding = slices.Clone(w.pulls), slices.Clone(w.bidding)
	return w
}

// newPairWorld is at rest, with the first commit promoted in both services.
func newPairWorld(l pairRules) pairWorld {
	var w pairWorld
	for s := range w.parts {
		w.parts[s] = newModelWorld()
		w.parts[s].record.Service = pairNames[s]
	}
	return w.rested(l)
}

// rested lets everything happen that happens by itself, in the order in which a
// quick cluster does it. A world that never rests is given back as it is.
func (w pairWorld) rested(l pairRules) pairWorld {
	key := w.key()
	for range 100 {
		next := w.calmed(l)
		was := key
		if key = next.key(); key == was {
			return w
		}
		w = next
	}
	return w
}

// calmed is one pass and what the cluster makes of it.
func (w pairWorld) calmed(l pairRules) pairWorld {
	next, _, _ := w.pass(l, nil)
	return next.settled()
}

func (w pairWorld) settled() pairWorld {
	for s := range w.parts {
		w.parts[s], _ = w.parts[s].settle()
	}
	return w
}

func (p pairPull) head() gitsrc.SHA { return gitsrc.SHA(fmt.Sprintf("p%d.%d", p.number, p.revision)) }

// merged is what a service becomes with the pull request's changes. One that
// cannot be rendered stays so.
func (p pairPull) merged(s int, content string) string {
	if content == "" {
		return ""
	}
	letters := []rune(content + p.adds[s])
	letters = slices.DeleteFunc(letters, func(r rune) bool { return strings.ContainsRune(p.drops[s], r) })
	slices.Sort(letters)
	return "A" + strings.TrimPrefix(string(slices.Compact(letters)), "A")
}

func (w pairWorld) tip(s int) string {
	b := w.parts[s].branch
	return b[len(b)-1].content
}

// sharedFile is what the file holds that pull requests and direct pushes change.
func (w pairWorld) sharedFile() string {
	return strings.Map(func(r rune) rune {
		if r > 'Z' {
			return -1
		}
		return r
	}, w.tip(0))
}

func (w pairWorld) conflicts(p pairPull) bool {
	touches := strings.ToLower(p.adds[0]+p.drops[0]) != p.adds[0]+p.drops[0]
	return touches && w.sharedFile() != p.base
}

// changes are the contents that a pull request makes anew, by service.
func (w pairWorld) changes(p pairPull) map[int]string {
	changes := map[int]string{}
	for s := range w.parts {
		if is := p.merged(s, w.tip(s)); is != w.tip(s) {
			changes[s] = is
		}
	}
	return changes
}

// bid is what the loop makes of an open pull request: none for one that may not
// have a canary, or none of whose services needs one.
func (w pairWorld) bid(p pairPull) (Bid, bool) {
	b := Bid{Pull: p.number, Head: p.head(), Digests: map[render.ServiceName]render.Digest{}, Passed: true}
	if p.review == reviewChangesRequested || w.conflicts(p) {
		return b, false
	}
	for s, content := range w.changes(p) {
		r, digest := w.parts[s].record, render.Digest(content)
		if _, restores := r.restored(digest); restores || r.Promoted == nil {
			continue
		}
		if _, held := r.hold(digest); held {
			return b, false
		}
		b.Digests[pairNames[s]] = digest
		at, passed := r.passed(digest)
		b.Passed = b.Passed && passed
		if at.After(b.PassedAt) {
			b.PassedAt = at
		}
	}
	return b, len(b.Digests) > 0
}

func (w pairWorld) turns() map[render.ServiceName]Turn {
	turns := map[render.ServiceName]Turn{}
	for s, name := range pairNames {
		if p := w.parts[s].record.Proposed; p != nil {
			turns[name] = Turn{Pull: p.Pull, Head: p.Commit}
		}
	}
	return turns
}

// bids are all of them; who did not bid before is put at the end.
func (w *pairWorld) bids() []Bid {
	var bids []Bid
	turns := w.turns()
	var still []pairBidder
	last := 0
	for _, b := range w.bidding {
		last = max(last, b.rank+1)
	}
	for _, p := range w.pulls {
		b, ok := w.bid(p)
		if !ok {
			continue
		}
		since := pairBidder{head: b.Head, rank: last}
		if i := slices.IndexFunc(w.bidding, func(o pairBidder) bool { return o.head == b.Head }); i >= 0 {
			since = w.bidding[i]
		}
		b.IdleIn = w.idleIn(b)
		switch {
		case !b.holds(turns) || len(b.IdleIn) == 0:
			since.idle = isBusy
		case since.idle == isBusy:
			since.idle = idleOfLate
		}
		still = append(still, since)
		b.Idle = map[pairIdle]time.Time{idleOfLate: noon, idleForLong: noon.Add(-pairSlotTime)}[since.idle]
		b.Since = noon.Add(time.Duration(since.rank) * time.Second)
		bids = append(bids, b)
	}
	w.bidding = ranked(still)
	return bids
}

// idleIn are the services whose slot does not hold what the bid asks for.
func (w *pairWorld) idleIn(b Bid) map[render.ServiceName]bool {
	idle := map[render.ServiceName]bool{}
	for s, name := range pairNames {
		slot := w.parts[s].record.Canary
		if d := b.Digests[name]; d != "" && (slot == nil || slot.Digest != d) {
			idle[name] = true
		}
	}
	return idle
}

// ranked keeps the order and forgets the numbers.
func ranked(bidding []pairBidder) []pairBidder {
	var ranks []int
	for _, b := range bidding {
		ranks = append(ranks, b.rank)
	}
	slices.Sort(ranks)
	ranks = slices.Compact(ranks)
	for i := range bidding {
		bidding[i].rank, _ = slices.BinarySearch(ranks, bidding[i].rank)
	}
	return bidding
}

// assign gives the slots and tells both services. It says what is wrong with
// who got them.
func (w *pairWorld) assign(l pairRules) string {
	for s := range w.parts {
		w.parts[s].proposed, w.parts[s].unread = nil, ""
		if w.unread {
			w.parts[s].unread = "the forge does not answer"
		}
	}
	if w.unread {
		return ""
	}
	bids, turns := w.bids(), w.turns()
	given, waits := l.slots(bids, turns, pairSlotTime, noon)
	for i, b := range bids {
		if _, waiting := waits[b.Pull]; waiting && b.holds(turns) && !b.Passed {
			w.bidding[i] = pairBidder{head: b.Head, rank: len(bids)} // it had its turn, and queues anew
		}
	}
	for s, name := range pairNames {
		if i := slices.IndexFunc(bids, func(b Bid) bool { return b.Pull == given[name] }); i >= 0 {
			w.parts[s].proposed = &Ref{Commit: bids[i].Head, Digest: bids[i].Digests[name], Pull: bids[i].Pull}
		}
	}
	return unfair(bids, turns, given)
}

// pass is one look of the loop at both services. With crash it dies after it has
// saved the record of that one, before it looked at the other.
func (w pairWorld) pass(l pairRules, crash *int) (pairWorld, [2]Decision, string) {
	n := w // nothing that the two share is written to
	var d [2]Decision
	broken := n.assign(l)
	for s := range n.parts {
		if crash != nil && *crash != s {
			continue
		}
		was := n.parts[s]
		var wrong string
		n.parts[s], d[s], wrong = was.pass(l.lists, crash != nil)
		broken = cmp.Or(broken, wrong, canaryWrong(was, d[s]))
	}
	for s := range n.parts {
		n.parts[s].proposed, n.parts[s].unread = nil, ""
	}
	if crash != nil {
		n.bidding = nil
	}
	return n, d, broken
}

func (w pairWorld) key() string {
	b := w.parts[1].appendKey(w.parts[0].appendKey(make([]byte, 0, 512)))
	for _, p := range w.pulls {
		b = append(b, '#', byte(p.number)+'0', byte(p.revision)+'0', byte(p.review)+'0')
		for _, letters := range []string{p.adds[0], p.adds[1], p.drops[0], p.drops[1], p.base} {
			b = append(append(b, letters...), ',')
		}
	}
	for _, q := range w.bidding {
		b = append(append(b, q.head...), byte(q.rank)+'0', byte(q.idle)+'0')
	}
	return string(append(b, '|', byte(w.opened)+'0', byte(w.letters)+'0', flag(w.unread)+'0'))
}
