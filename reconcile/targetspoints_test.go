package reconcile

import (
	"math/rand/v2"

	"banksman.dev/approvals"
)

// everyTuple is the whole input space, without points that differ only in what
// cannot be seen: the health of a slot that is empty or not at hand, a verdict on
// no rollout, an uncached look that does not approve. Two kinds of facts meet
// only in a sample of their values, because one of them shuts out the other: a
// suspended service and a problem of its head, a rollout and a pull request.
// The order is mixed, so that every value comes early.
func everyTuple() []tuple {
	bools := []bool{false, true}
	problems := []Problem{ProblemNone, ProblemUnreadable, ProblemUnrenderable, ProblemRewritten, ProblemGone, ProblemUnread}
	states := []approvals.State{approvals.Unknown, approvals.Waiting, approvals.Blocked, approvals.Approved}
	healths := []Health{Missing, Progressing, Healthy, Failed}
	slots := []string{slotEmpty, slotHead, slotHeadPull, slotOther, slotPull, slotEarlier}
	pulls := []string{pullNone, pullUnread, pullNew, pullHeld, pullPassed, pullHead}
	var w tuple
	choices := []func(next func()){
		func(next func()) { each([]string{"P", "Q", "N", "R"}, &w.head, next) },
		func(next func()) {
			if w.earlier = earlierNone; w.head == "N" {
				each([]string{earlierUnknown, earlierApproved, earlierPassed, earlierHeld}, &w.earlier, next)
				w.earlier = earlierNone
			}
			next()
		},
		func(next func()) { each(bools, &w.held, next) },
		func(next func()) { each(bools, &w.twin, next) },
		func(next func()) { each(bools, &w.passed, next) },
		func(next func()) { each(bools, &w.promoted, next) },
		func(next func()) { each(bools, &w.recent, next) },
		func(next func()) { each(slots, &w.slot, next) },
		func(next func()) { each(pulls, &w.pull, next) },
		func(next func()) { each(healths, &w.canary, next) },
		func(next func()) { each(states, &w.verdict, next) },
		func(next func()) { each(bools, &w.fresh, next) },
		func(next func()) { // no need to go through what follows
			w.rolling, w.problem, w.suspended = false, ProblemNone, false
			if w.possible() && w.tells() {
				next()
			}
		},
		func(next func()) {
			w.rolling, w.full, w.rollingVerdict = false, Missing, approvals.Unknown
			next()
			w.rolling = true
			each(healths, &w.full, func() { each(states, &w.rollingVerdict, next) })
		},
		func(next func()) { each(problems, &w.problem, next) },
		func(next func()) { // only for a service that is gone
			if w.leaves, w.deletes = approvals.Unknown, false; w.problem == ProblemGone {
				w.deletes = true
			}
			next()
			if w.problem == ProblemGone {
				w.leaves = approvals.Approved
				each(bools, &w.deletes, next)
			}
		},
		func(next func()) { each(bools, &w.suspended, next) },
	}
	var all []tuple
	var walk func(int)
	walk = func(i int) {
		if i < len(choices) {
			choices[i](func() { walk(i + 1) })
		} else if w.possible() && w.tells() {
			all = append(all, w)
		}
	}
	walk(0)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

func each[T any](values []T, at *T, next func()) {
	for _, v := range values {
		*at = v
		next()
	}
}
