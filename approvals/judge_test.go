package approvals

import (
	"slices"
	"testing"
	"time"
)

const (
	landed SHA = "aaaaaaa111111111111111111111111111111111"
	second SHA = "bbbbbbb222222222222222222222222222222222"
	third  SHA = "ccccccc333333333333333333333333333333333"
	head   SHA = "ddddddd444444444444444444444444444444444"
	older  SHA = "eeeeeee555555555555555555555555555555555"
)

var (
	author = User{1, "Paul", TypeUser}
	alice  = User{2, "alice", TypeUser}
	bob    = User{3, "bob", TypeUser}
	carol  = User{4, "carol", TypeUser} // may only read
	robot  = User{5, "robot[bot]", "Bot"}
	erin   = User{6, "erin", TypeUser}
)

func at(minute int) time.Time { return time.Date(2026, 1, 2, 3, minute, 0, 0, time.UTC) }

func review(id int64, u User, s ReviewState) Review {
	return Review{ID: id, User: &u, State: s, Commit: head, SubmittedAt: at(int(id))}
}

func ofPush(r Review, c SHA) Review { r.Commit = c; return r }

// world is a merged pull request with the given reviews.
func world(reviews ...Review) Facts {
	p := author
	return Facts{
		Commit: landed, Branch: "main", Repository: 99,
		Pulls: []PullRequest{{
			Number: 12, URL: "https://forge/12", Merged: true, MergedAt: at(30), MergeCommit: landed, Head: head,
			Base: "main", BaseRepository: 99, Author: &p, CommitCount: 1,
			Commits: []PullCommit{{SHA: head, Author: &p, Committer: &p}}, Reviews: reviews,
		}},
		CanWrite: map[UserID]bool{1: true, 2: true, 3: true, 4: false, 5: true, 6: true},
		Members:  map[string]map[UserID]bool{"owners": {2: true, 3: false, 6: false}},
	}
}

func changed(f Facts, change func(*Facts, *PullRequest)) Facts { change(&f, &f.Pulls[0]); return f }

func commits(n int) []PullCommit {
	p := author
	all := make([]PullCommit, n)
	for i := range all {
		all[i] = PullCommit{SHA: head, Author: &p, Committer: &p}
	}
	return all
}

// rebased is a world whose pull request of n commits ends after k more commits.
func rebased(n int, following ...SHA) Facts {
	return changed(world(review(1, alice, ReviewApproved)), func(f *Facts, p *PullRequest) {
		p.CommitCount, p.Commits = n, commits(n)
		f.Following = following
		p.MergeCommit = third
	})
}

func TestJudgeSaysWhatTheReviewsComeTo(t *testing.T) {
	const (
		waits    = "waits for a review of #12 by someone other than its author with write permission"
		direct   = "aaaaaaa was pushed to main without a pull request; revert it, or acknowledge it"
		selfWay  = ", so a self-approval cannot be ruled out; revert it, or acknowledge it"
		partly   = "what is known of #12 is incomplete: "
		approved = "approved by alice in #12"
	)
	yes := review(1, alice, ReviewApproved)
	anyOne := Policy{Any: 1}
	for _, row := range []struct {
		name   string
		facts  Facts
		policy Policy
		state  State
		reason string
		waits  []string
	}{
		// The way it should be.
		{"an approval of the head by a writer approves", world(yes), anyOne, Approved, approved, nil},
		{"a policy that asks for nothing asks for one approval", world(), Policy{}, Waiting, waits, []string{"1 more reviewer with write permission"}},
		{"a negative count asks for one approval", world(), Policy{Any: -3}, Waiting, waits, []string{"1 more reviewer with write permission"}},
		{"nobody reviewed yet", world(), anyOne, Waiting, waits, []string{"1 more reviewer with write permission"}},
		{"two approvers are named in the order of their logins", world(review(1, bob, ReviewApproved), review(2, alice, ReviewApproved)), anyOne, Approved, "approved by alice and bob in #12", nil},

		// Missing data.
		{"a problem is unknown and says itself", changed(world(yes), func(f *Facts, _ *PullRequest) { f.Problem = "GitHub fails (502)" }), anyOne, Unknown, "GitHub fails (502)", nil},
		{"a commit without a name is unknown", changed(world(yes), func(f *Facts, _ *PullRequest) { f.Commit = "" }), anyOne, Unknown, "cannot judge a commit without its name, branch and repository", nil},
		{"a repository without a number is unknown", changed(world(yes), func(f *Facts, p *PullRequest) { f.Repository, p.BaseRepository = 0, 0 }), anyOne, Unknown, "cannot judge a commit without its name, branch and repository", nil},
		{"no branch is unknown", changed(world(yes), func(f *Facts, p *PullRequest) { f.Branch, p.Base = "", "" }), anyOne, Unknown, "cannot judge a commit without its name, branch and repository", nil},
		{"a merged pull request without its merge commit is unknown", changed(world(yes), func(_ *Facts, p *PullRequest) { p.MergeCommit = "" }), anyOne, Unknown, "what is known of #12 is incomplete: cannot tell whether it brought aaaaaaa", nil},
		{"a merged pull request without its number of commits is unknown", changed(world(yes), func(_ *Facts, p *PullRequest) { p.CommitCount = 0 }), anyOne, Unknown, "what is known of #12 is incomplete: cannot tell whether it brought aaaaaaa", nil},
		{"a pull request without a head is unknown", changed(world(yes), func(_ *Facts, p *PullRequest) { p.Head = "" }), anyOne, Unknown, partly + "it has no head", nil},
		{"a commit missing from the list is unknown", changed(world(yes), func(_ *Facts, p *PullRequest) { p.CommitCount = 2 }), anyOne, Unknown, partly + "it has 2 commits and 1 are listed", nil},
		{"an author without an id is unknown", changed(world(yes), func(_ *Facts, p *PullRequest) { p.Author = &User{Login: "x", Type: TypeUser} }), anyOne, Unknown, partly + "its author has no id", nil},
		{"a committer without an id is unknown", changed(world(yes), func(_ *Facts, p *PullRequest) { p.Commits[0].Committer = &User{Login: "x"} }), anyOne, Unknown, partly + "somebody in commit ddddddd has no id", nil},
		{"a reviewer without an id is unknown", world(review(1, User{0, "x", TypeUser}, ReviewApproved)), anyOne, Unknown, partly + "the account of review 1 is incomplete", nil},
		{"a refusal by an account of no type is unknown", world(yes, review(2, User{3, "bob", ""}, ReviewChangesRequested)), anyOne, Unknown, partly + "the account of review 2 is incomplete", nil},
		{"a review without a number is unknown", world(Review{0, &alice, ReviewApproved, head, at(1)}), anyOne, Unknown, partly + "a review by alice has no number or no date", nil},
		{"a review without a date is unknown", world(Review{1, &alice, ReviewApproved, head, time.Time{}}), anyOne, Unknown, partly + "a review by alice has no number or no date", nil},
		{"a review state that nobody knows is unknown", world(yes, review(2, bob, "VETOED")), anyOne, Unknown, partly + `review 2 has the unknown state "VETOED"`, nil},
		{"an approver whose permission was not read is unknown", changed(world(yes), func(f *Facts, _ *PullRequest) { f.CanWrite = nil }), anyOne, Unknown, "cannot tell whether alice has write permission", nil},
		{"a refuser whose permission was not read is unknown", changed(world(yes, review(2, bob, ReviewChangesRequested)), func(f *Facts, _ *PullRequest) { f.CanWrite = map[UserID]bool{2: true} }), anyOne, Unknown, "cannot tell whether bob has write permission", nil},
		{"a membership that was not read is unknown", changed(world(yes), func(f *Facts, _ *PullRequest) { f.Members = nil }), Policy{Any: 1, Teams: []string{"owners"}}, Unknown, "cannot tell whether alice is in team owners; the token needs the permission members:read", nil},

		// Row 4: the pull request of the commit.
		{"no pull request is a direct push", changed(world(), func(f *Facts, _ *PullRequest) { f.Pulls = nil }), anyOne, Blocked, direct, nil},
		{"a pull request that is not merged does not count", changed(world(yes), func(_ *Facts, p *PullRequest) { p.Merged = false }), anyOne, Blocked, direct, nil},
		{"a pull request without a time of merging does not count", changed(world(yes), func(_ *Facts, p *PullRequest) { p.MergedAt = time.Time{} }), anyOne, Blocked, direct, nil},
		{"a pull request of another branch does not count", changed(world(yes), func(_ *Facts, p *PullRequest) { p.Base = "dev" }), anyOne, Blocked, direct, nil},
		{"a pull request of a fork does not count", changed(world(yes), func(_ *Facts, p *PullRequest) { p.BaseRepository = 98 }), anyOne, Blocked, direct, nil},
		{"a pull request merged as another commit does not count", changed(world(yes), func(_ *Facts, p *PullRequest) { p.MergeCommit = older }), anyOne, Blocked, direct, nil},
		{"two merged pull requests of one commit are one too many", changed(world(yes), func(f *Facts, p *PullRequest) {
			other := *p
			other.Number = 11
			f.Pulls = []PullRequest{*p, other}
		}), anyOne, Blocked, "aaaaaaa belongs to more than one merged pull request, #11 and #12; revert it, or acknowledge it", nil},
		{"the same pull request listed twice is one", changed(world(yes), func(f *Facts, p *PullRequest) { f.Pulls = []PullRequest{*p, *p} }), anyOne, Approved, approved, nil},
		{"the first of a rebased run of three is brought by it", rebased(3, second, third), anyOne, Approved, approved, nil},
		{"the second of a rebased run of two is brought by it", rebased(2, third), anyOne, Approved, approved, nil},
		{"a commit before a rebased run is a direct push", rebased(2, second, third), anyOne, Blocked, direct, nil},
		{"a commit before a squash of one is a direct push", rebased(1, third), anyOne, Blocked, direct, nil},

		// Row 7: which reviews say something.
		{"a comment after an approval changes nothing", world(yes, review(2, alice, ReviewCommented)), anyOne, Approved, approved, nil},
		{"a pending review changes nothing", world(yes, Review{ID: 2, User: &alice, State: ReviewPending}), anyOne, Approved, approved, nil},
		{"a dismissed approval waits again", world(review(1, alice, ReviewDismissed)), anyOne, Waiting, waits, []string{"1 more reviewer with write permission"}},
		{"a dismissal does not revive an older approval", world(yes, review(2, alice, ReviewDismissed)), anyOne, Waiting, waits, []string{"1 more reviewer with write permission"}},
		{"an approval after a refusal counts", world(review(1, alice, ReviewChangesRequested), review(2, alice, ReviewApproved)), anyOne, Approved, approved, nil},
		{"at the same time the greater number is the later review", changed(world(review(7, alice, ReviewChangesRequested), review(8, alice, ReviewApproved)), func(_ *Facts, p *PullRequest) { p.Reviews[0].SubmittedAt = p.Reviews[1].SubmittedAt }), anyOne, Approved, approved, nil},
		{"the later date counts before the greater number", changed(world(review(7, alice, ReviewApproved), review(8, alice, ReviewChangesRequested)), func(_ *Facts, p *PullRequest) { p.Reviews[0].SubmittedAt = at(9) }), anyOne, Approved, approved, nil},
		{"a bot's approval never counts", world(review(1, robot, ReviewApproved)), anyOne, Waiting, waits, []string{"1 more reviewer with write permission"}},
		{"a bot's refusal does not block", world(yes, review(2, robot, ReviewChangesRequested)), anyOne, Approved, approved, nil},
		{"an approval by an account that is gone does not count", world(Review{ID: 1, State: ReviewApproved, Commit: head, SubmittedAt: at(1)}), anyOne, Waiting, waits, []string{"1 more reviewer with write permission"}},
		{"a renamed reviewer is one person by number", world(review(1, alice, ReviewApproved), review(2, User{2, "alice2", TypeUser}, ReviewChangesRequested)), anyOne, Blocked, "alice2 requested changes in #12", []string{"alice2"}},

		// Row 8: changes requested.
		{"a refusal by a writer blocks whatever others say", world(yes, review(2, bob, ReviewChangesRequested)), anyOne, Blocked, "bob requested changes in #12", []string{"bob"}},
		{"a refusal of an older push blocks too", world(yes, ofPush(review(2, bob, ReviewChangesRequested), older)), anyOne, Blocked, "bob requested changes in #12", []string{"bob"}},
		{"two refusals name both", world(review(1, erin, ReviewChangesRequested), review(2, bob, ReviewChangesRequested)), anyOne, Blocked, "bob and erin requested changes in #12", []string{"bob", "erin"}},
		{"a refusal by a reader does not block", world(yes, review(2, carol, ReviewChangesRequested)), anyOne, Approved, approved, nil},

		// Row 9: which approvals count.
		{"an approval of an older push does not count", world(ofPush(yes, older)), anyOne, Waiting, waits + "; alice approved another push", []string{"1 more reviewer with write permission"}},
		{"an approval of nobody knows which push does not count", world(ofPush(yes, "")), anyOne, Waiting, waits + "; alice approved another push", []string{"1 more reviewer with write permission"}},
		{"the author's approval does not count", world(review(1, author, ReviewApproved)), anyOne, Waiting, waits + "; Paul made a part of it", []string{"1 more reviewer with write permission"}},
		{"the approval of a commit's author does not count", changed(world(yes), func(_ *Facts, p *PullRequest) { p.Commits[0].Author = &alice }), anyOne, Waiting, waits + "; alice made a part of it", []string{"1 more reviewer with write permission"}},
		{"the approval of a commit's committer does not count", changed(world(yes), func(_ *Facts, p *PullRequest) { p.Commits[0].Committer = &alice }), anyOne, Waiting, waits + "; alice made a part of it", []string{"1 more reviewer with write permission"}},
		{"the approval of the one who opened it does not count", changed(world(yes), func(_ *Facts, p *PullRequest) { p.Author = &alice }), anyOne, Waiting, waits + "; alice made a part of it", []string{"1 more reviewer with write permission"}},
		{"a reader's approval does not count", world(review(1, carol, ReviewApproved)), anyOne, Waiting, waits + "; carol has no write permission", []string{"1 more reviewer with write permission"}},

		// Row 10: nobody known.
		{"a commit by nobody known blocks", changed(world(yes), func(_ *Facts, p *PullRequest) { p.Commits[0].Author = nil }), anyOne, Blocked, "no account is known for the author of ddddddd in #12" + selfWay, nil},
		{"a commit committed by nobody known blocks", changed(world(yes), func(_ *Facts, p *PullRequest) { p.Commits[0].Committer = nil }), anyOne, Blocked, "no account is known for the committer of ddddddd in #12" + selfWay, nil},
		{"a pull request of an account that is gone blocks", changed(world(yes), func(_ *Facts, p *PullRequest) { p.Author = nil }), anyOne, Blocked, "the account that opened #12 is gone" + selfWay, nil},

		// Row 11: the policy.
		{"two are asked for and one came", world(yes), Policy{Any: 2}, Waiting, "waits for 1 more review of #12 by someone other than its author with write permission", []string{"1 more reviewer with write permission"}},
		{"two are asked for and none came", world(), Policy{Any: 2}, Waiting, "waits for 2 reviews of #12 by people other than its author with write permission", []string{"2 more reviewers with write permission"}},
		{"two are asked for and came", world(yes, review(2, bob, ReviewApproved)), Policy{Any: 2}, Approved, "approved by alice and bob in #12", nil},
		{"one person approving twice is one person", world(yes, review(2, alice, ReviewApproved)), Policy{Any: 2}, Waiting, "waits for 1 more review of #12 by someone other than its author with write permission", []string{"1 more reviewer with write permission"}},
		{"all of two are asked for and one came", world(yes), Policy{All: []string{"alice", "bob"}}, Waiting, "waits for a review of #12 by bob", []string{"bob"}},
		{"all of two came, in whatever case", world(yes, review(2, bob, ReviewApproved)), Policy{All: []string{"Alice", "BOB"}}, Approved, "approved by alice and bob in #12", nil},
		{"all is not met by others", world(review(1, bob, ReviewApproved)), Policy{All: []string{"alice"}}, Waiting, "waits for a review of #12 by alice", []string{"alice"}},
		{"only the one that is named is an approver", world(yes, review(2, bob, ReviewApproved)), Policy{All: []string{"alice"}}, Approved, approved, nil},
		{"one of the users came", world(yes), Policy{Any: 1, Users: []string{"ALICE", "erin"}}, Approved, approved, nil},
		{"none of the users came", world(review(1, bob, ReviewApproved)), Policy{Any: 1, Users: []string{"alice", "erin"}}, Waiting, "waits for a review of #12 by alice or erin", []string{"1 of alice or erin"}},
		{"users alone ask for one of them", world(), Policy{Users: []string{"alice"}}, Waiting, "waits for a review of #12 by alice", []string{"alice"}},
		{"a member of the team came", world(yes), Policy{Any: 1, Teams: []string{"Owners"}}, Approved, approved, nil},
		{"somebody outside the team came", world(review(1, bob, ReviewApproved)), Policy{Any: 1, Teams: []string{"owners"}}, Waiting, "waits for a review of #12 by team owners", []string{"team owners"}},
		{"a user or a member of the team may come", world(review(1, bob, ReviewApproved)), Policy{Any: 1, Users: []string{"erin"}, Teams: []string{"owners"}}, Waiting, "waits for a review of #12 by erin or team owners", []string{"1 of erin or team owners"}},
		{"all and any are both asked for", world(yes), Policy{Any: 2, All: []string{"bob"}}, Waiting, "waits for a review of #12 by bob, and for 1 more review of #12 by someone other than its author with write permission", []string{"bob", "1 more reviewer with write permission"}},
		{"a floor asks beside the policy", world(yes), Policy{Any: 1, Users: []string{"alice"}}.AtLeast(Policy{Any: 2}), Waiting, "waits for 1 more review of #12 by someone other than its author with write permission", []string{"1 more reviewer with write permission"}},
		{"whom the policy names must not have made it", world(yes), Policy{All: []string{"paul", "alice"}}, Blocked, "#12 needs an approval by paul, but paul made a part of it; revert it, or acknowledge it", nil},
		{"too few of the users are left who did not make it", world(), Policy{Any: 2, Users: []string{"alice", "paul"}}, Blocked, "#12 needs an approval by 2 of alice and paul, but paul made a part of it; revert it, or acknowledge it", nil},
		{"enough of the users are left who did not make it", world(), Policy{Any: 1, Users: []string{"alice", "paul"}}, Waiting, "waits for a review of #12 by alice or paul", []string{"1 of alice or paul"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			v := Judge(row.facts, row.policy)
			if v.State != row.state || v.Reason != row.reason {
				t.Errorf("got  %s: %s\nwant %s: %s", v.State, v.Reason, row.state, row.reason)
			}
			if !slices.Equal(v.Waits, row.waits) {
				t.Errorf("waits for %q, want %q", v.Waits, row.waits)
			}
			if v.Commit != row.facts.Commit {
				t.Errorf("speaks of commit %q", v.Commit)
			}
			if (v.State == Approved) != (len(v.Approvers) > 0) {
				t.Errorf("%s with approvers %v", v.State, v.Approvers)
			}
		})
	}
}

func TestAnApprovalNamesItsPullRequestAndReview(t *testing.T) {
	v := Judge(world(review(41, alice, ReviewApproved)), Policy{})
	if v.PullRequest != 12 || v.PullRequestURL != "https://forge/12" {
		t.Errorf("pull request %d %q", v.PullRequest, v.PullRequestURL)
	}
	if want := []Approver{{"alice", 2, 41}}; !slices.Equal(v.Approvers, want) {
		t.Errorf("approvers %v, want %v", v.Approvers, want)
	}
}

func TestARangeIsAsGoodAsItsWorstCommit(t *testing.T) {
	yes := Judge(world(review(1, alice, ReviewApproved)), Policy{})
	other := Verdict{State: Approved, Commit: second, PullRequest: 13, Reason: "approved by bob in #13", Approvers: []Approver{{"bob", 3, 9}}}
	waiting := Verdict{State: Waiting, Commit: second, Reason: "waits for a review of #13", PullRequest: 13, Waits: []string{"erin"}}
	blocked := Verdict{State: Blocked, Commit: third, Reason: "ccccccc was pushed to main without a pull request"}
	unknown := Verdict{State: Unknown, Commit: older, Reason: "GitHub fails (502)"}
	for _, row := range []struct {
		name     string
		verdicts []Verdict
		state    State
		reason   string
		commit   SHA
	}{
		{"no commit needs no approval", nil, Approved, "nothing to approve", ""},
		{"one commit speaks for itself", []Verdict{waiting}, Waiting, "waits for a review of #13", second},
		{"all are approved by different people", []Verdict{yes, other}, Approved, "approved by alice and bob in #12 and #13", second},
		{"all are approved in one pull request", []Verdict{yes, yes}, Approved, "approved by alice in #12", landed},
		{"one waits", []Verdict{yes, waiting}, Waiting, "bbbbbbb: waits for a review of #13", second},
		{"a blocked one counts before one that waits", []Verdict{waiting, blocked, unknown}, Blocked, "ccccccc was pushed to main without a pull request", third},
		{"one that waits counts before one that cannot be read", []Verdict{unknown, waiting}, Waiting, "bbbbbbb: waits for a review of #13", second},
		{"one that cannot be read is not approved", []Verdict{yes, unknown}, Unknown, "eeeeeee: GitHub fails (502)", older},
	} {
		t.Run(row.name, func(t *testing.T) {
			v := JudgeRange(row.verdicts)
			if v.State != row.state || v.Reason != row.reason || v.Commit != row.commit {
				t.Errorf("got  %s %s: %s\nwant %s %s: %s", v.State, v.Commit.Short(), v.Reason, row.state, row.commit.Short(), row.reason)
			}
		})
	}
}
