package cluster

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"banksman.dev/reconcile"
	"banksman.dev/render"
)

func TestARestingObjectIsLeftWithoutARequestUntilItsContentIsAnother(t *testing.T) {
	for name, deed := range map[string]func(*testing.T, *bench){
		"edited": func(t *testing.T, b *bench) {
			if _, err := b.kube.CoreV1().ConfigMaps(b.namespace).Patch(t.Context(), "fop-gate", types.MergePatchType, []byte(`{"data":{"mode":"loud"}}`), metav1.PatchOptions{FieldManager: "rival"}); err != nil {
				t.Fatal(err)
			}
		},
		"deleted": func(_ *testing.T, b *bench) { b.deleteConfigMap() },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			s := b.set()
			b.apply(s)
			b.becomes(s, reconcile.Healthy)
			id := configMapOf(s)
			b.hush()
			deed(t, b)
			b.eventually("the drift shows", func() bool { return b.live(s).Health != reconcile.Healthy })
			s.Resting = map[render.ObjectID]bool{id: true}
			s.Audit = true // an audit asks about the others
			for _, r := range b.sent.during(func() { b.apply(s) }) {
				if strings.Contains(r, "configmaps/fop-gate") {
					t.Errorf("while it rests: %s", r)
				}
			}
			s.Audit = false
			if live := b.live(s); live.Health == reconcile.Healthy {
				t.Error("it is shown as if nothing were")
			}
			s.Resting = nil
			applied := b.applied(s)
			if len(applied.Repaired) != 1 || applied.Repaired[0] != id {
				t.Errorf("repaired %v", applied.Repaired)
			}
			if want := map[string]string{"edited": "rival"}[name]; applied.Rivals[id] != want {
				t.Errorf("by %q, want %q", applied.Rivals[id], want)
			}
			b.becomes(s, reconcile.Healthy)
		})
	}
}

func TestANewContentOfARestingObjectIsApplied(t *testing.T) {
	b := newBench(t)
	s := b.set()
	b.apply(s)
	b.becomes(s, reconcile.Healthy)
	next := b.set()
	id := configMapOf(next)
	for _, o := range next.Objects {
		if o.ID() == id {
			o["data"] = map[string]any{"mode": "new"}
		}
	}
	next.Ref.Digest = "another"
	next.Resting = map[render.ObjectID]bool{id: true}
	b.apply(next)
	c, err := b.kube.CoreV1().ConfigMaps(b.namespace).Get(t.Context(), "fop-gate", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if c.Data["mode"] != "new" {
		t.Errorf("it keeps %v", c.Data)
	}
}

func configMapOf(s reconcile.Set) render.ObjectID {
	for _, o := range s.Objects {
		if o.Kind() == "ConfigMap" {
			return o.ID()
		}
	}
	return render.ObjectID{}
}
