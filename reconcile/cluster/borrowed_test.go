package cluster

import (
	"maps"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"banksman.dev/reconcile"
	"banksman.dev/render"
)

// borrow makes the ConfigMap of a set one that it only needs to be there.
func borrow(s reconcile.Set) reconcile.Set {
	s.Borrowed = map[render.ObjectID]bool{}
	for _, o := range s.Objects {
		if o.Kind() == "ConfigMap" {
			s.Borrowed[o.ID()] = true
		}
	}
	return s
}

func TestABorrowedObjectThatWasThereBeforeIsLeftAsItIs(t *testing.T) {
	b := newBench(t)
	s := borrow(b.set())
	before := map[string]string{"made": "by hand"}
	if _, err := b.kube.CoreV1().ConfigMaps(b.namespace).Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "fop-gate"}, Data: before,
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, e := range b.apply(s) {
		if e.Kind == "ConfigMap" {
			t.Errorf("the inventory names it: %+v", e)
		}
	}
	b.becomes(s, reconcile.Healthy)
	if got := b.configMap(); !maps.Equal(got.Data, before) || len(got.Labels) > 0 {
		t.Errorf("it was changed: %v %v", got.Data, got.Labels)
	}
	if sent := b.sent.during(func() { b.apply(s); b.live(s) }); len(sent) > 0 {
		t.Errorf("at rest %q was sent", sent)
	}
	// Once the release is approved it is no longer borrowed.
	s.Borrowed = nil
	b.apply(s)
	if got := b.configMap(); maps.Equal(got.Data, before) {
		t.Error("the approved release did not adopt it")
	}
}

func TestABorrowedObjectThatIsNotThereIsMade(t *testing.T) {
	b := newBench(t)
	s := borrow(b.set())
	if entries := b.apply(s); len(entries) != 3 {
		t.Errorf("%d entries: %v", len(entries), entries)
	}
	b.becomes(s, reconcile.Healthy)
}
