package reconcile

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
)

// A smallForge is the pull requests and what people say of them.
type smallForge struct {
	pulls map[int]*smallPull
	said  int // reviews, and changes of state
}

type smallPull struct {
	number   int
	head     gitsrc.SHA
	base     site // of the commit that the pull request's branch starts at
	site     site
	open     bool
	merged   gitsrc.SHA // the branch's commit; "" when it is not merged
	mergedAt time.Time
	reviews  []approvals.Review
}

var (
	bob       = approvals.User{ID: 7, Login: "bob", Type: approvals.TypeUser}
	reviewers = []approvals.User{
		{ID: 2, Login: "alice", Type: approvals.TypeUser},
		{ID: 3, Login: "carol", Type: approvals.TypeUser},
		{ID: 4, Login: "dave", Type: approvals.TypeUser},
	}
)

func (f *smallForge) numbers(which func(*smallPull) bool) []int {
	var found []int
	for _, n := range slices.Sorted(maps.Keys(f.pulls)) {
		if which(f.pulls[n]) {
			found = append(found, n)
		}
	}
	return found
}

func isOpen(p *smallPull) bool   { return p.open }
func isMerged(p *smallPull) bool { return p.merged != "" }

func (f *smallForge) review(p *smallPull, by approvals.User, state approvals.ReviewState) {
	f.said++
	p.reviews = append(p.reviews, approvals.Review{
		ID: int64(f.said), User: &by, State: state, Commit: approvals.SHA(p.head), SubmittedAt: noon.Add(time.Duration(f.said) * time.Second),
	})
}

// dismiss takes everything back that somebody said.
func (p *smallPull) dismiss(by approvals.User) {
	for i, r := range p.reviews {
		if r.User.ID == by.ID {
			p.reviews[i].State = approvals.ReviewDismissed
		}
	}
}

// approvers are how many people's newest word is a yes to this very head; -1
// when anybody's newest word is a no.
func (p *smallPull) approvers() int {
	newest := map[approvals.UserID]approvals.Review{}
	for _, r := range p.reviews {
		newest[r.User.ID] = r
	}
	n := 0
	for _, r := range newest {
		switch {
		case r.State == approvals.ReviewChangesRequested:
			return -1
		case r.State == approvals.ReviewApproved && r.Commit == approvals.SHA(p.head):
			n++
		}
	}
	return n
}

func (p *smallPull) request() approvals.PullRequest {
	author := bob
	return approvals.PullRequest{
		Number: p.number, URL: "https://forge.example/pull", Open: p.open, Merged: p.merged != "", MergedAt: p.mergedAt,
		MergeCommit: approvals.SHA(p.merged), Head: approvals.SHA(p.head), Base: "main", BaseRepository: 1, Author: &author, CommitCount: 1,
		Commits: []approvals.PullCommit{{SHA: approvals.SHA(p.head), Author: &author, Committer: &author}},
		Reviews: slices.Clone(p.reviews),
	}
}

func (f *smallForge) facts(commit gitsrc.SHA, of ...*smallPull) approvals.Facts {
	facts := approvals.Facts{Commit: approvals.SHA(commit), Branch: "main", Repository: 1, CanWrite: map[approvals.UserID]bool{bob.ID: true}}
	for _, u := range reviewers {
		facts.CanWrite[u.ID] = true
	}
	for _, p := range of {
		facts.Pulls = append(facts.Pulls, p.request())
	}
	return facts
}

func (p *smallPull) proposal() approvals.Proposal {
	author := bob
	o := approvals.Proposal{
		Number: p.number, URL: "https://forge.example/pull", HeadRepository: 1, BaseRepository: 1, Base: "main", CreatedAt: noon,
		Head: approvals.SHA(p.head), Author: &author, AuthorCanWrite: true, Closed: !p.open,
	}
	if p.approvers() < 0 {
		o.ChangesRequestedBy = []string{"alice"}
	}
	return o
}

// The answers of the forge to the loop.

var errForge = errors.New("the forge answers 502")

func (w *world) facts(_ context.Context, commit gitsrc.SHA, _ []gitsrc.SHA, _ []string, _ bool) (approvals.Facts, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.askForge(); err != nil {
		return approvals.Facts{}, err
	}
	var brought []*smallPull
	for _, n := range w.forge.numbers(isMerged) {
		if p := w.forge.pulls[n]; p.merged == commit {
			brought = append(brought, p)
		}
	}
	return w.forge.facts(commit, brought...), nil
}

func (w *world) openPulls(context.Context) ([]approvals.Proposal, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.askForge(); err != nil {
		return nil, err
	}
	var open []approvals.Proposal
	for _, n := range w.forge.numbers(isOpen) {
		open = append(open, w.forge.pulls[n].proposal())
	}
	return open, nil
}

func (w *world) onePull(_ context.Context, number int) (approvals.Proposal, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.askForge(); err != nil {
		return approvals.Proposal{}, err
	}
	p, ok := w.forge.pulls[number]
	if !ok {
		return approvals.Proposal{}, errors.New("there is no such pull request")
	}
	return p.proposal(), nil
}

func (w *world) pullFacts(_ context.Context, number int, _ []string) (approvals.Facts, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.askForge(); err != nil {
		return approvals.Facts{}, err
	}
	p, ok := w.forge.pulls[number]
	if !ok {
		return approvals.Facts{}, errors.New("there is no such pull request")
	}
	return w.forge.facts(p.head, p), nil
}

func (w *world) posted(_ context.Context, c gitsrc.SHA) ([]approvals.Status, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.askForge(); err != nil {
		return nil, err
	}
	return slices.Collect(maps.Values(w.statuses[c])), nil
}

func (w *world) post(_ context.Context, c gitsrc.SHA, s approvals.Status) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.askForge(); err != nil {
		return err
	}
	return w.effect(func() error {
		if w.statuses[c] == nil {
			w.statuses[c] = map[string]approvals.Status{}
		}
		w.statuses[c][s.Context] = s
		w.posts++
		return nil
	})
}

func (w *world) askForge() error {
	switch {
	case w.dead:
		return errDead
	case w.faults.forge:
		w.forgeFailed = true
		return errForge
	}
	return nil
}
