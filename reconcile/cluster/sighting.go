package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// A sighting is the part of an object's metadata that tells about drift.
type sighting struct {
	uid        types.UID
	entry      ownEntry
	version    uint64 // metadata.resourceVersion
	generation int64
	written    int64 // when our entry was written, in seconds since 1970; 0 without one
	gone       bool
	deleting   bool
	leftover   bool // a field owner is there whose fields are ours to take over
	held       bool // our hand is on spec.paused
}

// An ownEntry is a hash of our own entry in managedFields.
type ownEntry [8]byte

// String is what an inventory keeps of it; "" for none.
func (e ownEntry) String() string {
	if e == (ownEntry{}) {
		return ""
	}
	return hex.EncodeToString(e[:])
}

func parseEntry(s string) (e ownEntry, ok bool) {
	raw, err := hex.DecodeString(s)
	if err != nil || len(raw) != len(e) {
		return ownEntry{}, false
	}
	return ownEntry(raw), true
}

func sightingOf(o metav1.Object) sighting {
	s := sighting{
		uid: o.GetUID(), version: versionOf(o), generation: o.GetGeneration(),
		deleting: o.GetDeletionTimestamp() != nil,
	}
	for _, f := range ownersOf(o) {
		switch {
		case f.isOurs():
			s.entry, s.written = f.hash(), f.unix()
		case f.isHand():
			s.held = true
		case f.isLeftover():
			s.leftover = true
		}
	}
	return s
}

// versionOf is 0 where the version is no number. Versions of one resource can
// be compared (KEP-5504); where they cannot, the next audit finds what is missed.
func versionOf(o metav1.Object) uint64 {
	version, err := strconv.ParseUint(o.GetResourceVersion(), 10, 64)
	if err != nil {
		return 0
	}
	return version
}

// A fieldOwner is one entry of managedFields, of an object that may have been
// trimmed: then fields is the hash of our own entry, and nil of another's.
type fieldOwner struct {
	manager, operation, subresource, apiVersion string

	at     time.Time // zero: the entry has none, as after managedFields were wiped
	fields any
}

func ownersOf(o metav1.Object) []fieldOwner {
	u, ok := o.(*unstructured.Unstructured)
	if !ok {
		return ownersIn(o.GetManagedFields())
	}
	list, _, _ := unstructured.NestedFieldNoCopy(u.Object, "metadata", "managedFields")
	items, _ := list.([]any)
	owners := make([]fieldOwner, 0, len(items))
	for _, item := range items {
		m, _ := item.(map[string]any)
		f := fieldOwner{
			manager: word(m, "manager"), operation: word(m, "operation"),
			subresource: word(m, "subresource"), apiVersion: word(m, "apiVersion"), fields: m["fieldsV1"],
		}
		if at, err := time.Parse(time.RFC3339, word(m, "time")); err == nil {
			f.at = at
		}
		owners = append(owners, f)
	}
	return owners
}

func word(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return s
}

func ownersIn(entries []metav1.ManagedFieldsEntry) []fieldOwner {
	owners := make([]fieldOwner, 0, len(entries))
	for _, e := range entries {
		f := fieldOwner{manager: e.Manager, operation: string(e.Operation), subresource: e.Subresource, apiVersion: e.APIVersion}
		if e.Time != nil {
			f.at = e.Time.Time
		}
		if e.FieldsV1 != nil && f.isOurs() {
			if err := json.Unmarshal(e.FieldsV1.GetRawBytes(), &f.fields); err != nil {
				f.fields = []any{e.FieldsV1.GetRawString()}
			}
		}
		owners = append(owners, f)
	}
	return owners
}

func (f fieldOwner) isOurs() bool {
	return f.manager == Owner && f.operation == string(metav1.ManagedFieldsOperationApply) && f.subresource == ""
}

// isHand says whether it is the owner by which a rollout is paused.
func (f fieldOwner) isHand() bool {
	return f.manager == PauseOwner && f.operation == string(metav1.ManagedFieldsOperationApply)
}

func (f fieldOwner) isLeftover() bool {
	if f.subresource != "" {
		return false
	}
	for _, m := range leftovers {
		if m.Name == f.manager && string(m.OperationType) == f.operation {
			return true
		}
	}
	return false
}

func (f fieldOwner) unix() int64 {
	if f.at.IsZero() {
		return 0
	}
	return f.at.Unix()
}

// hash hashes an entry in a canonical form, because JSON and protobuf watches
// give its keys in different orders.
func (f fieldOwner) hash() ownEntry {
	if s, trimmed := f.fields.(string); trimmed {
		if e, ok := parseEntry(s); ok {
			return e
		}
	}
	raw, err := json.Marshal([]any{f.unix(), f.apiVersion, f.fields})
	if err != nil {
		return ownEntry{}
	}
	sum := sha256.Sum256(raw)
	return ownEntry(sum[:len(ownEntry{})])
}

// fieldsOf is the hash of which fields are ours, whenever they became it.
func fieldsOf(o metav1.Object) ownEntry {
	for _, f := range ownersOf(o) {
		if f.isOurs() {
			f.at = time.Time{}
			return f.hash()
		}
	}
	return ownEntry{}
}

// entryOf is the hash of our own entry among field owners, and when it was
// written; zero without one.
func entryOf(fields []metav1.ManagedFieldsEntry) (ownEntry, time.Time) {
	for _, f := range ownersIn(fields) {
		if f.isOurs() {
			return f.hash(), f.at
		}
	}
	return ownEntry{}, time.Time{}
}

// rivalOf is the field manager that wrote an object last beside us; "" when the
// object names none.
func rivalOf(o *unstructured.Unstructured) string {
	if o == nil {
		return ""
	}
	var rival fieldOwner
	for _, f := range ownersOf(o) {
		if f.manager != Owner && !f.isHand() && f.subresource != "status" && (rival.manager == "" || !f.at.Before(rival.at)) {
			rival = f
		}
	}
	return rival.manager
}
