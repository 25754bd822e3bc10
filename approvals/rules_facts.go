package approvals

import (
	"fmt"
	"slices"
	"strconv"
)

// unreadable: without knowing what is judged nothing is. "Any error or missing
// datum is unknown".
func unreadable(q *question) (Verdict, bool) {
	f := q.facts
	switch {
	case f.Problem != "":
		return q.verdict(Unknown, f.Problem)
	case f.Commit == "" || f.Branch == "" || f.Repository == 0:
		return q.verdict(Unknown, "cannot judge a commit without its name, branch and repository")
	}
	for _, p := range f.Pulls {
		if p.Merged && (p.Number == 0 || p.MergeCommit == "" || p.Base == "" || p.BaseRepository == 0 || p.CommitCount == 0) {
			return q.verdict(Unknown, "what is known of "+p.name()+" is incomplete: cannot tell whether it brought "+f.Commit.Short())
		}
	}
	return undecided()
}

// notOnePullRequest is row 4: exactly one merged pull request of this branch of
// this repository became this commit. "abc1234 was pushed to main without a pull
// request; revert it, or acknowledge it".
func notOnePullRequest(q *question) (Verdict, bool) {
	found, names := q.pulls(q.facts.BroughtBy)
	switch len(found) {
	case 0:
		return q.verdict(Blocked, fmt.Sprintf("%s was pushed to %s without a pull request; revert it, or acknowledge it",
			q.facts.Commit.Short(), q.facts.Branch))
	case 1:
		q.pull = found[0]
		return undecided()
	}
	return q.verdict(Blocked, fmt.Sprintf("%s belongs to more than one merged pull request, %s; revert it, or acknowledge it",
		q.facts.Commit.Short(), enumerate(names, "and")))
}

// notOneOpenPullRequest is row 4 for a head: it is the head of exactly one open
// pull request into this branch of this repository. One that was closed or
// pushed to in the meantime is another question.
func notOneOpenPullRequest(q *question) (Verdict, bool) {
	found, names := q.pulls(q.facts.Proposes)
	switch len(found) {
	case 0:
		return q.verdict(Unknown, fmt.Sprintf("%s is not the head of an open pull request into %s", q.facts.Commit.Short(), q.facts.Branch))
	case 1:
		q.pull = found[0]
		return undecided()
	}
	return q.verdict(Unknown, fmt.Sprintf("%s is the head of more than one open pull request, %s; close all but one",
		q.facts.Commit.Short(), enumerate(names, "and")))
}

// pulls are those that belong, each once, and their names in order.
func (q *question) pulls(belongs func(PullRequest) bool) (found []PullRequest, names []string) {
	for _, p := range q.facts.Pulls {
		if belongs(p) && !slices.ContainsFunc(found, func(o PullRequest) bool { return o.Number == p.Number }) {
			found = append(found, p)
			names = append(names, p.name())
		}
	}
	slices.Sort(names)
	return found, names
}

// Proposes says whether the pull request asks for the commit, its head, to be
// merged into the branch.
func (f Facts) Proposes(p PullRequest) bool {
	return p.Open && !p.Merged && p.Head == f.Commit && p.Base == f.Branch && p.BaseRepository == f.Repository
}

// BroughtBy says whether the pull request was merged into the branch as the
// commit, or, rebased, as a run of commits that the commit lies in: the forge
// names only the last of the run, and the run is as long as the pull request.
func (f Facts) BroughtBy(p PullRequest) bool {
	if !p.Merged || p.MergedAt.IsZero() || p.Base != f.Branch || p.BaseRepository != f.Repository {
		return false
	}
	if p.MergeCommit == f.Commit {
		return true
	}
	last := slices.Index(f.Following, p.MergeCommit)
	return last >= 0 && last+2 <= p.CommitCount
}

// incompletePullRequest: "what is known of #12 is incomplete: it has no head".
func incompletePullRequest(q *question) (Verdict, bool) {
	what := q.pull.missing()
	if what == "" {
		return undecided()
	}
	return q.verdict(Unknown, "what is known of "+q.pull.name()+" is incomplete: "+what)
}

// missing names the first datum that judging needs and the forge did not give.
func (p PullRequest) missing() string {
	switch {
	case p.Head == "":
		return "it has no head"
	case len(p.Commits) != p.CommitCount:
		return fmt.Sprintf("it has %d commits and %d are listed", p.CommitCount, len(p.Commits))
	case p.Author != nil && p.Author.ID == 0:
		return "its author has no id"
	}
	for _, c := range p.Commits {
		for _, u := range []*User{c.Author, c.Committer} {
			if u != nil && u.ID == 0 {
				return "somebody in commit " + c.SHA.Short() + " has no id"
			}
		}
	}
	for _, r := range p.Reviews {
		if what := r.Missing(); what != "" {
			return what
		}
	}
	return ""
}

// Missing names the first datum that a review lacks: "review 7 has the unknown
// state "VETOED"".
func (r Review) Missing() string {
	switch r.State {
	case ReviewApproved, ReviewChangesRequested, ReviewDismissed:
	case ReviewCommented, ReviewPending:
		return ""
	default:
		return fmt.Sprintf("review %d has the unknown state %q", r.ID, clip(string(r.State)))
	}
	switch {
	case r.User == nil: // the account is gone, and its opinion with it
		return ""
	case r.User.ID == 0 || r.User.Login == "" || r.User.Type == "":
		return fmt.Sprintf("the account of review %d is incomplete", r.ID)
	case r.ID == 0 || r.SubmittedAt.IsZero():
		return "a review by " + r.User.Login + " has no number or no date"
	}
	return ""
}

func (p PullRequest) name() string { return "#" + strconv.Itoa(p.Number) }
