package github

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	gogithub "github.com/google/go-github/v60/github"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
)

// Facts asks what GitHub knows of a commit of the branch. following are the
// branch's first-parent commits after it, oldest first; teams are those whose
// members the policy asks for (approvals.Policy.TeamNames). fresh asks without
// the cache, for the last look before something is done.
//
// An error is a request without a usable answer, an *Error unless the token or
// the context failed. What was answered and cannot be judged stands in
// Facts.Problem. After either the verdict is unknown.
func (c *Client) Facts(ctx context.Context, sha gitsrc.SHA, branch string, following []gitsrc.SHA, teams []string, fresh bool) (approvals.Facts, error) {
	f := approvals.Facts{Commit: approvals.SHA(sha), Branch: branch}
	for _, s := range following {
		f.Following = append(f.Following, approvals.SHA(s))
	}
	if _, err := gitsrc.ParseSHA(string(sha)); err != nil {
		return f, fmt.Errorf("ask GitHub: %w", err)
	}
	if fresh {
		ctx = uncached(ctx)
	}
	err := c.gather(ctx, &f, teams)
	var unusable *problem
	if errors.As(err, &unusable) {
		f.Problem, err = unusable.sentence, nil
	}
	return f, err
}

// mostMerged is far more than one commit can honestly have.
const mostMerged = 5

// problem is an answer that cannot be judged.
type problem struct{ sentence string }

func (p *problem) Error() string { return p.sentence }

func problemf(format string, args ...any) error { return &problem{fmt.Sprintf(format, args...)} }

func (c *Client) gather(ctx context.Context, f *approvals.Facts, teams []string) error {
	var err error
	if f.Repository, err = c.repositoryID(ctx); err != nil {
		return fmt.Errorf("find %s/%s: %w", c.owner, c.repo, err)
	}
	if f.Pulls, err = c.mergedAs(ctx, f); err != nil {
		return fmt.Errorf("find the pull request of %s: %w", f.Commit.Short(), err)
	}
	var brought []*approvals.PullRequest
	for i := range f.Pulls {
		if f.BroughtBy(f.Pulls[i]) {
			brought = append(brought, &f.Pulls[i])
		}
	}
	if len(brought) != 1 { // then no review decides
		return nil
	}
	p := brought[0]
	if err := c.complete(ctx, p); err != nil {
		return fmt.Errorf("read #%d: %w", p.Number, err)
	}
	if f.CanWrite, err = canWrite(ctx, slices.Concat(p.Askers(), p.Candidates()), c.permission); err != nil {
		return err
	}
	f.Members, err = members(ctx, teams, p.Candidates(), c.isMember)
	return err
}

// repositoryID is the repository's number, which outlives its name. It is asked
// once: a name that is given to another repository later must not be believed.
func (c *Client) repositoryID(ctx context.Context) (int64, error) {
	c.mu.Lock()
	id := c.repository
	c.mu.Unlock()
	if id != 0 {
		return id, nil
	}
	r, _, err := c.rest.Repositories.Get(ctx, c.owner, c.repo)
	if err != nil {
		return 0, bare(err)
	}
	if r.GetID() == 0 {
		return 0, &Error{Kind: Unreadable, Said: "the repository has no id"}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.repository = r.GetID()
	return c.repository, nil
}

// mergedAs reads the pull requests merged into the branch whose merge is the
// commit or one that follows it. GitHub's list has others too: open ones, and
// ones of other branches.
func (c *Client) mergedAs(ctx context.Context, f *approvals.Facts) ([]approvals.PullRequest, error) {
	listed, err := pages(func(o *gogithub.ListOptions) ([]*gogithub.PullRequest, *gogithub.Response, error) {
		return c.rest.PullRequests.ListPullRequestsWithCommit(ctx, c.owner, c.repo, string(f.Commit), o)
	})
	if err != nil {
		return nil, err
	}
	var merged []approvals.PullRequest
	for _, p := range listed {
		as := approvals.SHA(p.GetMergeCommitSHA())
		switch {
		case p.GetNumber() <= 0:
			return nil, &Error{Kind: Unreadable, Said: "a pull request has no number"}
		case p.MergedAt == nil || p.GetBase().GetRef() != f.Branch || p.GetBase().GetRepo().GetID() != f.Repository:
			continue
		case as != f.Commit && !slices.Contains(f.Following, as):
			continue
		case slices.ContainsFunc(merged, func(o approvals.PullRequest) bool { return o.Number == p.GetNumber() }):
			continue
		case len(merged) == mostMerged:
			return nil, problemf("%s belongs to more than %d merged pull requests", f.Commit.Short(), mostMerged)
		}
		one, err := c.pull(ctx, p.GetNumber())
		if err != nil {
			return nil, err
		}
		merged = append(merged, one)
	}
	return merged, nil
}

// pages reads a list to its end.
func pages[T any](page func(*gogithub.ListOptions) ([]T, *gogithub.Response, error)) ([]T, error) {
	const most = 50 // of 100 each
	var all []T
	o := &gogithub.ListOptions{PerPage: 100, Page: 1}
	for range most {
		some, resp, err := page(o)
		if err != nil {
			return nil, bare(err)
		}
		all = append(all, some...)
		// A full page that was the last one may be followed by another now: it
		// is unchanged itself, and comes from the cache as it was.
		if resp.NextPage <= o.Page && len(some) < o.PerPage {
			return all, nil
		}
		o.Page++
	}
	return nil, problemf("GitHub lists more than %d entries, which are not all read", most*o.PerPage)
}

// bare takes off what net/http and go-github wrap around an *Error: the whole
// address, which a message need not repeat.
func bare(err error) error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return fmt.Errorf("ask GitHub: %w", err)
}

// canWrite asks for each person's permission. A person whose permission is not
// known stays without an entry.
func canWrite(ctx context.Context, people []approvals.User, ask func(context.Context, approvals.User) (access, error)) (map[approvals.UserID]bool, error) {
	can := map[approvals.UserID]bool{}
	for _, u := range people {
		p, err := ask(ctx, u)
		if err != nil {
			return nil, err
		}
		if p.known {
			can[u.ID] = p.canWrite
		}
	}
	return can, nil
}

// members asks for each person whether they are in each team of the owner.
func members(ctx context.Context, teams []string, people []approvals.User, ask func(context.Context, string, approvals.User) (bool, error)) (map[string]map[approvals.UserID]bool, error) {
	if len(people) == 0 || len(teams) == 0 {
		return nil, nil
	}
	members := map[string]map[approvals.UserID]bool{}
	for _, team := range teams {
		if !slugForm.MatchString(team) {
			return nil, problemf("%q is not the name of a team", clip(team))
		}
		in := map[approvals.UserID]bool{}
		for _, u := range people {
			is, err := ask(ctx, team, u)
			if err != nil {
				return nil, err
			}
			in[u.ID] = is
		}
		members[strings.ToLower(team)] = in
	}
	return members, nil
}

// isMember: 404 means that the person is not in the team, or that the token may
// not see the team; only the team itself tells which.
func (c *Client) isMember(ctx context.Context, team string, u approvals.User) (bool, error) {
	membership, _, err := c.rest.Teams.GetTeamMembershipBySlug(ctx, c.owner, team, u.Login)
	if err == nil {
		return membership.GetState() == "active", nil
	}
	if err = bare(err); is(err, NotFound) {
		t, _, seen := c.rest.Teams.GetTeamBySlug(ctx, c.owner, team)
		if seen == nil && t.GetID() != 0 {
			return false, nil
		}
		if seen != nil {
			err = bare(seen)
		}
	}
	if is(err, NotFound) || is(err, Forbidden) {
		return false, problemf("team %s of %s cannot be read; check its name, and give the token the permission members:read", team, c.owner)
	}
	return false, fmt.Errorf("ask whether %s is in team %s: %w", u.Login, team, err)
}
