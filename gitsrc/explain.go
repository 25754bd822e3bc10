package gitsrc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/transport"
)

const (
	keepsRunning = "banksman keeps running what it has and tries again"
	// longestProblem: protocol errors quote what the server sent.
	longestProblem = 300
	checkAccess    = "check that the token is valid, not expired and may read the contents of this repository"
)

// tokenError: the token source failed; its text is ours to quote.
type tokenError struct{ err error }

func (e *tokenError) Error() string { return "no token: " + e.err.Error() }
func (e *tokenError) Unwrap() error { return e.err }

// explain words an error for a person. cause is what the HTTP side saw, which
// go-git's error hides.
func (r *Repository) explain(ctx context.Context, err, cause error, secret string, pulls []int) error {
	if cause == nil {
		cause = err
	}
	f := &FetchError{URL: r.address.String(), Branch: r.branch, Pulls: pulls, Try: keepsRunning, Err: err}
	var status *statusError
	var redirect *redirectError
	switch {
	case ctx.Err() != nil:
		f.Problem, f.Err = "stopped before it was done", context.Cause(ctx)
	case errors.As(cause, &redirect):
		f.Problem = redirect.Error()
		f.Try = "nothing was sent there; if the repository has moved, configure its new URL"
	case errors.Is(err, errIncomplete):
		f.Problem = errIncomplete.Error()
	case errors.As(cause, &status):
		f.Problem, f.Try, f.Err = explainStatus(status, secret != "")
	case errors.Is(err, transport.ErrEmptyRemoteRepository):
		f.Problem, f.Err = "the repository is empty", ErrEmptyRepository
		f.Try = "push a first commit; " + keepsRunning
	case errors.Is(err, ErrBranchMissing):
		f.Problem = "the branch does not exist on the server"
		f.Try = "check its name, or push it; " + keepsRunning
	case errors.Is(err, transport.ErrRepositoryNotFound):
		f.Problem, f.Err = "no repository there", ErrRepositoryNotFound
		f.Try = "check the path; " + keepsRunning
	default:
		f.Problem = reason(cause)
	}
	if secret != "" {
		f.Problem = strings.ReplaceAll(f.Problem, secret, "[token]")
	}
	if f.Problem = printable(f.Problem); len(f.Problem) > longestProblem {
		f.Problem = strings.ToValidUTF8(f.Problem[:longestProblem], "") + "…"
	}
	return f
}

func explainStatus(s *statusError, withToken bool) (problem, try string, err error) {
	const unauthorized, forbidden, notFound = 401, 403, 404
	switch s.code {
	case unauthorized:
		if !withToken {
			return "the server asks for authentication (401)", "give a token that may read the contents of this repository, or check the URL", ErrUnauthorized
		}
		return "the server does not accept the token (401)", checkAccess, ErrUnauthorized
	case forbidden:
		return "access denied (403)", checkAccess + ", and that its organisation allows it", ErrForbidden
	case notFound:
		return "repository not found (404)", "check the URL; for a private repository " + checkAccess, ErrRepositoryNotFound
	default:
		return s.Error(), keepsRunning, s
	}
}

// reason is the innermost text that says something, without addresses that
// change from one attempt to the next.
func reason(err error) string {
	var dns *net.DNSError
	var op *net.OpError
	var address *url.Error
	switch {
	case errors.As(err, &dns):
		return fmt.Sprintf("look up %s: %s", dns.Name, dns.Err)
	case errors.As(err, &op):
		if op.Timeout() {
			return op.Op + ": timed out"
		}
		var inner error = op
		for next := errors.Unwrap(inner); next != nil; next = errors.Unwrap(inner) {
			inner = next
		}
		return inner.Error()
	case errors.As(err, &address):
		return address.Err.Error()
	default:
		return err.Error()
	}
}
