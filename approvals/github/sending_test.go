package github

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
)

func TestARedirectTakesTheTokenNowhere(t *testing.T) {
	var leaked sync.Map
	evil := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { leaked.Store(r.URL.Path, r.Header) }))
	defer evil.Close()
	s := newServer(t)
	for _, code := range []int{301, 302, 303, 307, 308} {
		s.replies("GET /repos/dora/jjh", code, map[string]string{"Location": evil.URL + "/repos/dora/jjh"}, "{}")
		_, err := s.client(t).Facts(t.Context(), landed, "main", nil, nil, false)
		var e *Error
		if !errors.As(err, &e) || e.Kind != Moved {
			t.Errorf("%d: %v", code, err)
		}
	}
	leaked.Range(func(path, header any) bool {
		t.Errorf("the other host was asked for %v with %v", path, header)
		return true
	})
	for _, r := range s.requests() {
		if got := r.Header.Get("Authorization"); got != "Bearer SECRET" {
			t.Errorf("the API was asked with %q", got)
		}
	}
}

func TestOtherHostsAreNeverAsked(t *testing.T) {
	s := newServer(t)
	other := newServer(t)
	for _, address := range []string{other.URL + "/repos/dora/jjh", "https" + strings.TrimPrefix(s.URL, "http") + "/repos/dora/jjh"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := s.client(t).wire.RoundTrip(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		if err == nil || !strings.HasPrefix(err.Error(), "no request is sent to ") {
			t.Errorf("%s: %v", address, err)
		}
	}
	if len(s.requests())+len(other.requests()) != 0 {
		t.Error("a request was sent")
	}
}

func TestOptionsThatCannotWorkAreRefused(t *testing.T) {
	for _, row := range []struct {
		name string
		o    Options
		want string
	}{
		{"a path as a repository", Options{Owner: "dora", Repo: "../../repos/x"}, "not a repository"},
		{"dots as a repository", Options{Owner: "dora", Repo: ".."}, "not a repository"},
		{"no owner", Options{Repo: "jjh"}, "not a repository"},
		{"a query as an owner", Options{Owner: "dora?x", Repo: "jjh"}, "not a repository"},
		{"a token in clear text", Options{Owner: "dora", Repo: "jjh", API: "http://github.example.com/"}, "use https"},
		{"a password in the address", Options{Owner: "dora", Repo: "jjh", API: "https://me:pw@github.example.com/"}, "not the address"},
		{"no address", Options{Owner: "dora", Repo: "jjh", API: "github"}, "not the address"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if _, err := New(row.o); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want … %s …", err, row.want)
			}
		})
	}
}

func TestACommitThatIsNoNameIsNotAskedFor(t *testing.T) {
	s := newServer(t)
	c := s.client(t)
	const bad = gitsrc.SHA("../../../user")
	if _, err := c.Facts(t.Context(), bad, "main", nil, nil, false); err == nil {
		t.Error("facts were asked for")
	}
	if _, err := c.Statuses(t.Context(), bad); err == nil {
		t.Error("statuses were asked for")
	}
	if err := c.SetStatus(t.Context(), bad, approvals.Status{}); err == nil {
		t.Error("a status was set")
	}
	if len(s.requests()) != 0 {
		t.Error("a request was sent")
	}
}

func TestWithoutATokenNothingIsSent(t *testing.T) {
	s := newServer(t)
	for name, token := range map[string]func(context.Context) (string, error){
		"an empty token":  func(context.Context) (string, error) { return "", nil },
		"a failing token": func(context.Context) (string, error) { return "", errors.New("no such file") },
	} {
		c, err := New(Options{API: s.URL, Owner: "dora", Repo: "jjh", Token: token})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Facts(t.Context(), landed, "main", nil, nil, false); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if len(s.requests()) != 0 {
		t.Error("a request was sent")
	}
}
