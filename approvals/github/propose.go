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
