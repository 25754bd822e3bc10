package health

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

const podHead = "apiVersion: v1\nkind: Pod\nmetadata: {name: app-7d4b9c6f5d-x2v4z, namespace: n, uid: u}\n"

// eventsIn reads Events about the Pod of podHead, "Reason [container]: message" on each line.
func eventsIn(t *testing.T, lines string) []Event {
	t.Helper()
	var all []Event
	for line := range strings.Lines(lines) {
		head, message, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok {
			t.Fatalf("no event: %q", line)
		}
		reason, name, _ := strings.Cut(head, " ")
		e := Event{Kind: "Pod", Name: "app-7d4b9c6f5d-x2v4z", UID: "u", Reason: reason, Container: name, Message: message, Count: 3}
		if reason == "ProvisioningFailed" {
			e.Kind, e.Name, e.UID, e.Container = "PersistentVolumeClaim", name, "c", ""
		}
		all = append(all, e)
	}
	return all
}

func TestAPodsTroubleInOneSentence(t *testing.T) {
	for name, c := range map[string]struct {
		pod     string
		events  string
		missing []string
		want    string
	}{
		"a Pod that starts has none": {
			pod: `status: {containerStatuses: [{name: app, state: {waiting: {reason: ContainerCreating}}}]}`,
		},
		"a ready Pod has none, whatever was said of it": {
			pod:    `status: {conditions: [{type: Ready, status: "True"}], containerStatuses: [{name: app, ready: true, restartCount: 9, state: {running: {}}, lastState: {terminated: {exitCode: 1}}}]}`,
			events: "Unhealthy app: Readiness probe failed: HTTP probe failed with statuscode: 503",
		},
		"a crash loop with its exit code": {
			pod:  `status: {containerStatuses: [{name: app, restartCount: 4, state: {waiting: {reason: CrashLoopBackOff, message: back-off 2m40s restarting failed container=app pod=app-7d4b9c6f5d-x2v4z}}, lastState: {terminated: {exitCode: 2, message: "password=hunter2"}}}]}`,
			want: "container app starts and exits again and again, the last time with exit code 2 (CrashLoopBackOff)",
		},
		"between two crashes the container runs, and is told alike": {
			pod:  `status: {containerStatuses: [{name: app, restartCount: 4, state: {running: {}}, lastState: {terminated: {exitCode: 2}}}]}`,
			want: "container app starts and exits again and again, the last time with exit code 2 (CrashLoopBackOff)",
		},
		"at the moment of a crash it is told alike": {
			pod:  `status: {containerStatuses: [{name: app, restartCount: 4, state: {terminated: {exitCode: 2}}, lastState: {terminated: {exitCode: 2}}}]}`,
			want: "container app starts and exits again and again, the last time with exit code 2 (CrashLoopBackOff)",
		},
		"one restart is no loop": {
			pod: `status: {containerStatuses: [{name: app, restartCount: 1, state: {running: {}}, lastState: {terminated: {exitCode: 2}}}]}`,
		},
		"a container that ends well has nothing to do": {
			pod:  `status: {containerStatuses: [{name: app, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 0, reason: Completed}}}]}`,
			want: "container app starts and exits again and again, the last time with exit code 0, which is no error (CrashLoopBackOff)",
		},
		"a container that needs too much memory": {
			pod:  `status: {containerStatuses: [{name: app, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 137, reason: OOMKilled}}}]}`,
			want: "container app needs more memory than its limit and is killed again and again, exit code 137 (OOMKilled)",
		},
		"a container that its liveness probe kills": {
			pod:    `status: {containerStatuses: [{name: app, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 137, reason: Error}}}]}`,
			events: "Unhealthy app: Liveness probe failed: HTTP probe failed with statuscode: 500",
			want:   "container app is restarted again and again because its liveness probe fails, HTTP 500 (CrashLoopBackOff)",
		},
		"a command that is not in the image": {
			pod:  `status: {containerStatuses: [{name: app, state: {waiting: {reason: RunContainerError, message: 'failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "serve": executable file not found in $PATH: unknown'}}}]}`,
			want: `container app cannot be started: "serve": executable file not found in $PATH (StartError)`,
		},
		"a command that is not in the image, while it waits to be tried again": {
			pod:  `status: {containerStatuses: [{name: app, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 128, reason: StartError, message: 'failed to create containerd task: unable to start container process: exec: "serve": executable file not found in $PATH: unknown'}}}]}`,
			want: `container app cannot be started: "serve": executable file not found in $PATH (StartError)`,
		},
		"a Job's container that failed": {
			pod:  `status: {phase: Failed, containerStatuses: [{name: migrate, state: {terminated: {exitCode: 3, reason: Error, message: "dsn=postgres://u:p@db"}}}]}`,
			want: "container migrate ended with exit code 3",
		},
		"a Job's container that needed too much memory": {
			pod:  `status: {phase: Failed, containerStatuses: [{name: migrate, state: {terminated: {exitCode: 137, reason: OOMKilled}}}]}`,
			want: "container migrate needed more memory than its limit and was killed, exit code 137 (OOMKilled)",
		},
		"an image of which no more is known": {
			pod:  `status: {containerStatuses: [{name: app, image: "x:1", state: {waiting: {reason: ImagePullBackOff, message: Back-off pulling image "x:1"}}}]}`,
			want: "container app cannot pull its image x:1 (ImagePullBackOff)",
		},
		"the two states of a pull are told alike": {
			pod:  `status: {containerStatuses: [{name: app, image: "x:1", state: {waiting: {reason: ErrImagePull}}}]}`,
			want: "container app cannot pull its image x:1 (ImagePullBackOff)",
		},
		"a pull secret that is not there": {
			pod:     "spec: {imagePullSecrets: [{name: qiniu}]}\n" + `status: {containerStatuses: [{name: app, image: "x:1", state: {waiting: {reason: ErrImagePull, message: "rpc error: code = Unknown desc = failed to pull and unpack image: 401 Unauthorized"}}}]}`,
			missing: []string{"qiniu"},
			want:    "container app cannot pull its image, pull secret qiniu does not exist: x:1 (ImagePullBackOff)",
		},
		"a registry that calls a private image not found": {
			pod:     "spec: {imagePullSecrets: [{name: a}, {name: b}]}\n" + `status: {containerStatuses: [{name: app, image: "x:1", state: {waiting: {reason: ImagePullBackOff, message: 'Back-off pulling image "x:1": ErrImagePull: x:1: not found'}}}]}`,
			missing: []string{"a", "b"},
			want:    "container app cannot pull its image, pull secrets a, b do not exist: x:1 (ImagePullBackOff)",
		},
		"a pull secret that the kubelet misses": {
			pod:    "spec: {imagePullSecrets: [{name: qiniu}]}\n" + `status: {containerStatuses: [{name: app, image: "x:1", state: {waiting: {reason: ImagePullBackOff}}}]}`,
			events: "FailedToRetrieveImagePullSecret: Unable to retrieve some image pull secrets (qiniu, old); attempting to pull the image may not succeed.",
			want:   "container app cannot pull its image, pull secrets old, qiniu do not exist: x:1 (ImagePullBackOff)",
		},
		"a pull secret that is not accepted": {
			pod:  "spec: {imagePullSecrets: [{name: qiniu}]}\n" + `status: {containerStatuses: [{name: app, image: "x:1", state: {waiting: {reason: ErrImagePull, message: "pull access denied, repository does not exist or may require authorization: authorization failed"}}}]}`,
			want: "container app cannot pull its image, the registry denies access with pull secret qiniu: x:1 (ImagePullBackOff)",
		},
		"a private image without a pull secret, from the kubelet's Event": {
			pod:    `status: {containerStatuses: [{name: app, image: "x:1", state: {waiting: {reason: ImagePullBackOff, message: Back-off pulling image "x:1"}}}]}`,
			events: `Failed app: Failed to pull image "x:1": rpc error: unexpected status from HEAD request to https://r/v2/x: 403 Forbidden`,
			want:   "container app cannot pull its image, the registry denies access and the Pod names no pull secret: x:1 (ImagePullBackOff)",
		},
		"an image that is not there": {
			pod:  `status: {containerStatuses: [{name: app, image: "x:1", state: {waiting: {reason: ErrImagePull, message: 'code = NotFound desc = failed to resolve reference "docker.io/library/x:1": docker.io/library/x:1: not found'}}}]}`,
			want: "container app cannot pull its image, the registry has no such image: x:1 (ImagePullBackOff)",
		},
		"a registry that is not there, whatever its pull secret is": {
			pod:     "spec: {imagePullSecrets: [{name: qiniu}]}\n" + `status: {containerStatuses: [{name: app, image: "x:1", state: {waiting: {reason: ErrImagePull, message: "dial tcp: lookup r on 10.0.0.10:53: no such host"}}}]}`,
			missing: []string{"qiniu"},
			want:    "container app cannot pull its image, the registry's name is unknown to DNS: x:1 (ImagePullBackOff)",
		},
		"a name that is none": {
			pod:  `status: {containerStatuses: [{name: app, image: "X:1", state: {waiting: {reason: InvalidImageName}}}]}`,
			want: "container app has an image name that cannot be read X:1 (InvalidImageName)",
		},
		"an init container comes first": {
			pod:  `status: {initContainerStatuses: [{name: init, image: i, state: {waiting: {reason: ErrImagePull}}}], containerStatuses: [{name: app, state: {waiting: {reason: CrashLoopBackOff}}}]}`,
			want: "container init cannot pull its image i (ImagePullBackOff)",
		},
		"an environment from a ConfigMap that is not there": {
			pod:  `status: {containerStatuses: [{name: app, state: {waiting: {reason: CreateContainerConfigError, message: 'configmap "settings" not found'}}}]}`,
			want: "container app cannot be configured: ConfigMap settings does not exist (CreateContainerConfigError)",
		},
		"an environment from a key that is not there": {
			pod:  `status: {containerStatuses: [{name: app, state: {waiting: {reason: CreateContainerConfigError, message: "couldn't find key password in Secret n/db"}}}]}`,
			want: "container app cannot be configured: Secret db has no key password (CreateContainerConfigError)",
		},
		"an image that wants to be root": {
			pod:  `status: {containerStatuses: [{name: app, state: {waiting: {reason: CreateContainerConfigError, message: 'container has runAsNonRoot and image will run as root (pod: "app-7d4b9c6f5d-x2v4z_n(0e1b4a9e-1f5e-4b1a-8f5e-0e1b4a9e1f5e)", container: app)'}}}]}`,
			want: "container app cannot be configured: container has runAsNonRoot and image will run as root (CreateContainerConfigError)",
		},
		"no node takes it, without the scheduler's numbers": {
			pod:  `status: {conditions: [{type: PodScheduled, status: "False", reason: Unschedulable, message: "0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 2 Insufficient cpu. preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling, 2 No preemption victims found for incoming pod."}]}`,
			want: "no node takes a Pod: Insufficient cpu, had untolerated taint {node-role.kubernetes.io/control-plane} (Unschedulable)",
		},
		"no node takes it, as newer schedulers say it": {
			pod:  `status: {conditions: [{type: PodScheduled, status: "False", reason: Unschedulable, message: "0/41 nodes are available: 40 Insufficient memory, 1 Too many pods. no new claims to deallocate, preemption: 0/41 nodes are available: 41 No preemption victims found for incoming pod."}]}`,
			want: "no node takes a Pod: Insufficient memory, Too many pods (Unschedulable)",
		},
		"no nodes": {
			pod:  `status: {conditions: [{type: PodScheduled, status: "False", reason: Unschedulable, message: "no nodes available to schedule pods"}]}`,
			want: "no node takes a Pod: the cluster has no nodes (Unschedulable)",
		},
		"a gate before the scheduler": {
			pod:  `status: {conditions: [{type: PodScheduled, status: "False", reason: SchedulingGated, message: "Scheduling is blocked due to non-empty scheduling gates"}]}`,
			want: "a Pod waits for its scheduling gates (SchedulingGated)",
		},
		"a claim that is not there": {
			pod:  `status: {conditions: [{type: PodScheduled, status: "False", reason: Unschedulable, message: '0/1 nodes are available: persistentvolumeclaim "data" not found. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.'}]}`,
			want: "a Pod cannot be scheduled: PersistentVolumeClaim data does not exist (Unschedulable)",
		},
		"a claim that is not bound": {
			pod:  "spec: {volumes: [{name: d, persistentVolumeClaim: {claimName: data}}]}\n" + `status: {conditions: [{type: PodScheduled, status: "False", reason: Unschedulable, message: "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."}]}`,
			want: "a Pod waits for PersistentVolumeClaim data to be bound (Unschedulable)",
		},
		"a claim that cannot be bound": {
			pod:    "spec: {volumes: [{name: d, persistentVolumeClaim: {claimName: data}}]}\n" + `status: {conditions: [{type: PodScheduled, status: "False", reason: Unschedulable, message: "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."}]}`,
			events: `ProvisioningFailed data: storageclass.storage.k8s.io "fast" not found`,
			want:   "PersistentVolumeClaim data gets no volume: StorageClass fast does not exist (ProvisioningFailed)",
		},
		"a volume from a ConfigMap that is not there": {
			pod: `status: {containerStatuses: [{name: app, state: {waiting: {reason: ContainerCreating}}}]}`,
			events: `FailedMount: Unable to attach or mount volumes: unmounted volumes=[config], unattached volumes=[], failed to process volumes=[]: context deadline exceeded
				FailedMount: MountVolume.SetUp failed for volume "config" : configmap "settings" not found`,
			want: "ConfigMap settings does not exist, volume config needs it (FailedMount)",
		},
		"a volume from a key that is not there": {
			pod:    `status: {containerStatuses: [{name: app, state: {waiting: {reason: ContainerCreating}}}]}`,
			events: `FailedMount: MountVolume.SetUp failed for volume "tls" : references non-existent secret key: tls.crt`,
			want:   "there is no key tls.crt, volume tls needs it (FailedMount)",
		},
		"a volume that takes too long": {
			pod:    `status: {containerStatuses: [{name: app, state: {waiting: {reason: ContainerCreating}}}]}`,
			events: `FailedMount: Unable to attach or mount volumes: unmounted volumes=[logs data], unattached volumes=[data logs]: timed out waiting for the condition`,
			want:   "volume data, logs cannot be mounted in time (FailedMount)",
		},
		"a volume that another node has": {
			pod:    `status: {containerStatuses: [{name: app, state: {waiting: {reason: ContainerCreating}}}]}`,
			events: `FailedAttachVolume: Multi-Attach error for volume "pvc-0e1b4a9e-1f5e-4b1a-8f5e-0e1b4a9e1f5e" Volume is already exclusively attached to one node and can't be attached to another`,
			want:   "a volume is still attached to another node (FailedAttachVolume)",
		},
		"a cache of the kubelet that is not filled yet is no trouble": {
			pod:    `status: {containerStatuses: [{name: app, state: {waiting: {reason: ContainerCreating}}}]}`,
			events: `FailedMount: MountVolume.SetUp failed for volume "kube-api-access-x2v4z" : object "n"/"kube-root-ca.crt" not registered`,
		},
		"a volume that was mounted at last is no trouble": {
			pod:    `status: {containerStatuses: [{name: app, state: {running: {}}}]}`,
			events: `FailedMount: MountVolume.SetUp failed for volume "config" : configmap "settings" not found`,
		},
		"a network that gives no address": {
			pod:    `status: {containerStatuses: [{name: app, state: {waiting: {reason: ContainerCreating}}}]}`,
			events: `FailedCreatePodSandBox: Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "0e1b4a9e1f5e4b1a8f5e": plugin type="aws-cni" name="aws-cni" failed (add): add cmd: failed to assign an IP address to container`,
			want:   "the sandbox of a Pod cannot be created, the network has no address left (FailedCreatePodSandBox)",
		},
		"a readiness probe with an HTTP status": {
			pod:    `status: {containerStatuses: [{name: app, state: {running: {}}}]}`,
			events: "Unhealthy app: Readiness probe failed: HTTP probe failed with statuscode: 503",
			want:   "container app is not ready: its readiness probe fails, HTTP 503 (Unhealthy)",
		},
		"a readiness probe that is refused, without the Pod's address": {
			pod:    `status: {containerStatuses: [{name: app, state: {running: {}}}]}`,
			events: `Unhealthy app: Readiness probe failed: Get "http://10.244.0.17:8080/healthz": dial tcp 10.244.0.17:8080: connect: connection refused`,
			want:   "container app is not ready: its readiness probe fails, connection refused (Unhealthy)",
		},
		"a readiness probe that is silent": {
			pod:    `status: {containerStatuses: [{name: app, state: {running: {}}}]}`,
			events: `Unhealthy app: Readiness probe failed: Get "http://10.244.0.17:8080/healthz": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
			want:   "container app is not ready: its readiness probe fails, no answer in time (Unhealthy)",
		},
		"a command as a probe, whose words are its own": {
			pod:    `status: {containerStatuses: [{name: app, state: {running: {}}}]}`,
			events: `Unhealthy app: Readiness probe failed: connection refused for token=abc123`,
			want:   "container app is not ready: its readiness probe fails (Unhealthy)",
		},
		"a startup probe": {
			pod:    `status: {containerStatuses: [{name: app, state: {running: {}}}]}`,
			events: `Unhealthy app: Startup probe failed: service unhealthy (responded with "NOT_SERVING")`,
			want:   "container app is not ready: its startup probe fails, gRPC status NOT_SERVING (Unhealthy)",
		},
		"two ways to fail are told by the one that says more": {
			pod: `status: {containerStatuses: [{name: app, state: {running: {}}}]}`,
			events: `Unhealthy app: Readiness probe failed: Get "http://10.244.0.17:8080/": dial tcp: connect: connection refused
				Unhealthy app: Readiness probe failed: HTTP probe failed with statuscode: 503`,
			want: "container app is not ready: its readiness probe fails, HTTP 503 (Unhealthy)",
		},
		"a probe of a container that is ready is over": {
			pod:    `status: {containerStatuses: [{name: app, ready: true, state: {running: {}}}]}`,
			events: "Unhealthy app: Readiness probe failed: HTTP probe failed with statuscode: 503",
		},
		"a readiness gate": {
			pod:  `status: {conditions: [{type: ContainersReady, status: "True"}, {type: Ready, status: "False", reason: ReadinessGatesNotReady, message: 'the status of pod readiness gate "target-health.elbv2.k8s.aws/k8s-n-app" is not "True", but False'}]}`,
			want: "readiness gate target-health.elbv2.k8s.aws/k8s-n-app is not true yet (ReadinessGatesNotReady)",
		},
		"an evicted Pod": {
			pod:  `status: {phase: Failed, reason: Evicted, message: "The node was low on resource: memory."}`,
			want: "a Pod was evicted from its node (Evicted)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			pod := object(t, podHead+c.pod)
			events := eventsIn(t, c.events)
			got := WhyPod(pod, Clue{events, c.missing})
			if got.Sentence != c.want {
				t.Errorf("\n got %q\nwant %q", got.Sentence, c.want)
			}
			slices.Reverse(events)
			if again := WhyPod(pod, Clue{events, c.missing}); again != got {
				t.Errorf("in another order of Events: %q", again.Sentence)
			}
			if len([]rune(got.Sentence)) > 130 {
				t.Errorf("%d characters: %s", len([]rune(got.Sentence)), got.Sentence)
			}
		})
	}
}

func TestEventsOfTheNamesakeBeforeCountForNothing(t *testing.T) {
	events := eventsIn(t, "Unhealthy app: Readiness probe failed: HTTP probe failed with statuscode: 503")
	events[0].UID = "another"
	pod := object(t, podHead+`status: {containerStatuses: [{name: app, state: {running: {}}}]}`)
	if got := WhyPod(pod, Clue{Events: events}); !got.IsNone() {
		t.Errorf("%q", got.Sentence)
	}
}

func TestAProbeThatFailsWhileAContainerStartsIsNoTrouble(t *testing.T) {
	events := eventsIn(t, "Unhealthy app: Readiness probe failed: HTTP probe failed with statuscode: 503")
	pod := object(t, podHead+`status: {containerStatuses: [{name: app, state: {running: {}}}]}`)
	for count, told := range map[int64]bool{0: false, 1: false, 2: false, 3: true, 400: true} {
		events[0].Count = count
		if got := WhyPod(pod, Clue{Events: events}); got.IsNone() == told {
			t.Errorf("after %d: %q", count, got.Sentence)
		}
	}
}

func TestOneReasonStandsForAllPods(t *testing.T) {
	crash, pull, probe := Trouble{crashes, "crash"}, Trouble{noImage, "pull"}, Trouble{notReady, "a probe"}
	for _, order := range [][]Trouble{{crash, pull, {}, probe}, {probe, {}, crash, pull}, {pull, pull, pull}} {
		if got := Reason(order); got != "pull" {
			t.Errorf("%v: %q", order, got)
		}
	}
	if got := Reason([]Trouble{{crashes, "b"}, {crashes, "a"}}); got != "a" {
		t.Errorf("%q", got)
	}
	if got := Reason([]Trouble{{}}); got != "" {
		t.Errorf("%q", got)
	}
}

func TestPullSecretsAreAskedForOnlyWhenAPullFails(t *testing.T) {
	spec := "spec: {imagePullSecrets: [{name: a}, {name: b}]}\n"
	for status, want := range map[string][]string{
		`status: {containerStatuses: [{name: app, state: {waiting: {reason: ContainerCreating}}}]}`: nil,
		`status: {containerStatuses: [{name: app, state: {waiting: {reason: CrashLoopBackOff}}}]}`:  nil,
		`status: {containerStatuses: [{name: app, state: {waiting: {reason: InvalidImageName}}}]}`:  nil,
		`status: {containerStatuses: [{name: app, state: {waiting: {reason: ErrImagePull}}}]}`:      {"a", "b"},
	} {
		if got := PullSecrets(object(t, podHead+spec+status)); !slices.Equal(got, want) {
			t.Errorf("%s: %v", status, got)
		}
	}
}

func TestAnEventIsReadAsBothKindsOfWritersWriteIt(t *testing.T) {
	for name, text := range map[string]string{
		"the kubelet":   `{apiVersion: v1, kind: Event, metadata: {name: e}, involvedObject: {kind: Pod, name: p, uid: u, fieldPath: "spec.containers{app}"}, reason: Unhealthy, message: m, count: 2, lastTimestamp: "2026-01-01T00:00:00Z"}`,
		"the scheduler": `{apiVersion: v1, kind: Event, metadata: {name: e}, involvedObject: {kind: Pod, name: p, uid: u, fieldPath: "spec.initContainers{app}"}, reason: Unhealthy, message: "(combined from similar events): m", lastTimestamp: null, eventTime: "2025-12-31T00:00:00.000000Z", series: {count: 2, lastObservedTime: "2026-01-01T00:00:00.000000Z"}}`,
	} {
		got := EventOf(object(t, text))
		at := got.Last.UTC().Format("2006-01-02")
		got.Last = Event{}.Last
		if want := (Event{Kind: "Pod", Name: "p", UID: "u", Container: "app", Reason: "Unhealthy", Message: "m", Count: 2}); got != want || at != "2026-01-01" {
			t.Errorf("%s: %+v at %s", name, got, at)
		}
	}
}

func podFrom(raw []byte) *unstructured.Unstructured {
	var m map[string]any
	if err := yaml.Unmarshal(raw, &m); err != nil || m == nil {
		return nil
	}
	return &unstructured.Unstructured{Object: m}
}
