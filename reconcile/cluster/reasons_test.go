package cluster

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/retry"

	"banksman.dev/reconcile"
)

// unattended makes Pods that neither the scheduler nor a kubelet looks at: the
// test plays the kubelet.
const unattended = "      schedulerName: nobody\n      containers:"

// aPod waits for a Pod of the Deployment fop-gate and returns it.
func (b *bench) aPod() *corev1.Pod {
	b.Helper()
	var pod *corev1.Pod
	b.eventually("a Pod", func() bool {
		list, err := b.kube.CoreV1().Pods(b.namespace).List(b.Context(), metav1.ListOptions{})
		if err != nil {
			b.Fatal(err)
		}
		if len(list.Items) > 0 {
			pod = &list.Items[0]
		}
		return pod != nil
	})
	return pod
}

// report writes a Pod's status as the kubelet would.
func (b *bench) report(name string, containers ...corev1.ContainerStatus) {
	b.Helper()
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		pod, err := b.kube.CoreV1().Pods(b.namespace).Get(b.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		pod.Status.Phase, pod.Status.ContainerStatuses = corev1.PodPending, containers
		_, err = b.kube.CoreV1().Pods(b.namespace).UpdateStatus(b.Context(), pod, metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
}

func waiting(reason, message string) corev1.ContainerStatus {
	return corev1.ContainerStatus{
		Name: "fop-gate", Image: "reg.qiniu.com/dora-apps/fop-gate:1",
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}},
	}
}

// event says something about a Pod as the kubelet would.
func (b *bench) event(pod *corev1.Pod, reason, message string) *corev1.Event {
	b.Helper()
	now := metav1.Now()
	e, err := b.kube.CoreV1().Events(b.namespace).Create(b.Context(), &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "e-"},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: "v1", Kind: "Pod", Namespace: b.namespace, Name: pod.Name, UID: pod.UID, FieldPath: "spec.containers{fop-gate}",
		},
		Reason: reason, Message: message, Type: corev1.EventTypeWarning,
		FirstTimestamp: now, LastTimestamp: now, Count: 1, Source: corev1.EventSource{Component: "kubelet"},
	}, metav1.CreateOptions{})
	if err != nil {
		b.Fatal(err)
	}
	return e
}

// again says the same once more.
func (b *bench) again(e *corev1.Event, count int32) {
	b.Helper()
	e.Count, e.LastTimestamp = count, metav1.Now()
	if _, err := b.kube.CoreV1().Events(b.namespace).Update(b.Context(), e, metav1.UpdateOptions{}); err != nil {
		b.Fatal(err)
	}
}

// says waits until Live gives a reason.
func (b *bench) says(s reconcile.Set, want string) {
	b.Helper()
	var live reconcile.Live
	b.onFailure(func() { b.Logf("live: %s: %q", live.Health, live.Message) })
	b.eventually(want, func() bool {
		live = b.live(s)
		return strings.Contains(live.Message, want)
	})
}

func (b *bench) onFailure(deed func()) {
	b.Cleanup(func() {
		if b.Failed() {
			deed()
		}
	})
}

// saysWhenTold waits until Live gives a reason, and looks only when Changed
// names the service: as the loop does.
func (b *bench) saysWhenTold(s reconcile.Set, want string) {
	b.Helper()
	deadline := time.After(patience)
	for !strings.Contains(b.live(s).Message, want) {
		select {
		case <-b.cluster.Changed():
		case <-deadline:
			b.Fatalf("Changed was silent and the message is %q, not %q", b.live(s).Message, want)
		}
	}
}

func TestAMissingPullSecretIsNamed(t *testing.T) {
	b := newBench(t)
	s := b.set("replicas: 3", "replicas: 1", "      containers:", "      imagePullSecrets: [{name: qiniu}]\n"+unattended)
	b.apply(s)
	b.live(s)
	b.report(b.aPod().Name, waiting("ErrImagePull", "failed to authorize: 401 Unauthorized"))
	const want = "container fop-gate cannot pull its image, pull secret qiniu does not exist: reg.qiniu.com/dora-apps/fop-gate:1 (ImagePullBackOff)"
	b.saysWhenTold(s, "0 of 1 Pods ready: "+want)
	if sent := b.sent.during(func() { b.live(s) }); len(sent) > 0 {
		t.Errorf("the trouble stands, and it asks again: %q", sent)
	}

	b.report(b.aPod().Name, waiting("ImagePullBackOff", `Back-off pulling image "reg.qiniu.com/dora-apps/fop-gate:1"`))
	b.hush()
	if live := b.live(s); !strings.HasSuffix(live.Message, want) {
		t.Errorf("another state of the same trouble reads %q", live.Message)
	}

	if _, err := b.kube.CoreV1().Secrets(b.namespace).Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "qiniu"}, StringData: map[string]string{".dockerconfigjson": `{"auths":{}}`},
		Type: corev1.SecretTypeDockerConfigJson,
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	b.report(b.aPod().Name, waiting("ErrImagePull", "failed to authorize: 403 Forbidden"))
	b.says(s, "the registry denies access with pull secret qiniu: reg.qiniu.com")
}

func TestWithoutTheRightToGetSecretsTheKubeletNamesThePullSecret(t *testing.T) {
	b := newBench(t)
	b.cluster = b.openWithout("secrets")
	s := b.set("replicas: 3", "replicas: 1", "      containers:", "      imagePullSecrets: [{name: qiniu}]\n"+unattended)
	b.apply(s)
	pod := b.aPod()
	b.report(pod.Name, waiting("ErrImagePull", "failed to authorize: 401 Unauthorized"))
	b.says(s, "the registry denies access with pull secret qiniu: ")
	b.event(pod, "FailedToRetrieveImagePullSecret", "Unable to retrieve some image pull secrets (qiniu); attempting to pull the image may not succeed.")
	b.saysWhenTold(s, "pull secret qiniu does not exist: ")
}

func TestAnEventIsHeardAndToldOnce(t *testing.T) {
	b := newBench(t)
	s := b.set("replicas: 3", "replicas: 1", "      containers:", unattended)
	b.apply(s)
	pod := b.aPod()
	b.report(pod.Name, waiting("ContainerCreating", ""))
	b.says(s, "0 of 1 Pods ready")
	b.hush()
	e := b.event(pod, "FailedMount", `MountVolume.SetUp failed for volume "config" : configmap "settings" not found`)
	b.saysWhenTold(s, "0 of 1 Pods ready: ConfigMap settings does not exist, volume config needs it (FailedMount)")
	b.hush()

	b.again(e, 2)
	b.event(pod, "FailedMount", `MountVolume.SetUp failed for volume "tls" : secret "tls" not found`)
	b.heard("another Event")
	if message := b.live(s).Message; !strings.HasSuffix(message, ": ConfigMap settings does not exist, volume config needs it (FailedMount)") {
		t.Errorf("two troubles are told alike whichever came first; this reads %q", message)
	}
}

func TestAProbeThatFailsIsTold(t *testing.T) {
	b := newBench(t)
	s := b.set("replicas: 3", "replicas: 1", "      containers:", unattended)
	b.apply(s)
	pod := b.aPod()
	b.report(pod.Name, corev1.ContainerStatus{Name: "fop-gate", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}})
	e := b.event(pod, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503")
	b.says(s, "0 of 1 Pods ready")
	b.again(e, 3)
	b.saysWhenTold(s, "0 of 1 Pods ready: container fop-gate is not ready: its readiness probe fails, HTTP 503 (Unhealthy)")
}

func TestAContainerThatNeedsTooMuchMemoryIsTold(t *testing.T) {
	b := newBench(t)
	s := b.set("replicas: 3", "replicas: 1", "      containers:", unattended)
	b.apply(s)
	c := waiting("CrashLoopBackOff", "back-off 2m40s restarting failed container")
	c.RestartCount = 5
	c.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 137, Reason: "OOMKilled"}
	b.report(b.aPod().Name, c)
	b.saysWhenTold(s, "0 of 1 Pods ready: container fop-gate needs more memory than its limit and is killed again and again, exit code 137 (OOMKilled)")
}

func TestAPodThatNoNodeTakesSaysWhy(t *testing.T) {
	b := newBench(t)
	s := b.set("replicas: 3", "replicas: 1", "      containers:", "      nodeSelector: {disk: fast}\n      containers:")
	b.apply(s)
	b.saysWhenTold(s, "0 of 1 Pods ready: no node takes a Pod: ")
	b.says(s, "didn't match Pod's node affinity/selector (Unschedulable)")
}

func TestEventsAreWatchedOnlyWhileAWorkloadIsNotHealthy(t *testing.T) {
	b := newBench(t)
	s := b.set("replicas: 3", "replicas: 1", "fop-gate:1", "fop-gate:1-slow")
	isOn := func() bool { return b.cluster.watches.find(allEvents(b.namespace)) != nil }
	b.apply(s)
	b.eventually("Events are watched while the workload is on its way", func() bool {
		b.live(s)
		return isOn()
	})
	b.becomes(s, reconcile.Healthy)
	b.eventually("the watch of Events ends", func() bool { return !isOn() })
	b.hush()
	if sent := b.sent.during(func() { b.live(s) }); len(sent) > 0 || isOn() {
		t.Errorf("a healthy service costs %q; Events watched: %t", sent, isOn())
	}

	next := b.set("replicas: 3", "replicas: 1", "fop-gate:1", "fop-gate:2-crash")
	next.Ref.Digest = "2"
	b.apply(next)
	b.says(next, "CrashLoopBackOff")
	if !isOn() {
		t.Error("nobody watches Events of a workload that crashes")
	}
	if err := b.kube.AppsV1().Deployments(b.namespace).Delete(t.Context(), "fop-gate", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	b.eventually("the watch ends with the workload", func() bool { return !isOn() })
}

func TestWithoutTheRightToReadEventsThereIsSimplyNoReason(t *testing.T) {
	b := newBench(t)
	b.cluster = b.openWithout("events")
	s := b.set("replicas: 3", "replicas: 1", "      containers:", unattended)
	b.apply(s)
	pod := b.aPod()
	b.report(pod.Name, waiting("ContainerCreating", ""))
	b.event(pod, "FailedMount", `MountVolume.SetUp failed for volume "config" : configmap "settings" not found`)
	b.says(s, "0 of 1 Pods ready")
	b.eventually("the watch is given up", func() bool {
		w := b.cluster.watches.find(allEvents(b.namespace))
		r, ok := w.informer.(*reasons)
		return ok && r.IsStopped()
	})
	if live := b.live(s); live.Message != "0 of 1 Pods ready" {
		t.Errorf("%q", live.Message)
	}
	b.report(pod.Name, waiting("InvalidImageName", ""))
	b.saysWhenTold(s, "(InvalidImageName)")
}

// openWithout connects a Cluster whose account has all rights but those on one
// resource of the core API.
func (b *bench) openWithout(resource string) *Cluster {
	b.Helper()
	name := b.namespace + "-" + resource
	core := []string{"configmaps", "services", "pods", "secrets", "events"}
	core = slices.DeleteFunc(core, func(r string) bool { return r == resource })
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: core, Verbs: []string{"*"}},
		{APIGroups: []string{"apps", "autoscaling"}, Resources: []string{"*"}, Verbs: []string{"*"}},
	}}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}},
	}
	rbac := b.kube.RbacV1()
	if _, err := rbac.ClusterRoles().Create(b.Context(), role, metav1.CreateOptions{}); err != nil {
		b.Fatal(err)
	}
	if _, err := rbac.ClusterRoleBindings().Create(b.Context(), binding, metav1.CreateOptions{}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		ctx := context.WithoutCancel(b.Context())
		if err := errors.Join(rbac.ClusterRoleBindings().Delete(ctx, name, metav1.DeleteOptions{}), rbac.ClusterRoles().Delete(ctx, name, metav1.DeleteOptions{})); err != nil {
			b.Error(err)
		}
	})
	config := rest.CopyConfig(b.config)
	config.Impersonate.UserName = name
	kube := kubernetes.NewForConfigOrDie(config)
	b.eventually("the rights arrive", func() bool {
		_, err := kube.AppsV1().Deployments(b.namespace).List(b.Context(), metav1.ListOptions{Limit: 1})
		return err == nil
	})
	c, err := New(config, Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.Close)
	return c
}
