package cluster

import (
	"strings"
	"testing"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"banksman.dev/reconcile"
)

func TestACrashingImageIsNamedAndHeard(t *testing.T) {
	b := newBench(t)
	s := b.set("fop-gate:1", "fop-gate:1-crash")
	b.apply(s)
	b.eventually("the reason from the Pods", func() bool {
		return strings.Contains(b.live(s).Message, "CrashLoopBackOff")
	})
	live := b.live(s)
	if live.Health != reconcile.Progressing || !strings.HasPrefix(live.Message, "0 of 3 Pods ready: container fop-gate") {
		t.Errorf("live: %+v", live)
	}
	if live.Pods != "0/3 Pods ready" {
		t.Errorf("pods: %q", live.Pods)
	}
}

func TestAnExceededDeadlineIsAFailureUntilTheNextApply(t *testing.T) {
	b := newBench(t)
	short := "replicas: 3\n  progressDeadlineSeconds: 4"
	s := b.set("fop-gate:1", "fop-gate:1-crash", "replicas: 3", short)
	b.apply(s)
	live := b.becomes(s, reconcile.Failed)
	if !strings.Contains(live.Message, "the progress deadline is exceeded") || !strings.Contains(live.Message, "CrashLoopBackOff") {
		t.Errorf("message: %q", live.Message)
	}
	next := b.set("replicas: 3", "replicas: 3\n  progressDeadlineSeconds: 60", "fop-gate:1", "fop-gate:2")
	next.Ref.Digest = "2"
	b.apply(next)
	b.eventually("healthy, and never failed on the way", func() bool {
		live := b.live(next)
		if live.Health == reconcile.Failed || strings.Contains(live.Message, "CrashLoopBackOff") {
			t.Fatalf("the failure of the content before counts against the new one: %+v", live)
		}
		return live.Health == reconcile.Healthy
	})
}

func TestAnAutoscaledDeploymentKeepsItsSize(t *testing.T) {
	b := newBench(t)
	s := b.set()
	b.apply(s)
	b.becomes(s, reconcile.Healthy)
	five := int32(5)
	_, err := b.kube.AutoscalingV2().HorizontalPodAutoscalers(b.namespace).Create(t.Context(), &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Name: "fop-gate"},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "fop-gate"},
			MinReplicas:    &five, MaxReplicas: 9,
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	size := func() int32 {
		d, err := b.kube.AppsV1().Deployments(b.namespace).Get(t.Context(), "fop-gate", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return *d.Spec.Replicas
	}
	b.heard("an autoscaler that appears")
	b.eventually("the watch shows the autoscaler", func() bool { return b.isAutoscaled(s) })
	if w := writes(b.sent.during(func() { b.apply(s) })); len(w) > 0 {
		t.Errorf("the autoscaler alone made it write %q", w)
	}
	b.eventually("the autoscaler scales", func() bool { return size() == 5 })
	b.shown("apps", "Deployment", b.deployment())
	b.apply(s)
	if n := size(); n != 5 {
		t.Errorf("scaled back to %d", n)
	}
	next := b.set("fop-gate:1", "fop-gate:2")
	next.Ref.Digest = "2"
	b.apply(next)
	if n := size(); n != 5 {
		t.Errorf("a new release scaled it to %d", n)
	}
	b.becomes(next, reconcile.Healthy)
	if sent := b.sent.during(func() { b.apply(next) }); len(sent) > 0 {
		t.Errorf("sent %q", sent)
	}
}

// isAutoscaled says whether the autoscaler of a set's Deployment was seen.
func (b *bench) isAutoscaled(s reconcile.Set) bool {
	b.Helper()
	for _, o := range s.Objects {
		r, err := b.cluster.recipeOf(o, s)
		if err != nil {
			b.Fatal(err)
		}
		scaled, err := b.cluster.isAutoscaled(b.Context(), r)
		if err != nil {
			b.Fatal(err)
		}
		if scaled {
			return true
		}
	}
	return false
}

func TestTheTwoVariantsPodsAreKeptApart(t *testing.T) {
	b := newBench(t)
	full := b.set()
	b.apply(full)
	canary := b.set("metadata: {name: fop-gate, namespace", "metadata: {name: fop-gate-canary, namespace",
		"replicas: 3", "replicas: 1", "fop-gate:1", "fop-gate:2-crash")
	canary.Track, canary.Ref.Digest = reconcile.TrackCanary, "2"
	b.apply(canary)
	b.eventually("the canary's trouble", func() bool { return strings.Contains(b.live(canary).Message, "CrashLoopBackOff") })
	live := b.becomes(full, reconcile.Healthy)
	if strings.Contains(live.Message, "Crash") {
		t.Errorf("full: %+v", live)
	}
}
