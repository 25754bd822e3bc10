package approvals

import (
	"cmp"
	"slices"
	"strings"
)

// opinions reduce the reviews to the latest one of each person that says yes,
// no, or that an earlier one was dismissed (row 7). A dismissal does not bring an
// older approval back. Comments, pending reviews, bots and accounts that are
// gone have no opinion. They are sorted by login.
func (p PullRequest) opinions() []Review {
	latest := map[UserID]Review{}
	for _, r := range p.Reviews {
		if !r.isOpinion() || r.User == nil || r.User.Type != TypeUser {
			continue
		}
		if before, ok := latest[r.User.ID]; !ok || r.isLaterThan(before) {
			latest[r.User.ID] = r
		}
	}
	opinions := make([]Review, 0, len(latest))
	for _, r := range latest {
		opinions = append(opinions, r)
	}
	slices.SortFunc(opinions, func(a, b Review) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a.User.Login), strings.ToLower(b.User.Login)), cmp.Compare(a.User.ID, b.User.ID))
	})
	return opinions
}

func (r Review) isOpinion() bool {
	return r.State == ReviewApproved || r.State == ReviewChangesRequested || r.State == ReviewDismissed
}

func (r Review) isLaterThan(other Review) bool {
	return cmp.Or(r.SubmittedAt.Compare(other.SubmittedAt), cmp.Compare(r.ID, other.ID)) > 0
}

// Askers are the people who request changes now: their write permission must be
// known to judge.
func (p PullRequest) Askers() []User {
	return p.people(func(r Review) bool { return r.State == ReviewChangesRequested })
}

// Candidates are the people whose approval could count: their write permission,
// and their membership of the teams that a policy names, must be known to judge.
func (p PullRequest) Candidates() []User {
	return p.people(p.couldCount)
}

func (p PullRequest) people(of func(Review) bool) []User {
	var people []User
	for _, r := range p.opinions() {
		if of(r) {
			people = append(people, *r.User)
		}
	}
	return people
}

// couldCount is row 9 without what must be asked for: an approval of exactly
// the head, by somebody who did not make it.
func (p PullRequest) couldCount(r Review) bool {
	return r.State == ReviewApproved && r.Commit != "" && r.Commit == p.Head && !p.isMaker(r.User.ID)
}

// isMaker says whether somebody opened the pull request, or wrote or committed
// a part of it.
func (p PullRequest) isMaker(id UserID) bool {
	is := func(u *User) bool { return u != nil && u.ID == id }
	return is(p.Author) || slices.ContainsFunc(p.Commits, func(c PullCommit) bool { return is(c.Author) || is(c.Committer) })
}

// madeBy is isMaker for somebody of whom only the login is known.
func (p PullRequest) madeBy(login string) bool {
	is := func(u *User) bool { return u != nil && strings.EqualFold(u.Login, login) }
	return is(p.Author) || slices.ContainsFunc(p.Commits, func(c PullCommit) bool { return is(c.Author) || is(c.Committer) })
}
