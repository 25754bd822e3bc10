package reconcile

import (
	"time"

	"banksman.dev/approvals"
	"banksman.dev/render"
)

// bids are the pull requests that may have the canary now. An error takes
// nothing from one that has it.
func (l *Loop) bids() []Bid {
	p := &l.proposals
	var bids []Bid
	still, idle := map[int]bidder{}, map[int]time.Time{}
	for _, o := range p.open {
		b, ok := l.bidOf(o)
		has := hasTurn(p.turns, Turn{o.Number, o.head()})
		mayGoOn := o.eligible.Eligible() || has && o.eligible.Standing == approvals.StandingUnknown
		unsure := o.contentUnknown() || o.eligible.Standing == approvals.StandingUnknown
		switch was, known := p.bidding[o.Number]; {
		case has && mayGoOn && o.contentUnknown():
			b = l.bidOfTurn(o)
		case ok && mayGoOn:
		case unsure && known && was.head == o.head():
			still[o.Number] = was // what is not known costs nobody the place in the queue
			continue
		default:
			continue
		}
		still[o.Number] = p.bidderOf(o, l.Now())
		b.Since = still[o.Number].since
		if b.IdleIn = l.idleIn(b); b.holds(p.turns) && len(b.IdleIn) > 0 {
			b.Idle = l.Now()
			if since, known := p.idle[o.Number]; known {
				b.Idle = since
			}
			idle[o.Number] = b.Idle
		}
		bids = append(bids, b)
	}
	p.bidding, p.idle = still, idle
	return bids
}

// bidderOf says since when its head bids: since now if it did not yet.
func (p *proposals) bidderOf(o *openPull, now time.Time) bidder {
	if was, known := p.bidding[o.Number]; known && was.head == o.head() {
		return was
	}
	return bidder{o.head(), now}
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
		record, _, _ := l.peek(name)
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
			b.Digests[name] = l.proposals.kept[name].release.Digest
			if record, _, _ := l.peek(name); record.Proposed != nil {
				b.Digests[name] = record.Proposed.Digest
			}
		}
	}
	return b
}

// idleIn are the services whose canary does not run what the bid is about.
func (l *Loop) idleIn(b Bid) map[render.ServiceName]bool {
	idle := map[render.ServiceName]bool{}
	for name, digest := range b.Digests {
		record, _, _ := l.peek(name)
		if record.Canary == nil || record.Canary.Digest != digest {
			idle[name] = true
		}
	}
	return idle
}

// turns are the slots as the records have them, and as they were given or go
// with another one where a record could not take it: the service is suspended.
func (l *Loop) turns() map[render.ServiceName]Turn {
	turns := map[render.ServiceName]Turn{}
	for name, number := range l.proposals.given {
		if head := l.proposals.checked[number]; head != "" {
			turns[name] = Turn{Pull: number, Head: head}
		}
	}
	for _, name := range l.Services() {
		if r, _, ok := l.peek(name); ok && r.Proposed != nil {
			turns[name] = Turn{Pull: r.Proposed.Pull, Head: r.Proposed.Commit}
		}
	}
	for _, o := range l.proposals.open {
		turn := Turn{o.Number, o.head()}
		if !hasTurn(turns, turn) {
			continue
		}
		for name := range o.merged.changes {
			_, orders, _ := l.peek(name)
			if _, taken := turns[name]; !taken && orders.Suspend.holds(l.Now()) {
				turns[name] = turn
			}
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
