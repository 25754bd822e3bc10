package lease

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Wrap guards every request that may change something, dry runs too. It fits
// rest.Config's Wrap. Reads and watches pass.
func (l *Lease) Wrap(next http.RoundTripper) http.RoundTripper {
	if l == nil {
		return next
	}
	return &gate{lease: l, next: next}
}

type gate struct {
	lease *Lease
	next  http.RoundTripper
}

// WrappedRoundTripper lets client-go find the connections below.
func (g *gate) WrappedRoundTripper() http.RoundTripper { return g.next }

// RoundTrip sends what may be sent.
func (g *gate) RoundTrip(r *http.Request) (*http.Response, error) {
	switch r.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions:
		return g.next.RoundTrip(r)
	}
	ctx, done, err := g.lease.Guard(r.Context())
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // nobody reads it
		}
		return nil, notSent(r, err)
	}
	answer, err := g.next.RoundTrip(g.guarded(ctx, r))
	if err != nil {
		if errors.Is(context.Cause(ctx), ErrNotHeld) && !errors.Is(err, ErrNotHeld) {
			err = fmt.Errorf("%w: broken off: %w", context.Cause(ctx), err)
		}
		done()
		return nil, err
	}
	answer.Body = &ended{ReadCloser: answer.Body, done: done}
	return answer, nil
}

func notSent(r *http.Request, err error) error {
	return fmt.Errorf("%s %s was not sent: %w", r.Method, r.URL.Path, err)
}

// guarded looks at the lease once more when the body is asked for, which is
// when the request leaves: the API server does nothing without the body. A
// process may be stopped, and go on long after, at any point before.
func (g *gate) guarded(ctx context.Context, r *http.Request) *http.Request {
	sent := r.WithContext(ctx)
	if r.Body == nil || r.Body == http.NoBody {
		return sent
	}
	sent.Body = &body{ReadCloser: r.Body, lease: g.lease, request: r}
	if again := r.GetBody; again != nil {
		sent.GetBody = func() (io.ReadCloser, error) {
			b, err := again()
			if err != nil {
				return nil, err
			}
			return &body{ReadCloser: b, lease: g.lease, request: r}, nil
		}
	}
	return sent
}

type body struct {
	io.ReadCloser
	lease   *Lease
	request *http.Request
}

func (b *body) Read(p []byte) (int, error) {
	if !b.lease.Holds() {
		return 0, notSent(b.request, ErrNotHeld)
	}
	return b.ReadCloser.Read(p)
}

// ended is an answer; the write is over when it was read.
type ended struct {
	io.ReadCloser
	done func()
}

func (e *ended) Close() error {
	defer e.done()
	return e.ReadCloser.Close()
}
