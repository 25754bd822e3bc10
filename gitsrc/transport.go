package gitsrc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	"github.com/go-git/go-git/v5/plumbing/transport/server"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"github.com/go-git/go-billy/v5/osfs"
)

// limits bound what a server may cost. Zero values are not useful.
type limits struct {
	connect  time.Duration // TCP and TLS, each
	header   time.Duration // from the request to the first byte of the answer
	stall    time.Duration // between two reads of a body
	response int64         // bytes of one body
}

func defaultLimits() limits {
	return limits{connect: 10 * time.Second, header: 60 * time.Second, stall: 60 * time.Second, response: 2 << 30}
}

// errorBody is how much of a refusal is read, so that the connection can be kept.
const errorBody = 64 << 10

func newHTTPTransport(l limits) *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: l.connect, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   2,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   l.connect,
		ResponseHeaderTimeout: l.header,
	}
}

// exchange is the HTTP side of one fetch. go-git's own registry of protocols is
// global; a client of its http package made here belongs to this fetch alone. It
// also remembers what went wrong, because go-git's errors hide their cause.
type exchange struct {
	base   http.RoundTripper
	limits limits
	origin *url.URL

	mu    sync.Mutex
	cause error
}

func (x *exchange) transport() transport.Transport {
	return githttp.NewClientWithOptions(&http.Client{Transport: x, CheckRedirect: x.checkRedirect},
		&githttp.ClientOptions{RedirectPolicy: githttp.FollowInitialRedirects})
}

// checkRedirect lets a server rename a repository, but never lead to another
// origin: not with a token, and not without one, for who answers decides what runs.
func (x *exchange) checkRedirect(req *http.Request, _ []*http.Request) error {
	if req.URL.Scheme == x.origin.Scheme && req.URL.Host == x.origin.Host {
		return nil
	}
	return x.remember(&redirectError{scheme: req.URL.Scheme, host: req.URL.Host})
}

func (x *exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	res, err := x.base.RoundTrip(req.WithContext(ctx))
	if err != nil {
		cancel(nil)
		return nil, x.remember(err)
	}
	body := &guardedBody{exchange: x, body: res.Body, ctx: ctx, cancel: cancel, left: x.limits.response}
	if res.StatusCode >= http.StatusBadRequest {
		_ = x.remember(&statusError{code: res.StatusCode})
		body.left, body.cut = errorBody, true
	}
	body.timer = time.AfterFunc(x.limits.stall, func() {
		cancel(fmt.Errorf("the server sent nothing for %s", x.limits.stall))
	})
	res.Body = body
	return res, nil
}

func (x *exchange) remember(err error) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.cause == nil {
		x.cause = err
	}
	return err
}

func (x *exchange) failure() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.cause
}

type statusError struct{ code int }

func (e *statusError) Error() string {
	return fmt.Sprintf("the server answered %d %s", e.code, http.StatusText(e.code))
}

type redirectError struct{ scheme, host string }

func (e *redirectError) Error() string {
	return fmt.Sprintf("the server redirects to %s://%s", clip(e.scheme), clip(e.host))
}

// guardedBody ends a body that stalls or never ends.
type guardedBody struct {
	exchange *exchange
	body     io.ReadCloser
	ctx      context.Context
	cancel   context.CancelCauseFunc
	timer    *time.Timer
	left     int64
	cut      bool // end quietly at the limit
}

func (b *guardedBody) Read(p []byte) (int, error) {
	b.timer.Reset(b.exchange.limits.stall)
	if b.left <= 0 {
		if b.cut {
			return 0, io.EOF
		}
		return 0, b.exchange.remember(fmt.Errorf("the answer is %w: more than %d bytes", ErrTooLarge, b.exchange.limits.response))
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.body.Read(p)
	b.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		if cause := context.Cause(b.ctx); cause != nil {
			err = cause
		}
		return n, b.exchange.remember(err)
	}
	return n, err
}

func (b *guardedBody) Close() error {
	b.timer.Stop()
	b.cancel(nil)
	return b.body.Close()
}

// localTransport reads a repository on this machine in-process; go-git's own file
// transport would run git-upload-pack.
func localTransport() transport.Transport { return server.NewClient(localLoader{}) }

type localLoader struct{}

func (localLoader) Load(ep *transport.Endpoint) (storer.Storer, error) {
	for _, sub := range []string{".git", "."} {
		dir, err := osfs.New(ep.Path).Chroot(sub)
		if err != nil {
			return nil, err
		}
		if _, err := dir.Stat("objects"); err == nil {
			return filesystem.NewStorage(dir, cache.NewObjectLRUDefault()), nil
		}
	}
	return nil, transport.ErrRepositoryNotFound
}
