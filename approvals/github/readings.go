package github

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	gogithub "github.com/google/go-github/v60/github"

	"banksman.dev/approvals"
)

// reading is what the list of open pull requests does not say of one of them.
type reading struct {
	version  version
	settled  bool
	askers   []approvals.User    // who requests changes
	labelled *approvals.Labelled // nil: the label is not on it
	pushedAt time.Time           // of the head; only if labelled; zero: unknown
	problem  string              // why it cannot be judged; "" when it can
}

// reading is what is known of this version of the pull request, or read now.
func (c *Client) reading(ctx context.Context, r listed, l *look) (reading, error) {
	number := r.proposal.Number
	before, ok := c.readings.get(number)
	if ok && !l.fresh && before.settled && before.version == r.version {
		return before, nil
	}
	if !l.take() {
		return reading{}, problemf("#%d is not read yet; it is at the next look", number)
	}
	now, err := c.read(ctx, r.proposal)
	var unusable *problem
	if errors.As(err, &unusable) { // so will it be until something changes
		now, err = reading{problem: unusable.sentence}, nil
	}
	if err != nil {
		return reading{}, err
	}
	now.version, now.settled = r.version, r.settled()
	c.readings.put(number, now)
	return now, nil
}

func (c *Client) read(ctx context.Context, p approvals.Proposal) (reading, error) {
	var is reading
	reviews, err := c.reviews(ctx, p.Number)
	if err != nil {
		return is, fmt.Errorf("read the reviews of #%d: %w", p.Number, err)
	}
	for _, r := range reviews {
		if what := r.Missing(); what != "" {
			return is, problemf("what is known of #%d is incomplete: %s", p.Number, what)
		}
	}
	is.askers = approvals.PullRequest{Reviews: reviews}.Askers()
	if p.Labelled == nil {
		return is, nil
	}
	if is.labelled, err = c.labelled(ctx, p.Number); err != nil {
		return is, fmt.Errorf("read who labelled #%d: %w", p.Number, err)
	}
	if is.labelled == nil {
		return is, nil
	}
	is.pushedAt, err = c.pushedAt(ctx, p)
	if err != nil {
		return is, fmt.Errorf("read when #%d was pushed: %w", p.Number, err)
	}
	return is, nil
}

// labelled reads who put the canary label on last, nil when it was taken off
// since the list was read. go-github's own call fails on the whole timeline when
// it cannot decode one event; only what is needed is decoded here.
// Source: docs.github.com/rest/issues/timeline.
func (c *Client) labelled(ctx context.Context, number int) (*approvals.Labelled, error) {
	type event struct {
		Event     string             `json:"event"`
		Actor     *gogithub.User     `json:"actor"`
		CreatedAt gogithub.Timestamp `json:"created_at"`
		Label     struct {
			Name string `json:"name"`
		} `json:"label"`
	}
	events, err := pages(func(o *gogithub.ListOptions) ([]event, *gogithub.Response, error) {
		return ask[event](ctx, c, fmt.Sprintf("repos/%s/%s/issues/%d/timeline?per_page=%d&page=%d", c.owner, c.repo, number, o.PerPage, o.Page))
	})
	if err != nil {
		return nil, err
	}
	last := &approvals.Labelled{} // on it, by nobody known
	for _, e := range events {
		switch {
		case !approvals.IsCanaryLabel(e.Label.Name):
		case e.Event == "unlabeled":
			last = nil
		case e.Event == "labeled":
			last = &approvals.Labelled{At: e.CreatedAt.Time}
			if by := user(e.Actor); by != nil {
				last.By = *by
			}
		}
	}
	return last, nil
}

// pushedAt reads when GitHub saw the head of a branch of this repository: its
// newest entry in the repository's activity, whatever moved it there. Neither a
// commit's dates nor its place in the timeline are GitHub's. Zero when the entry
// is not there or the server has no such list, as
// older ones of GitHub Enterprise.
// Source: docs.github.com/rest/repos/repos#list-repository-activities.
func (c *Client) pushedAt(ctx context.Context, p approvals.Proposal) (time.Time, error) {
	type movement struct {
		Ref       string             `json:"ref"`
		After     string             `json:"after"`
		Timestamp gogithub.Timestamp `json:"timestamp"`
	}
	ref := "refs/heads/" + p.HeadBranch
	newest, _, err := ask[movement](ctx, c, fmt.Sprintf("repos/%s/%s/activity?direction=desc&per_page=1&ref=%s", c.owner, c.repo, url.QueryEscape(ref)))
	if err = bareOrNil(err); is(err, NotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	if len(newest) == 0 || newest[0].Ref != ref || !strings.EqualFold(newest[0].After, string(p.Head)) {
		return time.Time{}, nil
	}
	return newest[0].Timestamp.Time, nil
}

// seenBefore is a time before which the head was pushed, if it was seen well
// before the given time; else zero. It serves where GitHub does not say.
func (c *Client) seenBefore(p approvals.Proposal, t time.Time) time.Time {
	seen, ok := c.heads.get(p.Number)
	if !ok || seen.value != p.Head || seen.at.IsZero() {
		return time.Time{}
	}
	if by := seen.at.Add(settling); by.Before(t) {
		return by
	}
	return time.Time{}
}

// ask reads a list that go-github has no call for.
func ask[T any](ctx context.Context, c *Client, address string) ([]T, *gogithub.Response, error) {
	req, err := c.rest.NewRequest("GET", address, nil)
	if err != nil {
		return nil, nil, err
	}
	var rows []T
	resp, err := c.rest.Do(ctx, req, &rows)
	return rows, resp, err
}

func bareOrNil(err error) error {
	if err == nil {
		return nil
	}
	return bare(err)
}
