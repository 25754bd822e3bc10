package reconcile

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"banksman.dev/render"
)

// A street is many pull requests over a few services, and whose turn it is.
type street struct {
	bids  []Bid
	turns map[render.ServiceName]Turn
	now   time.Time
}

func drawStreet(t *rapid.T) street {
	st := street{turns: map[render.ServiceName]Turn{}, now: noon}
	pulls := rapid.IntRange(0, 7).Draw(t, "pulls")
	for pull := 1; pull <= pulls; pull++ {
		b := drawBid(t, pull)
		if rapid.Bool().Draw(t, "passed") {
			b = b.passedFor(rapid.SampledFrom([]time.Duration{0, halfHour - 1, halfHour, time.Hour}).Draw(t, "passed ago"))
		}
		st.bids = append(st.bids, b)
	}
	for _, b := range st.bids {
		// Most have their turn in all their services, some in one, some with an older head.
		turn := Turn{b.Pull, headOf(b.Pull, rapid.IntRange(0, 5).Draw(t, "turn's head")/5)}
		for name := range b.Digests {
			if _, taken := st.turns[name]; !taken && rapid.IntRange(0, 3).Draw(t, "turn") > 0 {
				st.turns[name] = turn
			}
		}
	}
	for i := range st.bids {
		st.bids[i] = drawIdle(t, st.bids[i])
	}
	return st
}

// drawIdle keeps a bid from running in one of its services, or not.
func drawIdle(t *rapid.T, b Bid) Bid {
	name := rapid.SampledFrom([]render.ServiceName{"", "", "a", "b", "c", "d"}).Draw(t, "idle in")
	if _, ok := b.Digests[name]; ok {
		ago := rapid.SampledFrom([]time.Duration{0, halfHour - 1, halfHour}).Draw(t, "idle ago")
		b.IdleIn, b.Idle = map[render.ServiceName]bool{name: true}, noon.Add(-ago)
	}
	return b
}

func drawBid(t *rapid.T, pull int) Bid {
	services := ""
	for _, s := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 1, 4, rapid.ID).Draw(t, "services") {
		services += s
	}
	return bidding(pull, services, time.Duration(rapid.IntRange(0, 4).Draw(t, "since"))*time.Minute)
}

func (st street) slots() (map[render.ServiceName]int, map[int][]int) {
	return Slots(st.bids, st.turns, halfHour, st.now)
}

// had says whether a bid has the turn in all its services.
func (st street) had(b Bid) bool {
	had := 0
	for name := range b.Digests {
		had += int(flag(st.turns[name] == Turn{b.Pull, b.Head}))
	}
	return had == len(b.Digests)
}

// has says how many slots a bid was given.
func (b Bid) has(given map[render.ServiceName]int) int {
	n := 0
	for name := range b.Digests {
		n += int(flag(given[name] == b.Pull))
	}
	return n
}

func TestAPullRequestGetsAllItsSlotsOrNoneAndKnowsWhomItWaitsFor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		st := drawStreet(t)
		given, waits := st.slots()
		asked := 0
		for _, b := range st.bids {
			n := b.has(given)
			asked += n
			_, waiting := waits[b.Pull]
			switch {
			case n != 0 && n != len(b.Digests):
				t.Fatalf("#%d got %d of %d slots", b.Pull, n, len(b.Digests))
			case waiting == (n > 0):
				t.Fatalf("#%d has %d slots and waits for %v", b.Pull, n, waits[b.Pull])
			}
			for _, other := range waits[b.Pull] {
				i := slices.IndexFunc(st.bids, func(o Bid) bool { return o.Pull == other })
				if i < 0 || other == b.Pull || !overlap(b, st.bids[i]) {
					t.Fatalf("#%d waits for #%d, which has nothing that it needs", b.Pull, other)
				}
			}
		}
		if asked != len(given) {
			t.Fatalf("slots were given to somebody who did not ask: %v", given)
		}
	})
}

func TestWhoHasItsSlotsIsInterruptedOnlyAfterTheSlotTimeAndForSomebodyWithOpenSteps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		st := drawStreet(t)
		given, _ := st.slots()
		for _, b := range st.bids {
			if !st.had(b) {
				continue
			}
			wanted, wantedByRunner, byStuck := false, false, false
			for _, o := range st.bids {
				if o.Pull != b.Pull && !o.Passed && overlap(o, b) {
					byStuck = byStuck || st.stuck(o, given)
					idleToo := slices.ContainsFunc(slices.Collect(maps.Keys(o.Digests)), func(n render.ServiceName) bool { return b.IdleIn[n] })
					wanted, wantedByRunner = true, wantedByRunner || !idleToo
				}
			}
			goes := b.Passed && st.now.Sub(b.PassedAt) >= halfHour && wanted ||
				len(b.IdleIn) > 0 && st.now.Sub(b.Idle) >= halfHour && wantedByRunner
			// One that wants it and cannot run now leaves it to the first that has passed.
			if keeps := b.has(given) > 0; keeps == goes && (!byStuck || !b.Passed) {
				t.Fatalf("#%d keeps its slots: %v, should go: %v: %+v", b.Pull, keeps, goes, b)
			}
		}
	})
}

// stuck says whether a bid wants a slot in which whoever has it could not run for
// the slot time: it reserves nothing.
func (st street) stuck(b Bid, given map[render.ServiceName]int) bool {
	return slices.ContainsFunc(st.bids, func(holder Bid) bool {
		if !st.had(holder) || holder.has(given) == 0 || st.now.Sub(holder.Idle) < halfHour {
			return false
		}
		return slices.ContainsFunc(slices.Collect(maps.Keys(b.Digests)), func(n render.ServiceName) bool { return holder.IdleIn[n] })
	})
}

// Of two that want the same slot and do not have their slots, the one with open
// steps is never passed over by one that has passed or came later.
func TestOfThoseThatOverlapTheFirstIsServedFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		st := drawStreet(t)
		given, waits := st.slots()
		for _, first := range st.bids {
			for _, second := range st.bids {
				before := !first.Passed && second.Passed || first.Passed == second.Passed &&
					cmp.Or(first.Since.Compare(second.Since), cmp.Compare(first.Pull, second.Pull)) < 0
				if !before || !overlap(first, second) || st.had(first) || st.had(second) || st.stuck(first, given) {
					continue
				}
				if second.has(given) > 0 || !slices.Contains(waits[second.Pull], first.Pull) {
					t.Fatalf("#%d does not wait for #%d: given %v, waits %v", second.Pull, first.Pull, given, waits)
				}
			}
		}
	})
}

func TestTheOrderInWhichBidsAreToldChangesNothingAndBidsAreNotTouched(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		st := drawStreet(t)
		given, waits := st.slots()
		bids, turns := slices.Clone(st.bids), maps.Clone(st.turns)
		order := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 0))
		order.Shuffle(len(bids), func(i, j int) { bids[i], bids[j] = bids[j], bids[i] })
		told := slices.Clone(bids)
		again, wait := Slots(bids, turns, halfHour, st.now)
		if !maps.Equal(given, again) || !maps.EqualFunc(waits, wait, slices.Equal[[]int]) {
			t.Fatalf("given %v and %v, waits %v and %v", given, again, waits, wait)
		}
		if !slices.EqualFunc(bids, told, func(a, b Bid) bool { return a.Pull == b.Pull }) || !maps.Equal(turns, st.turns) {
			t.Fatal("the arguments were changed")
		}
	})
}

// noteTurns is what the records say after everybody was told.
func (st *street) noteTurns(given map[render.ServiceName]int) {
	st.turns = map[render.ServiceName]Turn{}
	for _, b := range st.bids {
		for name := range b.Digests {
			if given[name] == b.Pull {
				st.turns[name] = Turn{b.Pull, b.Head}
			}
		}
	}
}

// Who has passed goes once, when its slot time ends: after that nothing changes.
func TestWithNothingButTimeTheSlotsComeToRest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		st := drawStreet(t)
		for i := range st.bids {
			st.bids[i].IdleIn = nil // who goes for that begins to bid anew, which the loop notes
		}
		given, _ := st.slots()
		changes := 0
		for range 4 * len(st.bids) {
			st.noteTurns(given)
			st.now = st.now.Add(halfHour / 2)
			next, _ := st.slots()
			changes += int(flag(!maps.Equal(next, given)))
			given = next
		}
		passed := len(slices.DeleteFunc(slices.Clone(st.bids), func(b Bid) bool { return !b.Passed }))
		if changes > passed {
			t.Fatalf("%d have passed, and the slots changed %d times", passed, changes)
		}
	})
}

// Pull requests come, pass, fail, are pushed to, merged and closed for ever. The
// oldest bid with open steps waits only for those that had their slots before:
// each of them passes or fails in one round, and goes a slot time later. So with
// a crowd of so many, everybody that stays has had its turn after two rounds for
// each.
func TestNobodyStarves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		st := street{turns: map[render.ServiceName]Turn{}, now: noon}
		const crowd, rounds = 5, 100
		next, waited := 1, map[int]int{}
		for range rounds {
			for len(st.bids) < crowd {
				services := rapid.SampledFrom([]string{"a", "b", "a", "b", "ab", "c", "bc"}).Draw(t, "services")
				b := bidding(next, services, 0)
				b.Since = st.now
				st.bids, next = append(st.bids, b), next+1
			}
			given, _ := st.slots()
			st.noteTurns(given)
			st.now = st.now.Add(halfHour)
			st.bids = slices.DeleteFunc(st.bids, func(b Bid) bool { return st.leaves(t, b, given) })
			for i := range st.bids {
				st.play(t, &st.bids[i], given)
			}
			for _, b := range st.bids {
				if waited[b.Pull]++; b.Passed || b.has(given) > 0 || b.Since.Equal(st.now) {
					waited[b.Pull] = 0
				}
				if waited[b.Pull] > 2*crowd {
					t.Fatalf("#%d waits since %d rounds: given %v of %+v", b.Pull, waited[b.Pull], given, st.bids)
				}
			}
		}
	})
}

// leaves: it failed (a held digest never bids), was merged after it had passed,
// or was closed.
func (st *street) leaves(t *rapid.T, b Bid, given map[render.ServiceName]int) bool {
	switch has := b.has(given) > 0; {
	case has && !b.Passed:
		return rapid.IntRange(0, 3).Draw(t, "fails") == 0
	case b.Passed && !has:
		return rapid.Bool().Draw(t, "is merged")
	}
	return rapid.IntRange(0, 59).Draw(t, "is closed") == 0
}

// play lets a canary pass, and now and then somebody push to one that has.
func (st *street) play(t *rapid.T, b *Bid, given map[render.ServiceName]int) {
	switch has := b.has(given) > 0; {
	case has && !b.Passed:
		b.Passed, b.PassedAt = true, st.now
	case !has && b.Passed && rapid.IntRange(0, 4).Draw(t, "is pushed to") == 0:
		b.Head, b.Since, b.Passed = b.Head+"'", st.now, false
	}
}
