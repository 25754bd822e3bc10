package github

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"banksman.dev/approvals"
)

// openFacts is a pull request with its commits and reviews.
type openFacts struct {
	version version
	settled bool
	pull    approvals.PullRequest
}

// PullFacts asks what GitHub knows of an open pull request, for JudgeOpen. Its
// Commit is the head, its Branch what the pull request wants to be merged into.
// teams and errors are those of Facts.
//
// One that the last OpenPulls showed unchanged costs no request; only
// permissions and memberships are asked for again after some minutes. fresh
// believes nothing that is remembered.
//
// Of one that is not open any more the Facts say so and no more: Open, Merged,
// MergeCommit and Head, without commits and reviews. As long as the last
// OpenPulls shows it, it is open unless fresh.
func (c *Client) PullFacts(ctx context.Context, number int, teams []string, fresh bool) (approvals.Facts, error) {
	var f approvals.Facts
	if fresh {
		ctx = uncached(ctx)
	}
	err := c.gatherOpen(ctx, &f, number, teams, unlimited(fresh))
	var unusable *problem
	if errors.As(err, &unusable) {
		f.Problem, err = unusable.sentence, nil
	}
	return f, err
}

func (c *Client) gatherOpen(ctx context.Context, f *approvals.Facts, number int, teams []string, l *look) error {
	var err error
	if f.Repository, err = c.repositoryID(ctx); err != nil {
		return fmt.Errorf("find %s/%s: %w", c.owner, c.repo, err)
	}
	p, err := c.openPull(ctx, number, l)
	f.Commit, f.Branch = p.Head, p.Base
	if p.Number == number { // known as far as it could be read
		f.Pulls = []approvals.PullRequest{p}
	}
	if err != nil {
		return fmt.Errorf("read #%d: %w", number, err)
	}
	if !p.Open {
		return nil
	}
	if f.CanWrite, err = canWrite(ctx, slices.Concat(p.Askers(), p.Candidates()), c.recentPermission(l)); err != nil {
		return err
	}
	f.Members, err = members(ctx, teams, p.Candidates(), c.recentMembership(l))
	return err
}

// openPull is the pull request as the last list showed it, or as it is now.
func (c *Client) openPull(ctx context.Context, number int, l *look) (approvals.PullRequest, error) {
	row, isListed := c.listed.get(number)
	before, ok := c.opened.get(number)
	if ok && isListed && !l.fresh && before.settled && before.version == row.version {
		return before.pull, nil
	}
	p, err := c.pull(ctx, number)
	if err != nil || !p.Open {
		return p, err
	}
	if err := c.complete(ctx, &p); err != nil {
		return p, err
	}
	if isListed && p.Head == row.proposal.Head {
		c.opened.put(number, openFacts{row.version, row.settled(), p})
	}
	return p, nil
}
