package cluster

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"

	"banksman.dev/reconcile"
)

func TestPodsThatCannotBeCreatedSayWhy(t *testing.T) {
	const account = "      serviceAccountName: robot\n      containers:"
	others := map[string]string{
		"Deployment":  manifests,
		"StatefulSet": statefulSet,
		"DaemonSet":   daemonSet,
		"Job":         job,
	}
	for kind, text := range others {
		t.Run(kind, func(t *testing.T) {
			b := newBench(t)
			if _, err := b.kube.CoreV1().ResourceQuotas(b.namespace).Create(t.Context(), &corev1.ResourceQuota{
				ObjectMeta: metav1.ObjectMeta{Name: "small"},
				Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("0")}},
			}, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
			b.eventually("the quota counts", func() bool {
				q, err := b.kube.CoreV1().ResourceQuotas(b.namespace).Get(t.Context(), "small", metav1.GetOptions{})
				return err == nil && len(q.Status.Hard) > 0
			})
			s := b.setOf(text)
			b.apply(s)
			b.saysWhenTold(s, ": Pods cannot be created: quota small is exceeded, it allows pods=0")
		})
	}
	t.Run("without its ServiceAccount", func(t *testing.T) {
		b := newBench(t)
		s := b.set("      containers:", account)
		b.apply(s)
		b.saysWhenTold(s, "0 of 3 Pods have the new template: Pods cannot be created: ServiceAccount robot does not exist")
	})
	t.Run("that PodSecurity forbids", func(t *testing.T) {
		b := newBench(t)
		if _, err := b.kube.CoreV1().Namespaces().Patch(t.Context(), b.namespace, "application/merge-patch+json",
			[]byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"restricted"}}}`), metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
		s := b.set()
		b.apply(s)
		b.saysWhenTold(s, "Pods cannot be created: PodSecurity restricted forbids them: allowPrivilegeEscalation != false, ")
	})
	t.Run("outside a LimitRange", func(t *testing.T) {
		b := newBench(t)
		if _, err := b.kube.CoreV1().LimitRanges(b.namespace).Create(t.Context(), &corev1.LimitRange{
			ObjectMeta: metav1.ObjectMeta{Name: "modest"},
			Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{
				Type: corev1.LimitTypeContainer, Max: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")},
			}}},
		}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		s := b.set("ports: [{containerPort: 8080}]", "resources: {limits: {cpu: 1500m}}")
		b.apply(s)
		b.saysWhenTold(s, "Pods cannot be created: a LimitRange forbids them: maximum cpu usage per Container is 1, but limit is 1500m")
	})
}

const statefulSet = `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: fop-gate, namespace: NS}
spec:
  serviceName: fop-gate
  replicas: 1
  selector: {matchLabels: {app: fop-gate}}
  template:
    metadata: {labels: {app: fop-gate}}
    spec:
      containers: [{name: fop-gate, image: "reg.qiniu.com/dora-apps/fop-gate:1"}]
`

const daemonSet = `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: fop-gate, namespace: NS}
spec:
  selector: {matchLabels: {app: fop-gate}}
  template:
    metadata: {labels: {app: fop-gate}}
    spec:
      containers: [{name: fop-gate, image: "reg.qiniu.com/dora-apps/fop-gate:1"}]
`

const job = `
apiVersion: batch/v1
kind: Job
metadata: {name: fop-gate, namespace: NS}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers: [{name: fop-gate, image: "reg.qiniu.com/dora-apps/fop-gate:1"}]
`

func TestAFailedJobSaysWhyAndWhatItsContainerSaid(t *testing.T) {
	b := newBench(t)
	s := b.setOf(job, "      containers:", unattended)
	b.apply(s)
	b.live(s)
	name := b.aPod().Name
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		pod, err := b.kube.CoreV1().Pods(b.namespace).Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		pod.Status.Phase = corev1.PodFailed
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
			Name: "fop-gate", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 3, Reason: "Error", Message: "password=hunter2"}},
		}}
		_, err = b.kube.CoreV1().Pods(b.namespace).UpdateStatus(t.Context(), pod, metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	live := b.becomes(s, reconcile.Failed)
	const want = "the Job failed: its Pods failed more often than backoffLimit allows (BackoffLimitExceeded)"
	if !strings.HasPrefix(live.Message, want) {
		t.Errorf("%q", live.Message)
	}
	b.says(s, want+": container fop-gate ended with exit code 3")
}

func TestAFailedDeploymentGivesThePodsReason(t *testing.T) {
	b := newBench(t)
	s := b.set("fop-gate:1", "fop-gate:1-crash", "replicas: 3", "replicas: 1\n  progressDeadlineSeconds: 4")
	b.apply(s)
	live := b.becomes(s, reconcile.Failed)
	for _, part := range []string{"0 of 1 Pods ready", "the progress deadline is exceeded", "container fop-gate starts and exits again and again, the last time with exit code 1 (CrashLoopBackOff)"} {
		if !strings.Contains(live.Message, part) {
			t.Errorf("%q does not say %q", live.Message, part)
		}
	}
}
