package render

import (
	"encoding/json"
	"fmt"
	"slices"

	"banksman.dev/gitsrc"
)

// Packed is a Release in little memory: its objects are the text that its digest covers. As values they take about six
// times as much.
type Packed struct {
	Service   ServiceName
	Commit    gitsrc.SHA
	Digest    Digest
	Namespace string
	HasCanary bool

	sources              map[ObjectID]string
	full, canary, shared []packedObject
}

type packedObject struct {
	id   ObjectID
	text []byte
}

// Pack keeps nothing of the Release's objects but their text.
func (r Release) Pack() Packed {
	return Packed{
		Service: r.Service, Commit: r.Commit, Digest: r.Digest, Namespace: r.Namespace, HasCanary: r.HasCanary,
		sources: r.Sources, full: packed(r.Full), canary: packed(r.Canary), shared: packed(r.Shared),
	}
}

func packed(objects []Object) []packedObject {
	var list []packedObject
	for _, o := range objects {
		list = append(list, packedObject{o.ID(), slices.Clip(canonical(map[string]any(o)))})
	}
	return list
}

// Release is what was packed, with objects of its own.
func (p Packed) Release() (Release, error) {
	r := Release{
		Service: p.Service, Commit: p.Commit, Digest: p.Digest, Namespace: p.Namespace, HasCanary: p.HasCanary,
		Sources: p.sources,
	}
	for _, part := range []struct {
		from []packedObject
		to   *[]Object
	}{{p.full, &r.Full}, {p.canary, &r.Canary}, {p.shared, &r.Shared}} {
		for _, o := range part.from {
			var decoded Object
			if err := json.Unmarshal(o.text, &decoded); err != nil {
				return Release{}, fmt.Errorf("unpack %s: %w", o.id, err)
			}
			*part.to = append(*part.to, decoded)
		}
	}
	return r, nil
}

// IDs are the identities of all objects: full's, the canary's, the shared ones.
func (p Packed) IDs() []ObjectID {
	var ids []ObjectID
	for _, o := range slices.Concat(p.full, p.canary, p.shared) {
		ids = append(ids, o.id)
	}
	return ids
}

// Source is the template or kustomize folder that an object comes from.
func (p Packed) Source(id ObjectID) string { return p.sources[id] }
