package render

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
)

// Digest is a SHA-256 in lower-case hex. Releases with the same digest are the same release.
type Digest string

// Short is the first 7 digits, for people.
func (d Digest) Short() string { return string(d[:min(7, len(d))]) }

// Recomputed is the digest of the objects as they are now: Digest, unless they are not those of the release any more.
func (r Release) Recomputed() (Digest, error) { return r.digest() }

// digest covers the objects of both variants and which variant each belongs to. The order of templates, documents and
// keys does not matter. It refuses an object that no API server could store.
func (r Release) digest() (Digest, error) {
	sum := sha256.New()
	for _, part := range []struct {
		name    string
		objects []Object
	}{{"full", r.Full}, {"canary", r.Canary}, {"shared", r.Shared}} {
		_, _ = fmt.Fprintf(sum, "%s %d\n", part.name, len(part.objects))
		for _, o := range part.objects {
			encoded := canonical(map[string]any(o))
			if len(encoded) > maxObjectBytes {
				return "", &Error{
					File: r.Sources[o.ID()], Service: r.Service,
					Problem: fmt.Sprintf("%s has %d bytes, more than the %d that a cluster can store", o, len(encoded), maxObjectBytes),
					Try:     "split it",
				}
			}
			sum.Write(append(encoded, '\n'))
		}
	}
	return Digest(hex.EncodeToString(sum.Sum(nil))), nil
}

func digestOf(v any) Digest {
	sum := sha256.Sum256(canonical(v))
	return Digest(hex.EncodeToString(sum[:]))
}

// canonical is JSON with sorted keys, no spaces and nothing escaped that need not be. The values are those of Object,
// which JSON can always express.
func canonical(v any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic(fmt.Sprintf("render: a value that is not an Object's: %v", err))
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func sortObjects(objects []Object) {
	slices.SortFunc(objects, func(a, b Object) int { return a.ID().Compare(b.ID()) })
}
