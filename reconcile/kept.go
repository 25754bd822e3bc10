package reconcile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// What is promoted is kept beside its record, so that what runs can be kept in
// repair when neither Git nor the local copy can be read. It holds what the
// manifests hold, Secrets included, and is not for logs.

// Kept is a release as it is kept.
type Kept struct {
	Commit gitsrc.SHA
	Digest render.Digest
	// Content is the same for the same release. Only its digest says that it is
	// what its name says.
	Content []byte
}

// ErrTooLargeToKeep says that a release does not fit into what it would be kept
// in. The same release never will.
var ErrTooLargeToKeep = errors.New("too large to be kept")

// ErrKeptDamaged says that what is kept cannot be unpacked. It stays so until it
// is written again.
var ErrKeptDamaged = errors.New("what is kept is damaged")

// keptContent is the JSON of Kept.Content.
type keptContent struct {
	Service   render.ServiceName `json:"service"`
	Commit    gitsrc.SHA         `json:"commit"`
	Digest    render.Digest      `json:"digest"`
	Namespace string             `json:"namespace"`
	HasCanary bool               `json:"hasCanary"`
	Drift     render.Drift       `json:"drift"`
	Full      []render.Object    `json:"full"`
	Canary    []render.Object    `json:"canary"`
	Shared    []render.Object    `json:"shared"`
}

// keptOf is what to keep of a release: all that both variants are applied from.
func keptOf(r render.Release, drift render.Drift) (Kept, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(keptContent{
		Service: r.Service, Commit: r.Commit, Digest: r.Digest, Namespace: r.Namespace, HasCanary: r.HasCanary, Drift: drift,
		Full: r.Full, Canary: r.Canary, Shared: r.Shared,
	}); err != nil {
		return Kept{}, fmt.Errorf("write down %s at %s: %w", r.Service, r.Commit.Short(), err)
	}
	return Kept{Commit: r.Commit, Digest: r.Digest, Content: b.Bytes()}, nil
}

// release is what was kept, if it is exactly the release with this digest: what
// is written beside its objects is believed only then.
func (k Kept) release(name render.ServiceName, digest render.Digest) (render.Release, render.Drift, error) {
	if k.Digest != digest {
		return render.Release{}, "", fmt.Errorf("it is of %s and not of %s", k.Digest.Short(), digest.Short())
	}
	var c keptContent
	if err := json.Unmarshal(k.Content, &c); err != nil {
		return render.Release{}, "", fmt.Errorf("it cannot be read: %w", err)
	}
	r := render.Release{
		Service: c.Service, Commit: c.Commit, Digest: digest, Namespace: c.Namespace, HasCanary: c.HasCanary,
		Full: c.Full, Canary: c.Canary, Shared: c.Shared,
	}
	is, err := r.Recomputed()
	switch {
	case err != nil:
		return render.Release{}, "", fmt.Errorf("it cannot be read: %w", err)
	case is != digest:
		return render.Release{}, "", fmt.Errorf("its objects give %s and not %s", is.Short(), digest.Short())
	case r.Service != name || r.HasCanary != (len(r.Canary) > 0):
		return render.Release{}, "", fmt.Errorf("it is not what banksman keeps of %s", name)
	}
	return r, c.Drift, nil
}
