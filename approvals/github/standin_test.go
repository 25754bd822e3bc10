package github_test

import (
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"banksman.dev/approvals"
	"banksman.dev/approvals/github"
	standin "banksman.dev/fixtures/github"
	"banksman.dev/gitsrc"
)

const repo = "dora/jjh"

// world is a stand-in for GitHub with one repository, and alice's clone of it.
// alice, bob and banksman may write, carol may read.
type world struct {
	*testing.T
	forge  *standin.Server
	clone  string
	client *github.Client
	alice  standin.Client
	bob    standin.Client
	seen   int // calls that were counted
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldAt(t, nil)
}

func newWorldAt(t *testing.T, now func() time.Time) *world {
	t.Helper()
	w := &world{T: t, clone: t.TempDir()}
	var err error
	w.forge, err = standin.New(standin.Options{Dir: t.TempDir(), Now: now, Check: true})
	w.must(err)
	for _, login := range []string{"alice", "bob", "carol", "banksman"} {
		_, err := w.forge.AddAccount(standin.Account{Login: login, Emails: []string{login + "@example.com"}})
		w.must(err)
	}
	w.must(w.forge.AddRepository(t.Context(), standin.NewRepository{Name: repo, Collaborators: map[string]standin.Role{
		"alice": standin.RoleWrite, "bob": standin.RoleWrite, "banksman": standin.RoleWrite, "carol": standin.RoleRead,
	}}))
	web := httptest.NewServer(w.forge)
	t.Cleanup(func() {
		web.Close()
		for _, v := range w.forge.Violations() {
			t.Errorf("against GitHub's description: %s", v)
		}
	})
	w.alice = standin.Client{URL: web.URL, Token: "token-of-alice"}
	w.bob = w.alice.As("token-of-bob")
	w.client, err = github.New(github.Options{
		API: web.URL + "/api/v3/", Owner: "dora", Repo: "jjh",
		Token: func(context.Context) (string, error) { return "token-of-banksman", nil },
	})
	w.must(err)
	w.git("clone", "--quiet", w.alice.GitURL(repo), ".")
	w.commit("README", "first")
	w.git("push", "--quiet", "origin", "HEAD:main")
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) git(args ...string) string {
	w.Helper()
	cmd := exec.CommandContext(w.Context(), "git", args...)
	cmd.Dir = w.clone
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + w.clone, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=alice", "GIT_AUTHOR_EMAIL=alice@example.com", "GIT_COMMITTER_NAME=alice", "GIT_COMMITTER_EMAIL=alice@example.com",
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func (w *world) commit(file, text string) {
	w.Helper()
	w.must(os.WriteFile(filepath.Join(w.clone, file), []byte(text), 0o600))
	w.git("add", file)
	w.git("commit", "--quiet", "-m", "change "+file)
}

// open opens a pull request of alice's that adds the files, one commit each.
func (w *world) open(files ...string) standin.PullDetail {
	w.Helper()
	w.git("fetch", "--quiet", "origin")
	w.git("switch", "--quiet", "--create", "bump-"+files[0], "origin/main")
	for _, f := range files {
		w.commit(f, "text of "+f)
	}
	w.git("push", "--quiet", "origin", "HEAD")
	p, err := w.alice.OpenPull(w.Context(), repo, standin.NewPull{Title: "bump " + files[0], Head: "bump-" + files[0], Base: "main"})
	w.must(err)
	return p
}

func (w *world) merge(p standin.PullDetail, method string) gitsrc.SHA {
	w.Helper()
	m, err := w.bob.Merge(w.Context(), repo, p.Number, standin.Merge{Method: method, SHA: p.Head.SHA})
	w.must(err)
	return gitsrc.SHA(m.SHA)
}

// expect judges a branch commit, with everything after it on the branch.
func (w *world) expect(sha gitsrc.SHA, state approvals.State, reason string) approvals.Verdict {
	w.Helper()
	w.git("fetch", "--quiet", "origin")
	var following []gitsrc.SHA
	for _, line := range strings.Fields(w.git("rev-list", "--first-parent", "--reverse", string(sha)+"..origin/main")) {
		following = append(following, gitsrc.SHA(line))
	}
	var v approvals.Verdict
	for _, fresh := range []bool{false, true} {
		f, err := w.client.Facts(w.Context(), sha, "main", following, nil, fresh)
		w.must(err)
		if v = approvals.Judge(f, approvals.Policy{Any: 1}); v.State != state || v.Reason != reason {
			w.Errorf("fresh %t\ngot  %s: %s\nwant %s: %s", fresh, v.State, v.Reason, state, reason)
		}
	}
	return v
}

const waits = "waits for a review of #1 by someone other than its author with write permission"

func TestAReviewBeforeOrAfterTheMergeApproves(t *testing.T) {
	for _, method := range []string{"merge", "squash", "rebase"} {
		t.Run(method, func(t *testing.T) {
			w := newWorld(t)
			before := w.open("one")
			_, err := w.bob.Approve(t.Context(), repo, before.Number)
			w.must(err)
			v := w.expect(w.merge(before, method), approvals.Approved, "approved by bob in #1")
			if v.PullRequestURL != before.HTMLURL || len(v.Approvers) != 1 {
				t.Errorf("verdict %+v, want the address %s", v, before.HTMLURL)
			}

			after := w.open("two", "three")
			sha := w.merge(after, method)
			w.expect(sha, approvals.Waiting, strings.Replace(waits, "#1", "#2", 1))
			_, err = w.bob.Approve(t.Context(), repo, after.Number)
			w.must(err)
			w.expect(sha, approvals.Approved, "approved by bob in #2")
		})
	}
}

func TestEveryCommitOfARebasedRunIsItsPullRequests(t *testing.T) {
	w := newWorld(t)
	w.git("fetch", "--quiet", "origin")
	base := w.git("rev-parse", "origin/main")
	p := w.open("one", "two", "three")
	_, err := w.bob.Approve(t.Context(), repo, p.Number)
	w.must(err)
	w.merge(p, "rebase")
	w.git("fetch", "--quiet", "origin")
	run := strings.Fields(w.git("rev-list", "--first-parent", base+"..origin/main"))
	if len(run) != 3 {
		t.Fatalf("the run has %d commits", len(run))
	}
	for _, sha := range run {
		w.expect(gitsrc.SHA(sha), approvals.Approved, "approved by bob in #1")
	}
}

func TestADismissalWaitsAgain(t *testing.T) {
	w := newWorld(t)
	p := w.open("one")
	r, err := w.bob.Approve(t.Context(), repo, p.Number)
	w.must(err)
	sha := w.merge(p, "squash")
	w.expect(sha, approvals.Approved, "approved by bob in #1")
	_, err = w.alice.Dismiss(t.Context(), repo, p.Number, r.ID, "not like this")
	w.must(err)
	w.expect(sha, approvals.Waiting, waits)
}

func TestRequestedChangesBlock(t *testing.T) {
	w := newWorld(t)
	p := w.open("one")
	_, err := w.bob.Approve(t.Context(), repo, p.Number)
	w.must(err)
	sha := w.merge(p, "merge")
	_, err = w.bob.RequestChanges(t.Context(), repo, p.Number, "no")
	w.must(err)
	w.expect(sha, approvals.Blocked, "bob requested changes in #1")
}

func TestADirectPushBlocks(t *testing.T) {
	w := newWorld(t)
	p := w.open("one")
	_, err := w.bob.Approve(t.Context(), repo, p.Number)
	w.must(err)
	w.merge(p, "merge")
	w.git("fetch", "--quiet", "origin")
	w.git("switch", "--quiet", "--detach", "origin/main")
	w.commit("sneaky", "pushed")
	w.git("push", "--quiet", "origin", "HEAD:main")
	sha := gitsrc.SHA(w.git("rev-parse", "HEAD"))
	w.expect(sha, approvals.Blocked, sha.Short()+" was pushed to main without a pull request; revert it, or acknowledge it")
}

func TestAReviewOfAnEarlierPushAndOfAReaderDoNotCount(t *testing.T) {
	w := newWorld(t)
	p := w.open("one")
	for _, reviewer := range []standin.Client{w.bob, w.alice.As("token-of-carol")} {
		_, err := reviewer.Approve(t.Context(), repo, p.Number)
		w.must(err)
	}
	w.commit("more", "after the review")
	w.git("push", "--quiet", "origin", "HEAD")
	p, err := w.alice.Pull(t.Context(), repo, p.Number)
	w.must(err)
	_, err = w.alice.As("token-of-carol").Approve(t.Context(), repo, p.Number)
	w.must(err)
	w.expect(w.merge(p, "squash"), approvals.Waiting, waits+"; bob approved another push, carol has no write permission")
}

func TestAskingAgainCostsNothingOfTheLimit(t *testing.T) {
	w := newWorld(t)
	p := w.open("one")
	_, err := w.bob.Approve(t.Context(), repo, p.Number)
	w.must(err)
	sha := w.merge(p, "squash")
	ask := func(fresh bool) (answers []int) {
		before := len(w.forge.Calls())
		_, err := w.client.Facts(t.Context(), sha, "main", nil, nil, fresh)
		w.must(err)
		for _, call := range w.forge.Calls()[before:] {
			answers = append(answers, call.Status)
		}
		return answers
	}
	for _, row := range []struct {
		name  string
		fresh bool
		want  []int
	}{
		{"first", false, []int{200, 200, 200, 200, 200, 200}}, // repository, pulls of the commit, pull, commits, reviews, permission
		{"unchanged", false, []int{304, 304, 304, 304, 304}},
		{"fresh", true, []int{200, 200, 200, 200, 200}},
	} {
		if got := ask(row.fresh); !slices.Equal(got, row.want) {
			t.Errorf("%s: answered %v, want %v", row.name, got, row.want)
		}
	}
}

func TestStatusesAreReadBackAsTheyWereSet(t *testing.T) {
	w := newWorld(t)
	sha := gitsrc.SHA(w.git("rev-parse", "HEAD"))
	waiting := approvals.NewStatus("banksman/approval", approvals.Pending, strings.Repeat("ä word ", 40), "https://example.com/x")
	done := approvals.NewStatus("banksman/canary", approvals.Success, "the canary is healthy", "")
	for _, s := range []approvals.Status{approvals.NewStatus("banksman/canary", approvals.Pending, "rolling out", ""), waiting, done} {
		w.must(w.client.SetStatus(t.Context(), sha, s))
	}
	got, err := w.client.Statuses(t.Context(), sha)
	w.must(err)
	if len(got) != 2 || !slices.Contains(got, waiting) || !slices.Contains(got, done) {
		t.Errorf("read %+v", got)
	}
}

func TestThousandStatusesAreEnoughAndNoError(t *testing.T) {
	w := newWorld(t)
	sha := gitsrc.SHA(w.git("rev-parse", "HEAD"))
	s := approvals.NewStatus("banksman/full", approvals.Success, "done", "")
	for range 1001 {
		w.must(w.client.SetStatus(t.Context(), sha, s))
	}
	if got := w.client.RefusedStatuses(); got != 1 {
		t.Errorf("%d statuses were refused, want 1", got)
	}
}

func TestOpenPullRequestsAreReadWithTheirLabelsAndReviews(t *testing.T) {
	w := newWorld(t)
	first, second := w.open("one"), w.open("two")
	w.git("fetch", "--quiet", "origin")
	look := func(n int) (approvals.Proposal, approvals.Eligibility) {
		t.Helper()
		all, err := w.client.OpenPulls(t.Context(), "main", false)
		w.must(err)
		if len(all) != 2 || all[0].Number != first.Number || all[1].Number != second.Number {
			t.Fatalf("listed %+v", all)
		}
		return all[n-1], approvals.Eligible(all[n-1], approvals.ProposalRules{From: approvals.CanaryFromPullRequests, Branch: "main"})
	}
	expect := func(n int, standing approvals.Standing, reason string) {
		t.Helper()
		p, e := look(n)
		if e.Standing != standing || e.Reason != reason {
			t.Errorf("got  %s: %s\nwant %s: %s", e.Standing, e.Reason, standing, reason)
		}
		alone, err := w.client.OpenPull(t.Context(), n, true)
		if w.must(err); alone.Head != p.Head || !slices.Equal(alone.ChangesRequestedBy, p.ChangesRequestedBy) {
			t.Errorf("alone %+v, listed %+v", alone, p)
		}
	}
	expect(1, approvals.StandingEligible, "#1 may have the canary")
	_, err := w.bob.RequestChanges(t.Context(), repo, 1, "no")
	w.must(err)
	expect(1, approvals.StandingWithheld, "bob requested changes in #1: its canary is withdrawn")
	expect(2, approvals.StandingEligible, "#2 may have the canary")
	_, err = w.bob.Approve(t.Context(), repo, 1)
	w.must(err)
	expect(1, approvals.StandingEligible, "#1 may have the canary")

	_, err = w.bob.Label(t.Context(), repo, 2, approvals.CanaryLabel)
	w.must(err)
	if p, _ := look(2); p.Labelled == nil || p.Labelled.By.Login != "bob" || !p.Labelled.ByCanWrite || p.Labelled.At.IsZero() {
		t.Errorf("labelled %+v, problem %q", p.Labelled, p.Problem)
	}
}

func TestTheHeadOfAnOpenPullRequestIsJudged(t *testing.T) {
	w := newWorld(t)
	p := w.open("one")
	expect := func(state approvals.State, reason string) {
		t.Helper()
		for _, fresh := range []bool{false, true} {
			_, err := w.client.OpenPulls(t.Context(), "main", fresh)
			w.must(err)
			f, err := w.client.PullFacts(t.Context(), p.Number, nil, fresh)
			w.must(err)
			if v := approvals.JudgeOpen(f, approvals.Policy{}); v.State != state || v.Reason != reason || string(v.Commit) != w.git("rev-parse", "HEAD") {
				t.Errorf("fresh %t, got %s %s: %s\nwant %s: %s", fresh, v.Commit.Short(), v.State, v.Reason, state, reason)
			}
		}
	}
	expect(approvals.Waiting, waits)
	_, err := w.bob.Approve(t.Context(), repo, p.Number)
	w.must(err)
	expect(approvals.Approved, "approved by bob in #1")
	w.commit("more", "after the review")
	w.git("push", "--quiet", "origin", "HEAD")
	expect(approvals.Waiting, waits+"; bob approved another push")
	w.merge(w.again(p), "squash")
	expect(approvals.Unknown, gitsrc.SHA(w.git("rev-parse", "HEAD")).Short()+" is not the head of an open pull request into main")
}

// again is the pull request as it is now.
func (w *world) again(p standin.PullDetail) standin.PullDetail {
	w.Helper()
	now, err := w.alice.Pull(w.Context(), repo, p.Number)
	w.must(err)
	return now
}
