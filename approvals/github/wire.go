package github

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// wire sends one request and lets through only a complete, successful answer;
// everything else is an *Error.
type wire struct {
	base  *url.URL
	token func(context.Context) (string, error)
	next  http.RoundTripper
	cache *cache
	limit *limit
	pace  *pace // of what is not a GET; nil: none
}

const mostBody = 16 << 20 // bytes; 100 pull requests with long texts are about 3 MiB

type freshKey struct{}

// uncached makes the requests of the context skip the cache.
func uncached(ctx context.Context) context.Context {
	return context.WithValue(ctx, freshKey{}, true)
}

type rememberedKey struct{}

// ifChanged is for answers that the caller remembers itself: the requests of the
// context ask whether they differ from the one with the ETag, and 204 without a
// body says that they do not. With "" they always do. The cache is left out.
func ifChanged(ctx context.Context, etag string) context.Context {
	return context.WithValue(ctx, rememberedKey{}, etag)
}

// RoundTrip implements http.RoundTripper.
func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != w.base.Scheme || req.URL.Host != w.base.Host {
		return nil, fmt.Errorf("no request is sent to %s, only to %s", req.URL.Host, w.base.Host)
	}
	if left := w.limit.left(); left > 0 {
		return nil, &Error{Kind: RateLimited, Wait: left}
	}
	if req.Method != http.MethodGet {
		if wait := w.pace.take(); wait > 0 {
			return nil, &Error{Kind: RateLimited, Wait: wait, Paced: true}
		}
	}
	req = req.Clone(req.Context())
	if err := w.authorise(req); err != nil {
		return nil, err
	}
	etag, remembered := req.Context().Value(rememberedKey{}).(string)
	known, conditional := answer{etag: etag}, etag != ""
	if !remembered {
		known, conditional = w.known(req)
	}
	if conditional {
		req.Header.Set("If-None-Match", known.etag)
	}
	resp, err := w.next.RoundTrip(req)
	if err != nil {
		if errors.Is(err, context.Canceled) {
			return nil, err
		}
		return nil, unreachable(err)
	}
	body, err := readAll(resp)
	if err != nil {
		return nil, err
	}
	wait := w.limit.learn(resp, body)
	switch {
	case resp.StatusCode == http.StatusNotModified && remembered && conditional:
		return reply(req, http.StatusNoContent, kept(resp.Header), nil), nil
	case resp.StatusCode == http.StatusNotModified && conditional:
		return reply(req, http.StatusOK, known.header, known.body), nil
	case resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated:
		return nil, classify(req, resp, body, wait)
	case !json.Valid(body): // an empty answer, or a proxy's page, is not JSON either
		return nil, &Error{Kind: Unreadable, Status: resp.StatusCode, Said: notJSON(body)}
	}
	header := kept(resp.Header)
	if etag := resp.Header.Get("Etag"); etag != "" && req.Method == http.MethodGet && !remembered {
		w.cache.put(answer{key: cacheKey(req), etag: etag, header: header, body: body})
	}
	return reply(req, resp.StatusCode, header, body), nil
}

// kept leaves out GitHub's limits: go-github obeys them in its own way, and the
// ones here must be the only ones.
func kept(from http.Header) http.Header {
	header := http.Header{}
	for _, name := range []string{"Content-Type", "Date", "Link", "Etag"} {
		if values := from.Values(name); len(values) > 0 {
			header[name] = values
		}
	}
	return header
}

func (w *wire) authorise(req *http.Request) error {
	if w.token == nil {
		return nil
	}
	token, err := w.token(req.Context())
	if err != nil {
		return fmt.Errorf("get the token for GitHub: %w", err)
	}
	if token == "" {
		return errors.New("the token for GitHub is empty; give one, or none at all")
	}
	req.Header.Set("Authorization", "Bearer "+token)
	return nil
}

func (w *wire) known(req *http.Request) (answer, bool) {
	if fresh, _ := req.Context().Value(freshKey{}).(bool); fresh || req.Method != http.MethodGet {
		return answer{}, false
	}
	return w.cache.get(cacheKey(req))
}

func readAll(resp *http.Response) ([]byte, error) {
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, mostBody+1))
	if err != nil {
		return nil, &Error{Kind: Unreachable, Said: "the answer broke off", Err: err}
	}
	if len(body) > mostBody {
		return nil, &Error{Kind: Unreadable, Status: resp.StatusCode, Said: fmt.Sprintf("it is longer than %d bytes", mostBody)}
	}
	return body, nil
}

func notJSON(body []byte) string {
	if len(bytes.TrimSpace(body)) == 0 {
		return "it is empty"
	}
	return "it is not JSON"
}

func reply(req *http.Request, code int, header http.Header, body []byte) *http.Response {
	return &http.Response{
		Status: http.StatusText(code), StatusCode: code, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header.Clone(), Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: req,
	}
}
