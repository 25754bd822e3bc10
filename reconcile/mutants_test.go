package reconcile

import (
	"slices"
	"strings"
	"testing"
	"time"

	"banksman.dev/approvals"
	"banksman.dev/render"
)

// Every mutant is one plausible mistake in a list. A mutant that gives the
// same targets over the whole input space would mean that a rule, its place or
// one of its conditions is not tested.
func TestEveryMutantOfTheListsIsKilled(t *testing.T) {
	exhaustive(t)
	type mutant struct {
		name         string
		full, canary []rule
	}
	var mutants []mutant
	for i, r := range fullRules() {
		mutants = append(mutants, mutant{"full without " + r.name, slices.Delete(fullRules(), i, i+1), canaryRules()})
	}
	for i, r := range canaryRules() {
		mutants = append(mutants, mutant{"canary without " + r.name, fullRules(), slices.Delete(canaryRules(), i, i+1)})
	}
	for _, pair := range [][2]string{
		{"suspended", "rollback"},
		{"drop what must not go on", "finish what has begun"},
		{"rollback", "finish what has begun"},
		{"finish what has begun", "promote"},
		{"promote", "keep what is promoted"},
		{"gone from the catalog", "keep what is promoted"},
	} {
		mutants = append(mutants, mutant{"full with " + pair[0] + " after " + pair[1], swapped(fullRules(), pair), canaryRules()})
	}
	for _, pair := range [][2]string{
		{"suspended", "beside what is rolling"},
		{"beside what is rolling", "head has open canary steps"},
		{"beside what is rolling", "proposed by a pull request"},
		{"an older commit may come first", "head has open canary steps"},
		{"head has open canary steps", "proposed by a pull request"},
		{"proposed by a pull request", "head waits for its approval"},
		{"proposed by a pull request", "keep what is promoted"},
		{"head waits for its approval", "keep what is promoted"},
		{"gone from the catalog", "keep what is promoted"},
	} {
		mutants = append(mutants, mutant{"canary with " + pair[0] + " after " + pair[1], fullRules(), swapped(canaryRules(), pair)})
	}
	for name, change := range mutatedCanaryMatches() {
		mutants = append(mutants, mutant{name, fullRules(), replaced(canaryRules(), change.rule, change.match)})
	}
	for name, change := range mutatedMatches() {
		mutants = append(mutants, mutant{name, replaced(fullRules(), change.rule, change.match), canaryRules()})
	}
	all := everyTuple()
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			diff, points := firstDifference(all, m.full, m.canary)
			if diff == "" {
				t.Fatalf("survived %d points", points)
			}
			t.Logf("killed at point %d", points)
		})
	}
}

type changed struct {
	rule  string
	match func(*draft) (Target, bool)
}

// mutatedMatches are rules with one condition taken out or turned around.
func mutatedMatches() map[string]changed {
	return map[string]changed{
		"promote without an approval":                 {"promote", given(func(d *draft) { d.o.Verdict.State = approvals.Approved }, promote)},
		"promote on a cached approval":                {"promote", given(func(d *draft) { d.o.VerdictFresh = true }, promote)},
		"promote beside a canary that is not well":    {"promote", given(func(d *draft) { d.o.Canary.Health = Healthy }, promote)},
		"promote beside the canary of a pull request": {"promote", given(func(d *draft) { d.setSlotPull(0) }, promote)},
		"promote what cannot be used":                 {"promote", given(func(d *draft) { d.o.Head.Problem = ProblemNone; d.record.Holds = nil }, promote)},
		"promote with no canary":                      {"promote", given(func(d *draft) { d.o.Head.HasCanary = false }, promote)},
		"roll back to what cannot be used":            {"rollback", given(func(d *draft) { d.o.Head.Problem = ProblemNone; d.record.Holds = nil }, rollback)},
		"roll back to anything":                       {"rollback", given(func(d *draft) { d.record.Recent = append(d.record.Recent, d.o.Head.Ref) }, rollback)},
		"an unknown verdict withdraws an approval":    {"drop what must not go on", given(unknownIsWaiting, dropRolling)},
		"a withdrawn approval goes on":                {"drop what must not go on", given(func(d *draft) { d.o.RollingVerdict.State = approvals.Approved }, dropRolling)},
		"a failed rollout goes on":                    {"drop what must not go on", given(func(d *draft) { d.o.Full.Health = Progressing }, dropRolling)},
		"a reverted rollout goes on":                  {"drop what must not go on", given(func(d *draft) { d.o.Head.Problem = ProblemGone }, dropRolling)},
		"a rollout ends before it is healthy":         {"finish what has begun", given(func(d *draft) { d.o.Full.Health = Healthy }, finish)},
		"a rollout never ends":                        {"finish what has begun", given(func(d *draft) { d.o.Full.Health = Progressing }, finish)},
		"what left the catalog is brought back":       {"gone from the catalog", given(func(d *draft) { d.o.Head.Problem = ProblemNone }, removeFull)},
		"a suspended service goes on":                 {"suspended", given(func(d *draft) { d.o.Orders.Suspend = nil }, freeze)},
		"a suspended rollout is not paused":           {"suspended", suspended},
		"a service leaves without an approval":        {"gone from the catalog", given(func(d *draft) { d.o.RulesVerdict.State = approvals.Approved }, removeFull)},
		"objects go on a cached approval":             {"gone from the catalog", given(func(d *draft) { d.o.VerdictFresh = true }, removeFull)},
		"objects go though nobody said so":            {"gone from the catalog", given(func(d *draft) { d.record.Governing.OnRemoval = render.OnRemovalDelete }, removeFull)},
		"objects stay though they are to go":          {"gone from the catalog", given(func(d *draft) { d.record.Governing.OnRemoval = render.OnRemovalOrphan }, removeFull)},
		"what is promoted is left as it was found":    {"keep what is promoted", func(*draft) (Target, bool) { return Target{Aim: LeaveAlone}, true }},
		"what is promoted is removed with the head":   {"keep what is promoted", func(*draft) (Target, bool) { return Target{Aim: Absent}, true }},
	}
}

// given is a rule that sees other facts than there are.
func given(edit func(*draft), match func(*draft) (Target, bool)) func(*draft) (Target, bool) {
	return func(d *draft) (Target, bool) {
		o := *d.o
		if slot := copied(d.record.Canary); slot != nil {
			defer func() { d.setSlotPull(slot.Pull) }()
		}
		edit(d)
		t, ok := match(d)
		*d.o = o
		return t, ok
	}
}

// mutatedCanaryMatches are the same of the canary's list.
func mutatedCanaryMatches() map[string]changed {
	const open, proposed = "head has open canary steps", "proposed by a pull request"
	return map[string]changed{
		"an approved head leaves the canary to a pull request": {open, openStepsOnly},
		"a head that nobody can judge leaves the canary to a pull request": {open, given(func(d *draft) {
			if d.o.Verdict.State == approvals.Unknown {
				d.o.Verdict.State = approvals.Waiting
			}
		}, canaryOfOpenHead)},
		"a head that nobody can judge takes the canary": {open, given(func(d *draft) {
			if d.o.Verdict.State == approvals.Unknown {
				d.o.Verdict.State = approvals.Approved
			}
		}, canaryOfOpenHead)},
		"a head that waits keeps the canary": {open, canaryOfHead},
		"a held proposal runs": {proposed, func(d *draft) (Target, bool) {
			if p := d.o.Proposed; p != nil && d.o.Head.Problem == ProblemNone {
				return Target{Aim: Run, Ref: *p}, true
			}
			return canaryOfProposed(d)
		}},
		"what is not known takes the canary away":          {proposed, unreadIsNone},
		"what is not known leaves any canary":              {proposed, given(func(d *draft) { d.setSlotPull(7) }, canaryOfProposed)},
		"a proposal runs beside a head that has a problem": {proposed, given(func(d *draft) { d.o.Head.Problem = ProblemNone }, canaryOfProposed)},
		"a proposal needs a head that can be used": {proposed, func(d *draft) (Target, bool) {
			t, ok := canaryOfProposed(d)
			return t, ok && d.usable()
		}},
		"a proposal is taken for the branch's": {proposed, func(d *draft) (Target, bool) {
			t, ok := canaryOfProposed(d)
			t.Ref.Pull = 0
			return t, ok
		}},
	}
}

// setSlotPull says whose content the slot holds.
func (d *draft) setSlotPull(pull int) {
	if d.record.Canary != nil {
		d.record.Canary.Pull = pull
	}
}

func unknownIsWaiting(d *draft) {
	if d.o.RollingVerdict.State == approvals.Unknown {
		d.o.RollingVerdict.State = approvals.Waiting
	}
}

func swapped(rules []rule, names [2]string) []rule {
	i := slices.IndexFunc(rules, func(r rule) bool { return r.name == names[0] })
	j := slices.IndexFunc(rules, func(r rule) bool { return r.name == names[1] })
	rules[i], rules[j] = rules[j], rules[i]
	return rules
}

func replaced(rules []rule, name string, match func(*draft) (Target, bool)) []rule {
	i := slices.IndexFunc(rules, func(r rule) bool { return r.name == name })
	rules[i].match = match
	return rules
}

// claimedPairWorld is at rest with a head in the first service that is approved
// and waits for its canary to be well again.
func claimedPairWorld(l pairRules) pairWorld {
	w := newPairWorld(l)
	w.open([2]string{"b", ""})
	w.merge(0)
	w = w.rested(l)
	p := &w.parts[0]
	p.badCanary = with(p.badCanary, w.tip(0))
	w = w.rested(l)
	w.approve(1)
	return w.rested(l)
}

// twoOpen are the worlds in which two pull requests were just opened.
func (w pairWorld) twoOpen() []pairWorld {
	var seeds []pairWorld
	for _, first := range pairKinds {
		for _, second := range pairKinds {
			n := w.clone()
			n.open(first)
			n.open(second)
			seeds = append(seeds, n)
		}
	}
	return seeds
}

func TestTheModelOfPullRequestsKillsMutantsOfTheSlotsAndOfTheRules(t *testing.T) {
	exhaustive(t)
	for _, m := range pairMutants() {
		from := append(newPairWorld(m.rules).twoOpen(), claimedPairWorld(m.rules).twoOpen()...)
		e := explore(modelOfPair(m.rules), from, 2)
		if broken := e.broken.Load(); broken == nil {
			t.Errorf("survived %d worlds: %s", e.worlds.Load(), m.name)
		} else {
			says, _, _ := strings.Cut(*broken, "\n")
			t.Logf("killed after %d worlds: %s: %s", e.worlds.Load(), m.name, says)
		}
	}
}

type pairMutant struct {
	name  string
	rules pairRules
}

// pairMutants are plausible mistakes in who gets the slots and in the lists,
// each of which breaks a promise a few events later.
func pairMutants() []pairMutant {
	var mutants []pairMutant
	for name, slots := range mutatedSlots() {
		mutants = append(mutants, pairMutant{name, pairRules{realLists(), slots}})
	}
	for name, canary := range mutatedCanaryRules() {
		mutants = append(mutants, pairMutant{name, pairRules{lists{fullRules(), canary}, Slots}})
	}
	return mutants
}

type slotsOf = func([]Bid, map[render.ServiceName]Turn, time.Duration, time.Time) (map[render.ServiceName]int, map[int][]int)

func mutatedSlots() map[string]slotsOf {
	edited := func(edit func(*Bid, map[render.ServiceName]Turn)) slotsOf {
		return func(bids []Bid, turns map[render.ServiceName]Turn, slotTime time.Duration, now time.Time) (map[render.ServiceName]int, map[int][]int) {
			bids = slices.Clone(bids)
			for i := range bids {
				edit(&bids[i], turns)
			}
			return Slots(bids, turns, slotTime, now)
		}
	}
	return map[string]slotsOf{
		"a part of the slots is better than none": func(bids []Bid, turns map[render.ServiceName]Turn, slotTime time.Duration, now time.Time) (map[render.ServiceName]int, map[int][]int) {
			given, waits := Slots(bids, turns, slotTime, now)
			for _, b := range bids {
				for name := range b.Digests {
					if _, taken := given[name]; !taken {
						given[name] = b.Pull
					}
				}
			}
			return given, waits
		},
		"whose turn it is is forgotten": func(bids []Bid, _ map[render.ServiceName]Turn, slotTime time.Duration, now time.Time) (map[render.ServiceName]int, map[int][]int) {
			return Slots(bids, nil, slotTime, now)
		},
		"whose turn it is in one service has it in all": func(bids []Bid, turns map[render.ServiceName]Turn, slotTime time.Duration, now time.Time) (map[render.ServiceName]int, map[int][]int) {
			given, waits := Slots(bids, turns, slotTime, now)
			for _, b := range bids {
				if hasTurn(turns, Turn{b.Pull, b.Head}) {
					for name := range b.Digests {
						given[name] = b.Pull
					}
				}
			}
			return given, waits
		},
		"who passed goes at once": func(bids []Bid, turns map[render.ServiceName]Turn, _ time.Duration, now time.Time) (map[render.ServiceName]int, map[int][]int) {
			return Slots(bids, turns, 0, now)
		},
		"who passed never goes": edited(func(b *Bid, turns map[render.ServiceName]Turn) {
			b.Passed = b.Passed && !b.holds(turns)
		}),
		"who passed comes back as if nothing had": edited(func(b *Bid, turns map[render.ServiceName]Turn) {
			b.Passed = b.Passed && b.holds(turns)
		}),
		"who is kept from running never goes": edited(func(b *Bid, _ map[render.ServiceName]Turn) { b.IdleIn = nil }),
		"who is kept from running goes for who would be too": edited(func(b *Bid, _ map[render.ServiceName]Turn) {
			if len(b.IdleIn) > 0 {
				b.IdleIn = map[render.ServiceName]bool{"gamma": true}
			}
		}),
		"last come first served": edited(func(b *Bid, _ map[render.ServiceName]Turn) {
			b.Since = noon.Add(-b.Since.Sub(noon))
		}),
		"a push keeps the turn": func(bids []Bid, turns map[render.ServiceName]Turn, slotTime time.Duration, now time.Time) (map[render.ServiceName]int, map[int][]int) {
			kept := map[render.ServiceName]Turn{}
			for name, turn := range turns {
				for _, b := range bids {
					if b.Pull == turn.Pull {
						turn.Head = b.Head
					}
				}
				kept[name] = turn
			}
			return Slots(bids, kept, slotTime, now)
		},
	}
}

func mutatedCanaryRules() map[string][]rule {
	without := func(name string) []rule {
		return slices.DeleteFunc(canaryRules(), func(r rule) bool { return r.name == name })
	}
	const proposed, open, waits = "proposed by a pull request", "head has open canary steps", "head waits for its approval"
	changed := func(name string, match func(*draft) (Target, bool)) []rule {
		return replaced(canaryRules(), name, match)
	}
	return map[string][]rule{
		"no canary of a pull request":                      without(proposed),
		"a pull request before the head's open steps":      swapped(canaryRules(), [2]string{open, proposed}),
		"a pull request after a head that waits":           swapped(canaryRules(), [2]string{proposed, waits}),
		"an approved head leaves the canary to the others": changed(open, openStepsOnly),
		"what is not known takes the canary away":          changed(proposed, unreadIsNone),
		"the slot forgets that it is a pull request's": changed(proposed, func(d *draft) (Target, bool) {
			t, ok := canaryOfProposed(d)
			t.Ref.Pull = 0
			return t, ok
		}),
		"a failed pull request is tried for ever": changed(proposed, func(d *draft) (Target, bool) {
			d.record.Holds = slices.DeleteFunc(d.record.Holds, func(h Hold) bool { return h.Pull != 0 })
			return canaryOfProposed(d)
		}),
		"what passed as a pull request's takes its canary again": changed(open, func(d *draft) (Target, bool) {
			if s := d.record.Canary; s != nil && s.Pull != 0 {
				d.record.forgetPass(d.o.Head.Digest)
			}
			return canaryOfOpenHead(d)
		}),
		"what a closed pull request leaves stays": changed("keep what is promoted", func(d *draft) (Target, bool) {
			if s := d.record.Canary; s != nil && s.Pull != 0 {
				return Target{Aim: LeaveAlone}, true
			}
			return keepPromotedCanary(d)
		}),
	}
}

// openStepsOnly is rule 3 without what it adds for a head that may go.
func openStepsOnly(d *draft) (Target, bool) {
	if d.canaryPassed() {
		return Target{}, false
	}
	return canaryOfOpenHead(d)
}

// unreadIsNone is rule 4 for somebody to whom no answer is a no.
func unreadIsNone(d *draft) (Target, bool) {
	if d.o.Proposed == nil {
		return Target{}, false
	}
	return canaryOfProposed(d)
}
