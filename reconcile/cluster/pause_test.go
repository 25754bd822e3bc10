package cluster

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"banksman.dev/gitsrc"
	"banksman.dev/reconcile"
	"banksman.dev/render"
)

func (b *bench) deployment() *appsv1.Deployment {
	b.Helper()
	d, err := b.kube.AppsV1().Deployments(b.namespace).Get(b.Context(), "fop-gate", metav1.GetOptions{})
	if err != nil {
		b.Fatal(err)
	}
	return d
}

func (b *bench) pause(s reconcile.Set, paused bool) []string {
	b.Helper()
	return b.sent.during(func() {
		if err := b.cluster.Pause(b.Context(), s, paused); err != nil {
			b.Fatal(err)
		}
	})
}

// rolling is a release on its way: its new Pods will not be ready, and its old
// ones stay until they are.
func (b *bench) rolling() reconcile.Set {
	b.Helper()
	s := b.set()
	b.apply(s)
	b.becomes(s, reconcile.Healthy)
	next := b.set("fop-gate:1", "fop-gate:2-crash")
	next.Ref.Digest = render.Digest(strings.Repeat("2", 64))
	b.apply(next)
	b.eventually("the rollout has begun", func() bool {
		return strings.Contains(b.live(next).Message, "of 3") && b.deployment().Status.UpdatedReplicas > 0
	})
	return next
}

func TestARolloutUnderWayIsHeldAndGoesOn(t *testing.T) {
	b := newBench(t)
	s := b.rolling()
	if sent := b.pause(s, true); len(sent) != 1 || !strings.Contains(sent[0], "fieldManager="+PauseOwner) {
		t.Fatalf("sent %q", sent)
	}
	if !b.deployment().Spec.Paused {
		t.Fatal("it is not paused")
	}
	if sent := b.pause(s, true); len(sent) > 0 {
		t.Errorf("the second time it sent %q", sent)
	}
	b.eventually("a sentence says it", func() bool {
		live := b.live(s)
		return live.Health == reconcile.Progressing && strings.HasPrefix(live.Message, "its rollout is paused")
	})
	b.hush()
	if sent := b.sent.during(func() { b.apply(s); b.live(s); b.pause(s, true) }); len(sent) > 0 {
		t.Errorf("the pause was taken for drift: sent %q", sent)
	}
	if sent := b.pause(s, false); len(sent) != 1 {
		t.Errorf("letting go sent %q", sent)
	}
	if sent := b.pause(s, false); len(sent) > 0 {
		t.Errorf("the second time it sent %q", sent)
	}
	d := b.deployment()
	if d.Spec.Paused || slices.ContainsFunc(d.ManagedFields, func(f metav1.ManagedFieldsEntry) bool { return f.Manager == PauseOwner }) {
		t.Errorf("it is still held: %v", d.ManagedFields)
	}
	if sent := b.sent.during(func() { b.apply(s) }); len(sent) > 0 {
		t.Errorf("after letting go it sent %q", sent)
	}
}

func TestWhatAnotherProcessHeldIsLetGo(t *testing.T) {
	b := newBench(t)
	s := b.rolling()
	b.pause(s, true)
	s.Known = b.apply(s)
	b.restart()
	if sent := objectRequests(b.sent.during(func() { b.apply(s); b.pause(s, true) })); len(sent) > 0 {
		t.Errorf("sent %q", sent)
	}
	b.pause(s, false)
	if b.deployment().Spec.Paused {
		t.Error("it is still paused")
	}
}

func TestAReleaseIsAppliedToAHeldDeploymentThatStaysHeld(t *testing.T) {
	b := newBench(t)
	s := b.rolling()
	b.pause(s, true)
	next := b.set("fop-gate:1", "fop-gate:3")
	next.Ref.Digest = render.Digest(strings.Repeat("3", 64))
	b.apply(next)
	if d := b.deployment(); !d.Spec.Paused || !strings.HasSuffix(d.Spec.Template.Spec.Containers[0].Image, ":3") {
		t.Errorf("%+v", d.Spec)
	}
	b.pause(next, false)
	b.becomes(next, reconcile.Healthy)
}

func TestOnlyRolloutsUnderWayAreHeld(t *testing.T) {
	for name, c := range map[string]func(*bench) reconcile.Set{
		"not a settled Deployment": func(b *bench) reconcile.Set {
			s := b.set()
			b.apply(s)
			b.becomes(s, reconcile.Healthy)
			return s
		},
		"not one that is not there": func(b *bench) reconcile.Set { return b.set() },
		"not somebody else's": func(b *bench) reconcile.Set {
			s := b.set("fop-gate:1", "fop-gate:1-crash")
			b.kubectlApply(s)
			return s
		},
		"not one that says it itself": func(b *bench) reconcile.Set {
			s := b.set("replicas: 3", "replicas: 3\n  paused: true")
			b.apply(s)
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			s := c(b)
			for _, paused := range []bool{true, false} {
				if w := writes(b.pause(s, paused)); len(w) > 0 {
					t.Errorf("paused %v: wrote %q", paused, w)
				}
			}
		})
	}
}

func TestTheLiveWorkloadsSayWhatTheyRun(t *testing.T) {
	b := newBench(t)
	job := `---
apiVersion: batch/v1
kind: CronJob
metadata: {name: tidy, namespace: NS}
spec:
  schedule: "0 0 1 1 *"
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: tidy, image: "tidy:1"}]}}}}
`
	s := b.setOf(manifests + job)
	b.apply(s)
	canary := b.set("metadata: {name: fop-gate, namespace", "metadata: {name: fop-gate-canary, namespace")
	canary.Track = reconcile.TrackCanary
	b.apply(canary)
	other := b.set("metadata: {name: fop-gate, namespace", "metadata: {name: other, namespace")
	other.Service = "other"
	b.apply(other)
	copied := b.deployment()
	copied.ObjectMeta = metav1.ObjectMeta{Name: "copied", Labels: copied.Labels, Annotations: copied.Annotations}
	if _, err := b.kube.AppsV1().Deployments(b.namespace).Create(t.Context(), copied, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	got, err := b.cluster.Recall(t.Context(), "fop-gate", b.namespace)
	if err != nil {
		t.Fatal(err)
	}
	commit, digest := gitsrc.SHA(strings.Repeat("a", 40)), render.Digest(strings.Repeat("1", 64))
	want := []reconcile.Recalled{
		{Object: render.ObjectID{Group: "apps", Kind: "Deployment", Namespace: b.namespace, Name: "fop-gate"}, Commit: commit, Digest: digest},
		{Object: render.ObjectID{Group: "batch", Kind: "CronJob", Namespace: b.namespace, Name: "tidy"}, Commit: commit, Digest: digest},
	}
	if !slices.Equal(got, want) {
		is, _ := json.MarshalIndent(got, "", " ")
		t.Errorf("%s", is)
	}
}
