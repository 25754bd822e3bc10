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

	heard   map[int]heardFacts
	left    map[int]leftPull          // no longer open, and not known yet what became of them
	landed  map[gitsrc.SHA]gitsrc.SHA // branch commits and the heads that they came from
	closed  map[gitsrc.SHA]string     // heads that were closed without a merge, and what to say
	said    map[gitsrc.SHA]map[string]approvals.Status
	unended map[gitsrc.SHA]int // how often the end of a closed head could not be said

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
	tries  int
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
		said: map[gitsrc.SHA]map[string]approvals.Status{}, unended: map[gitsrc.SHA]int{},
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
		if look.faults != nil {
			p.faults = look.faults // what rests goes on resting
		}
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
		switch b := before[o.Number]; {
		case b == nil:
		case b.head() == o.head():
			o.merged = b.merged
		case p.said[b.head()] != nil:
			p.closed[b.head()] = "superseded by " + o.head().Short()
		}
		p.open = append(p.open, o)
		delete(p.left, proposal.Number)
	}
	slices.SortFunc(p.open, func(a, b *openPull) int { return a.Number - b.Number })
	var gone []*openPull
	for _, o := range was {
		if p.pull(o.Number) == nil {
			gone = append(gone, l.noteLeft(o)...)
		}
	}
	p.open = append(p.open, gone...)
	slices.SortFunc(p.open, func(a, b *openPull) int { return a.Number - b.Number })
	if first {
		l.noteLeftBefore()
	}
	p.listedAt = look.head
	l.mergeAll()
}

// noteLeft is for a pull request that is not open any more. One that has its
// turn keeps it until it is known whether it was merged: the branch may have been
// fetched before that, and its canary must not go only to come back.
func (l *Loop) noteLeft(o *openPull) []*openPull {
	p := &l.proposals
	has := hasTurn(p.turns, Turn{o.Number, o.head()})
	if has || p.said[o.head()] != nil { // else there is nothing that would have to end
		p.left[o.Number] = leftPull{head: o.head(), tries: p.left[o.Number].tries}
	}
	if has && !o.isEnded {
		gone := &openPull{Proposal: o.Proposal, merged: o.merged, isGone: true}
		gone.eligible.Reason = o.name() + " is not open any more"
		return []*openPull{gone}
	}
	delete(p.heard, o.Number)
	return nil
}

// noteLeftBefore finds the pull requests that had a slot when the process before
// this one ended, and that are not open any more.
func (l *Loop) noteLeftBefore() {
	p := &l.proposals
	for _, name := range l.Services() {
		r, _, ok := l.peek(name)
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
		l.Log.Error("cannot be read", "what", what, "so", so, "error", err)
	case *unread == "" && was != "":
		l.Log.Info("can be read again", "what", what)
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
