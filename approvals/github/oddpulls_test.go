package github

import (
	"testing"

	"banksman.dev/approvals"
)

func TestWhatCannotBeReadOfOneDoesNotHideTheOthers(t *testing.T) {
	for _, row := range []struct {
		name, where string
		code        int
		reason      string // of #1; "" when the whole look fails
	}{
		{"a server that fails", "pulls reviews 1", 502, "read the reviews of #1: GitHub fails (502); it is asked again"},
		{"a permission that is missing", "pulls reviews 1", 403, "read the reviews of #1: GitHub refuses (403: as you wish); give the token the permission pull_requests:read"},
		{"an author that is not found", "collaborators permission author-1", 404, "ask whether author-1 has write permission: GitHub does not find it (404); check the name, and that the token may see it"},
		{"too many requests", "pulls reviews 1", 429, ""},
		{"a token that is not valid", "pulls reviews 1", 401, ""},
		{"a list that fails", "list", 502, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := newForge(t, 2)
			f.wrong[row.where] = row.code
			c := f.client(t)
			all, err := c.OpenPulls(t.Context(), "main", false)
			if row.reason == "" {
				if err == nil {
					t.Errorf("no error, but %+v", all)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if all[0].Problem != row.reason || all[1].Problem != "" {
				t.Errorf("got %q and %q, want %q", all[0].Problem, all[1].Problem, row.reason)
			}
			delete(f.wrong, row.where)
			if p := looked(t, c, false)[1]; p.Problem != "" {
				t.Errorf("afterwards: %s", p.Problem)
			}
		})
	}
}

func TestAnOddPullRequestIsNotEligible(t *testing.T) {
	for _, row := range []struct {
		name   string
		set    func(*forge)
		reason string
	}{
		{"of another repository", func(f *forge) {
			f.change(1, object{"base": object{"ref": "main", "repo": object{"id": 77}}, "head": object{"ref": "x", "sha": shaOf(1), "repo": object{"id": 77}}})
		}, "#1 is of another repository than dora/jjh"},
		{"of another branch, though asked for this one", func(f *forge) {
			f.change(1, object{"base": object{"ref": "dev", "repo": object{"id": 99}}})
		}, "#1 is for dev, not for main: its canary runs after the merge"},
		{"closed, though listed as open", func(f *forge) { f.change(1, object{"state": "closed"}) }, "#1 is closed"},
		{"without a head", func(f *forge) { f.change(1, object{"head": object{"repo": object{"id": 99}}}) }, "what is known of #1 is incomplete: it has no head"},
		{"by a login that is a path", func(f *forge) { f.change(1, object{"user": account(7, "../../x")}) }, `"../../x" is not a login`},
		{"by a login that is another's now", func(f *forge) { f.change(1, object{"user": account(7, "alice")}) }, "cannot tell whether alice has write permission"},
		{"a review that nobody understands", func(f *forge) { f.reviewed(1, 1, bob, "VETOED") }, `what is known of #1 is incomplete: review 1 has the unknown state "VETOED"`},
		{"a refusal by an account of no type", func(f *forge) { f.reviewed(1, 1, object{"id": 3, "login": "bob"}, "CHANGES_REQUESTED") }, "what is known of #1 is incomplete: the account of review 1 is incomplete"},
		{"a refusal by a login that is another's now", func(f *forge) { f.reviewed(1, 1, account(7, "bob"), "CHANGES_REQUESTED") }, "cannot tell whether bob has write permission"},
		{"a refusal by a reader", func(f *forge) { f.reviewed(1, 1, carol, "CHANGES_REQUESTED") }, "#1 may have the canary"},
		{"a refusal by a writer", func(f *forge) { f.reviewed(1, 1, bob, "CHANGES_REQUESTED") }, "bob requested changes in #1: its canary is withdrawn"},
		{"a refusal that was taken back", func(f *forge) { f.reviewed(1, 1, bob, "CHANGES_REQUESTED"); f.reviewed(1, 2, bob, "APPROVED") }, "#1 may have the canary"},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := newForge(t, 1)
			f.level["carol"] = "read"
			row.set(f)
			c := f.client(t)
			rules := approvals.ProposalRules{From: approvals.CanaryFromPullRequests, Branch: "main"}
			one, err := c.OpenPull(t.Context(), 1, true)
			if err != nil {
				t.Fatal(err)
			}
			for how, p := range map[string]approvals.Proposal{"listed": looked(t, c, false)[1], "alone": one} {
				if e := approvals.Eligible(p, rules); e.Reason != row.reason {
					t.Errorf("%s\ngot  %s: %s\nwant %s", how, e.Standing, e.Reason, row.reason)
				}
			}
		})
	}
}
