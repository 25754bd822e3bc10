package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// proposals is what the loop knows of the open pull requests. Losing it costs
// requests, and the order in which those wait that do not have their turn.
type proposals struct {
	read     bool   // the list was read once
	unread   string // why the newest look at it failed
	unqueued string // why the newest look at the merge queue failed
	dirty    bool   // something changed that the slots hang on
	unsaid   bool   // something changed that the statuses hang on
	unheard  bool   // there was a look since the reviews were asked for

	open     []*openPull // sorted by number
	faults   map[int]headFault
	groups   []approvals.MergeGroup
	touching map[render.ServiceName][]*openPull
	merges   map[mergeKey]mergedPull
	mergedAt gitsrc.SHA // the branch's head that the pull requests are merged onto
	listedAt gitsrc.SHA // the branch's head when they were listed

	bidding map[int]bidder // since when a head bids
	refused map[refusedPull]string
	checked map[int]gitsrc.SHA // heads that were looked at afresh before they got their slots
	idle    map[int]time.Time  // since when one has its turn and does not run
	turns   map[render.ServiceName]Turn
	parts   map[partKey]pullPart // while slots are given or statuses said; nil else
	given   map[render.ServiceName]int
	waits   map[int][]int
	kept    map[render.ServiceName]proposedRelease // what the slots were given for
	told    map[render.ServiceName]string          // what the last decision was told

	heard  map[int]heardFacts
	left   map[int]leftPull          // no longer open, and not known yet what became of them
	landed map[gitsrc.SHA]gitsrc.SHA // branch commits and the heads that they came from
	closed map[gitsrc.SHA]string     // heads that were closed without a merge, and what to say
	said   map[gitsrc.SHA]map[string]approvals.Status

	sent, sentHourly int // requests for statuses since the look, and since hour
	hour             time.Time
}

type bidder struct {
	head  gitsrc.SHA
	since time.Time
}

// A leftPull is the head of a pull request that is not open any more.
type leftPull struct {
	head   gitsrc.SHA
	before bool // it left while no process ran: what was said on it is not known
}

// A refusedPull is content that may not run before it is merged, as the cluster
// showed: an object of it exists already and is not the canary's.
type refusedPull struct {
	service render.ServiceName
	digest  render.Digest
}

type proposedRelease struct {
	pull    int
	release render.Release
}

// A headFault is why one head cannot be fetched.
type headFault struct {
	head  gitsrc.SHA
	err   error
	rests int // looks until it is tried again
}

func newProposals() proposals {
	return proposals{
		faults: map[int]headFault{}, merges: map[mergeKey]mergedPull{},
		bidding: map[int]bidder{}, refused: map[refusedPull]string{}, checked: map[int]gitsrc.SHA{},
		given: map[render.ServiceName]int{}, kept: map[render.ServiceName]proposedRelease{},
		told: map[render.ServiceName]string{}, heard: map[int]heardFacts{},
		left: map[int]leftPull{}, landed: map[gitsrc.SHA]gitsrc.SHA{}, closed: map[gitsrc.SHA]string{},
		said: map[gitsrc.SHA]map[string]approvals.Status{},
	}
}

// propose takes in a look at the open pull requests. One that failed changes
// nothing: who has a slot keeps it.
func (l *Loop) propose(look pullsLook) {
	p := &l.proposals
	if l.Pulls == nil {
		return
	}
	l.noteRead(&p.unread, look.err, "the open pull requests", "who has a canary keeps it")
	if look.err != nil {
		return
	}
	l.noteRead(&p.unqueued, look.groupsErr, "the merge queue", "its commits get no statuses")
	if look.groupsErr == nil {
		p.groups = look.groups
	}
	first := !p.read
	p.read, p.dirty, p.unheard, p.sent = true, true, true, 0
	p.faults = look.faults
	was := p.open
	before := map[int]*openPull{}
	for _, o := range was {
		before[o.Number] = o
	}
	p.open = nil
	for _, proposal := range look.open {
		o := &openPull{Proposal: proposal, eligible: approvals.Eligible(proposal, l.proposalRules())}
		if b := before[o.Number]; b != nil && b.head() == o.head() {
			o.merged = b.merged
		}
		p.open = append(p.open, o)
		delete(p.left, proposal.Number)
	}
	slices.SortFunc(p.open, func(a, b *openPull) int { return a.Number - b.Number })
	for _, o := range was {
		if p.pull(o.Number) == nil {
			delete(p.heard, o.Number)
			if p.said[o.head()] != nil { // else there is nothing that would have to end
				p.left[o.Number] = leftPull{head: o.head()}
			}
		}
	}
	if first {
		l.noteLeftBefore()
	}
	p.listedAt = look.head
	l.mergeAll()
}

// noteLeftBefore finds the pull requests that had a slot when the process before
// this one ended, and that are not open any more.
func (l *Loop) noteLeftBefore() {
	p := &l.proposals
	for _, name := range l.Services() {
		r, _, ok := l.Load(name)
		if ok && r.Proposed != nil && p.pull(r.Proposed.Pull) == nil {
			p.left[r.Proposed.Pull] = leftPull{head: r.Proposed.Commit, before: true}
		}
	}
}

// noteRead remembers why something cannot be read, and says so when that changes.
func (l *Loop) noteRead(unread *string, err error, what, so string) {
	was := *unread
	if *unread = ""; err != nil {
		*unread = oneLine(err)
	}
	switch {
	case *unread != "" && *unread != was:
		l.Log.Error("cannot read "+what+"; "+so, "error", err)
	case *unread == "" && was != "":
		l.Log.Info("can read " + what + " again")
	}
}

func (l *Loop) proposalRules() approvals.ProposalRules {
	return approvals.ProposalRules{From: l.CanaryFrom, Branch: l.Branch, Authors: l.Authors}
}

// mergeAll merges each pull request onto the branch's head. What cannot be read
// now stays what it was.
func (l *Loop) mergeAll() {
	p := &l.proposals
	p.mergedAt = l.head
	used := map[mergeKey]mergedPull{}
	for _, o := range p.open {
		fault, failed := p.faults[o.Number]
		if !isFetched(o.Proposal) {
			continue
		}
		m := mergedPull{unfetched: failed}
		if failed {
			m.fault = "its commits cannot be fetched: " + oneLine(fault.err)
		} else if m = l.mergePull(o.head()); m.unread == nil {
			used[mergeKey{l.head, o.head()}] = m
		}
		if known := o.merged.changes != nil; known && (failed || m.unread != nil) {
			continue
		}
		o.merged = m
	}
	p.merges = used
	p.touching = map[render.ServiceName][]*openPull{}
	for _, o := range p.open {
		for _, name := range o.merged.touched {
			p.touching[name] = append(p.touching[name], o)
		}
	}
	wanted := map[refusedPull]bool{}
	for _, o := range p.open {
		for name, c := range o.merged.changes {
			wanted[refusedPull{name, c.release.Digest}] = true
		}
	}
	maps.DeleteFunc(p.refused, func(r refusedPull, _ string) bool { return !wanted[r] })
}

// isFetched: nothing is fetched of a fork. Anybody can open one, with anything in it.
func isFetched(p approvals.Proposal) bool {
	return !p.Closed && p.HeadRepository != 0 && p.HeadRepository == p.BaseRepository
}

func (p *proposals) pull(number int) *openPull {
	i, ok := slices.BinarySearchFunc(p.open, number, func(o *openPull, n int) int { return o.Number - n })
	if !ok {
		return nil
	}
	return p.open[i]
}

// release is the content of a pull request that a slot was given for.
func (p *proposals) release(name render.ServiceName, ref Ref) (*render.Release, error) {
	if k, ok := p.kept[name]; ok && k.pull == ref.Pull && k.release.Digest == ref.Digest {
		return &k.release, nil
	}
	return nil, fmt.Errorf("the content of #%d at %s is not at hand", ref.Pull, ref.Commit.Short())
}

// mostRounds bounds how often slots are given anew before time has to pass.
const mostRounds = 6

// assign gives the slots, if anything has changed that they hang on. It returns
// the services whose decision that may change.
func (l *Loop) assign() []render.ServiceName {
	p := &l.proposals
	if l.Pulls == nil || !p.read || !p.dirty && p.mergedAt == l.head {
		return nil
	}
	if p.mergedAt != l.head {
		l.mergeAll()
	}
	p.dirty, p.unsaid = false, true
	p.parts = map[partKey]pullPart{}
	defer func() { p.parts = nil }()
	p.turns = l.turns()
	bids := l.bids()
	p.given, p.waits = Slots(bids, p.turns, l.SlotTime, l.Now())
	for _, b := range bids {
		if _, waits := p.waits[b.Pull]; waits && b.holds(p.turns) && !b.Passed {
			p.bidding[b.Pull] = bidder{b.Head, l.Now()} // it had its turn, and queues anew
		}
	}
	p.keep()
	return l.toTell()
}

// started: it was looked at afresh before it got its slots, or has had them since
// before this process.
func (p *proposals) started(o *openPull) bool {
	return p.checked[o.Number] == o.head() || hasTurn(p.turns, Turn{o.Number, o.head()})
}

// turns are the slots as the records have them, and as they were given where a
// record could not take it, because the service is suspended.
func (l *Loop) turns() map[render.ServiceName]Turn {
	turns := map[render.ServiceName]Turn{}
	for name, number := range l.proposals.given {
		if head := l.proposals.checked[number]; head != "" {
			turns[name] = Turn{Pull: number, Head: head}
		}
	}
	for _, name := range l.Services() {
		if r, _, ok := l.Load(name); ok && r.Proposed != nil {
			turns[name] = Turn{Pull: r.Proposed.Pull, Head: r.Proposed.Commit}
		}
	}
	return turns
}

func hasTurn(turns map[render.ServiceName]Turn, t Turn) bool {
	for _, has := range turns {
		if has == t {
			return true
		}
	}
	return false
}

// bids are the pull requests that may have the canary now. An error takes
// nothing from one that has it.
func (l *Loop) bids() []Bid {
	p := &l.proposals
	var bids []Bid
	still, idle := map[int]bidder{}, map[int]time.Time{}
	for _, o := range p.open {
		has := hasTurn(p.turns, Turn{o.Number, o.head()})
		b, ok := l.bidOf(o)
		switch {
		case has && o.contentUnknown():
			b = l.bidOfTurn(o)
		case !ok, !o.eligible.Eligible() && !(has && o.eligible.Standing == approvals.StandingUnknown):
			continue
		}
		since, known := p.bidding[o.Number]
		if !known || since.head != b.Head {
			since = bidder{b.Head, l.Now()}
		}
		still[o.Number], b.Since = since, since.since
		if b.IdleIn = l.idleIn(b); b.holds(p.turns) && len(b.IdleIn) > 0 {
			idle[o.Number] = l.Now()
			if since, known := p.idle[o.Number]; known {
				idle[o.Number] = since
			}
			b.Idle = idle[o.Number]
		}
		bids = append(bids, b)
	}
	p.bidding, p.idle = still, idle
	return bids
}

// bidOf is what a pull request bids for.
func (l *Loop) bidOf(o *openPull) (Bid, bool) {
	o.failedIn = ""
	b := Bid{Pull: o.Number, Head: o.head(), Digests: map[render.ServiceName]render.Digest{}, Passed: true}
	for name, c := range o.merged.changes {
		part := l.partOf(o, name)
		if part.failed && (o.failedIn == "" || name < o.failedIn) {
			o.failedIn = name
		}
		if !part.bids {
			continue
		}
		b.Digests[name] = c.release.Digest
		record, _, _ := l.Load(name)
		at, passed := record.passed(c.release.Digest)
		b.Passed = b.Passed && passed
		if at.After(b.PassedAt) {
			b.PassedAt = at
		}
	}
	sound := !o.isMoving && !o.contentUnknown() && o.merged.fault == "" && len(o.merged.conflicts) == 0
	return b, sound && o.failedIn == "" && len(b.Digests) > 0
}

// bidOfTurn is for a pull request whose content cannot be read now: it keeps
// what it has.
func (l *Loop) bidOfTurn(o *openPull) Bid {
	b := Bid{Pull: o.Number, Head: o.head(), Digests: map[render.ServiceName]render.Digest{}}
	for name, turn := range l.proposals.turns {
		if turn == (Turn{o.Number, o.head()}) {
			record, _, _ := l.Load(name)
			b.Digests[name] = record.Proposed.Digest
		}
	}
	return b
}

// idleIn are the services whose canary does not run what the bid is about.
func (l *Loop) idleIn(b Bid) map[render.ServiceName]bool {
	idle := map[render.ServiceName]bool{}
	for name, digest := range b.Digests {
		record, _, _ := l.Load(name)
		if record.Canary == nil || record.Canary.Digest != digest {
			idle[name] = true
		}
	}
	return idle
}

// keep holds on to the releases that slots are given for, however the list of
// pull requests looks later, and to nothing of the others.
func (p *proposals) keep() {
	kept, checked := map[render.ServiceName]proposedRelease{}, map[int]gitsrc.SHA{}
	for name, number := range p.given {
		checked[number] = p.checked[number]
		if c := p.pull(number).merged.changes[name]; c != nil {
			kept[name] = proposedRelease{number, c.release}
		} else if was, ok := p.kept[name]; ok && was.pull == number {
			kept[name] = was
		}
	}
	p.kept, p.checked = kept, checked
}
