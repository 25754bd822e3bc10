package github

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"banksman.dev/approvals"
)

func TestOnePullRequestIsReadAsItIsNow(t *testing.T) {
	f := newForge(t, 1)
	f.pushed(1, 10)
	f.labelled(1, alice, 11)
	c := f.client(t)
	settle(t, f, c)
	f.reviewed(1, 1, bob, "CHANGES_REQUESTED") // without a new updated_at
	for _, fresh := range []bool{false, true} {
		p, err := c.OpenPull(t.Context(), 1, fresh)
		if err != nil || !slices.Equal(p.ChangesRequestedBy, []string{"bob"}) || p.Labelled == nil {
			t.Errorf("fresh %t: %+v, error %v", fresh, p, err)
		}
	}
	f.expect(t, "both", map[string]int{
		"200 pulls": 2, "200 pulls reviews": 2, "304 issues timeline": 1, "200 issues timeline": 1,
		"304 activity": 1, "200 activity": 1, "200 collaborators permission": 4,
	})
	if _, err := c.OpenPull(t.Context(), 2, false); !is(err, NotFound) {
		t.Errorf("one that is not there: %v", err)
	}
}

func TestTheFactsOfAnOpenPullRequestAreJudgedByItsHead(t *testing.T) {
	f := newForge(t, 2)
	f.reviewed(1, 1, bob, "APPROVED")
	c := f.client(t)
	looked(t, c, false)
	judge := func(fresh bool) approvals.Verdict {
		facts, err := c.PullFacts(t.Context(), 1, nil, fresh)
		if err != nil {
			t.Fatal(err)
		}
		return approvals.JudgeOpen(facts, approvals.Policy{})
	}
	expect := func(fresh bool, state approvals.State, reason string) {
		t.Helper()
		if v := judge(fresh); v.State != state || v.Reason != reason || v.Commit != approvals.SHA(shaOf(1)) {
			t.Errorf("fresh %t, got %s %s: %s\nwant %s: %s", fresh, v.Commit.Short(), v.State, v.Reason, state, reason)
		}
	}
	expect(false, approvals.Approved, "approved by bob in #1")
	expect(true, approvals.Approved, "approved by bob in #1")
	f.since()
	expect(false, approvals.Approved, "approved by bob in #1")
	f.expect(t, "unchanged", map[string]int{})

	expect(true, approvals.Approved, "approved by bob in #1")
	f.expect(t, "fresh", map[string]int{"200 pulls": 1, "200 pulls commits": 1, "200 pulls reviews": 1, "200 collaborators permission": 1})

	f.reviewed(1, 2, bob, "CHANGES_REQUESTED")
	f.change(1, nil)
	looked(t, c, false)
	expect(false, approvals.Blocked, "bob requested changes in #1")
	f.change(1, object{"updated_at": time.Now().UTC().Format(time.RFC3339)})
	looked(t, c, false)
	expect(false, approvals.Blocked, "bob requested changes in #1")
	f.reviewed(1, 3, bob, "APPROVED") // in the same second: updated_at stays
	expect(false, approvals.Approved, "approved by bob in #1")

	f.change(1, object{"state": "closed", "updated_at": stamp(10_001)})
	expect(true, approvals.Unknown, fmt.Sprintf("%s is not the head of an open pull request into main", shaOf(1)[:7]))
}

func TestMembershipsOfTeamsAreRememberedForAWhile(t *testing.T) {
	f := newForge(t, 1)
	f.reviewed(1, 1, bob, "APPROVED")
	c := f.client(t)
	looked(t, c, false)
	c.teams.put(membershipOf{"owners", approvals.User{ID: 3, Login: "bob", Type: approvals.TypeUser}}, dated[bool]{true, c.now()})
	policy := approvals.Policy{Teams: []string{"owners"}}
	facts, err := c.PullFacts(t.Context(), 1, policy.TeamNames(), false)
	if v := approvals.JudgeOpen(facts, policy); err != nil || v.State != approvals.Approved {
		t.Errorf("%s: %s, error %v", v.State, v.Reason, err)
	}
	facts, err = c.PullFacts(t.Context(), 1, policy.TeamNames(), true)
	if v := approvals.JudgeOpen(facts, policy); err != nil || v.State != approvals.Unknown {
		t.Errorf("a fresh look: %s: %s, error %v", v.State, v.Reason, err)
	}
}
