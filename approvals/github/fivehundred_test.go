package github_test

import (
	"fmt"
	"maps"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"banksman.dev/approvals"
	standin "banksman.dev/fixtures/github"
)

// TestFiveHundredOpenPullRequestsCostSixConditionalRequestsAPoll counts, on the
// stand-in, what a start and what every poll after it costs.
func TestFiveHundredOpenPullRequestsCostSixConditionalRequestsAPoll(t *testing.T) {
	if testing.Short() {
		t.Skip("500 pull requests take the stand-in half a minute")
	}
	const pulls, authors, changing = 500, 20, 100
	w := newWorldAt(t, func() time.Time { return time.Now().Add(-time.Hour) }) // so that all has settled
	w.openMany(pulls, authors)
	queued, err := w.bob.Enqueue(t.Context(), standin.QueueMove{Repo: repo, Pull: 1, Login: "bob"})
	w.must(err)
	w.since()

	polls, unread := 0, pulls
	for ; unread > 0 && polls < 20; polls++ {
		unread = 0
		for _, p := range w.proposals(pulls) {
			if p.Problem != "" {
				unread++
			}
		}
	}
	list := w.since()
	w.facts(changing)
	facts := w.since()
	w.groups(queued)
	queue := w.since()
	t.Logf("a start with %d open pull requests of %d people, of which %d change a service:", pulls, authors, changing)
	t.Logf("  list and reads, in %d polls: %s", polls, counted(list))
	t.Logf("  facts of the %d: %s", changing, counted(facts))
	t.Logf("  merge queue: %s", counted(queue))
	t.Logf("  %d requests that count, %d that do not", billed(list)+billed(facts)+billed(queue), free(list)+free(facts)+free(queue))
	if unread != 0 || billed(list) != 1+5+pulls+authors || billed(facts) != 2*changing || billed(queue) != 1 {
		t.Errorf("%d unread; the list and the reads cost %d, the facts %d, the queue %d", unread, billed(list), billed(facts), billed(queue))
	}

	w.facts(pulls)
	w.since()
	for range 2 {
		w.proposals(pulls)
		w.facts(pulls)
		w.groups(queued)
		if got, want := w.since(), map[string]int{"304 pulls": 5, "304 git/matching-refs": 1}; !maps.Equal(got, want) {
			t.Errorf("an unchanged poll costs %s, want %s", counted(got), counted(want))
		}
	}
}

// openMany opens pull requests, each with a branch and a file of its own.
func (w *world) openMany(pulls, authors int) {
	w.Helper()
	var stream strings.Builder
	tip := w.git("rev-parse", "HEAD")
	for n := range pulls {
		fmt.Fprintf(&stream, "commit refs/heads/bump-%d\ncommitter alice <alice@example.com> 1800000000 +0000\ndata 4\nbump\nfrom %s\nM 100644 inline file-%d\ndata 1\nx\n\n", n, tip, n)
	}
	stream.WriteString("done\n")
	cmd := exec.CommandContext(w.Context(), "git", "fast-import", "--quiet", "--done")
	cmd.Dir, cmd.Stdin = w.clone, strings.NewReader(stream.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		w.Fatalf("git fast-import: %v\n%s", err, out)
	}
	w.git("push", "--quiet", "origin", "refs/heads/bump-*")
	var tokens []string
	for i := range authors {
		a, err := w.forge.AddAccount(standin.Account{Login: fmt.Sprintf("author-%d", i)})
		w.must(err)
		w.must(w.forge.Grant(repo, a.Login, standin.RoleWrite))
		tokens = append(tokens, a.Token)
	}
	for n := range pulls {
		_, err := w.alice.As(tokens[n%authors]).OpenPull(w.Context(), repo, standin.NewPull{Title: "bump", Head: fmt.Sprintf("bump-%d", n), Base: "main"})
		w.must(err)
	}
}

func (w *world) proposals(want int) []approvals.Proposal {
	w.Helper()
	all, err := w.client.OpenPulls(w.Context(), "main", false)
	w.must(err)
	if len(all) != want {
		w.Fatalf("%d open pull requests, want %d", len(all), want)
	}
	return all
}

func (w *world) facts(first int) {
	w.Helper()
	for n := range first {
		f, err := w.client.PullFacts(w.Context(), n+1, nil, false)
		w.must(err)
		if v := approvals.JudgeOpen(f, approvals.Policy{Any: 1}); v.State != approvals.Waiting {
			w.Fatalf("#%d is %s: %s", n+1, v.State, v.Reason)
		}
	}
}

func (w *world) groups(want standin.QueueGroup) {
	w.Helper()
	all, err := w.client.MergeGroups(w.Context(), "main")
	w.must(err)
	if len(all) != 1 || string(all[0].SHA) != want.SHA {
		w.Fatalf("merge groups %v, want %v", all, want)
	}
}

var askedFor = regexp.MustCompile(`^/api/v3/repos/dora/jjh/?(git/matching-refs|[a-z]*)(?:/[^/]+)?(/[a-z]+)?(?:/.*)?$`)

// since is what banksman's requests since the last time were answered with.
func (w *world) since() map[string]int {
	counts := map[string]int{}
	calls := w.forge.Calls()
	for _, c := range calls[w.seen:] {
		path, _, _ := strings.Cut(c.Path, "?")
		if m := askedFor.FindStringSubmatch(path); m != nil && c.Actor == "banksman" {
			counts[strings.TrimSpace(fmt.Sprintf("%d %s%s", c.Status, m[1], m[2]))]++
		}
	}
	w.seen = len(calls)
	return counts
}

func free(counts map[string]int) int {
	n := 0
	for what, times := range counts {
		if strings.HasPrefix(what, "304 ") {
			n += times
		}
	}
	return n
}

func billed(counts map[string]int) int {
	n := -free(counts)
	for _, times := range counts {
		n += times
	}
	return n
}

func counted(counts map[string]int) string { return strings.TrimPrefix(fmt.Sprint(counts), "map") }
