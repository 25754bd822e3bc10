package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"banksman.dev/gitsrc"
)

// A pullNumber is the value of --pr: 12 or #12; 0 where it is not given.
type pullNumber int

func (n *pullNumber) Set(text string) error {
	number, err := strconv.Atoi(strings.TrimPrefix(text, "#"))
	if err != nil || number < 1 {
		return errors.New("want the number of a pull request")
	}
	*n = pullNumber(number)
	return nil
}

func (n *pullNumber) String() string {
	if *n == 0 {
		return ""
	}
	return fmt.Sprintf("#%d", *n)
}

func (n *pullNumber) Type() string { return "number" }

// A proposal is what a pull request would make of the branch.
type proposal struct{ branch, merged edition }

// pull brings a pull request's head and merges it onto the branch, path by
// path, as banksman run does. A fork's is here too: the forge keeps the head of
// every pull request in the repository that it was opened in.
func (r *remote) pull(ctx context.Context, n pullNumber) (proposal, error) {
	heads, err := r.FetchPulls(ctx, map[int]gitsrc.SHA{int(n): ""})
	if err != nil {
		return proposal{}, unfetched(n.String()+" of "+r.url, r.url, rightsToLook, err)
	}
	head, ok := heads[int(n)]
	if !ok {
		return proposal{}, failed(fmt.Errorf("%s has no pull request %s", r.url, &n),
			r.url+"/pulls lists them; if this is a fork, name the repository that "+n.String()+" was opened in by --repo")
	}
	before, err := r.files("")
	if err != nil {
		return proposal{}, err
	}
	merge, err := r.Merged(before.commit, head)
	switch {
	case errors.Is(err, gitsrc.ErrUnrelated):
		return proposal{}, failed(fmt.Errorf("%s at %s and %s at %s have no commit in common", &n, head.Short(), r.branch, before.name),
			"rebase it onto "+r.branch+", or choose its base with --branch")
	case err != nil:
		return proposal{}, failed(fmt.Errorf("cannot merge %s onto %s: %w", &n, r.branch, err), "")
	case len(merge.Conflicts) > 0:
		return proposal{}, conflict(merge.Conflicts, n, r.branch)
	}
	before.name = r.branch + " " + before.name
	return proposal{branch: before, merged: edition{
		tree: merge.Tree(), commit: head, name: fmt.Sprintf("%s with %s %s", r.branch, &n, head.Short()),
	}}, nil
}

// mostConflicts is how many paths in conflict are named.
const mostConflicts = 10

func conflict(paths []string, n pullNumber, branch string) error {
	named := make([]string, 0, mostConflicts)
	for _, path := range paths[:min(len(paths), mostConflicts)] {
		named = append(named, oneLine(path))
	}
	list, were := strings.Join(named, ", "), "was"
	if len(paths) > 1 {
		were = "were"
	}
	if more := len(paths) - len(named); more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return failed(fmt.Errorf("%s %s changed on %s and in %s", list, were, branch, &n),
		fmt.Sprintf("update the branch of %s: merge %s into it, or rebase it, and push", &n, branch))
}
