package cluster

import (
	"crypto/sha256"
	"encoding/json"
	"strconv"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"banksman.dev/render"
)

// A witness knows which objects are as they were applied. The API server moves
// the ownership of a field to whoever changes it, so as long as the entry of
// our own field owner is the same, nobody changed a value that we set.
type witness struct {
	mu      sync.Mutex
	applied map[render.ObjectID]testimony
	seen    map[render.ObjectID]sighting
}

// A testimony is about one object that was applied, or found to be as wanted.
type testimony struct {
	want     string // what was applied
	sighting        // what the API server answered
	drifted  bool   // somebody changed what we own
}

// A sighting is the part of an object's metadata that tells about drift.
type sighting struct {
	uid     types.UID
	entry   ownEntry
	version uint64 // metadata.resourceVersion
	gone    bool
}

// An ownEntry is a hash of our own entry in managedFields.
type ownEntry [sha256.Size]byte

func newWitness() *witness {
	return &witness{applied: map[render.ObjectID]testimony{}, seen: map[render.ObjectID]sighting{}}
}

func sightingOf(o metav1.Object) sighting {
	entry, _ := entryOf(o.GetManagedFields())
	version, err := strconv.ParseUint(o.GetResourceVersion(), 10, 64)
	if err != nil {
		version = 0
	}
	return sighting{uid: o.GetUID(), entry: entry, version: version}
}

// entryOf hashes our entry in a canonical form, because JSON and protobuf
// watches give its keys in different orders. It also says when the entry was
// written; zero without one.
func entryOf(fields []metav1.ManagedFieldsEntry) (ownEntry, time.Time) {
	for _, f := range fields {
		if f.Manager != Owner || f.Operation != metav1.ManagedFieldsOperationApply || f.Subresource != "" {
			continue
		}
		var at time.Time
		if f.Time != nil {
			at = f.Time.Time
		}
		return hashEntry(f, at), at
	}
	return ownEntry{}, time.Time{}
}

func hashEntry(f metav1.ManagedFieldsEntry, at time.Time) ownEntry {
	var fields any
	if f.FieldsV1 != nil {
		if err := json.Unmarshal(f.FieldsV1.GetRawBytes(), &fields); err != nil {
			fields = f.FieldsV1.GetRawString()
		}
	}
	raw, err := json.Marshal([]any{at.Unix(), f.APIVersion, fields})
	if err != nil {
		return ownEntry{}
	}
	return sha256.Sum256(raw)
}

// asWanted says whether an object is known to be as wanted.
func (w *witness) asWanted(id render.ObjectID, want string) (types.UID, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t, ok := w.applied[id]
	if !ok || t.drifted || t.want != want {
		return "", false
	}
	return t.uid, true
}

// of returns what is known of an object.
func (w *witness) of(id render.ObjectID) (testimony, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t, ok := w.applied[id]
	return t, ok
}

// note records what the API server answered to an apply. A later sighting may
// have come before the answer.
func (w *witness) note(id render.ObjectID, want string, answer sighting) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := testimony{want: want, sighting: answer}
	if s, ok := w.seen[id]; ok && s.version > answer.version {
		t.drifted = t.contradictedBy(s)
	}
	w.applied[id] = t
}

// doubt makes the next apply look at an object again.
func (w *witness) doubt(id render.ObjectID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.applied, id)
}

// see takes a sighting from a watch and says whether it is news: drift, or an
// object that nothing is known of.
func (w *witness) see(id render.ObjectID, s sighting) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[id] = s
	t, ok := w.applied[id]
	if !ok {
		return true
	}
	if s.version <= t.version || t.drifted || !t.contradictedBy(s) {
		return false
	}
	t.drifted = true
	w.applied[id] = t
	return true
}

// lose takes note of an object that left a watch: it was deleted, or lost our
// label. When its last state is unknown, the version is that of an earlier one.
func (w *witness) lose(id render.ObjectID, s sighting, lastStateUnknown bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s.gone = true
	if was, ok := w.seen[id]; !ok || was.uid == s.uid {
		w.seen[id] = s
	}
	t, ok := w.applied[id]
	if ok && t.uid == s.uid && (lastStateUnknown || s.version > t.version) {
		delete(w.applied, id)
	}
}

func (t testimony) contradictedBy(s sighting) bool {
	return s.gone || s.uid != t.uid || s.entry != t.entry
}
