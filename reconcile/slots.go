package reconcile

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// A Bid is an open pull request that may have the canary, and wants the slots of
// all services that it changes.
type Bid struct {
	Pull    int
	Head    gitsrc.SHA
	Since   time.Time // when this head began to bid
	Digests map[render.ServiceName]render.Digest
	// Passed: the canary steps of all of them have passed, the last one at PassedAt.
	Passed   bool
	PassedAt time.Time
	// IdleIn are the services whose slot it has and whose canary something keeps
	// from running, since Idle: the branch's own, a suspension.
	IdleIn map[render.ServiceName]bool
	Idle   time.Time
}

// A Turn is who has one service's slot.
type Turn struct {
	Pull int
	Head gitsrc.SHA
}

// Slots gives the canary slots to pull requests: all that one needs at once, or
// none. Who has its slots keeps them, until all its canary steps passed longer
// than slotTime ago and somebody with open steps wants one of them, or until it
// was kept from running for that long and somebody who is not wants one. The others
// come in the order in which they began to bid; one that cannot have all its
// slots yet keeps later ones from taking the rest, so that it is not passed over
// for ever, unless it waits for one in which nobody can run. Who has passed already comes last, on what is left.
//
// It returns who gets each service's slot, and whom each of the others waits for.
func Slots(bids []Bid, turns map[render.ServiceName]Turn, slotTime time.Duration, now time.Time) (
	given map[render.ServiceName]int, waits map[int][]int,
) {
	var staying, open, passed []Bid
	stuck := map[render.ServiceName]bool{} // whose canary nobody can run
	for _, b := range slices.SortedFunc(slices.Values(bids), firstCome) {
		passedLong := b.Passed && now.Sub(b.PassedAt) >= slotTime && wanted(b, bids, nil)
		idleLong := len(b.IdleIn) > 0 && now.Sub(b.Idle) >= slotTime && wanted(b, bids, b.IdleIn)
		switch holds := b.holds(turns); {
		case holds && !passedLong && !idleLong:
			staying = append(staying, b)
			if len(b.IdleIn) > 0 && now.Sub(b.Idle) >= slotTime {
				maps.Copy(stuck, b.IdleIn)
			}
		case b.Passed || holds:
			passed = append(passed, b)
		default:
			open = append(open, b)
		}
	}
	given, waits = map[render.ServiceName]int{}, map[int][]int{}
	claimed := map[render.ServiceName][]int{} // given to, or kept for
	for _, b := range slices.Concat(staying, open, passed) {
		var before []int
		isStuck := false
		for name := range b.Digests {
			before = append(before, claimed[name]...)
			isStuck = isStuck || stuck[name]
		}
		for name := range b.Digests {
			if len(before) == 0 {
				given[name] = b.Pull
			}
			if len(before) == 0 || !isStuck {
				claimed[name] = append(claimed[name], b.Pull)
			}
		}
		if len(before) > 0 {
			slices.Sort(before)
			waits[b.Pull] = slices.Compact(before)
		}
	}
	return given, waits
}

func firstCome(a, b Bid) int {
	return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Pull, b.Pull))
}

// holds says whether it is this head's turn in all its services.
func (b Bid) holds(turns map[render.ServiceName]Turn) bool {
	for name := range b.Digests {
		if turns[name] != (Turn{b.Pull, b.Head}) {
			return false
		}
	}
	return len(b.Digests) > 0
}

// wanted says whether another pull request with open steps wants one of b's
// services, and none of those in which nobody can run.
func wanted(b Bid, bids []Bid, but map[render.ServiceName]bool) bool {
	return slices.ContainsFunc(bids, func(o Bid) bool {
		for name := range o.Digests {
			if but[name] {
				return false
			}
		}
		return o.Pull != b.Pull && !o.Passed && overlap(o, b)
	})
}

func overlap(a, b Bid) bool {
	for name := range maps.Keys(a.Digests) {
		if _, both := b.Digests[name]; both {
			return true
		}
	}
	return false
}
