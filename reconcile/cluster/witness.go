package cluster

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"banksman.dev/reconcile"
	"banksman.dev/render"
)

// A witness knows which objects are as they were applied. The API server moves
// the ownership of a field to whoever changes it, so as long as the entry of
// our own field owner is the same, nobody changed a value that we set.
type witness struct {
	mu      sync.Mutex
	applied map[render.ObjectID]testimony
	seen    map[render.ObjectID]sighting
	// era counts how often a watch went back in time: a snapshot of etcd was
	// restored, or an API server answered with an old list.
	era int
}

// A testimony is about one object that was applied, or found to be as wanted.
type testimony struct {
	want     string // what was applied; "" when that is not known
	sighting        // what the API server answered
	drifted  bool   // somebody changed what we own
	// recalled: it is from before this process started.
	recalled bool
	left     *drift // the drift that was looked at and is left as it is
	era      int
}

// A drift tells one change by somebody from the next.
type drift struct {
	uid        types.UID
	entry      ownEntry
	gone       bool
	generation int64
	version    uint64 // of kinds that have no generation; else 0
}

func driftOf(s sighting) drift {
	if s.gone {
		return drift{gone: true}
	}
	d := drift{uid: s.uid, entry: s.entry, generation: s.generation}
	if s.generation == 0 {
		d.version = s.version
	}
	return d
}

func newWitness() *witness {
	return &witness{applied: map[render.ObjectID]testimony{}, seen: map[render.ObjectID]sighting{}}
}

// asWanted says whether an object is known to be as wanted.
func (w *witness) asWanted(id render.ObjectID, want string) bool {
	t, _ := w.of(id)
	return t.tells(want) && !t.drifted
}

func (t testimony) tells(want string) bool { return t.want != "" && t.want == want }

// of returns what is known of an object. What no watch has shown before it went
// back in time may be lost.
func (w *witness) of(id render.ObjectID) (testimony, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.applied[id]
	if t.want != "" && t.era != w.era && w.seen[id].version < t.version {
		t.drifted = true
	}
	return t, t.want != ""
}

// sight returns what a watch showed last of an object.
func (w *witness) sight(id render.ObjectID) (sighting, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, ok := w.seen[id]
	return s, ok && !s.gone
}

// isNew says whether nothing was ever said of an object.
func (w *witness) isNew(id render.ObjectID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, ok := w.applied[id]
	return !ok
}

// recall compares what an inventory says of an object with what the watch of
// its kind, which must have shown all objects once, has seen. It counts only as
// long as this process has nothing of its own to say of the object, not even
// that it is in doubt.
//
// An inventory that is older than the last apply names another entry than the
// live one: the object counts as changed, and is looked at.
func (w *witness) recall(id render.ObjectID, known reconcile.Entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.applied[id]; ok {
		return
	}
	entry, ok := parseEntry(known.Owned)
	if !ok || known.Want == "" || known.UID == "" {
		w.applied[id] = testimony{}
		return
	}
	t := testimony{want: known.Want, sighting: sighting{uid: types.UID(known.UID), entry: entry}, recalled: true, era: w.era}
	s, seen := w.seen[id]
	if !seen || s.deleting || t.contradictedBy(s) {
		t.drifted = true
	} else {
		t.sighting = s
	}
	w.applied[id] = t
}

// note records what the API server answered to an apply. A later sighting may
// have come before the answer.
func (w *witness) note(id render.ObjectID, want string, answer sighting) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := testimony{want: want, sighting: answer, era: w.era}
	if s, ok := w.seen[id]; ok && s.version > answer.version {
		t.drifted = t.contradictedBy(s)
	}
	w.applied[id] = t
}

// leave records that an object is not as wanted and is to stay so. The answer is
// what the API server showed; gone when there is no such object.
func (w *witness) leave(id render.ObjectID, want string, answer sighting) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.applied[id]
	if !t.tells(want) {
		t = testimony{want: want, sighting: sighting{uid: answer.uid}}
	}
	d := driftOf(answer)
	t.drifted, t.left = true, &d
	w.applied[id] = t
}

// isLeft says whether an object has the very drift that is left as it is.
func (w *witness) isLeft(id render.ObjectID, want string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.applied[id]
	if !t.tells(want) || !t.drifted || t.left == nil {
		return false
	}
	s, ok := w.seen[id]
	if !ok {
		s.gone = true
	}
	return driftOf(s) == *t.left
}

// doubt makes the next apply look at an object again.
func (w *witness) doubt(id render.ObjectID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.applied[id] = testimony{}
}

// see takes a sighting from a watch and says whether it is news: drift, more of
// it, or an object that nothing is known of.
func (w *witness) see(id render.ObjectID, s sighting) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	was := w.seen[id]
	w.seen[id] = s
	t := w.applied[id]
	back := was.uid == s.uid && s.version < was.version
	if back {
		w.era++
	}
	switch {
	case t.want == "":
		return true
	case t.drifted:
		return driftOf(was) != driftOf(s)
	case back:
		// Whatever was applied since is gone.
	case s.version <= t.version || !t.contradictedBy(s):
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
	t := w.applied[id]
	if t.want != "" && t.uid == s.uid && (lastStateUnknown || s.version > t.version) {
		t.drifted = true
		w.applied[id] = t
	}
}

func (t testimony) contradictedBy(s sighting) bool {
	return s.gone || s.uid != t.uid || s.entry != t.entry || s.leftover && !t.leftover
}
