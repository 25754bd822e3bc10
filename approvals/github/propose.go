package github

import (
	"context"
	"fmt"

	gogithub "github.com/google/go-github/v60/github"
)

// A NewPull is a pull request to open, from one branch of the repository to
// another.
type NewPull struct{ Title, Body, Head, Base string }

// An OpenedPull is where it is.
type OpenedPull struct {
	Number int
	URL    string // of its page
}

// Propose opens a pull request. The token needs Pull requests: write.
func (c *Client) Propose(ctx context.Context, n NewPull) (OpenedPull, error) {
	p, _, err := c.rest.PullRequests.Create(ctx, c.owner, c.repo, &gogithub.NewPullRequest{
		Title: &n.Title, Body: &n.Body, Head: &n.Head, Base: &n.Base,
	})
	if err != nil {
		return OpenedPull{}, fmt.Errorf("open a pull request of %s: %w", n.Head, bare(err))
	}
	return OpenedPull{Number: p.GetNumber(), URL: p.GetHTMLURL()}, nil
}

// Proposed is the open pull request of a branch of the repository into another
// one; ok is false where there is none. GitHub allows no second one.
func (c *Client) Proposed(ctx context.Context, head, base string) (pull OpenedPull, ok bool, err error) {
	open, _, err := c.rest.PullRequests.List(ctx, c.owner, c.repo, &gogithub.PullRequestListOptions{
		State: "open", Head: c.owner + ":" + head, Base: base,
	})
	if err != nil {
		return OpenedPull{}, false, fmt.Errorf("look for a pull request of %s: %w", head, bare(err))
	}
	if len(open) == 0 {
		return OpenedPull{}, false, nil
	}
	return OpenedPull{Number: open[0].GetNumber(), URL: open[0].GetHTMLURL()}, true, nil
}
