package github

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"banksman.dev/approvals"
)

var (
	alice = account(2, "alice")
	bob   = account(3, "bob")
	carol = account(4, "carol")
)

// looked is the open pull requests by number.
func looked(t *testing.T, c *Client, fresh bool) map[int]approvals.Proposal {
	t.Helper()
	all, err := c.OpenPulls(t.Context(), "main", fresh)
	if err != nil {
		t.Fatal(err)
	}
	byNumber := map[int]approvals.Proposal{}
	for _, p := range all {
		byNumber[p.Number] = p
	}
	return byNumber
}

func (f *forge) expect(t *testing.T, when string, want map[string]int) {
	t.Helper()
	if got := f.since(); !maps.Equal(got, want) {
		t.Errorf("%s: answered %v, want %v", when, got, want)
	}
}

// looks until everything is read.
func settle(t *testing.T, f *forge, c *Client) {
	t.Helper()
	for range 10 {
		looked(t, c, false)
	}
	f.since()
}

func TestFiveHundredUnchangedPullRequestsCostFiveConditionalRequests(t *testing.T) {
	f := newForge(t, 500)
	for n := 100; n <= 120; n++ {
		f.pushed(n, n)
		f.labelled(n, alice, n+1)
	}
	c := f.client(t)
	for range 8 {
		looked(t, c, false)
	}
	first := f.since()
	if first["200 list"] != 5 || first["200 pulls reviews"] != 500 || first["200 collaborators permission"] != 51 ||
		first["200 issues timeline"] != 21 || first["200 activity"] != 21 {
		t.Errorf("the first looks were answered %v", first)
	}
	for range 3 {
		all := looked(t, c, false)
		f.expect(t, "unchanged", map[string]int{"304 list": 5})
		for n, p := range all {
			if e := approvals.Eligible(p, approvals.ProposalRules{From: approvals.CanaryFromPullRequests, Branch: "main"}); !e.Eligible() {
				t.Fatalf("#%d: %s", n, e.Reason)
			}
		}
		if len(all) != 500 {
			t.Fatalf("%d pull requests", len(all))
		}
	}
	for n := range 500 {
		if _, err := c.PullFacts(t.Context(), n+1, nil, false); err != nil {
			t.Fatal(err)
		}
	}
	f.expect(t, "the facts for the first time", map[string]int{"200 pulls": 500, "200 pulls commits": 500, "304 pulls reviews": 500})
	looked(t, c, false)
	for n := range 500 {
		if _, err := c.PullFacts(t.Context(), n+1, nil, false); err != nil {
			t.Fatal(err)
		}
	}
	f.expect(t, "unchanged with the facts", map[string]int{"304 list": 5})
}

func TestALookReadsAtMostAHundredAndTheOldestFirst(t *testing.T) {
	f := newForge(t, 500)
	c := f.client(t)
	unread := 500
	for range 20 {
		all := looked(t, c, false)
		requests := f.since()
		delete(requests, "200 list")
		delete(requests, "304 list")
		delete(requests, "200 ")
		sum := 0
		for _, n := range requests {
			sum += n
		}
		if sum > 100 {
			t.Fatalf("%d requests beside the list: %v", sum, requests)
		}
		now, oldest := 0, 1000
		for n, p := range all {
			if p.Problem != "" {
				now++
				oldest = min(oldest, n)
			}
		}
		if now > 0 && oldest <= 500-unread {
			t.Fatalf("#%d is not read and %d newer ones are", oldest, 500-now)
		}
		if now >= unread {
			t.Fatalf("%d were unread, and now %d", unread, now)
		}
		if unread = now; unread == 0 {
			return
		}
	}
	t.Errorf("%d are never read", unread)
}

func TestAChangeCostsItsPageAndItsPullRequest(t *testing.T) {
	f := newForge(t, 500)
	c := f.client(t)
	settle(t, f, c)

	f.reviewed(250, 1, bob, "CHANGES_REQUESTED")
	f.change(250, nil)
	if p := looked(t, c, false)[250]; !slices.Equal(p.ChangesRequestedBy, []string{"bob"}) {
		t.Errorf("changes requested by %q", p.ChangesRequestedBy)
	}
	f.expect(t, "a review", map[string]int{"304 list": 4, "200 list": 1, "200 pulls reviews": 1, "200 collaborators permission": 1})

	f.change(250, object{"labels": []object{{"name": "banksman/canary"}}})
	f.labelled(250, alice, 20)
	f.pushed(250, 10)
	looked(t, c, false)
	f.expect(t, "a label", map[string]int{"304 list": 4, "200 list": 1, "304 pulls reviews": 1, "200 issues timeline": 1, "200 activity": 1, "200 collaborators permission": 1})

	f.remove(250)
	if _, there := looked(t, c, false)[250]; there {
		t.Error("a closed one is still listed")
	}
	f.expect(t, "a closing", map[string]int{"304 list": 7, "200 list": 3}) // the pages from it on, and all once more
	if _, kept := c.readings.get(250); kept {
		t.Error("a closed one is remembered")
	}
}

func TestNothingIsMissedBetweenTwoPages(t *testing.T) {
	f := newForge(t, 250)
	c := f.client(t)
	closed := false
	f.onPage = func(page string) {
		if page == "2" && !closed {
			closed = true
			f.remove(240) // of the page before: one of the second page goes up to it
		}
	}
	if got := len(looked(t, c, false)); got != 249 {
		t.Errorf("%d pull requests, want 249", got)
	}
	next := 239
	f.onPage = func(page string) {
		if page == "2" {
			f.remove(next)
			next--
		}
	}
	if _, err := c.OpenPulls(t.Context(), "main", false); err == nil || !strings.Contains(err.Error(), "changes while it is read") {
		t.Errorf("a list that never rests: %v", err)
	}
}

func TestANewPullRequestIsSeenBehindAFullPage(t *testing.T) {
	f := newForge(t, 100)
	c := f.client(t)
	settle(t, f, c)
	f.mu.Lock()
	f.pulls = append([]object{openPull(101)}, f.pulls...)
	f.mu.Unlock()
	if got := len(looked(t, c, false)); got != 101 {
		t.Errorf("%d pull requests, want 101", got)
	}
}

func TestAReviewIsSeenBehindAFullPage(t *testing.T) {
	f := newForge(t, 1)
	c := f.client(t)
	for i := range 100 {
		f.reviewed(1, i+1, carol, "COMMENTED")
	}
	settle(t, f, c)
	f.reviewed(1, 101, bob, "CHANGES_REQUESTED")
	f.change(1, nil)
	if p := looked(t, c, false)[1]; !slices.Equal(p.ChangesRequestedBy, []string{"bob"}) {
		t.Errorf("changes requested by %q", p.ChangesRequestedBy)
	}
}

func TestPermissionsAreAskedAgainAfterAWhile(t *testing.T) {
	f := newForge(t, 1)
	c := f.client(t)
	now := time.Now()
	c.now = func() time.Time { return now }
	settle(t, f, c)
	f.level["author-1"] = "read"
	if p := looked(t, c, false)[1]; !p.AuthorCanWrite {
		t.Error("asked at once")
	}
	now = now.Add(refreshAfter)
	f.since()
	if p := looked(t, c, false)[1]; p.AuthorCanWrite {
		t.Error("not asked after a while")
	}
	f.expect(t, "after a while", map[string]int{"304 list": 1, "200 collaborators permission": 1})
	f.level["author-1"] = "admin"
	if p := looked(t, c, true)[1]; !p.AuthorCanWrite {
		t.Error("a fresh look believes what was")
	}
	f.expect(t, "fresh", map[string]int{"200 list": 1, "200 pulls reviews": 1, "200 collaborators permission": 1})
}

func TestTheListIsReadAsAWholeEveryHour(t *testing.T) {
	f := newForge(t, 150)
	c := f.client(t)
	now := time.Now()
	c.now = func() time.Time { return now }
	settle(t, f, c)
	now = now.Add(wholeAfter)
	c.permissions.drop(func(approvals.User, dated[access]) bool { return true })
	looked(t, c, false)
	if got := f.since(); got["200 list"] != 2 {
		t.Errorf("answered %v", got)
	}
}

func TestWhatChangedJustNowIsReadAgain(t *testing.T) {
	f := newForge(t, 1)
	c := f.client(t)
	f.change(1, object{"updated_at": time.Now().UTC().Format(time.RFC3339)})
	looked(t, c, false)
	f.since()
	f.reviewed(1, 1, bob, "CHANGES_REQUESTED") // in the same second: updated_at stays
	if p := looked(t, c, false)[1]; !slices.Equal(p.ChangesRequestedBy, []string{"bob"}) {
		t.Errorf("changes requested by %q", p.ChangesRequestedBy)
	}
	f.expect(t, "just changed", map[string]int{"304 list": 1, "200 pulls reviews": 1, "200 collaborators permission": 1})
}

func TestAPullRequestWithoutATimeOfItsChangeIsReadEveryTime(t *testing.T) {
	f := newForge(t, 1)
	c := f.client(t)
	f.change(1, object{"updated_at": nil})
	looked(t, c, false)
	f.since()
	looked(t, c, false)
	f.expect(t, "again", map[string]int{"304 list": 1, "304 pulls reviews": 1})
}

func TestTheListIsNotKeptTwice(t *testing.T) {
	f := newForge(t, 1)
	c := f.client(t)
	looked(t, c, false)
	c.wire.cache.mu.Lock()
	defer c.wire.cache.mu.Unlock()
	for key := range c.wire.cache.byKey {
		if strings.Contains(key, "/pulls?") {
			t.Errorf("the cache has %s", key)
		}
	}
}

func TestAPullRequestOnTwoPagesIsOne(t *testing.T) {
	f := newForge(t, 150)
	f.pulls = append(f.pulls, f.pulls[0])
	all, err := f.client(t).OpenPulls(t.Context(), "main", false)
	if err != nil || len(all) != 150 {
		t.Errorf("%d pull requests, error %v", len(all), err)
	}
}

func TestOfForksAndDraftsNothingMoreIsRead(t *testing.T) {
	f := newForge(t, 4)
	f.change(1, object{"draft": true})
	f.change(2, object{"head": object{"ref": "x", "sha": shaOf(2), "repo": object{"id": 98}}})
	f.change(3, object{"head": object{"ref": "x", "sha": shaOf(3), "repo": nil}})
	f.change(4, object{"user": nil})
	all := looked(t, f.client(t), false)
	f.expect(t, "first", map[string]int{"200 ": 1, "200 list": 1})
	for n, want := range map[int]string{
		1: "#1 is a draft: its canary runs after the merge",
		2: "#2 comes from a fork: its canary runs after the merge",
		3: "#3 comes from a fork: its canary runs after the merge",
		4: "#4 was opened by an account that is gone: its canary runs after the merge",
	} {
		if e := approvals.Eligible(all[n], approvals.ProposalRules{From: approvals.CanaryFromLabel, Branch: "main"}); e.Reason != want {
			t.Errorf("#%d: %s", n, e.Reason)
		}
	}
}

func TestABranchMustBeNamed(t *testing.T) {
	f := newForge(t, 1)
	if _, err := f.client(t).OpenPulls(t.Context(), "", false); err == nil {
		t.Error("no error")
	}
	f.expect(t, "without a branch", map[string]int{})
}

func TestWhatIsOldServesUntilItCanBeAskedAgain(t *testing.T) {
	f := newForge(t, 1)
	c := f.client(t)
	now := time.Now()
	c.now = func() time.Time { return now }
	settle(t, f, c)
	now = now.Add(refreshAfter)
	author := approvals.User{ID: 1001, Login: "author-1", Type: approvals.TypeUser}
	for _, row := range []struct {
		name string
		look *look
		user approvals.User
		can  bool
		said string
	}{
		{"an old answer", &look{}, author, true, ""},
		{"an old answer is none for a fresh look", &look{fresh: true}, author, false, "whether author-1 has write permission is not read yet; it is at the next look"},
		{"no answer yet", &look{}, approvals.User{ID: 3, Login: "bob", Type: approvals.TypeUser}, false, "whether bob has write permission is not read yet; it is at the next look"},
	} {
		t.Run(row.name, func(t *testing.T) {
			can, err := c.canPropose(t.Context(), row.user, row.look)
			if can != row.can || (err == nil) != (row.said == "") || err != nil && err.Error() != row.said {
				t.Errorf("%t, error %v", can, err)
			}
		})
	}
	f.expect(t, "without a request left", map[string]int{})
}
