package reconcile_test

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"banksman.dev/approvals"
	standin "banksman.dev/fixtures/github"
)

// pull NAME FROM=TO MESSAGE opens bob's pull request.
func (s *stage) pull(ts *testscript.TestScript, args []string) error {
	return s.pullBy(ts, append([]string{"bob"}, args...))
}

// pulls N opens so many pull requests, p1, p2 and so on, each with its own image.
func (s *stage) manyPulls(ts *testscript.TestScript, args []string) error {
	n, err := strconv.Atoi(args[0])
	for i := 1; i <= n && err == nil; i++ {
		err = s.pull(ts, []string{fmt.Sprintf("p%d", i), fmt.Sprintf("image: web:1=image: web:p%d", i), "another image"})
	}
	return err
}

// pull-by LOGIN NAME FROM=TO MESSAGE opens somebody's pull request of a branch
// of the same repository, which bob pushed.
func (s *stage) pullBy(_ *testscript.TestScript, args []string) error {
	login, name, message := args[0], args[1], args[3]
	if err := firstOf(s.branch(name), s.propose(name, args[2]), s.commit(name, message)); err != nil {
		return err
	}
	return s.open(login, name, name, message)
}

// pull-revert NAME REV opens bob's pull request that reverts a commit.
func (s *stage) pullRevert(_ *testscript.TestScript, args []string) error {
	work := filepath.Join(s.dir, "repo")
	err := firstOf(s.branch(args[0]), s.revertCommit(args[1]), s.git(work, "push", "-q", "origin", args[0]), s.git(work, "checkout", "-q", "main"))
	if err != nil {
		return err
	}
	return s.open("bob", args[0], args[0], "Revert")
}

// pull-from-fork NAME FROM=TO MESSAGE opens erin's pull request of her fork.
func (s *stage) pullFromFork(_ *testscript.TestScript, args []string) error {
	const fork = "erin/manifests"
	if err := s.server.AddRepository(s.ctx, standin.NewRepository{Name: fork, ForkOf: manifests}); err != nil {
		return err
	}
	work := filepath.Join(s.dir, "repo")
	err := firstOf(s.branch(args[0]), s.propose(args[0], args[1]), s.git(work, "commit", "-q", "-a", "-m", args[2]),
		s.git(work, "push", "-q", s.alice.As("token-of-erin").GitURL(fork), args[0]), s.git(work, "checkout", "-q", "main"))
	if err != nil {
		return err
	}
	return s.open("erin", args[0], "erin:"+args[0], args[2])
}

// pull-same NAME OTHER opens another pull request of the very commit of one.
func (s *stage) pullSame(_ *testscript.TestScript, args []string) error {
	err := s.git(filepath.Join(s.dir, "repo"), "push", "-q", "origin", args[1]+":"+args[0])
	return firstOf(err, s.open("bob", args[0], args[0], "The same"))
}

func (s *stage) open(login, name, head, title string) error {
	p, err := s.alice.As("token-of-"+login).OpenPull(s.ctx, manifests, standin.NewPull{Title: title, Head: head, Base: "main"})
	s.pulls[name] = p.Number
	return err
}

// branch begins a branch at main's head.
func (s *stage) branch(name string) error {
	return firstOf(s.sync(), s.git(filepath.Join(s.dir, "repo"), "checkout", "-q", "-b", name))
}

// propose edits what nobody has approved: full must not get it before the merge.
func (s *stage) propose(name, change string) error {
	s.proposed[name] = append(s.proposed[name], newTexts(change)...)
	for _, text := range newTexts(change) {
		s.cluster.forbid(text)
	}
	return s.edit(change)
}

// newTexts are the right sides of an edit.
func newTexts(change string) (texts []string) {
	for _, part := range strings.Split(change, " and ") {
		if _, to, _ := strings.Cut(part, "="); to != "" && !strings.Contains(to, `\n`) {
			texts = append(texts, to)
		}
	}
	return texts
}

// landed: what was proposed is the branch's now.
func (s *stage) landed(name string) error {
	for _, text := range s.proposed[name] {
		s.cluster.allow(text)
	}
	return s.sync()
}

// commit pushes everything that was edited to the branch, and goes back to main.
func (s *stage) commit(branch, message string) error {
	work := filepath.Join(s.dir, "repo")
	return firstOf(s.git(work, "add", "-A"), s.git(work, "commit", "-q", "-m", message),
		s.git(work, "push", "-q", "--force", "origin", branch), s.git(work, "checkout", "-q", "main"))
}

// pull-push NAME FROM=TO MESSAGE pushes another commit to a pull request.
func (s *stage) pullPush(_ *testscript.TestScript, args []string) error {
	return firstOf(s.git(filepath.Join(s.dir, "repo"), "checkout", "-q", args[0]), s.propose(args[0], args[1]), s.commit(args[0], args[2]))
}

// pull-update NAME merges main into a pull request's branch.
func (s *stage) pullUpdate(_ *testscript.TestScript, args []string) error {
	work := filepath.Join(s.dir, "repo")
	return firstOf(s.sync(), s.git(work, "checkout", "-q", args[0]), s.git(work, "merge", "-q", "--no-edit", "main"),
		s.git(work, "push", "-q", "origin", args[0]), s.git(work, "checkout", "-q", "main"))
}

func (s *stage) closePull(_ *testscript.TestScript, args []string) error {
	_, err := s.bob.ClosePull(s.ctx, manifests, s.pulls[args[0]])
	return err
}

func (s *stage) reopen(_ *testscript.TestScript, args []string) error {
	open := "open"
	_, err := s.bob.EditPull(s.ctx, manifests, s.pulls[args[0]], standin.PullEdit{State: &open})
	return err
}

// retarget NAME BRANCH turns a pull request to another branch, made of main.
func (s *stage) retarget(_ *testscript.TestScript, args []string) error {
	if err := s.git(filepath.Join(s.dir, "repo"), "push", "-q", "origin", "main:"+args[1]); err != nil {
		return err
	}
	_, err := s.bob.EditPull(s.ctx, manifests, s.pulls[args[0]], standin.PullEdit{Base: &args[1]})
	return err
}

// push-branch NAME pushes a pull request's branch to main as it is.
func (s *stage) pushBranch(_ *testscript.TestScript, args []string) error {
	return firstOf(s.git(filepath.Join(s.dir, "repo"), "push", "-q", "origin", args[0]+":main"), s.landed(args[0]))
}

func (s *stage) draft(_ *testscript.TestScript, args []string) error {
	return s.server.SetDraft(standin.Draft{Repo: manifests, Pull: s.pulls[args[0]], Draft: true})
}

func (s *stage) ready(_ *testscript.TestScript, args []string) error {
	return s.server.SetDraft(standin.Draft{Repo: manifests, Pull: s.pulls[args[0]]})
}

// label LOGIN NAME puts banksman's label on, unlabel takes it off.
func (s *stage) label(_ *testscript.TestScript, args []string) error {
	_, err := s.alice.As("token-of-"+args[0]).Label(s.ctx, manifests, s.pulls[args[1]], approvals.CanaryLabel)
	return err
}

func (s *stage) unlabel(_ *testscript.TestScript, args []string) error {
	_, err := s.alice.As("token-of-"+args[0]).Unlabel(s.ctx, manifests, s.pulls[args[1]], approvals.CanaryLabel)
	return err
}

func (s *stage) approve(_ *testscript.TestScript, args []string) error {
	_, err := s.alice.Approve(s.ctx, manifests, s.pulls[args[0]])
	return err
}

func (s *stage) requestChanges(_ *testscript.TestScript, args []string) error {
	_, err := s.alice.RequestChanges(s.ctx, manifests, s.pulls[args[0]], "not yet")
	return err
}

func (s *stage) dismiss(_ *testscript.TestScript, args []string) error {
	reviews, err := s.alice.Reviews(s.ctx, manifests, s.pulls[args[0]])
	if err != nil || len(reviews) == 0 {
		return fmt.Errorf("no review to dismiss: %w", err)
	}
	_, err = s.alice.Dismiss(s.ctx, manifests, s.pulls[args[0]], reviews[len(reviews)-1].ID, "on second thought")
	return err
}

// merge NAME, squash NAME and rebase NAME merge a pull request in these ways.
func merging(method string) func(*stage, *testscript.TestScript, []string) error {
	return func(s *stage, _ *testscript.TestScript, args []string) error {
		if _, err := s.bob.Merge(s.ctx, manifests, s.pulls[args[0]], standin.Merge{Method: method}); err != nil {
			return err
		}
		return s.landed(args[0])
	}
}

// enqueue NAME puts a pull request into the merge queue; its commit there is
// called queue/NAME.
func (s *stage) enqueue(_ *testscript.TestScript, args []string) error {
	s.queue = append(s.queue, args[0])
	g, err := s.server.Enqueue(s.ctx, standin.QueueMove{Repo: manifests, Pull: s.pulls[args[0]], Login: "bob"})
	s.groups["queue/"+args[0]] = g.SHA
	return err
}

func (s *stage) land(_ *testscript.TestScript, _ []string) error {
	if _, err := s.server.Land(s.ctx, standin.QueueLanding{Repo: manifests, Branch: "main"}); err != nil {
		return err
	}
	name := s.queue[0]
	s.queue = s.queue[1:]
	return s.landed(name)
}

// protect CONTEXTS: what is merged to main needs these statuses.
func (s *stage) protect(_ *testscript.TestScript, args []string) error {
	return s.server.Protect(standin.Protection{Repo: manifests, Branch: "main", Contexts: strings.Fields(args[0])})
}
