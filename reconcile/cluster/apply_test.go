package cluster

import (
	"maps"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"banksman.dev/reconcile"
)

func TestApplyBringsASetToHealthAndThenSendsNothing(t *testing.T) {
	b := newBench(t)
	s := b.set()
	if live := b.live(s); live.Health != reconcile.Missing {
		t.Fatalf("before the apply the set is %v", live)
	}
	entries := b.apply(s)
	if len(entries) != 3 {
		t.Fatalf("%d entries: %v", len(entries), entries)
	}
	for _, e := range entries {
		if e.UID == "" || e.Track != reconcile.TrackStable {
			t.Errorf("entry %+v", e)
		}
	}
	live := b.live(s)
	for live.Health != reconcile.Healthy {
		b.heard("each step of the way")
		live = b.live(s)
	}
	if live.Pods != "3/3 Pods ready" || !slices.Equal(live.Images, []string{"reg.qiniu.com/dora-apps/fop-gate:1"}) || live.Message != "" {
		t.Errorf("live: %+v", live)
	}
	var again []reconcile.Entry
	if sent := b.sent.during(func() { again = b.apply(s); b.live(s) }); len(sent) > 0 {
		t.Errorf("the second apply sent %q", sent)
	}
	if !slices.Equal(again, entries) {
		t.Errorf("entries %v, then %v", entries, again)
	}
}

func TestLabelsStayOffPodTemplatesAndSelectors(t *testing.T) {
	b := newBench(t)
	b.apply(b.set())
	d, err := b.kube.AppsV1().Deployments(b.namespace).Get(t.Context(), "fop-gate", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if d.Labels[LabelService] != "fop-gate" || d.Labels[LabelTrack] != "stable" || d.Labels[LabelManagedBy] != Owner {
		t.Errorf("labels %v", d.Labels)
	}
	if d.Annotations[AnnotationDigest] != strings.Repeat("1", 64) || d.Annotations[AnnotationCommit] != strings.Repeat("a", 40) {
		t.Errorf("annotations %v", d.Annotations)
	}
	for _, m := range []map[string]string{d.Spec.Template.Labels, d.Spec.Template.Annotations, d.Spec.Selector.MatchLabels} {
		for k := range m {
			if strings.Contains(k, "banksman") || k == LabelManagedBy {
				t.Errorf("%s is on the Pod template or the selector", k)
			}
		}
	}
	c, err := b.kube.CoreV1().ConfigMaps(b.namespace).Get(t.Context(), "fop-gate", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if c.Annotations[AnnotationDigest] != "" {
		t.Error("a ConfigMap carries the digest: every release would write it")
	}
}

func TestACommitWithTheSameDigestSendsNothingAlsoAfterARestart(t *testing.T) {
	b := newBench(t)
	s := b.set()
	b.apply(s)
	s.Ref.Commit = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	if sent := b.sent.during(func() { b.apply(s) }); len(sent) > 0 {
		t.Errorf("sent %q", sent)
	}
	b.cluster = b.open(Options{})
	if w := writes(b.sent.during(func() { b.apply(s) })); len(w) > 0 {
		t.Errorf("after a restart it wrote %q", w)
	}
	if sent := b.sent.during(func() { b.apply(s) }); len(sent) > 0 {
		t.Errorf("the second apply after a restart sent %q", sent)
	}
}

func TestOnlyWhatChangedIsWritten(t *testing.T) {
	b := newBench(t)
	b.apply(b.set())
	next := b.set("fop-gate:1", "fop-gate:2")
	next.Ref.Digest = "2"
	w := writes(b.sent.during(func() { b.apply(next) }))
	if len(w) != 1 || !strings.Contains(w[0], "/deployments/fop-gate") {
		t.Errorf("wrote %q", w)
	}
}

func TestANewApplyIsNeverHealthyByWhatWasBefore(t *testing.T) {
	b := newBench(t)
	s := b.set()
	b.apply(s)
	b.becomes(s, reconcile.Healthy)
	same := s
	same.Ref.Digest = "2" // another release that changes none of these objects
	if live := b.live(same); live.Health != reconcile.Missing {
		t.Errorf("a release that was never applied: %+v", live)
	}
	next := b.set("fop-gate:1", "fop-gate:2-slow")
	next.Ref.Digest = "3"
	if live := b.live(next); live.Health != reconcile.Missing {
		t.Errorf("before the apply: %+v", live)
	}
	b.apply(next)
	if live := b.live(next); live.Health == reconcile.Healthy {
		t.Errorf("right after the apply: %+v", live)
	}
}

func TestDriftIsHeardAndPutBack(t *testing.T) {
	for name, deed := range map[string]func(*testing.T, *bench){
		"somebody scales the Deployment": func(t *testing.T, b *bench) {
			scale, err := b.kube.AppsV1().Deployments(b.namespace).GetScale(t.Context(), "fop-gate", metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			scale.Spec.Replicas = 7
			if _, err := b.kube.AppsV1().Deployments(b.namespace).UpdateScale(t.Context(), "fop-gate", scale, metav1.UpdateOptions{}); err != nil {
				t.Fatal(err)
			}
		},
		"somebody edits the image": func(t *testing.T, b *bench) {
			patch := `{"spec":{"template":{"spec":{"containers":[{"name":"fop-gate","image":"other"}]}}}}`
			if _, err := b.kube.AppsV1().Deployments(b.namespace).Patch(t.Context(), "fop-gate", types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: "somebody"}); err != nil {
				t.Fatal(err)
			}
		},
		"somebody edits the ConfigMap": func(t *testing.T, b *bench) {
			if _, err := b.kube.CoreV1().ConfigMaps(b.namespace).Patch(t.Context(), "fop-gate", types.MergePatchType, []byte(`{"data":{"mode":"loud"}}`), metav1.PatchOptions{}); err != nil {
				t.Fatal(err)
			}
		},
		"somebody deletes the ConfigMap": func(t *testing.T, b *bench) {
			if err := b.kube.CoreV1().ConfigMaps(b.namespace).Delete(t.Context(), "fop-gate", metav1.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
		},
		"somebody removes our label": func(t *testing.T, b *bench) {
			if _, err := b.kube.CoreV1().ConfigMaps(b.namespace).Patch(t.Context(), "fop-gate", types.MergePatchType, []byte(`{"metadata":{"labels":{"banksman.dev/service":null}}}`), metav1.PatchOptions{}); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			s := b.set()
			b.apply(s)
			b.becomes(s, reconcile.Healthy)
			b.hush()
			deed(t, b)
			b.heard(name)
			// What was heard first may be a late word of the first rollout.
			b.eventually("the drift shows", func() bool { return b.live(s).Health != reconcile.Healthy })
			var wrote []string
			b.eventually("the drift is repaired", func() bool {
				wrote = append(wrote, writes(b.sent.during(func() { b.apply(s) }))...)
				return len(wrote) > 0
			})
			if len(wrote) != 1 {
				t.Errorf("the repair wrote %q", wrote)
			}
			b.becomes(s, reconcile.Healthy)
			d, err := b.kube.AppsV1().Deployments(b.namespace).Get(t.Context(), "fop-gate", metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if *d.Spec.Replicas != 3 || d.Spec.Template.Spec.Containers[0].Image != "reg.qiniu.com/dora-apps/fop-gate:1" {
				t.Errorf("not put back: %d replicas of %s", *d.Spec.Replicas, d.Spec.Template.Spec.Containers[0].Image)
			}
			c, err := b.kube.CoreV1().ConfigMaps(b.namespace).Get(t.Context(), "fop-gate", metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if c.Data["mode"] != "quiet" || c.Labels[LabelService] != "fop-gate" {
				t.Errorf("not put back: %v %v", c.Data, c.Labels)
			}
			b.hush()
			if sent := b.sent.during(func() { b.apply(s) }); len(sent) > 0 {
				t.Errorf("after the repair it sent %q", sent)
			}
		})
	}
}

func TestForeignLabelsAndAnnotationsAreNoDrift(t *testing.T) {
	b := newBench(t)
	s := b.set()
	b.apply(s)
	b.becomes(s, reconcile.Healthy)
	patch := []byte(`{"metadata":{"labels":{"cost":"42"},"annotations":{"note":"x"}}}`)
	d, err := b.kube.AppsV1().Deployments(b.namespace).Patch(t.Context(), "fop-gate", types.MergePatchType, patch, metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := b.kube.CoreV1().ConfigMaps(b.namespace).Patch(t.Context(), "fop-gate", types.MergePatchType, patch, metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b.shown("apps", "Deployment", d)
	b.shown("", "ConfigMap", c)
	if sent := b.sent.during(func() { b.apply(s) }); len(sent) > 0 {
		t.Errorf("sent %q", sent)
	}
	b.becomes(s, reconcile.Healthy)
}

func TestWhatKubectlAppliedIsAdoptedWithoutARestart(t *testing.T) {
	b := newBench(t)
	s := b.set()
	b.kubectlApply(s)
	restart := []byte(`{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"2026-01-01T00:00:00Z"}}}}}`)
	if _, err := b.kube.AppsV1().Deployments(b.namespace).Patch(t.Context(), "fop-gate", types.StrategicMergePatchType, restart,
		metav1.PatchOptions{FieldManager: "kubectl-rollout"}); err != nil {
		t.Fatal(err)
	}
	b.eventually("a settled Deployment", func() bool {
		d, err := b.kube.AppsV1().Deployments(b.namespace).Get(t.Context(), "fop-gate", metav1.GetOptions{})
		return err == nil && d.Status.ObservedGeneration == d.Generation && d.Status.UpdatedReplicas == 3 &&
			d.Status.AvailableReplicas == 3 && len(b.pods()) == 3
	})
	before, uid := b.pods(), b.deploymentUID()
	b.apply(s)
	b.becomes(s, reconcile.Healthy)
	if after := b.pods(); !maps.Equal(before, after) {
		t.Errorf("Pods were replaced: %v, then %v", before, after)
	}
	d, err := b.kube.AppsV1().Deployments(b.namespace).Get(t.Context(), "fop-gate", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if string(d.UID) != uid {
		t.Error("the Deployment was replaced")
	}
	if d.Annotations[lastApplied] != "" {
		t.Error("kubectl's annotation is still there")
	}
	for _, f := range d.ManagedFields {
		if f.Manager == "kubectl-client-side-apply" {
			t.Error("kubectl still owns fields")
		}
	}
	if sent := b.sent.during(func() { b.apply(s) }); len(sent) > 0 {
		t.Errorf("the second apply sent %q", sent)
	}
}
