package github

import (
	"context"
	"errors"
	"fmt"

	"banksman.dev/approvals"
)

// mostReads is how many pull requests and accounts one look reads beside the
// list. The others say that they are not read yet, and are at a later look: the
// oldest come first. A pull request is one to three requests.
const mostReads = 100

// OpenPulls are the open pull requests into the branch, in the order in which
// they were opened. Eligible judges them.
//
// While nothing changes it costs one conditional request for each hundred of
// them and nothing else. What the list does not show is read only when the list
// shows a change, permissions again after some minutes; of a draft and of a
// fork's pull request nothing is read. fresh believes nothing that is remembered
// and reads everything at once; OpenPull does that for one.
//
// An error is a list that cannot be used. What cannot be read of one pull
// request stands in its Problem.
func (c *Client) OpenPulls(ctx context.Context, branch string, fresh bool) ([]approvals.Proposal, error) {
	if branch == "" {
		return nil, errors.New("list open pull requests: no branch is named")
	}
	l := &look{left: mostReads}
	if fresh {
		ctx, l = uncached(ctx), unlimited(true)
	}
	repository, err := c.repositoryID(ctx)
	if err != nil {
		return nil, fmt.Errorf("find %s/%s: %w", c.owner, c.repo, err)
	}
	rows, err := c.listOpen(ctx, branch, fresh)
	if err != nil {
		return nil, fmt.Errorf("list the open pull requests into %s: %w", branch, err)
	}
	c.remember(branch, rows)
	proposals := make([]approvals.Proposal, 0, len(rows))
	for _, r := range rows {
		p, err := c.proposal(ctx, repository, r, l, c.reading)
		if err != nil {
			return nil, err
		}
		proposals = append(proposals, p)
	}
	return proposals, nil
}

// OpenPull is one pull request, read as it is now, whatever the list showed;
// fresh asks without the cache, for the last look before something is done. One
// that is not open any more is Closed.
func (c *Client) OpenPull(ctx context.Context, number int, fresh bool) (approvals.Proposal, error) {
	l := unlimited(fresh)
	if fresh {
		ctx = uncached(ctx)
	}
	repository, err := c.repositoryID(ctx)
	if err != nil {
		return approvals.Proposal{}, fmt.Errorf("find %s/%s: %w", c.owner, c.repo, err)
	}
	answer, err := c.get(ctx, number)
	if err != nil {
		return approvals.Proposal{}, fmt.Errorf("read #%d: %w", number, err)
	}
	if answer.GetNumber() != number {
		return approvals.Proposal{}, fmt.Errorf("read #%d: %w", number, &Error{Kind: Unreadable, Said: "it is about another pull request"})
	}
	return c.proposal(ctx, repository, row(answer, c.now()), l, func(ctx context.Context, r listed, _ *look) (reading, error) {
		return c.read(ctx, r.proposal)
	})
}

// proposal adds to a row what it does not say itself.
func (c *Client) proposal(ctx context.Context, repository int64, r listed, l *look, read func(context.Context, listed, *look) (reading, error)) (approvals.Proposal, error) {
	p := r.proposal
	if p.BaseRepository != repository {
		p.Problem = fmt.Sprintf("#%d is of another repository than %s/%s", p.Number, c.owner, c.repo)
		return p, nil
	}
	if p.Closed || p.Draft || p.HeadRepository != repository || p.Author == nil {
		return p, nil // never eligible
	}
	if p.Labelled != nil {
		p.Labelled = &approvals.Labelled{}
	}
	err := c.fill(ctx, &p, r, l, read)
	if err != nil && ofOne(err) {
		p.Problem, err = err.Error(), nil
	}
	if err != nil {
		return p, fmt.Errorf("read #%d: %w", p.Number, err)
	}
	return p, nil
}

func (c *Client) fill(ctx context.Context, p *approvals.Proposal, r listed, l *look, read func(context.Context, listed, *look) (reading, error)) error {
	is, err := read(ctx, r, l)
	if err != nil {
		return err
	}
	if is.problem != "" {
		return problemf("%s", is.problem)
	}
	if p.AuthorCanWrite, err = c.canPropose(ctx, *p.Author, l); err != nil {
		return err
	}
	for _, u := range is.askers {
		can, err := c.canPropose(ctx, u, l)
		if err != nil {
			return err
		}
		if can {
			p.ChangesRequestedBy = append(p.ChangesRequestedBy, u.Login)
		}
	}
	if p.Labelled == nil || is.labelled == nil {
		p.Labelled = nil
		return nil
	}
	label := *is.labelled
	p.PushedAt = is.pushedAt
	if p.PushedAt.IsZero() {
		p.PushedAt = c.seenBefore(*p, label.At)
	}
	if label.By.ID != 0 {
		label.ByCanWrite, err = c.canPropose(ctx, label.By, l)
	}
	p.Labelled = &label
	return err
}

// remember keeps which pull requests there are, and forgets what is gone.
func (c *Client) remember(branch string, rows []listed) {
	for _, r := range rows {
		if before, ok := c.heads.get(r.proposal.Number); !ok || before.value != r.proposal.Head {
			c.heads.put(r.proposal.Number, dated[approvals.SHA]{r.proposal.Head, r.seen})
		}
		c.listed.put(r.proposal.Number, r)
	}
	there, gone := map[int]bool{}, map[int]bool{}
	for _, r := range rows {
		there[r.proposal.Number] = true
	}
	c.listed.drop(func(number int, r listed) bool {
		gone[number] = r.proposal.Base == branch && !there[number]
		return gone[number]
	})
	c.heads.drop(func(number int, _ dated[approvals.SHA]) bool { return gone[number] })
	c.readings.drop(func(number int, _ reading) bool { return gone[number] })
	c.opened.drop(func(number int, _ openFacts) bool { return gone[number] })
}

// ofOne says whether an error is about one pull request, so that the others can
// still be read.
func ofOne(err error) bool {
	var unusable *problem
	var e *Error
	switch {
	case errors.As(err, &unusable):
		return true
	case !errors.As(err, &e):
		return false
	}
	switch e.Kind {
	case Forbidden, NotFound, Rejected, ServerFailed, Unreadable:
		return true
	case Unreachable, Unauthorized, RateLimited, Moved:
		return false
	}
	return false
}
