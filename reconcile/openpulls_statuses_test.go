package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
)

// Statuses belong to a commit, and one commit can be the head of many pull
// requests. As required checks they decide what is merged.

func TestAForkWithTheSameHeadSaysNothingOfSomebodyElsesPullRequest(t *testing.T) {
	for name, c := range map[string]struct {
		files            map[string]string
		canary, approval string
	}{
		"neither that its canary may wait": {bump("v2", "a"), "pending: the canary is rolling out", "pending: nobody was asked"},
		"nor that it needs a review":       {map[string]string{"README.md": "x"}, "success: #12 changes no service", "success: #12 changes no service"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newPullWorld(t, twoServices(""))
			w.health = slowPulls
			head := w.pull(12, c.files)
			w.look()
			stranger := w.offer(99, head)
			stranger.HeadRepository, stranger.AuthorCanWrite = 666, false
			stranger.Author = &approvals.User{ID: 13, Login: "stranger", Type: approvals.TypeUser}
			w.look()
			w.wantStatus(head, StageCanary, c.canary)
			w.wantStatus(head, StageApproval, c.approval)
		})
	}
}

func TestOfTwoPullRequestsWithOneHeadTheWorseIsSaid(t *testing.T) {
	w := newPullWorld(t, twoServices(""))
	w.health = slowPulls
	head := w.pull(12, bump("v2", "a"))
	w.offer(13, head).Draft = true // its canary runs after the merge: a success, as far as it goes
	w.look()
	w.wantStatus(head, StageCanary, "pending: the canary is rolling out")
}

func TestNothingIsApprovedOfAPullRequestThatCannotBeLookedInto(t *testing.T) {
	for name, c := range map[string]struct {
		head func(*pullWorld) gitsrc.SHA
		want string
	}{
		"its history is another one": {
			func(w *pullWorld) gitsrc.SHA {
				head := w.commit("refs/heads/topic", "", twoServices(""))
				w.offer(12, head)
				return head
			}, "error: it has no history in common with main: rebase the branch of the pull request",
		},
		"it was pushed to since it was listed": {
			func(w *pullWorld) gitsrc.SHA {
				w.pull(12, bump("v2", "a"))
				listed := gitsrc.SHA(strings.Repeat("c", 40))
				w.open[0].Head = approvals.SHA(listed)
				return listed
			}, "pending: its commits cannot be fetched: it is being pushed to",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newPullWorld(t, twoServices(""))
			w.from = approvals.CanaryFromBranch // so that nothing is known of the canary anyway
			w.restart()
			head := c.head(w)
			w.look()
			w.wantStatus(head, StageCanary, "success: the canary of #12 runs after the merge")
			w.wantStatus(head, StageApproval, c.want)
		})
	}
}

func TestAPullRequestWhoseCatalogCannotBeReadIsToldWhyAndOthersGoOn(t *testing.T) {
	const link = "M 120000 inline services.yaml\ndata 6\na.yaml\n"
	for name, c := range map[string]struct{ change, want string }{
		"everything is deleted":          {"deleteall\n", "error: the repository has no services.yaml"},
		"the catalog is a symbolic link": {link, "error: services.yaml: services.yaml is not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newPullWorld(t, twoServices(""))
			w.git(fmt.Sprintf("commit refs/heads/topic\ncommitter bob <bob@example.com> 1772459999 +0000\ndata 1\nx\nfrom %s\n%s", w.first, c.change),
				"fast-import", "--quiet")
			head := gitsrc.SHA(w.git("", "rev-parse", "refs/heads/topic"))
			w.offer(12, head)
			other := w.pull(13, bump("v2", "a"))
			w.look()
			if got := w.status(head, StageCanary); !strings.HasPrefix(got, c.want) {
				t.Errorf("the canary is %q, want %q", got, c.want)
			}
			w.wantStatus(head, StageApproval, "pending: nobody was asked")
			w.wantStatus(other, StageCanary, "success: the canary is healthy")
		})
	}
}

// The dashboard may be one of a revision. A commit that changes nothing would
// else change every link, and cost all requests that the forge takes in an hour.
func TestTheLinkOfAPullRequestLeadsToItsOwnHead(t *testing.T) {
	w := newPullWorld(t, twoServices(`, dashboard: "https://look.example/{service}?rev={revision}"`))
	head := w.pull(12, bump("v2", "a"))
	w.look()
	w.look()
	want := "https://look.example/a?rev=" + string(head)
	if got := w.on[head]["banksman/a/canary"].TargetURL; got != want {
		t.Errorf("the link of the canary is %q, want %q", got, want)
	}
	w.posts = 0
	w.push(map[string]string{"README.md": "x"})
	w.look()
	w.look()
	if w.posts > 0 {
		t.Errorf("a commit that changes no service has %d statuses written", w.posts)
	}
}

// After a restart it is not known what stands on the heads of pull requests that
// were merged long ago. Asking takes hours.
func TestMergedPullRequestsDoNotKeepTheOpenOnesFromTheirStatuses(t *testing.T) {
	files, catalog := map[string]string{}, ""
	for _, name := range []string{"a", "b", "c", "d"} {
		catalog += name + ": {templates: [" + name + ".yaml], canary: {replicas: 1}, namespace: shop}\n"
		files[name+".yaml"] = benchDeployment("v1")
	}
	files["services.yaml"] = catalog
	w := newPullWorld(t, files)
	merged := 0
	for name, r := range w.records {
		for len(r.Reports) < keepReports {
			merged++
			done := successReport("done")
			r.Reports = append(r.Reports, Report{
				Commit: gitsrc.SHA(fmt.Sprintf("a%039d", merged)), Mirror: gitsrc.SHA(fmt.Sprintf("b%039d", merged)),
				Canary: done, Approval: done, Full: done,
			})
		}
		w.records[name] = r
	}
	if merged <= mostSent {
		t.Fatalf("%d merged pull requests can be asked for in one look", merged)
	}
	w.pull(12, bump("v2", "a"))
	waits := w.pull(13, bump("v3", "a"))
	w.restart()
	w.look()
	w.wantStatus(waits, StageCanary, "pending: waits for the canary of #12")
}

// Anybody who may push can make a branch that looks like one of the merge queue.
func TestABranchOfTheMergeQueueSpeaksForItsOwnCommitOnly(t *testing.T) {
	const harmless = "success: #12 changes no service"
	for name, c := range map[string]struct {
		group func(w *pullWorld, other gitsrc.SHA) approvals.MergeGroup
		want  string
	}{
		"it is the queue's": {
			func(w *pullWorld, _ gitsrc.SHA) approvals.MergeGroup {
				queued := w.commit("refs/heads/gh-readonly-queue/main/pr-12", w.first, map[string]string{"README.md": "x"})
				return approvals.MergeGroup{SHA: approvals.SHA(queued), Base: approvals.SHA(w.first)}
			}, harmless,
		},
		"it is another pull request's head": {
			func(w *pullWorld, other gitsrc.SHA) approvals.MergeGroup {
				return approvals.MergeGroup{SHA: approvals.SHA(other), Base: approvals.SHA(w.first)}
			}, "failure: the canary failed: it crashes",
		},
		"it is a commit of the branch": {
			func(w *pullWorld, _ gitsrc.SHA) approvals.MergeGroup {
				return approvals.MergeGroup{SHA: approvals.SHA(w.first), Base: approvals.SHA(w.first)}
			}, "success: all 2 services",
		},
		"it is not built on the branch": {
			func(w *pullWorld, other gitsrc.SHA) approvals.MergeGroup {
				queued := w.commit("refs/heads/gh-readonly-queue/main/pr-12", other, map[string]string{"README.md": "x"})
				return approvals.MergeGroup{SHA: approvals.SHA(queued), Base: approvals.SHA(other)}
			}, "-",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newPullWorld(t, twoServices(""))
			w.health = func(s Set) Live {
				if tagOf(s) == "v3" {
					return Live{Health: Failed, Message: "it crashes"}
				}
				return Live{Health: Healthy}
			}
			w.pull(12, map[string]string{"README.md": "x"})
			other := w.pull(13, bump("v3", "a"))
			g := c.group(w, other)
			g.Pulls = []int{12}
			w.groups = []approvals.MergeGroup{g}
			w.look()
			w.look()
			w.wantStatus(gitsrc.SHA(g.SHA), StageCanary, c.want)
		})
	}
}

// Reverted and proposed anew with the very same commit, which is what a forge's
// button for it may do.
func TestAPullRequestOpenedAnewSaysNothingOfWhatWasMergedBefore(t *testing.T) {
	w := newPullWorld(t, twoServices(""))
	w.health = slowPulls
	head := w.pull(12, bump("v2", "a"))
	w.look()
	squashed := w.push(bump("v2", "a"))
	w.open = nil
	w.facts[12] = approvals.Facts{Pulls: []approvals.PullRequest{{Number: 12, Base: "main", Merged: true, MergeCommit: approvals.SHA(squashed)}}}
	w.orders["a"] = Orders{Acknowledge: squashed}
	w.look()
	w.look()
	w.wantStatus(head, StageCanary, "success: the canary is healthy") // the branch's
	w.commit("refs/heads/main", squashed, bump("v1", "a"))
	w.look()
	w.offer(20, head)
	w.look()
	w.look()
	w.wantStatus(head, StageCanary, "pending: the canary is rolling out")
	w.wantStatus(head, StageApproval, "pending: nobody was asked")
}

// The look runs beside the loop. A pull request that it found open may be what
// the branch has moved to since.
func TestAListOfBeforeTheMergeDoesNotCallAPullRequestUnchanged(t *testing.T) {
	w := newPullWorld(t, twoServices(""))
	w.health = slowPulls
	head := w.pull(12, bump("v2", "a"))
	w.look()
	look := w.lookAtPulls(t.Context(), w.head, nil)
	w.push(bump("v2", "a"))
	w.reconcileAll(t.Context(), w.poll(w.fetch(t.Context())))
	w.propose(look)
	w.reconcileAll(t.Context(), nil)
	w.wantStatus(head, StageCanary, "pending: the canary is rolling out")
	w.wantStatus(head, StageApproval, "pending: nobody was asked")
}

func TestACommitThatTakesNoStatusKeepsNoPullRequestFromItsOwn(t *testing.T) {
	w := newPullWorld(t, twoServices(""))
	gone, errGone := w.push(bump("v2", "a")), errors.New("no commit found")
	w.Post = func(ctx context.Context, c gitsrc.SHA, s approvals.Status) error {
		if c == gone {
			return errGone
		}
		return w.post(ctx, c, s)
	}
	head := w.pull(12, bump("v3", "b"))
	if err := w.Tick(t.Context(), nil); !errors.Is(err, errGone) {
		t.Errorf("the look says %v, want %v", err, errGone)
	}
	w.wantStatus(head, StageCanary, "success: the canary is healthy")
}

func TestAPullRequestThatIsClosedWhileOthersAreSpokenOfEndsAllTheSame(t *testing.T) {
	w := newPullWorld(t, twoServices(""))
	w.health = slowPulls
	closing := w.pull(12, bump("v2", "a"))
	w.look()
	w.wantStatus(closing, StageCanary, "pending: the canary is rolling out")
	w.pull(13, bump("v2", "b"))
	closed := false
	w.Post = func(ctx context.Context, c gitsrc.SHA, s approvals.Status) error {
		if !closed && c != closing {
			closed = true
			w.open = w.open[1:]
			w.Loop.mu.Lock() // as an answer of the forge is taken that comes meanwhile
			p := &w.proposals
			p.open = slices.DeleteFunc(p.open, func(o *openPull) bool { return o.Number == 12 })
			p.closed[closing] = "#12 was closed without a merge"
			w.Loop.mu.Unlock()
		}
		return w.post(ctx, c, s)
	}
	w.look()
	if !closed {
		t.Fatal("nothing was sent while #12 was open")
	}
	w.wantStatus(closing, StageCanary, "error: #12 was closed without a merge")
}
