package github

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	gogithub "github.com/google/go-github/v60/github"

	"banksman.dev/approvals"
)

// listed is a row of GitHub's list of open pull requests.
type listed struct {
	proposal approvals.Proposal // what the row itself says
	version  version
	seen     time.Time // when GitHub said so, by its clock
}

// version changes whenever something about a pull request does that the list
// does not show.
type version struct {
	updated  int64 // in nanoseconds since 1970
	head     approvals.SHA
	labelled bool
}

// settling is how long what GitHub says may change without another updated_at:
// that one is in seconds, and lists may lag behind what is done.
const settling = 30 * time.Second

// settled says whether what was read after the row is all that belongs to its
// version.
func (r listed) settled() bool {
	return !r.proposal.UpdatedAt.IsZero() && r.seen.Sub(r.proposal.UpdatedAt) >= settling
}

// listPage is a page of the list as it was read.
type listPage struct {
	etag  string
	since time.Time // when it was last sent as a whole, by the own clock
	next  int
	rows  []listed
}

const (
	mostPages  = 50 // of 100 pull requests each
	mostPasses = 4
	// An ETag may be of the rows alone and not tell that a page follows by now.
	wholeAfter = time.Hour
)

// listOpen reads the list of open pull requests into the branch. A list of
// several pages is read until two passes in a row have the same ones in the same
// places: in between two pages, a pull request that is closed moves the others
// up, and one of them out of sight.
func (c *Client) listOpen(ctx context.Context, branch string, fresh bool) ([]listed, error) {
	before, _ := c.pages.get(branch)
	for pass := range mostPasses {
		now, err := c.listPass(ctx, branch, before, fresh && pass == 0)
		if err != nil {
			return nil, err
		}
		if len(now) == 1 || samePlaces(before, now) {
			c.pages.put(branch, now)
			return inOrder(now), nil
		}
		before = now
	}
	return nil, &Error{Kind: Unreadable, Said: "the list of open pull requests changes while it is read"}
}

func (c *Client) listPass(ctx context.Context, branch string, before []listPage, whole bool) ([]listPage, error) {
	var read []listPage
	for number := 1; number <= mostPages; number++ {
		var known listPage
		if number <= len(before) {
			known = before[number-1]
		}
		page, err := c.listPage(ctx, branch, number, known, whole)
		if err != nil {
			return nil, err
		}
		read = append(read, page)
		if page.next <= number {
			return read, nil
		}
	}
	return nil, problemf("more than %d pull requests are open, which are not all read", mostPages*100)
}

// listPage asks for the pull requests created last first, so that a new one
// changes every page.
func (c *Client) listPage(ctx context.Context, branch string, number int, known listPage, whole bool) (listPage, error) {
	etag := known.etag
	if whole || c.now().Sub(known.since) >= wholeAfter {
		etag = ""
	}
	pulls, resp, err := c.rest.PullRequests.List(ifChanged(ctx, etag), c.owner, c.repo, &gogithub.PullRequestListOptions{
		State: "open", Base: branch, Sort: "created", Direction: "desc",
		ListOptions: gogithub.ListOptions{Page: number, PerPage: 100},
	})
	if err != nil {
		return listPage{}, bare(err)
	}
	seen, _ := http.ParseTime(resp.Header.Get("Date")) // without one nothing is settled
	if resp.StatusCode == http.StatusNoContent {
		if resp.NextPage != 0 {
			known.next = resp.NextPage
		}
		known.rows = slices.Clone(known.rows)
		for i := range known.rows {
			known.rows[i].seen = seen
		}
		return known, nil
	}
	page := listPage{etag: resp.Header.Get("Etag"), since: c.now(), next: resp.NextPage}
	for _, p := range pulls {
		if p.GetNumber() <= 0 {
			return page, &Error{Kind: Unreadable, Said: "a pull request has no number"}
		}
		page.rows = append(page.rows, row(p, seen))
	}
	return page, nil
}

func row(p *gogithub.PullRequest, seen time.Time) listed {
	labelled := slices.ContainsFunc(p.Labels, func(l *gogithub.Label) bool { return approvals.IsCanaryLabel(l.GetName()) })
	r := listed{seen: seen, proposal: approvals.Proposal{
		Number: p.GetNumber(), URL: p.GetHTMLURL(), Title: p.GetTitle(),
		Head: approvals.SHA(p.GetHead().GetSHA()), HeadBranch: p.GetHead().GetRef(),
		HeadRepository: p.GetHead().GetRepo().GetID(), BaseRepository: p.GetBase().GetRepo().GetID(), Base: p.GetBase().GetRef(),
		Draft: p.GetDraft(), Closed: p.GetState() != "open", Author: user(p.User),
		CreatedAt: p.GetCreatedAt().Time, UpdatedAt: p.GetUpdatedAt().Time,
	}}
	if labelled {
		r.proposal.Labelled = &approvals.Labelled{}
	}
	r.version = version{r.proposal.UpdatedAt.UnixNano(), r.proposal.Head, labelled}
	return r
}

func samePlaces(a, b []listPage) bool {
	return slices.EqualFunc(a, b, func(a, b listPage) bool {
		return slices.EqualFunc(a.rows, b.rows, func(a, b listed) bool { return a.proposal.Number == b.proposal.Number })
	})
}

// inOrder is each pull request once, in the order in which they were opened.
func inOrder(pages []listPage) []listed {
	var rows []listed
	for _, p := range pages {
		rows = append(rows, p.rows...)
	}
	slices.SortFunc(rows, func(a, b listed) int {
		return cmp.Or(a.proposal.CreatedAt.Compare(b.proposal.CreatedAt), cmp.Compare(a.proposal.Number, b.proposal.Number))
	})
	return slices.CompactFunc(rows, func(a, b listed) bool { return a.proposal.Number == b.proposal.Number })
}
