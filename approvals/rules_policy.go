package approvals

import (
	"fmt"
	"slices"
	"strings"
)

// impossiblePolicy is the half of row 11 that no further review can help: "#12
// needs an approval by alice, who made a part of it; revert it, or acknowledge it".
func impossiblePolicy(q *question) (Verdict, bool) {
	for _, part := range q.policy {
		var makers []string
		for _, login := range part.All {
			if q.pull.madeBy(login) {
				makers = append(makers, login)
			}
		}
		needs := enumerate(makers, "and")
		if len(makers) == 0 && len(part.Teams) == 0 && len(part.Users) > 0 {
			for _, login := range part.Users {
				if q.pull.madeBy(login) {
					makers = append(makers, login)
				}
			}
			if len(part.Users)-len(makers) >= part.Any {
				continue
			}
			needs = fmt.Sprintf("%d of %s", part.Any, enumerate(part.Users, "and"))
		}
		if len(makers) > 0 {
			return q.verdict(Blocked, fmt.Sprintf("%s needs an approval by %s, but %s made a part of it%s",
				q.pull.name(), needs, enumerate(makers, "and"), q.wayOut("let somebody else propose it")))
		}
	}
	return undecided()
}

// unmetPolicy is row 11: "waits for a review of #12 by someone other than its
// author with write permission".
func unmetPolicy(q *question) (Verdict, bool) {
	var reasons, waits []string
	for _, part := range q.policy {
		reason, wait := q.unmet(part)
		reasons, waits = append(reasons, reason...), append(waits, wait...)
	}
	if len(reasons) == 0 {
		return undecided()
	}
	v, _ := q.verdict(Waiting, "waits for "+strings.Join(reasons, ", and for ")+q.remarks())
	v.Waits = waits
	return v, true
}

// unmet says what one part of the policy still waits for, and for whom.
func (q *question) unmet(part Policy) (reasons, waits []string) {
	approvals := q.approvals()
	missing := slices.DeleteFunc(slices.Clone(part.All), func(login string) bool {
		return slices.ContainsFunc(approvals, func(r Review) bool { return strings.EqualFold(r.User.Login, login) })
	})
	if len(missing) > 0 {
		reasons = append(reasons, fmt.Sprintf("a review of %s by %s", q.pull.name(), enumerate(missing, "and")))
		waits = append(waits, missing...)
	}
	have := 0
	for _, r := range approvals {
		if q.countsFor(part, *r.User) {
			have++
		}
	}
	if have >= part.Any {
		return reasons, waits
	}
	return append(reasons, q.tooFew(part, have)), append(waits, waitFor(part, part.Any-have))
}

func (q *question) tooFew(part Policy, have int) string {
	missing, more := part.Any-have, ""
	if have > 0 {
		more = "more "
	}
	count := "a " + more + "review"
	if missing > 1 || have > 0 {
		count = fmt.Sprintf("%d %s%s", missing, more, plural(missing, "review"))
	}
	by := "someone other than its author with write permission"
	if missing > 1 {
		by = "people other than its author with write permission"
	}
	if part.restricted() {
		by = part.countable()
	}
	return fmt.Sprintf("%s of %s by %s", count, q.pull.name(), by)
}

func waitFor(part Policy, missing int) string {
	switch {
	case !part.restricted():
		return fmt.Sprintf("%d more %s with write permission", missing, plural(missing, "reviewer"))
	case missing == 1 && len(part.Users)+len(part.Teams) == 1:
		return part.countable()
	}
	return fmt.Sprintf("%d of %s", missing, part.countable())
}

// remarks say why an approval that somebody can see does not count.
func (q *question) remarks() string {
	var said []string
	for _, r := range q.pull.opinions() {
		if r.State != ReviewApproved {
			continue
		}
		switch {
		case q.pull.isMaker(r.User.ID):
			said = append(said, r.User.Login+" made a part of it")
		case r.Commit != q.pull.Head:
			said = append(said, r.User.Login+" approved another push")
		case !q.facts.CanWrite[r.User.ID]:
			said = append(said, r.User.Login+" has no write permission")
		}
	}
	if len(said) == 0 {
		return ""
	}
	return "; " + strings.Join(said, ", ")
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}
