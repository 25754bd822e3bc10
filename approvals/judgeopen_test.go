package approvals

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// opened is the same pull request before its merge, judged by its head.
func opened(f Facts) Facts {
	f = copied(f)
	for i := range f.Pulls {
		p := &f.Pulls[i]
		p.Open, p.Merged, p.MergedAt = true, false, time.Time{}
		p.MergeCommit = older // of the trial merge
	}
	f.Commit, f.Following = head, nil
	return f
}

func TestJudgeOpenJudgesTheHead(t *testing.T) {
	const (
		waits = "waits for a review of #12 by someone other than its author with write permission"
		none  = "ddddddd is not the head of an open pull request into main"
	)
	yes := review(1, alice, ReviewApproved)
	for _, row := range []struct {
		name   string
		facts  Facts
		policy Policy
		state  State
		reason string
	}{
		{"an approval of the head approves", opened(world(yes)), Policy{}, Approved, "approved by alice in #12"},
		{"nobody reviewed yet", opened(world()), Policy{}, Waiting, waits},
		{"a refusal blocks", opened(world(yes, review(2, bob, ReviewChangesRequested))), Policy{}, Blocked, "bob requested changes in #12"},
		{"an approval of an earlier push does not count", opened(world(ofPush(yes, older))), Policy{}, Waiting, waits + "; alice approved another push"},
		{"a problem is unknown", changed(opened(world(yes)), func(f *Facts, _ *PullRequest) { f.Problem = "not read" }), Policy{}, Unknown, "not read"},
		{"a commit missing from the list is unknown", changed(opened(world(yes)), func(_ *Facts, p *PullRequest) { p.CommitCount = 2 }), Policy{}, Unknown, "what is known of #12 is incomplete: it has 2 commits and 1 are listed"},
		{"a commit by nobody known can be proposed anew", changed(opened(world(yes)), func(_ *Facts, p *PullRequest) { p.Commits[0].Author = nil }), Policy{}, Blocked, "no account is known for the author of ddddddd in #12, so a self-approval cannot be ruled out; propose it anew, made by accounts that GitHub knows"},
		{"whom the policy names must not have made it", opened(world(yes)), Policy{All: []string{"paul"}}, Blocked, "#12 needs an approval by paul, but paul made a part of it; let somebody else propose it"},

		{"a closed one is not judged", changed(opened(world(yes)), func(_ *Facts, p *PullRequest) { p.Open = false }), Policy{}, Unknown, none},
		{"a merged one is judged by its merge, not here", changed(opened(world(yes)), func(_ *Facts, p *PullRequest) { p.Merged = true }), Policy{}, Unknown, none},
		{"one that was pushed to is another question", changed(opened(world(yes)), func(f *Facts, p *PullRequest) { f.Commit = older }), Policy{}, Unknown, "eeeeeee is not the head of an open pull request into main"},
		{"one for another branch is not judged", changed(opened(world(yes)), func(_ *Facts, p *PullRequest) { p.Base = "dev" }), Policy{}, Unknown, none},
		{"one into another repository is not judged", changed(opened(world(yes)), func(_ *Facts, p *PullRequest) { p.BaseRepository = 98 }), Policy{}, Unknown, none},
		{"none is not judged", changed(opened(world(yes)), func(f *Facts, _ *PullRequest) { f.Pulls = nil }), Policy{}, Unknown, none},
		{"two with the same head are one too many", changed(opened(world(yes)), func(f *Facts, p *PullRequest) {
			other := *p
			other.Number = 11
			f.Pulls = []PullRequest{*p, other}
		}), Policy{}, Unknown, "ddddddd is the head of more than one open pull request, #11 and #12; close all but one"},
	} {
		t.Run(row.name, func(t *testing.T) {
			v := JudgeOpen(row.facts, row.policy)
			if v.State != row.state || v.Reason != row.reason {
				t.Errorf("got  %s: %s\nwant %s: %s", v.State, v.Reason, row.state, row.reason)
			}
			if v.Commit != row.facts.Commit {
				t.Errorf("speaks of commit %q", v.Commit)
			}
		})
	}
}

func TestAnOpenPullRequestIsNoBranchCommit(t *testing.T) {
	if v := Judge(opened(world(review(1, alice, ReviewApproved))), Policy{}); v.State != Blocked {
		t.Errorf("%s: %s", v.State, v.Reason)
	}
}

func TestTheReviewsSayTheSameBeforeAndAfterTheMerge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, p := anyWorld(t), anyPolicy(t)
		f.Pulls[0].MergeCommit, f.Following = landed, nil
		after, before := Judge(f, p), JudgeOpen(opened(f), p)
		if before.State != after.State || !reflect.DeepEqual(before.Waits, after.Waits) || !reflect.DeepEqual(before.Approvers, after.Approvers) {
			t.Fatalf("%s: %s\nbecame %s: %s", before.State, before.Reason, after.State, after.Reason)
		}
	})
}
