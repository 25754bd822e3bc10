package cluster

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"banksman.dev/reconcile"
	"banksman.dev/render"
)

var thing = render.ObjectID{Kind: "ConfigMap", Namespace: "n", Name: "c"}

func at(version uint64, entry byte) sighting {
	return sighting{uid: "u", version: version, entry: ownEntry{entry}}
}

// known is what an inventory says of an object that a watch may show.
func known(entry byte) reconcile.Entry {
	return reconcile.Entry{UID: "u", Want: "x", Owned: ownEntry{entry}.String()}
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
		"is not sure when a watch goes back in time: a snapshot was restored": {func(w *witness) {
			w.note(thing, "x", at(5, 1))
			w.see(thing, at(5, 1))
			w.see(thing, at(3, 1))
		}, false},
		"is not sure of what no watch has shown when another object goes back in time": {func(w *witness) {
			other := render.ObjectID{Kind: "ConfigMap", Namespace: "n", Name: "other"}
			w.see(other, at(7, 1))
			w.see(thing, at(5, 1))
			w.note(thing, "x", at(8, 2))
			w.see(other, at(6, 1))
		}, false},
		"is sure of what was applied after a watch went back in time": {func(w *witness) {
			w.see(thing, at(7, 1))
			w.see(thing, at(6, 1))
			w.note(thing, "x", at(8, 2))
		}, true},
		"is not sure when somebody applies it by hand too": {func(w *witness) {
			w.note(thing, "x", at(5, 1))
			s := at(6, 1)
			s.leftover = true
			w.see(thing, s)
		}, false},
		"believes an inventory that a watch agrees with": {func(w *witness) {
			w.see(thing, at(5, 1))
			w.recall(thing, known(1))
		}, true},
		"does not believe an inventory before a watch has shown the object": {func(w *witness) {
			w.recall(thing, known(1))
			w.see(thing, at(5, 1))
		}, false},
		"does not believe an inventory that a watch contradicts": {func(w *witness) {
			w.see(thing, at(5, 2))
			w.recall(thing, known(1))
		}, false},
		"does not believe an inventory about what is being deleted": {func(w *witness) {
			s := at(5, 1)
			s.deleting = true
			w.see(thing, s)
			w.recall(thing, known(1))
		}, false},
		"does not believe an inventory once it has doubts of its own": {func(w *witness) {
			w.see(thing, at(5, 1))
			w.doubt(thing)
			w.recall(thing, known(1))
		}, false},
		"does not believe an inventory that knows no hash": {func(w *witness) {
			w.see(thing, at(5, 0))
			w.recall(thing, reconcile.Entry{UID: "u", Want: "x"})
		}, false},
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
			if sure := w.asWanted(thing, "x"); sure != c.sure {
				t.Errorf("sure: %v", sure)
			}
			if sure := w.asWanted(thing, "y"); sure {
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
	noTime := ours
	noTime.Time = nil
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
		"written at an unknown time":   {[]metav1.ManagedFieldsEntry{noTime}, false},
		"nothing at all, after a wipe": {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got, _ := entryOf(c.entries); (got == base) != c.same {
				t.Errorf("same: %v", got == base)
			}
		})
	}
}

// What is kept of a watched object tells the same as the object.
func TestATrimmedObjectTellsTheSame(t *testing.T) {
	b := newBench(t)
	s := b.set()
	b.apply(s)
	for _, o := range s.Objects {
		p, err := b.cluster.find(kindOf(o), o.Namespace(), o.Name())
		if err != nil {
			t.Fatal(err)
		}
		live, err := b.cluster.look(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		metadata := &metav1.PartialObjectMetadata{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(map[string]any{"metadata": live.Object["metadata"]}, metadata); err != nil {
			t.Fatal(err)
		}
		want, seen := sightingOf(live), []metav1.Object{metadata, live.DeepCopy()}
		for range 2 { // a trim may meet what was trimmed before
			for _, o := range seen {
				if _, err := trimOwn(o); err != nil {
					t.Fatal(err)
				}
				if entry, at := entryOf(o.GetManagedFields()); entry != want.entry || at.Unix() != want.written {
					t.Errorf("%s as %T: %v at %v", p.id(), o, entry, at)
				}
				if got := sightingOf(o); got != want {
					t.Errorf("%s as %T:\n%+v, want\n%+v", p.id(), o, got, want)
				}
			}
		}
	}
}
