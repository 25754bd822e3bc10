// Package github asks GitHub, or a GitHub Enterprise server, for the facts that
// package approvals judges, and writes commit statuses.
//
// The one entry point is New; Client.Facts, OpenPulls, PullFacts and MergeGroups
// read, Client.SetStatus writes. The package judges nothing: what it cannot read
// becomes an error or a Problem, and both mean that the verdict is unknown.
//
// go-github does the addresses and the JSON. Everything about the connection is
// the package's own, in one http.RoundTripper below it: no redirect is followed,
// the token goes to the configured host only, answers are capped and must not be
// empty, unchanged answers come from a cache by ETag, and after a rate limit
// nothing is sent before its time has passed.
package github

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	gogithub "github.com/google/go-github/v60/github"

	"banksman.dev/approvals"
)

// DefaultAPI is github.com's address for programs.
const DefaultAPI = "https://api.github.com/"

// Options say which repository is asked about, and as whom.
type Options struct {
	API         string                                // "" is DefaultAPI; GitHub Enterprise: https://HOST/api/v3/
	Owner, Repo string                                // as in owner/repo
	Token       func(context.Context) (string, error) // asked before every request; nil: anonymous
	Transport   http.RoundTripper                     // nil: direct connections with timeouts
	// Wrap is around Transport, and sees each request that is sent; nil: nothing is.
	Wrap      func(http.RoundTripper) http.RoundTripper
	UserAgent string // "" is "banksman"
}

// Client asks about one repository. It is safe for concurrent use.
type Client struct {
	owner, repo string
	wire        *wire
	rest        *gogithub.Client // on top of wire
	now         func() time.Time

	mu         sync.Mutex
	repository int64 // 0: not asked yet

	// What is remembered of earlier looks; see OpenPulls.
	pages       known[string, []listPage]        // by branch
	listed      known[int, listed]               // by number, as those that follow
	heads       known[int, dated[approvals.SHA]] // since when, by GitHub's clock
	readings    known[int, reading]
	opened      known[int, openFacts]
	permissions known[approvals.User, dated[access]]
	teams       known[membershipOf, dated[bool]]

	refusedStatuses atomic.Int64
}

var (
	ownerForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$`)
	repoForm  = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
	loginForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$`)
	slugForm  = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$`)
)

const requestTimeout = time.Minute

// New checks the options. It sends nothing.
func New(o Options) (*Client, error) {
	if !ownerForm.MatchString(o.Owner) || !repoForm.MatchString(o.Repo) || strings.Trim(o.Repo, ".") == "" {
		return nil, fmt.Errorf("%q is not a repository; write it as owner/name", clip(o.Owner+"/"+o.Repo))
	}
	base, err := parseAPI(o.API)
	if err != nil {
		return nil, err
	}
	w := &wire{base: base, token: o.Token, next: o.Transport, cache: newCache(), limit: &limit{now: time.Now}, pace: newPace(base)}
	if w.next == nil {
		w.next = directTransport()
	}
	if o.Wrap != nil {
		w.next = o.Wrap(w.next)
	}
	rest := gogithub.NewClient(&http.Client{
		Transport: w,
		Timeout:   requestTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("redirects are not followed")
		},
	})
	rest.BaseURL = base
	rest.UserAgent = "banksman"
	if o.UserAgent != "" {
		rest.UserAgent = o.UserAgent
	}
	return &Client{owner: o.Owner, repo: o.Repo, wire: w, rest: rest, now: time.Now}, nil
}

// parseAPI wants TLS wherever the token leaves the machine.
func parseAPI(api string) (*url.URL, error) {
	if api == "" {
		api = DefaultAPI
	}
	base, err := url.Parse(api)
	if err != nil || base.Host == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, fmt.Errorf("%q is not the address of an API; write https://HOST/api/v3/", clip(api))
	}
	if base.Scheme != "https" && (base.Scheme != "http" || !isLoopback(base.Hostname())) {
		return nil, fmt.Errorf("the API address %s would send the token unencrypted; use https", base.Redacted())
	}
	if !strings.HasSuffix(base.Path, "/") {
		base.Path += "/"
	}
	return base, nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func directTransport() http.RoundTripper {
	const (
		connect = 10 * time.Second
		answer  = 30 * time.Second
		idle    = 90 * time.Second
	)
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: connect}).DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   8,
		IdleConnTimeout:       idle,
		TLSHandshakeTimeout:   connect,
		ResponseHeaderTimeout: answer,
	}
}

// clip keeps hostile or mistaken input from flooding a message.
func clip(s string) string {
	const longest = 200
	if r := []rune(s); len(r) > longest {
		return string(r[:longest]) + "…"
	}
	return s
}
