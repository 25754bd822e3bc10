package cluster

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"banksman.dev/render"
)

var thing = render.ObjectID{Kind: "ConfigMap", Namespace: "n", Name: "c"}

func at(version uint64, entry byte) sighting {
	return sighting{uid: "u", version: version, entry: ownEntry{entry}}
}

func TestTheWitness(t *testing.T) {
	other := at(9, 1)
	other.uid = "v"
	for name, c := range map[string]struct {
		tell func(*witness)
		sure bool
	}{
		"knows nothing of what was never applied": {func(w *witness) { w.see(thing, at(5, 1)) }, false},
		"is sure of what was just applied":        {func(w *witness) { w.note(thing, "x", at(5, 1)) }, true},
		"is sure while our entry stays": {func(w *witness) {
			w.note(thing, "x", at(5, 1))
			w.see(thing, at(6, 1))
		}, true},
		"is not sure once our entry changed": {func(w *witness) {
			w.note(thing, "x", at(5, 1))
			w.see(thing, at(6, 2))
		}, false},
		"stays unsure when our entry comes back: somebody forged it or wrote between": {func(w *witness) {
			w.note(thing, "x", at(5, 1))
			w.see(thing, at(6, 2))
			w.see(thing, at(7, 1))
		}, false},
		"takes no notice of a watch that lags behind": {func(w *witness) {
			w.note(thing, "x", at(5, 1))
			w.see(thing, at(4, 2))
		}, true},
		"takes a change that was seen before the answer to our apply": {func(w *witness) {
			w.see(thing, at(6, 2))
			w.note(thing, "x", at(5, 1))
		}, false},
		"takes a deletion that was seen before the answer to our apply": {func(w *witness) {
			w.lose(thing, at(6, 1), false)
			w.note(thing, "x", at(5, 1))
		}, false},
		"is not sure of another object of the same name": {func(w *witness) {
			w.note(thing, "x", at(5, 1))
			w.see(thing, other)
		}, false},
		"forgets what was deleted": {func(w *witness) {
			w.note(thing, "x", at(5, 1))
			w.lose(thing, at(6, 1), false)
		}, false},
		"forgets what was deleted unseen, whatever its last version": {func(w *witness) {
			w.note(thing, "x", at(5, 1))
			w.lose(thing, at(3, 1), true)
		}, false},
		"takes no notice of a late deletion of the object before": {func(w *witness) {
			w.note(thing, "x", other)
			w.lose(thing, at(6, 1), false)
		}, true},
		"takes no notice of a label that was lost before we put it back": {func(w *witness) {
			w.note(thing, "x", at(7, 1))
			w.lose(thing, at(6, 1), false)
		}, true},
		"is sure again after a repair": {func(w *witness) {
			w.note(thing, "x", at(5, 1))
			w.see(thing, at(6, 2))
			w.note(thing, "x", at(7, 3))
			w.see(thing, at(7, 3))
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWitness()
			c.tell(w)
			if _, sure := w.asWanted(thing, "x"); sure != c.sure {
				t.Errorf("sure: %v", sure)
			}
			if _, sure := w.asWanted(thing, "y"); sure {
				t.Error("sure of a content that was never applied")
			}
		})
	}
}

func TestOnlyOurOwnEntryCounts(t *testing.T) {
	moment := metav1.NewTime(time.Unix(1000, 0))
	ours := metav1.ManagedFieldsEntry{
		Manager: Owner, Operation: metav1.ManagedFieldsOperationApply, APIVersion: "v1", Time: &moment,
		FieldsV1: metav1.NewFieldsV1(`{"f:data":{"f:b":{},"f:a":{}}}`),
	}
	otherOrder, otherFields, otherTime, otherOperation, otherManager := ours, ours, ours, ours, ours
	otherOrder.FieldsV1 = metav1.NewFieldsV1(`{"f:data": {"f:a": {}, "f:b": {}}}`)
	otherFields.FieldsV1 = metav1.NewFieldsV1(`{"f:data":{"f:a":{}}}`)
	later := metav1.NewTime(time.Unix(1001, 0))
	otherTime.Time = &later
	otherOperation.Operation = metav1.ManagedFieldsOperationUpdate
	otherManager.Manager = "kubectl"
	base, _ := entryOf([]metav1.ManagedFieldsEntry{ours})
	for name, c := range map[string]struct {
		entries []metav1.ManagedFieldsEntry
		same    bool
	}{
		"beside others":                {[]metav1.ManagedFieldsEntry{otherManager, otherOperation, ours}, true},
		"its keys in another order":    {[]metav1.ManagedFieldsEntry{otherOrder}, true},
		"fewer fields":                 {[]metav1.ManagedFieldsEntry{otherFields}, false},
		"written at another time":      {[]metav1.ManagedFieldsEntry{otherTime}, false},
		"an update in our name":        {[]metav1.ManagedFieldsEntry{otherOperation}, false},
		"nothing at all, after a wipe": {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got, _ := entryOf(c.entries); (got == base) != c.same {
				t.Errorf("same: %v", got == base)
			}
		})
	}
}
