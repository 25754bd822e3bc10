package gitsrc_test

import (
	"errors"
	"strings"
	"testing"

	"banksman.dev/gitsrc"
)

func subjects(commits []gitsrc.Commit) string {
	var all []string
	for _, c := range commits {
		all = append(all, c.Subject)
	}
	return strings.Join(all, ", ")
}

func TestHistoryFollowsFirstParents(t *testing.T) {
	s := newRemote(t)
	root := s.commit("root", "a.yaml", "0")
	s.git(s.work, "checkout", "-q", "-b", "side")
	s.commit("side one", "b.yaml", "1")
	side := s.commit("side two", "b.yaml", "2")
	s.git(s.work, "checkout", "-q", "main")
	main := s.commit("main one", "a.yaml", "1")
	s.git(s.work, "merge", "-q", "--no-ff", "-m", "merge side", "side")
	merge := s.push()
	tip := s.commit("tip", "a.yaml", "2")
	r := open(t, gitsrc.Options{URL: s.url()})
	fetch(t, r)

	all, err := r.FirstParents(tip, 10, nil)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "to the root", subjects(all), "tip, merge side, main one, root")
	part, err := r.FirstParents(tip, 2, func(c gitsrc.Commit) bool { return c.SHA == main })
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "before the stop", subjects(part), "tip, merge side")
	part, err = r.FirstParents(tip, 1, func(c gitsrc.Commit) bool { return c.SHA == main })
	if !errors.Is(err, gitsrc.ErrWalkTooLong) {
		t.Fatalf("got %v", err)
	}
	equal(t, "up to the limit", subjects(part), "tip")
	none, err := r.FirstParents(tip, 0, func(gitsrc.Commit) bool { return true })
	if err != nil || len(none) != 0 {
		t.Fatalf("%v, %v", none, err)
	}
	c, err := r.Commit(merge)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "parents", len(c.Parents), 2)
	equal(t, "first parent", c.Parents[0], main)
	equal(t, "second parent", c.Parents[1], side)
	for _, a := range []gitsrc.SHA{root, side, main} {
		if is, err := r.IsAncestor(a, tip); err != nil || !is {
			t.Errorf("%s: %v, %v", a, is, err)
		}
	}
	if is, err := r.IsAncestor(tip, side); err != nil || is {
		t.Errorf("tip of side: %v, %v", is, err)
	}
}

func TestACommitIsDescribed(t *testing.T) {
	s := newRemote(t)
	head := s.commit("bump\nfop-gate\x1b[31m\n\nbody", "a.yaml", "0")
	r := open(t, gitsrc.Options{URL: s.url()})
	fetch(t, r)
	c, err := r.Commit(head)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "subject", c.Subject, "bump fop-gate\ufffd[31m")
	equal(t, "author", c.Author.Name+" "+c.Author.Email+" "+c.Author.When.Format("2006-01-02T15:04:05Z07:00"), "alice alice@example.org 2019-02-18T21:05:38+08:00")
	equal(t, "committer", c.Committer.Name, "bob")
	equal(t, "sha", c.SHA, head)
	equal(t, "short", c.SHA.Short(), string(head)[:7])

	tree := sha(t, s.git(s.work, "rev-parse", "HEAD^{tree}"))
	for _, unknown := range []gitsrc.SHA{sha(t, strings.Repeat("0", 40)), tree, "main", ""} {
		if _, err := r.Commit(unknown); !errors.Is(err, gitsrc.ErrUnknownCommit) {
			t.Errorf("%q: got %v", unknown, err)
		}
	}
	s.since()
	fetch(t, r)
	equal(t, "asking for an unknown commit is no damage", lines(s.since()), advertisement)
}
