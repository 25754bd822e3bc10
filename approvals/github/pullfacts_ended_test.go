package github_test

import (
	"slices"
	"testing"

	"banksman.dev/approvals"
	standin "banksman.dev/fixtures/github"
)

func TestThePullRequestThatEndedSaysHow(t *testing.T) {
	w := newWorld(t)
	read := func(number int, fresh bool) approvals.PullRequest {
		t.Helper()
		f, err := w.client.PullFacts(t.Context(), number, nil, fresh)
		w.must(err)
		if f.Problem != "" || len(f.Pulls) != 1 || f.Pulls[0].Number != number || f.Commit != f.Pulls[0].Head {
			t.Fatalf("#%d: %+v", number, f)
		}
		return f.Pulls[0]
	}
	for _, row := range []struct {
		method string // "": it is closed
		files  []string
	}{{"merge", []string{"a"}}, {"squash", []string{"b", "bb"}}, {"rebase", []string{"c", "cc"}}, {"", []string{"d"}}} {
		t.Run("by "+row.method, func(t *testing.T) {
			p := w.open(row.files...)
			head := approvals.SHA(p.Head.SHA)
			_, err := w.client.OpenPulls(t.Context(), "main", false)
			w.must(err)
			for _, fresh := range []bool{false, true} {
				if was := read(p.Number, fresh); !was.Open || was.Merged || was.MergeCommit != "" || was.Head != head {
					t.Errorf("while open: %+v", was)
				}
			}
			var landed approvals.SHA
			if row.method == "" {
				_, err = w.alice.ClosePull(t.Context(), repo, p.Number)
				w.must(err)
			} else {
				landed = approvals.SHA(w.merge(p, row.method))
			}
			ended := func(when string, fresh bool) {
				t.Helper()
				is := read(p.Number, fresh)
				if is.Open || is.Merged != (landed != "") || is.MergeCommit != landed || is.Head != head || is.Merged == is.MergedAt.IsZero() {
					t.Errorf("%s: %+v", when, is)
				}
			}
			ended("fresh, before the next list", true)
			all, err := w.client.OpenPulls(t.Context(), "main", false)
			w.must(err)
			if slices.ContainsFunc(all, func(o approvals.Proposal) bool { return o.Number == p.Number }) {
				t.Error("it is still listed")
			}
			ended("after the next list", false)
			before := len(w.forge.Calls())
			ended("again", false)
			if calls := w.forge.Calls()[before:]; len(calls) != 1 || calls[0].Status != 304 {
				t.Errorf("asking again costs %v", calls)
			}
		})
	}
}

func TestTheMergeQueueIsReadForNothingWhileItRests(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	groups := func() []approvals.MergeGroup {
		t.Helper()
		all, err := w.client.MergeGroups(ctx, "main")
		w.must(err)
		return all
	}
	if all := groups(); len(all) != 0 {
		t.Errorf("without a queue: %v", all)
	}
	one, two := w.open("a"), w.open("b")
	tip := approvals.SHA(w.git("rev-parse", "origin/main"))
	var made []standin.QueueGroup
	for _, p := range []standin.PullDetail{two, one} { // the newer one is put in first
		g, err := w.bob.Enqueue(ctx, standin.QueueMove{Repo: repo, Pull: p.Number, Login: "bob"})
		w.must(err)
		made = append(made, g)
	}
	first, second := approvals.SHA(made[0].SHA), approvals.SHA(made[1].SHA)
	expect := func(when string, want ...approvals.MergeGroup) {
		t.Helper()
		if got := groups(); !slices.EqualFunc(got, want, func(a, b approvals.MergeGroup) bool {
			return a.SHA == b.SHA && a.Base == b.Base && slices.Equal(a.Pulls, b.Pulls)
		}) {
			t.Errorf("%s\ngot  %v\nwant %v", when, got, want)
		}
	}
	expect("two in the queue",
		approvals.MergeGroup{SHA: second, Pulls: []int{one.Number, two.Number}, Base: tip},
		approvals.MergeGroup{SHA: first, Pulls: []int{two.Number}, Base: tip})
	before := len(w.forge.Calls())
	groups()
	if calls := w.forge.Calls()[before:]; len(calls) != 1 || calls[0].Status != 304 {
		t.Errorf("asking again costs %v", calls)
	}
	_, err := w.bob.Land(ctx, standin.QueueLanding{Repo: repo, Branch: "main"})
	w.must(err)
	expect("the first has landed", approvals.MergeGroup{SHA: second, Pulls: []int{one.Number}, Base: first})
	w.must(w.bob.Dequeue(ctx, standin.QueueMove{Repo: repo, Pull: one.Number, Login: "bob"}))
	expect("the other is taken out")
}
