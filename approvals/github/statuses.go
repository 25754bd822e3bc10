package github

import (
	"context"
	"errors"
	"fmt"
	"strings"

	gogithub "github.com/google/go-github/v60/github"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
)

// ErrStatusLimit is GitHub's refusal of a status after 1,000 of the same commit
// and context.
var ErrStatusLimit = errors.New("the commit takes no further status of this context")

// SetStatus puts a status on a commit. That a commit takes no further ones is
// not an error: nothing can be done about it, and nothing depends on it.
//
// It never waits. After 80 within a minute or 500 within an hour an *Error of the
// kind RateLimited comes back at once, without a request, and reading goes on
// (Error.Paced). When GitHub itself refused one because of a limit, every
// request of the Client, reading ones too, comes back like that until the time
// that GitHub named has passed: a minute unless it said another, at most an hour.
func (c *Client) SetStatus(ctx context.Context, sha gitsrc.SHA, s approvals.Status) error {
	err := c.setStatus(ctx, sha, s)
	if errors.Is(err, ErrStatusLimit) {
		c.refusedStatuses.Add(1)
		return nil
	}
	return err
}

// RefusedStatuses is how many statuses ErrStatusLimit swallowed.
func (c *Client) RefusedStatuses() int64 { return c.refusedStatuses.Load() }

func (c *Client) setStatus(ctx context.Context, sha gitsrc.SHA, s approvals.Status) error {
	if _, err := gitsrc.ParseSHA(string(sha)); err != nil {
		return fmt.Errorf("set a status: %w", err)
	}
	status := &gogithub.RepoStatus{State: gogithub.String(string(s.State)), Context: gogithub.String(s.Context)}
	if s.Description != "" {
		status.Description = gogithub.String(s.Description)
	}
	if s.TargetURL != "" {
		status.TargetURL = gogithub.String(s.TargetURL)
	}
	_, _, err := c.rest.Repositories.CreateStatus(ctx, c.owner, c.repo, string(sha), status)
	if err == nil {
		return nil
	}
	err = bare(err)
	var e *Error
	if errors.As(err, &e) && e.Kind == Rejected && strings.Contains(e.Said, "maximum number of statuses") {
		err = fmt.Errorf("%w: %w", ErrStatusLimit, err)
	}
	return fmt.Errorf("set status %s of %s: %w", s.Context, sha.Short(), err)
}

// Statuses are what stands on a commit: the latest status of each context. They
// are for not saying the same twice, never for deciding: everybody who can push
// can forge one.
func (c *Client) Statuses(ctx context.Context, sha gitsrc.SHA) ([]approvals.Status, error) {
	if _, err := gitsrc.ParseSHA(string(sha)); err != nil {
		return nil, fmt.Errorf("read statuses: %w", err)
	}
	rows, err := pages(func(o *gogithub.ListOptions) ([]*gogithub.RepoStatus, *gogithub.Response, error) {
		combined, resp, err := c.rest.Repositories.GetCombinedStatus(ctx, c.owner, c.repo, string(sha), o)
		if err == nil && combined.GetSHA() != string(sha) {
			err = &Error{Kind: Unreadable, Said: "it is about another commit"}
		}
		if err != nil {
			return nil, resp, err
		}
		return combined.Statuses, resp, nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the statuses of %s: %w", sha.Short(), err)
	}
	statuses := make([]approvals.Status, 0, len(rows))
	for _, r := range rows {
		statuses = append(statuses, approvals.Status{
			Context: r.GetContext(), State: approvals.StatusState(r.GetState()),
			Description: r.GetDescription(), TargetURL: r.GetTargetURL(),
		})
	}
	return statuses, nil
}
