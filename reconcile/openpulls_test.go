package reconcile

import (
	"context"
	"errors"
	"testing"
	"time"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// An object that is there already keeps a pull request's canary from running.
// The refusal is not about the content: after the merge it takes the object over.
func TestWhatIsRefusedBeforeTheMergeIsTriedAfterIt(t *testing.T) {
	w := newPullWorld(t, twoServices(""))
	w.refuses = func(s Set) error {
		if !s.Proposed {
			return nil
		}
		return &ApplyError{Object: s.Objects[0].ID(), Permanent: true, Unapproved: true, Err: errors.New("it exists and was made by hand")}
	}
	head := w.pull(12, bump("v2", "a"))
	w.look()
	w.look()
	w.wantStatus(head, StageCanary, "success: merge first; this part is canaried from the branch: Deployment shop/a-canary: it exists and was made by hand")
	w.git("", "update-ref", "refs/heads/main", string(head))
	w.open, w.applied = nil, nil
	w.look()
	if s := w.records["a"].Canary; s == nil || s.Commit != head || s.Pull != 0 || w.views["a"].Step == StepHeld {
		t.Errorf("the branch's canary does not run: %+v, %s: %s", s, w.views["a"].Step, w.views["a"].Reason)
	}
}

// After a rollback full's Pods of before still need what the new content has no
// more, until full has settled. A pull request that gives such an object to its
// canary must not make it one that goes at once.
func TestNothingThatFullHadIsDeletedForAPullRequest(t *testing.T) {
	const (
		config = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra}\ndata: {text: extra}\n"
		full   = `{{if eq .system.VARIANT "full"}}` + config + `{{end}}`
		canary = `{{if eq .system.VARIANT "canary"}}` + config + `{{end}}`
	)
	files := map[string]string{
		"services.yaml": "services:\n  a: {templates: [a.yaml], namespace: shop}\n  a-canary: {templates: [a.yaml], namespace: shop}\n",
		"a.yaml":        benchDeployment("v1"),
	}
	w := newPullWorld(t, files)
	settled := true
	w.health = func(s Set) Live {
		if s.Track == TrackStable && !settled {
			return Live{Health: Progressing}
		}
		return Live{Health: Healthy}
	}
	w.refuses = func(s Set) error {
		for _, o := range s.Objects {
			if s.Proposed && o.Name() == "extra" {
				return &ApplyError{Object: o.ID(), Permanent: true, Unapproved: true, Err: errors.New("it is full's")}
			}
		}
		return nil
	}
	with := w.push(map[string]string{"a.yaml": benchDeployment("v2") + full})
	w.orders["a"] = Orders{Acknowledge: with}
	w.look()
	settled = false
	w.commit("refs/heads/main", with, files) // a revert
	w.look()
	entry := func() Entry {
		for _, e := range w.records["a"].Inventory {
			if e.Name == "extra" {
				return e
			}
		}
		return Entry{}
	}
	if entry().Track != TrackStable || len(w.pruned) > 0 {
		t.Fatalf("before the pull request: %+v, and %v is gone", entry(), w.pruned)
	}
	head := w.pull(12, map[string]string{"a.yaml": benchDeployment("v1") + canary})
	w.look()
	w.look()
	w.wantStatus(head, StageCanary, "success: merge first; this part is canaried from the branch: ConfigMap shop/extra was full's and is not gone yet")
	if entry().Track != TrackStable || len(w.pruned) > 0 {
		t.Errorf("with the pull request: %+v, and %v is gone", entry(), w.pruned)
	}
	settled = true
	w.reconcileAll(t.Context(), []render.ServiceName{"a"}) // the cluster says that something has happened
	if len(w.pruned) != 1 || w.pruned[0].Name != "extra" {
		t.Errorf("when full has settled %v is gone, want extra", w.pruned)
	}
}

// Whatever the forge is asked about pull requests, a rollback must not wait for
// the answer.
func TestAForgeThatHangsHoldsUpNoCommitOfTheBranch(t *testing.T) {
	for name, hang := range map[string]func(l *Loop, block func(context.Context) error){
		"while it lists them": func(l *Loop, block func(context.Context) error) {
			l.Pulls = func(ctx context.Context) ([]approvals.Proposal, error) { return nil, block(ctx) }
		},
		"while it is asked for one once more": func(l *Loop, block func(context.Context) error) {
			l.Pull = func(ctx context.Context, _ int) (approvals.Proposal, error) { return approvals.Proposal{}, block(ctx) }
		},
		"while it is asked for reviews": func(l *Loop, block func(context.Context) error) {
			l.PullFacts = func(ctx context.Context, _ int, _ []string) (approvals.Facts, error) {
				return approvals.Facts{}, block(ctx)
			}
		},
		"while it is told a status": func(l *Loop, block func(context.Context) error) {
			l.Post = func(ctx context.Context, _ gitsrc.SHA, _ approvals.Status) error { return block(ctx) }
		},
		"while it lists the merge queue": func(l *Loop, block func(context.Context) error) {
			l.Groups = func(ctx context.Context) ([]approvals.MergeGroup, error) { return nil, block(ctx) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newPullWorld(t, twoServices(""))
			w.pull(12, bump("v2", "a"))
			w.restart()
			w.Interval = 10 * time.Millisecond
			asked, applied := make(chan struct{}, 1), make(chan string, 1000)
			hang(w.Loop, func(ctx context.Context) error {
				select {
				case asked <- struct{}{}:
				default:
				}
				<-ctx.Done()
				return ctx.Err()
			})
			w.Apply = func(_ context.Context, s Set) (Applied, error) {
				applied <- tagOf(s)
				return Applied{}, nil
			}
			deadline, stop := context.WithTimeout(t.Context(), time.Minute)
			defer stop()
			ended := make(chan error, 1)
			go func() { ended <- w.Run(deadline) }()
			select {
			case <-asked:
			case <-deadline.Done():
				t.Fatal("the forge is not asked")
			}
			w.push(bump("v3", "a"))
			for tag := ""; tag != "v3"; {
				select {
				case tag = <-applied:
				case <-deadline.Done():
					t.Fatal("the new commit is not acted on")
				}
			}
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}
