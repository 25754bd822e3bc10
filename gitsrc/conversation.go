package gitsrc

import (
	"context"
	"errors"
	"io"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
)

// conversation is a session with the server after its advertisement.
type conversation struct {
	session    transport.UploadPackSession
	advertised *packp.AdvRefs
}

// converse asks the server for its advertisement and lets f go on from there. Every
// error is a *FetchError; pulls are named in it, or the branch when there are none.
func (r *Repository) converse(ctx context.Context, pulls []int, f func(conversation) error) error {
	var secret string
	x := &exchange{base: r.http, limits: r.limits, origin: r.address.url}
	err := func() error {
		s, err := r.session(ctx, x, &secret)
		if err != nil {
			return err
		}
		defer func() { _ = s.Close() }() // it holds nothing
		advertised, err := s.AdvertisedReferencesContext(ctx)
		if err != nil {
			return err
		}
		return f(conversation{session: s, advertised: advertised})
	}()
	if err != nil {
		return r.explain(ctx, err, x.failure(), secret, pulls)
	}
	return nil
}

func (r *Repository) session(ctx context.Context, x *exchange, secret *string) (transport.UploadPackSession, error) {
	endpoint, err := r.address.endpoint()
	if err != nil {
		return nil, err
	}
	if r.address.local != "" {
		return localTransport().NewUploadPackSession(endpoint, nil)
	}
	if r.token == nil {
		return x.transport().NewUploadPackSession(endpoint, nil)
	}
	if *secret, err = r.token(ctx); err != nil {
		return nil, &tokenError{err: err}
	}
	return x.transport().NewUploadPackSession(endpoint, &githttp.BasicAuth{Username: "x-access-token", Password: *secret})
}

// request asks for one pack with everything that is wanted.
func (c conversation) request(ctx context.Context, want, have []plumbing.Hash) (io.ReadCloser, error) {
	req := packp.NewUploadPackRequestFromCapabilities(c.advertised.Capabilities)
	if c.advertised.Capabilities.Supports(capability.NoProgress) {
		if err := req.Capabilities.Set(capability.NoProgress); err != nil {
			return nil, err
		}
	}
	req.Wants = want
	req.Haves = have
	response, err := c.session.UploadPack(ctx, req)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		// The in-process server does not know one of our commits; without any it will.
		return nil, damaged(want[0], err)
	}
	if err != nil {
		return nil, err
	}
	switch {
	case req.Capabilities.Supports(capability.Sideband64k):
		return packStream{sideband.NewDemuxer(sideband.Sideband64k, response), response}, nil
	case req.Capabilities.Supports(capability.Sideband):
		return packStream{sideband.NewDemuxer(sideband.Sideband, response), response}, nil
	default:
		return response, nil
	}
}

type packStream struct {
	io.Reader
	io.Closer
}
