package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Kind is what is wrong with an answer.
type Kind int

// The kinds of errors.
const (
	Unreadable   Kind = iota // the answer makes no sense: empty, too long, not JSON
	Unreachable              // no answer
	Unauthorized             // 401
	Forbidden                // 403: the token lacks a permission
	RateLimited              // 429, or 403 because of a limit, or not sent because of one; Wait says how long
	NotFound                 // 404: not there, or hidden from the token
	Moved                    // 3xx: the repository has another name now
	Rejected                 // another 4xx
	ServerFailed             // 5xx
)

// Error is a request that brought no usable answer. Its message is the same for
// the same cause.
type Error struct {
	Kind   Kind
	Status int           // 0 without an answer
	Said   string        // GitHub's own message, or where the repository moved to
	Needs  string        // Forbidden: the permission to give the token
	Wait   time.Duration // RateLimited: nothing is sent before it has passed
	Paced  bool          // RateLimited: it concerns writes alone, and was not sent at all
	Err    error         // the cause below, if any
}

func (e *Error) Unwrap() error { return e.Err }

// Error says what happened and what to try.
func (e *Error) Error() string {
	switch e.Kind {
	case Unreachable:
		return "GitHub cannot be reached: " + e.Said
	case Unauthorized:
		return "GitHub refuses the token (401): the token is not valid; give a new one"
	case Forbidden:
		return fmt.Sprintf("GitHub refuses (403: %s); give the token the permission %s", e.Said, e.Needs)
	case RateLimited:
		if e.Paced {
			return fmt.Sprintf("%d statuses were posted within a minute or %d within an hour, and GitHub may refuse more; the others are posted later", mostAMinute, mostAnHour)
		}
		return "GitHub's rate limit is used up; nothing is asked until it resets"
	case NotFound:
		return "GitHub does not find it (404); check the name, and that the token may see it"
	case Moved:
		return "the repository moved to " + e.Said + "; change --repo"
	case Rejected:
		return fmt.Sprintf("GitHub rejects the request (%d: %s)", e.Status, e.Said)
	case ServerFailed:
		return fmt.Sprintf("GitHub fails (%d); it is asked again", e.Status)
	case Unreadable:
		return "GitHub's answer cannot be used: " + e.Said
	}
	return e.Said
}

// is says whether err is an answer of that kind.
func is(err error, k Kind) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == k
}

// classify makes an error of an answer that is no success.
func classify(req *http.Request, resp *http.Response, body []byte, wait time.Duration) *Error {
	e := &Error{Status: resp.StatusCode, Said: message(body)}
	switch code := resp.StatusCode; {
	case wait > 0 && code < 500:
		e.Kind, e.Wait = RateLimited, wait
	case code == http.StatusNotModified:
		e.Kind, e.Said = Unreadable, "it is 304 to a question without a condition"
	case code >= 300 && code < 400:
		e.Kind, e.Said = Moved, movedTo(resp.Header.Get("Location"))
	case code == http.StatusUnauthorized:
		e.Kind = Unauthorized
	case code == http.StatusForbidden:
		e.Kind, e.Needs = Forbidden, permission(req, resp)
	case code == http.StatusNotFound || code == http.StatusGone:
		e.Kind = NotFound
	case code >= 500:
		e.Kind = ServerFailed
	default:
		e.Kind = Rejected
	}
	return e
}

// message is what GitHub says in an error's body: its message, and those of the
// single errors, which alone say what a 422 is about.
func message(body []byte) string {
	var said struct {
		Message string          `json:"message"`
		Errors  json.RawMessage `json:"errors"`
	}
	if json.Unmarshal(body, &said) != nil || said.Message == "" {
		return "no message"
	}
	parts := []string{said.Message}
	var errs []struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(said.Errors, &errs) == nil {
		for _, e := range errs {
			if e.Message != "" {
				parts = append(parts, e.Message)
			}
		}
	}
	return clip(strings.Join(strings.Fields(strings.Join(parts, ": ")), " "))
}

// movedTo names the new repository if the address does: GitHub often gives its
// number only.
func movedTo(location string) string {
	u, err := url.Parse(location)
	if err != nil || location == "" {
		return "another address"
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	for i, p := range parts {
		if p == "repos" && i+2 < len(parts) {
			return clip(parts[i+1] + "/" + parts[i+2])
		}
	}
	return clip(u.Scheme + "://" + u.Host + u.Path)
}

// permission is what the token lacks. GitHub says it in a header; without one
// the address tells.
// Source: docs.github.com/rest/authentication/permissions-required-for-fine-grained-personal-access-tokens.
func permission(req *http.Request, resp *http.Response) string {
	if said := resp.Header.Get("X-Accepted-GitHub-Permissions"); said != "" {
		return clip(strings.ReplaceAll(said, "=", ":"))
	}
	path := req.URL.Path
	switch {
	case strings.Contains(path, "/orgs/"):
		return "members:read"
	case strings.Contains(path, "/statuses/"):
		return "statuses:write"
	case strings.HasSuffix(path, "/status"):
		return "statuses:read"
	case strings.Contains(path, "/pulls"), strings.HasSuffix(path, "/timeline"):
		return "pull_requests:read"
	case strings.HasSuffix(path, "/activity"), strings.Contains(path, "/git/"):
		return "contents:read"
	}
	return "metadata:read"
}

// unreachable leaves out addresses and ports of this side, which differ each time.
func unreachable(err error) *Error {
	e := &Error{Kind: Unreachable, Err: err}
	var timeout net.Error
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &timeout) && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded):
		e.Said = "no answer in time"
	case errors.As(err, &dns):
		e.Said = "the host " + dns.Name + " is not known"
	case errors.As(err, &op):
		e.Said = op.Err.Error()
	default:
		e.Said = err.Error()
	}
	e.Said = clip(e.Said)
	return e
}
