package main

import (
	"context"
	"fmt"
	"strings"

	"banksman.dev/approvals/github"
)

// offer pushes what was made to a branch of its own, and opens its pull request. One
// that is open already is kept: pushed to where that only adds to it, and otherwise
// left to people, who may have pushed to it, too. The answer says which it is.
func (w *gitWork) offer(ctx context.Context, branch, title, body string) (string, error) {
	client, err := w.github()
	if err != nil {
		return "", err
	}
	before, isOpen, err := client.Proposed(ctx, branch, w.branch)
	switch {
	case err != nil:
		return "", failed(err, rightsToPropose)
	case isOpen && w.saysTheSame(ctx, branch):
		return fmt.Sprintf("#%d is open already, with this change: %s", before.Number, before.URL), nil
	}
	err = w.push(ctx, branch)
	switch {
	case err != nil && isOpen:
		return "", failed(fmt.Errorf("#%d is open already, with something else on its branch %s: %s", before.Number, branch, before.URL),
			"merge it, or close it and delete its branch, and try again")
	case err != nil:
		return "", err
	case isOpen:
		return fmt.Sprintf("#%d is open already, and has this change now: %s", before.Number, before.URL), nil
	}
	opened, err := w.propose(ctx, client, github.NewPull{Title: title, Body: body, Head: branch, Base: w.branch})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("#%d is open: %s", opened.Number, opened.URL), nil
}

// saysTheSame: the files that are changed here are the same on a branch of the
// repository.
func (w *gitWork) saysTheSame(ctx context.Context, branch string) bool {
	names, err := w.git(ctx, "diff", "--name-only", "-z", "--no-renames", "origin/"+w.branch, "HEAD")
	if err != nil || names == "" {
		return false
	}
	if _, err := w.git(ctx, "fetch", "--quiet", "origin", "refs/heads/"+branch); err != nil {
		return false
	}
	files := strings.Split(strings.TrimRight(names, "\x00"), "\x00")
	_, err = w.git(ctx, append([]string{"--literal-pathspecs", "diff", "--quiet", "FETCH_HEAD", "HEAD", "--"}, files...)...)
	return err == nil
}

func (w *gitWork) github() (*github.Client, error) {
	client, err := github.New(github.Options{API: w.where.API, Owner: w.where.Owner, Repo: w.where.Name, Token: w.source.Token, UserAgent: userAgent()})
	if err != nil {
		return nil, failed(err, "")
	}
	return client, nil
}

func (w *gitWork) propose(ctx context.Context, client *github.Client, n github.NewPull) (github.OpenedPull, error) {
	opened, err := client.Propose(ctx, n)
	if err != nil {
		return github.OpenedPull{}, failed(err, "the branch "+n.Head+" is pushed; open it by hand: "+w.where.URL+"/compare/"+n.Base+"..."+n.Head+"\n"+rightsToPropose)
	}
	return opened, nil
}
