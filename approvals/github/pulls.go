package github

import (
	"context"
	"slices"
	"strings"

	gogithub "github.com/google/go-github/v60/github"

	"banksman.dev/approvals"
)

// mostCommits is where GitHub's list of a pull request's commits ends, without
// saying so. Source: docs.github.com/rest/pulls/pulls#list-commits-on-a-pull-request.
const mostCommits = 250

// pull reads one pull request without its commits and reviews.
func (c *Client) pull(ctx context.Context, number int) (approvals.PullRequest, error) {
	answer, err := c.get(ctx, number)
	if err != nil {
		return approvals.PullRequest{}, err
	}
	p := pullRequest(answer)
	if p.Number != number || p.Head == "" || p.CommitCount == 0 {
		return p, problemf("what GitHub says of #%d is incomplete", number)
	}
	return p, nil
}

func (c *Client) get(ctx context.Context, number int) (*gogithub.PullRequest, error) {
	answer, _, err := c.rest.PullRequests.Get(ctx, c.owner, c.repo, number)
	if err != nil {
		return nil, bare(err)
	}
	return answer, nil
}

// complete adds the commits and the reviews.
func (c *Client) complete(ctx context.Context, p *approvals.PullRequest) error {
	if p.CommitCount > mostCommits {
		return problemf("#%d has more than %d commits, and GitHub lists no more; split it", p.Number, mostCommits)
	}
	commits, err := pages(func(o *gogithub.ListOptions) ([]*gogithub.RepositoryCommit, *gogithub.Response, error) {
		return c.rest.PullRequests.ListCommits(ctx, c.owner, c.repo, p.Number, o)
	})
	if err != nil {
		return err
	}
	for _, commit := range commits {
		p.Commits = append(p.Commits, approvals.PullCommit{
			SHA: approvals.SHA(commit.GetSHA()), Author: user(commit.Author), Committer: user(commit.Committer),
		})
	}
	if !slices.ContainsFunc(p.Commits, func(one approvals.PullCommit) bool { return one.SHA == p.Head }) {
		return problemf("the head of #%d is not among its commits: it changed while it was read", p.Number)
	}
	p.Reviews, err = c.reviews(ctx, p.Number)
	return err
}

func (c *Client) reviews(ctx context.Context, number int) ([]approvals.Review, error) {
	listed, err := pages(func(o *gogithub.ListOptions) ([]*gogithub.PullRequestReview, *gogithub.Response, error) {
		return c.rest.PullRequests.ListReviews(ctx, c.owner, c.repo, number, o)
	})
	if err != nil {
		return nil, err
	}
	var reviews []approvals.Review
	for _, r := range listed {
		reviews = append(reviews, approvals.Review{
			ID: r.GetID(), User: user(r.User), State: approvals.ReviewState(strings.ToUpper(r.GetState())),
			Commit: approvals.SHA(r.GetCommitID()), SubmittedAt: r.GetSubmittedAt().Time,
		})
	}
	return reviews, nil
}

func pullRequest(p *gogithub.PullRequest) approvals.PullRequest {
	is := approvals.PullRequest{
		Number: p.GetNumber(), URL: p.GetHTMLURL(), Title: p.GetTitle(),
		Open: p.GetState() == "open", Merged: p.MergedAt != nil, MergedAt: p.GetMergedAt().Time,
		Head: approvals.SHA(p.GetHead().GetSHA()),
		Base: p.GetBase().GetRef(), BaseRepository: p.GetBase().GetRepo().GetID(),
		Author: user(p.User), CommitCount: p.GetCommits(),
	}
	if is.Merged { // before, GitHub names a merge that it only tried
		is.MergeCommit = approvals.SHA(p.GetMergeCommitSHA())
	}
	return is
}

func user(u *gogithub.User) *approvals.User {
	if u == nil {
		return nil
	}
	return &approvals.User{ID: approvals.UserID(u.GetID()), Login: u.GetLogin(), Type: approvals.UserType(u.GetType())}
}
