package reconcile

import (
	"slices"
	"testing"

	"banksman.dev/approvals"
)

// Every mutant is one plausible mistake in a list. A mutant that gives the
// same targets over the whole input space would mean that a rule, its place or
// one of its conditions is not tested.
func TestEveryMutantOfTheListsIsKilled(t *testing.T) {
	type mutant struct {
		name         string
		full, canary []rule
	}
	var mutants []mutant
	for i, r := range fullRules() {
		mutants = append(mutants, mutant{"full without " + r.name, slices.Delete(fullRules(), i, i+1), canaryRules()})
	}
	for i, r := range canaryRules() {
		if r.name == "head has open canary steps" {
			// The same target as the rule two below it, until a proposed
			// release comes between them.
			continue
		}
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
		{"beside what is rolling", "head waits for its approval"},
		{"head waits for its approval", "keep what is promoted"},
		{"gone from the catalog", "keep what is promoted"},
	} {
		canary := swapped(canaryRules(), pair)
		if pair[0] == "head waits for its approval" || pair[1] == "head waits for its approval" {
			canary = slices.DeleteFunc(canary, func(r rule) bool { return r.name == "head has open canary steps" })
		}
		mutants = append(mutants, mutant{"canary with " + pair[0] + " after " + pair[1], fullRules(), canary})
	}
	for name, change := range mutatedMatches() {
		mutants = append(mutants, mutant{name, replaced(fullRules(), change.rule, change.match), canaryRules()})
	}
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			points := 0
			if firstDifference(m.full, m.canary, &points) == "" {
				t.Errorf("survived %d points", points)
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
	given := func(edit func(*draft), match func(*draft) (Target, bool)) func(*draft) (Target, bool) {
		return func(d *draft) (Target, bool) {
			o := *d.o
			edit(d)
			t, ok := match(d)
			*d.o = o
			return t, ok
		}
	}
	return map[string]changed{
		"promote without an approval":               {"promote", given(func(d *draft) { d.o.Verdict.State = approvals.Approved }, promote)},
		"promote on a cached approval":              {"promote", given(func(d *draft) { d.o.VerdictFresh = true }, promote)},
		"promote beside a canary that is not well":  {"promote", given(func(d *draft) { d.o.Canary.Health = Healthy }, promote)},
		"promote what cannot be used":               {"promote", given(func(d *draft) { d.o.Head.Problem = ProblemNone; d.record.Holds = nil }, promote)},
		"promote with no canary":                    {"promote", given(func(d *draft) { d.o.Head.HasCanary = false }, promote)},
		"roll back to what cannot be used":          {"rollback", given(func(d *draft) { d.o.Head.Problem = ProblemNone; d.record.Holds = nil }, rollback)},
		"roll back to anything":                     {"rollback", given(func(d *draft) { d.record.Recent = append(d.record.Recent, d.o.Head.Ref) }, rollback)},
		"an unknown verdict withdraws an approval":  {"drop what must not go on", given(unknownIsWaiting, dropRolling)},
		"a withdrawn approval goes on":              {"drop what must not go on", given(func(d *draft) { d.o.RollingVerdict.State = approvals.Approved }, dropRolling)},
		"a failed rollout goes on":                  {"drop what must not go on", given(func(d *draft) { d.o.Full.Health = Progressing }, dropRolling)},
		"a reverted rollout goes on":                {"drop what must not go on", given(func(d *draft) { d.o.Head.Problem = ProblemGone }, dropRolling)},
		"a rollout ends before it is healthy":       {"finish what has begun", given(func(d *draft) { d.o.Full.Health = Healthy }, finish)},
		"a rollout never ends":                      {"finish what has begun", given(func(d *draft) { d.o.Full.Health = Progressing }, finish)},
		"what left the catalog is brought back":     {"gone from the catalog", given(func(d *draft) { d.o.Head.Problem = ProblemNone }, leaveOrphan)},
		"a suspended service goes on":               {"suspended", given(func(d *draft) { d.o.Orders.Suspend = nil }, suspended)},
		"what is promoted is left as it was found":  {"keep what is promoted", func(*draft) (Target, bool) { return Target{Aim: LeaveAlone}, true }},
		"what is promoted is removed with the head": {"keep what is promoted", func(*draft) (Target, bool) { return Target{Aim: Absent}, true }},
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
