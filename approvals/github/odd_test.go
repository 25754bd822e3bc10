package github

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
)

const (
	landed gitsrc.SHA = "aaaaaaa111111111111111111111111111111111"
	head   gitsrc.SHA = "ddddddd444444444444444444444444444444444"
)

// server answers as recorded, and records what it was asked.
type server struct {
	*httptest.Server
	answers map[string]http.HandlerFunc // by method and path

	mu    sync.Mutex
	asked []*http.Request
}

// newServer is a world in which alice approved #12, which was merged as landed.
func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{answers: map[string]http.HandlerFunc{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r)
		answer := s.answers[r.Method+" "+r.URL.Path]
		s.mu.Unlock()
		if answer == nil {
			w.WriteHeader(http.StatusNotFound)
			_, _ = fmt.Fprint(w, `{"message":"Not Found"}`)
			return
		}
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	const paul, alice = `{"login":"paul","id":1,"type":"User"}`, `{"login":"alice","id":2,"type":"User"}`
	pull := fmt.Sprintf(`"number":12,"html_url":"https://forge/12","merged_at":"2026-01-02T03:04:05Z","merge_commit_sha":%q,"head":{"sha":%q},"base":{"ref":"main","repo":{"id":99}},"user":%s`, landed, head, paul)
	s.says("GET /repos/dora/jjh", `{"id":99,"full_name":"dora/jjh"}`)
	s.says("GET /repos/dora/jjh/commits/"+string(landed)+"/pulls", "[{"+pull+"}]")
	s.says("GET /repos/dora/jjh/pulls/12", "{"+pull+`,"merged":true,"commits":1}`)
	s.says("GET /repos/dora/jjh/pulls/12/commits", fmt.Sprintf(`[{"sha":%q,"author":%s,"committer":%s}]`, head, paul, paul))
	s.says("GET /repos/dora/jjh/pulls/12/reviews", fmt.Sprintf(`[{"id":7,"user":%s,"state":"APPROVED","commit_id":%q,"submitted_at":"2026-01-02T03:04:00Z"}]`, alice, head))
	s.says("GET /repos/dora/jjh/collaborators/alice/permission", `{"permission":"write","role_name":"maintain","user":`+alice+"}")
	return s
}

func (s *server) says(what, body string) { s.replies(what, http.StatusOK, nil, body) }

func (s *server) replies(what string, code int, header map[string]string, body string) {
	s.does(what, func(w http.ResponseWriter, _ *http.Request) {
		for k, v := range header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(code)
		_, _ = fmt.Fprint(w, body)
	})
}

func (s *server) does(what string, h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[what] = h
}

func (s *server) requests() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*http.Request(nil), s.asked...)
}

func (s *server) client(t *testing.T) *Client {
	t.Helper()
	c, err := New(Options{API: s.URL, Owner: "dora", Repo: "jjh", Token: func(context.Context) (string, error) { return "SECRET", nil }})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// judged is what Judge makes of the facts, or the error's sentence as unknown.
func judged(t *testing.T, c *Client, p approvals.Policy) approvals.Verdict {
	t.Helper()
	f, err := c.Facts(t.Context(), landed, "main", nil, p.TeamNames(), false)
	if err != nil {
		f.Problem = err.Error()
	}
	return approvals.Judge(f, p)
}

const approvedByAlice = "approved by alice in #12"

func TestARecordedApprovalApproves(t *testing.T) {
	if v := judged(t, newServer(t).client(t), approvals.Policy{}); v.State != approvals.Approved || v.Reason != approvedByAlice {
		t.Errorf("%s: %s", v.State, v.Reason)
	}
}

func TestAnOddAnswerNeverApproves(t *testing.T) {
	const (
		repo       = "GET /repos/dora/jjh"
		pulls      = "GET /repos/dora/jjh/commits/" + string(landed) + "/pulls"
		pull       = "GET /repos/dora/jjh/pulls/12"
		commits    = pull + "/commits"
		reviews    = pull + "/reviews"
		permission = "GET /repos/dora/jjh/collaborators/alice/permission"
		waits      = "waits for a review of #12 by someone other than its author with write permission"
	)
	for _, row := range []struct {
		name, what string
		code       int
		header     map[string]string
		body       string
		state      approvals.State
		reason     string
	}{
		{"an invalid token", repo, 401, nil, `{"message":"Bad credentials"}`, approvals.Unknown, "find dora/jjh: GitHub refuses the token (401): the token is not valid; give a new one"},
		{"a token that lacks a permission", reviews, 403, nil, `{"message":"Resource not accessible by personal access token"}`, approvals.Unknown, "read #12: GitHub refuses (403: Resource not accessible by personal access token); give the token the permission pull_requests:read"},
		{"a token that lacks a permission that GitHub names", permission, 403, map[string]string{"X-Accepted-GitHub-Permissions": "metadata=read"}, `{"message":"no"}`, approvals.Unknown, "ask whether alice has write permission: GitHub refuses (403: no); give the token the permission metadata:read"},
		{"a repository that is not there", repo, 404, nil, `{"message":"Not Found"}`, approvals.Unknown, "find dora/jjh: GitHub does not find it (404); check the name, and that the token may see it"},
		{"a repository that was renamed", repo, 301, map[string]string{"Location": "/repos/dora/new"}, `{"message":"Moved Permanently"}`, approvals.Unknown, "find dora/jjh: the repository moved to dora/new; change --repo"},
		{"a repository that moved to a number", repo, 301, map[string]string{"Location": "https://api.example.com/repositories/42"}, "", approvals.Unknown, "find dora/jjh: the repository moved to https://api.example.com/repositories/42; change --repo"},
		{"too many requests", pull, 429, nil, "", approvals.Unknown, "find the pull request of aaaaaaa: GitHub's rate limit is used up; nothing is asked until it resets"},
		{"a secondary limit", pull, 403, map[string]string{"Retry-After": "30"}, `{"message":"You have exceeded a secondary rate limit"}`, approvals.Unknown, "find the pull request of aaaaaaa: GitHub's rate limit is used up; nothing is asked until it resets"},
		{"a server that fails", reviews, 502, nil, "<html>", approvals.Unknown, "read #12: GitHub fails (502); it is asked again"},
		{"a commit that GitHub does not have", pulls, 422, nil, `{"message":"No commit found for SHA"}`, approvals.Unknown, "find the pull request of aaaaaaa: GitHub rejects the request (422: No commit found for SHA)"},
		{"an empty list of pull requests as no bytes at all", pulls, 200, nil, "", approvals.Unknown, "find the pull request of aaaaaaa: GitHub's answer cannot be used: it is empty"},
		{"empty reviews as no bytes at all", reviews, 200, nil, " \n", approvals.Unknown, "read #12: GitHub's answer cannot be used: it is empty"},
		{"a page of a proxy", pull, 200, nil, "<html>sign in</html>", approvals.Unknown, "find the pull request of aaaaaaa: GitHub's answer cannot be used: it is not JSON"},
		{"half of an answer", reviews, 200, nil, `[{"id":7,`, approvals.Unknown, "read #12: GitHub's answer cannot be used: it is not JSON"},
		{"a pull request that is an empty object", pull, 200, nil, "{}", approvals.Unknown, "what GitHub says of #12 is incomplete"},
		{"another pull request than was asked for", pull, 200, nil, fmt.Sprintf(`{"number":13,"head":{"sha":%q},"commits":1}`, head), approvals.Unknown, "what GitHub says of #12 is incomplete"},
		{"a repository without an id", repo, 200, nil, "{}", approvals.Unknown, "find dora/jjh: GitHub's answer cannot be used: the repository has no id"},
		{"no pull request", pulls, 200, nil, "[]", approvals.Blocked, "aaaaaaa was pushed to main without a pull request; revert it, or acknowledge it"},
		{"no commits", commits, 200, nil, "[]", approvals.Unknown, "the head of #12 is not among its commits: it changed while it was read"},
		{"a commit of nobody known", commits, 200, nil, fmt.Sprintf(`[{"sha":%q,"author":null,"committer":null}]`, head), approvals.Blocked, "no account is known for the author of ddddddd in #12, so a self-approval cannot be ruled out; revert it, or acknowledge it"},
		{"a review of an account that is gone", reviews, 200, nil, fmt.Sprintf(`[{"id":7,"user":null,"state":"APPROVED","commit_id":%q,"submitted_at":"2026-01-02T03:04:00Z"}]`, head), approvals.Waiting, waits},
		{"a review of a commit that is gone", reviews, 200, nil, `[{"id":7,"user":{"login":"alice","id":2,"type":"User"},"state":"APPROVED","commit_id":null,"submitted_at":"2026-01-02T03:04:00Z"}]`, approvals.Waiting, waits + "; alice approved another push"},
		{"a review without an id", reviews, 200, nil, fmt.Sprintf(`[{"user":{"login":"alice","id":2,"type":"User"},"state":"APPROVED","commit_id":%q,"submitted_at":"2026-01-02T03:04:00Z"}]`, head), approvals.Unknown, "what is known of #12 is incomplete: a review by alice has no number or no date"},
		{"a reviewer whose login is a path", reviews, 200, nil, fmt.Sprintf(`[{"id":7,"user":{"login":"../../x","id":2,"type":"User"},"state":"APPROVED","commit_id":%q,"submitted_at":"2026-01-02T03:04:00Z"}]`, head), approvals.Unknown, `"../../x", who reviewed, is not a login`},
		{"read permission only", permission, 200, nil, `{"permission":"read","user":{"login":"alice","id":2}}`, approvals.Waiting, waits + "; alice has no write permission"},
		{"an admin may write", permission, 200, nil, `{"permission":"admin","user":{"login":"alice","id":2}}`, approvals.Approved, approvedByAlice},
		{"the login belongs to another account now", permission, 200, nil, `{"permission":"admin","user":{"login":"alice","id":3}}`, approvals.Unknown, "cannot tell whether alice has write permission"},
		{"nobody has a permission", permission, 200, nil, `{"permission":"admin","user":null}`, approvals.Unknown, "cannot tell whether alice has write permission"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newServer(t)
			s.replies(row.what, row.code, row.header, row.body)
			if v := judged(t, s.client(t), approvals.Policy{}); v.State != row.state || v.Reason != row.reason {
				t.Errorf("got  %s: %s\nwant %s: %s", v.State, v.Reason, row.state, row.reason)
			}
		})
	}
}

func TestUnchangedAnswersComeFromTheCacheUnlessTheyMustBeFresh(t *testing.T) {
	s := newServer(t)
	review := func(state string) string {
		return fmt.Sprintf(`[{"id":7,"user":{"login":"alice","id":2,"type":"User"},"state":%q,"commit_id":%q,"submitted_at":"2026-01-02T03:04:00Z"}]`, state, head)
	}
	state, conditional := "APPROVED", 0
	s.does("GET /repos/dora/jjh/pulls/12/reviews", func(w http.ResponseWriter, r *http.Request) {
		etag := `"` + state + `"`
		w.Header().Set("ETag", etag)
		if r.Header.Get("If-None-Match") != "" {
			conditional++
		}
		if r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = fmt.Fprint(w, review(state))
	})
	c := s.client(t)
	for range 2 {
		if v := judged(t, c, approvals.Policy{}); v.State != approvals.Approved {
			t.Fatalf("%s: %s", v.State, v.Reason)
		}
	}
	if conditional != 1 {
		t.Errorf("%d conditional requests, want 1", conditional)
	}
	if _, err := c.Facts(t.Context(), landed, "main", nil, nil, true); err != nil || conditional != 1 {
		t.Errorf("a fresh look was conditional (%d), error %v", conditional, err)
	}
	state = "DISMISSED"
	if v := judged(t, c, approvals.Policy{}); v.State != approvals.Waiting {
		t.Errorf("after the dismissal %s: %s", v.State, v.Reason)
	}
}

func TestEveryPageOfReviewsCounts(t *testing.T) {
	s := newServer(t)
	var rows []map[string]any
	for i := range 230 {
		rows = append(rows, map[string]any{
			"id": 100 + i, "state": "COMMENTED", "commit_id": head, "submitted_at": "2026-01-02T03:04:01Z",
			"user": map[string]any{"login": "bob", "id": 3, "type": "User"},
		})
	}
	rows[0]["state"], rows[229]["state"] = "APPROVED", "CHANGES_REQUESTED"
	s.says("GET /repos/dora/jjh/collaborators/bob/permission", `{"permission":"write","user":{"login":"bob","id":3}}`)
	s.does("GET /repos/dora/jjh/pulls/12/reviews", func(w http.ResponseWriter, r *http.Request) {
		page := 1
		_, _ = fmt.Sscan(r.URL.Query().Get("page"), &page)
		if r.URL.Query().Get("per_page") != "100" {
			t.Errorf("asked for %s", r.URL.RawQuery)
		}
		from, to := (page-1)*100, min(page*100, len(rows))
		if to < len(rows) {
			w.Header().Set("Link", fmt.Sprintf(`<%s%s?per_page=100&page=%d>; rel="next"`, s.URL, r.URL.Path, page+1))
		}
		_ = json.NewEncoder(w).Encode(rows[from:to])
	})
	if v := judged(t, s.client(t), approvals.Policy{}); v.State != approvals.Blocked || v.Reason != "bob requested changes in #12" {
		t.Errorf("%s: %s", v.State, v.Reason)
	}
}

func TestAPullRequestLongerThanGitHubListsIsUnknown(t *testing.T) {
	s := newServer(t)
	s.says("GET /repos/dora/jjh/pulls/12", fmt.Sprintf(`{"number":12,"merged_at":"2026-01-02T03:04:05Z","merge_commit_sha":%q,"head":{"sha":%q},"base":{"ref":"main","repo":{"id":99}},"user":{"id":1,"login":"paul","type":"User"},"commits":251}`, landed, head))
	v := judged(t, s.client(t), approvals.Policy{})
	if want := "#12 has more than 250 commits, and GitHub lists no more; split it"; v.State != approvals.Unknown || v.Reason != want {
		t.Errorf("%s: %s", v.State, v.Reason)
	}
}

func TestTeamsAreAsked(t *testing.T) {
	const membership, team = "GET /orgs/dora/teams/owners/memberships/alice", "GET /orgs/dora/teams/owners"
	const unread = "team owners of dora cannot be read; check its name, and give the token the permission members:read"
	for _, row := range []struct {
		name             string
		membership, team string
		state            approvals.State
		reason           string
	}{
		{"an active member counts", `{"state":"active"}`, "", approvals.Approved, approvedByAlice},
		{"an invited one does not count", `{"state":"pending"}`, "", approvals.Waiting, "waits for a review of #12 by team owners"},
		{"somebody outside a team that can be read does not count", "", `{"id":5}`, approvals.Waiting, "waits for a review of #12 by team owners"},
		{"a team that cannot be seen is unknown", "", "", approvals.Unknown, unread},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newServer(t)
			if row.membership != "" {
				s.says(membership, row.membership)
			}
			if row.team != "" {
				s.says(team, row.team)
			}
			if v := judged(t, s.client(t), approvals.Policy{Teams: []string{"owners"}}); v.State != row.state || v.Reason != row.reason {
				t.Errorf("got  %s: %s\nwant %s: %s", v.State, v.Reason, row.state, row.reason)
			}
		})
	}
}

func TestAServerThatIsDownIsSaidWithoutPorts(t *testing.T) {
	s := newServer(t)
	c := s.client(t)
	s.Close()
	v := judged(t, c, approvals.Policy{})
	if want := "find dora/jjh: GitHub cannot be reached: connect: connection refused"; v.State != approvals.Unknown || v.Reason != want {
		t.Errorf("%s: %s", v.State, v.Reason)
	}
}

func TestAFullListOfStatusesIsNoError(t *testing.T) {
	s := newServer(t)
	s.replies("POST /repos/dora/jjh/statuses/"+string(landed), 422, nil, `{"message":"Validation Failed","errors":[{"message":"This SHA and context has reached the maximum number of statuses."}]}`)
	c := s.client(t)
	status := approvals.NewStatus("banksman/full", approvals.Success, "done", "")
	if err := c.SetStatus(t.Context(), landed, status); err != nil {
		t.Error(err)
	}
	if c.RefusedStatuses() != 1 {
		t.Errorf("%d refused, want 1", c.RefusedStatuses())
	}
	s.replies("POST /repos/dora/jjh/statuses/"+string(landed), 422, nil, `{"message":"Validation Failed"}`)
	if err := c.SetStatus(t.Context(), landed, status); !is(err, Rejected) {
		t.Errorf("another refusal: %v", err)
	}
	s.replies("POST /repos/dora/jjh/statuses/"+string(landed), 403, nil, `{"message":"Resource not accessible"}`)
	want := "set status banksman/full of aaaaaaa: GitHub refuses (403: Resource not accessible); give the token the permission statuses:write"
	if err := c.SetStatus(t.Context(), landed, status); err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}
