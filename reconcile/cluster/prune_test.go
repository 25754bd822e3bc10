package cluster

import (
	"errors"
	"net/http"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"banksman.dev/reconcile"
)

func (b *bench) prune(entries ...reconcile.Entry) []reconcile.Entry {
	b.Helper()
	kept, err := b.cluster.Prune(b.Context(), "fop-gate", entries)
	if err != nil {
		b.Fatal(err)
	}
	return kept
}

func (b *bench) configMap() *corev1.ConfigMap {
	b.Helper()
	c, err := b.kube.CoreV1().ConfigMaps(b.namespace).Get(b.Context(), "fop-gate", metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		b.Fatal(err)
	}
	return c
}

func entryFor(t *testing.T, entries []reconcile.Entry, kind string) reconcile.Entry {
	t.Helper()
	for _, e := range entries {
		if e.Kind == kind {
			return e
		}
	}
	t.Fatal(errors.New("no entry of kind " + kind))
	return reconcile.Entry{}
}

func TestPruneDeletesWhatWasAppliedAndForgetsTheEntry(t *testing.T) {
	b := newBench(t)
	e := entryFor(t, b.apply(b.set()), "ConfigMap")
	if kept := b.prune(e); len(kept) > 0 {
		t.Errorf("kept %v", kept)
	}
	if b.configMap() != nil {
		t.Error("it is still there")
	}
	if kept := b.prune(e); len(kept) > 0 {
		t.Errorf("the second time it kept %v", kept)
	}
}

func TestPruneFindsAnObjectWhoseVersionIsNotServedAnyMore(t *testing.T) {
	b := newBench(t)
	e := entryFor(t, b.apply(b.set()), "Deployment")
	e.Version = "v1beta1"
	kept := b.prune(e)
	for len(kept) > 0 {
		kept = b.prune(kept...)
	}
	if _, err := b.kube.AppsV1().Deployments(b.namespace).Get(t.Context(), "fop-gate", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("it is still there: %v", err)
	}
}

func TestPruneLeavesWhatIsNotTheObjectThatWasApplied(t *testing.T) {
	t.Run("another UID", func(t *testing.T) {
		b := newBench(t)
		s := b.set()
		e := entryFor(t, b.apply(s), "ConfigMap")
		if err := b.kube.CoreV1().ConfigMaps(b.namespace).Delete(t.Context(), "fop-gate", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		b.eventually("the watch shows it", func() bool { return b.live(s).Health == reconcile.Missing })
		b.eventually("it is made anew", func() bool { b.apply(s); return b.configMap() != nil })
		if kept := b.prune(e); len(kept) > 0 || b.configMap() == nil {
			t.Errorf("kept %v, object %v", kept, b.configMap())
		}
	})
	t.Run("our label was taken away", func(t *testing.T) {
		b := newBench(t)
		e := entryFor(t, b.apply(b.set()), "ConfigMap")
		patch := []byte(`{"metadata":{"labels":{"banksman.dev/service":null}}}`)
		if _, err := b.kube.CoreV1().ConfigMaps(b.namespace).Patch(t.Context(), "fop-gate", types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
		if kept := b.prune(e); len(kept) > 0 || b.configMap() == nil {
			t.Errorf("kept %v, object %v", kept, b.configMap())
		}
	})
	t.Run("the label was copied to an object that was never applied", func(t *testing.T) {
		b := newBench(t)
		if _, err := b.kube.CoreV1().ConfigMaps(b.namespace).Create(t.Context(), &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: "fop-gate", Labels: map[string]string{LabelService: "fop-gate"}},
		}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		e := reconcile.Entry{Version: "v1", Kind: "ConfigMap", Namespace: b.namespace, Name: "fop-gate"}
		if kept := b.prune(e); len(kept) > 0 || b.configMap() == nil {
			t.Errorf("kept %v, object %v", kept, b.configMap())
		}
	})
}

func TestPruneLeavesAnObjectThatWasReplacedAfterTheLook(t *testing.T) {
	b := newBench(t)
	e := entryFor(t, b.apply(b.set()), "ConfigMap")
	maps := b.kube.CoreV1().ConfigMaps(b.namespace)
	replaced := false
	b.sent.lose(func(r *http.Request) bool {
		if r.Method != http.MethodDelete || replaced {
			return false
		}
		replaced = true
		again := b.configMap()
		if err := maps.Delete(t.Context(), "fop-gate", metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
		again.UID, again.ResourceVersion = "", ""
		if _, err := maps.Create(t.Context(), again, metav1.CreateOptions{}); err != nil {
			t.Error(err)
		}
		return false
	})
	if kept := b.prune(e); len(kept) != 1 || !replaced {
		t.Errorf("kept %v, replaced %v", kept, replaced)
	}
	if b.configMap() == nil {
		t.Error("another object was deleted")
	}
}

func TestPruneKeepsTheEntryUntilTheObjectIsReallyGone(t *testing.T) {
	b := newBench(t)
	e := entryFor(t, b.apply(b.set()), "ConfigMap")
	finalizers := func(list string) {
		patch := []byte(`{"metadata":{"finalizers":` + list + `}}`)
		if _, err := b.kube.CoreV1().ConfigMaps(b.namespace).Patch(t.Context(), "fop-gate", types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	finalizers(`["example.org/wait"]`)
	for range 2 {
		if kept := b.prune(e); len(kept) != 1 {
			t.Fatalf("kept %v while it is being deleted", kept)
		}
	}
	finalizers(`null`)
	if kept := b.prune(e); len(kept) > 0 {
		t.Errorf("kept %v", kept)
	}
}

func TestPruneLeavesAVolumeClaimUnlessItSaysSo(t *testing.T) {
	const claim = `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: NS, annotations: {x: y}}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
`
	b := newBench(t)
	e := entryFor(t, b.apply(b.setOf(claim)), "PersistentVolumeClaim")
	claims := b.kube.CoreV1().PersistentVolumeClaims(b.namespace)
	if kept := b.prune(e); len(kept) > 0 {
		t.Errorf("kept %v", kept)
	}
	if c, err := claims.Get(t.Context(), "data", metav1.GetOptions{}); err != nil || c.DeletionTimestamp != nil {
		t.Fatalf("the claim was deleted: %v", err)
	}
	b.apply(b.setOf(claim, "x: y", "banksman.dev/prune: confirm"))
	b.prune(e)
	c, err := claims.Get(t.Context(), "data", metav1.GetOptions{})
	if !apierrors.IsNotFound(err) && c.DeletionTimestamp == nil {
		t.Errorf("the confirmed claim was not deleted: %v", err)
	}
}
