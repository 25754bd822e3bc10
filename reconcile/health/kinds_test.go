package health

import (
	"testing"
	"time"

	"banksman.dev/reconcile"
)

func TestHealthOfKindsWithTheirOwnRules(t *testing.T) {
	const custom = "apiVersion: example.org/v1\nkind: Gadget\nmetadata: {name: g, generation: 2}\n"
	const set = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: s, generation: 1}\n"
	const job = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\n"
	const crd = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: gadgets.example.org, generation: 1}\n"
	since := time.Date(2026, 1, 1, 1, 0, 0, 0, time.UTC)
	healthy := State{Health: reconcile.Healthy}
	for name, c := range map[string]struct {
		object string
		want   State
	}{
		"an Ingress without an address is healthy": {
			"apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i, generation: 1}\nstatus: {loadBalancer: {}}", healthy,
		},
		"a Service whose load balancer is pending is healthy": {
			"apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {type: LoadBalancer}\nstatus: {loadBalancer: {}}", healthy,
		},
		"a claim that waits for its first consumer is healthy": {
			"apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: c}\nstatus: {phase: Pending}", healthy,
		},
		"a claim whose volume is lost has failed": {
			"apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: c}\nstatus: {phase: Lost}",
			State{Health: reconcile.Failed, Message: "the volume that it was bound to is gone"},
		},
		"an autoscaler without metrics is healthy": {
			"apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: h, generation: 2}\nstatus: {observedGeneration: 1, conditions: [{type: ScalingActive, status: \"False\", reason: FailedGetResourceMetric}]}", healthy,
		},
		"a disruption budget that nobody computes is healthy": {
			"apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: b, generation: 2}\nstatus: {observedGeneration: 1}", healthy,
		},
		"a CronJob is healthy when it is there": {
			"apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: c}\nspec: {suspend: false}", healthy,
		},

		"a Job that used up its tries": {
			job + "status: {failed: 7, conditions: [{type: FailureTarget, status: \"True\", reason: BackoffLimitExceeded}, {type: Failed, status: \"True\", reason: BackoffLimitExceeded, message: Job has reached the specified backoff limit}]}",
			State{Health: reconcile.Failed, Message: "the Job failed: its Pods failed more often than backoffLimit allows (BackoffLimitExceeded)"},
		},
		"a Job that took too long": {
			job + "status: {conditions: [{type: Failed, status: \"True\", reason: DeadlineExceeded}]}",
			State{Health: reconcile.Failed, Message: "the Job failed: it was not done within activeDeadlineSeconds (DeadlineExceeded)"},
		},
		"a Job whose policy ends it, without the Pod's name": {
			job + "status: {conditions: [{type: Failed, status: \"True\", reason: PodFailurePolicy, message: Container main for pod n/j-x2v4z failed with exit code 42 matching FailJob rule at index 0}]}",
			State{Health: reconcile.Failed, Message: "the Job failed: a Pod failed in a way that its podFailurePolicy does not forgive (PodFailurePolicy)"},
		},
		"a suspended Job is healthy": {job + "spec: {suspend: true}", healthy},
		"a Job that has not started is on its way": {
			job, State{Health: reconcile.Progressing, Message: "the Job has not completed"},
		},

		"a definition that is served is healthy": {
			crd + "status: {conditions: [{type: NamesAccepted, status: \"True\"}, {type: Established, status: \"True\"}]}", healthy,
		},
		"a definition that is new is on its way": {
			crd, State{Health: reconcile.Progressing, Message: "its kind is not served yet"},
		},
		"a definition whose names another one has": {
			crd + "status: {conditions: [{type: NamesAccepted, status: \"False\", reason: PluralConflict, message: '\"gadgets\" is already in use'}, {type: Established, status: \"False\", reason: NotAccepted}]}",
			State{Health: reconcile.Failed, Message: `its names are taken: "gadgets" is already in use (PluralConflict)`},
		},

		"a custom resource without a status is healthy":         {custom, healthy},
		"a custom resource with a status of its own is healthy": {custom + "status: ready", healthy},
		"a custom resource with conditions of its own is healthy": {
			custom + "status: {conditions: {ready: true}}", healthy,
		},
		"a custom resource that is ready is healthy": {
			custom + "status: {observedGeneration: 2, conditions: [{type: Ready, status: \"True\"}]}", healthy,
		},
		"a custom resource that was ready before its content": {
			custom + "status: {observedGeneration: 1, conditions: [{type: Ready, status: \"True\"}]}",
			State{Health: reconcile.Progressing, Message: "its controller has not looked at it yet"},
		},
		"a custom resource whose condition is about the content before": {
			custom + "status: {conditions: [{type: Ready, status: \"True\", observedGeneration: 1}]}",
			State{Health: reconcile.Progressing, Message: "its controller has not looked at it yet"},
		},
		"a custom resource that is not ready says why, without what moves": {
			custom + "status: {conditions: [{type: Ready, status: \"False\", reason: Pending, message: \"no answer from 10.0.0.7:443 for 2m40s\\nretry at 2026-01-01T00:00:00Z\"}]}",
			State{Health: reconcile.Progressing, Message: "no answer from … for … retry at …"},
		},
		"a custom resource that is not ready and only has a reason": {
			custom + "status: {conditions: [{type: Ready, status: \"False\", reason: Pending}]}",
			State{Health: reconcile.Progressing, Message: "Ready is False (Pending)"},
		},
		"a custom resource that is stalled has failed": {
			custom + "status: {observedGeneration: 2, conditions: [{type: Stalled, status: \"True\", reason: Bad, message: no such chart}]}",
			State{Health: reconcile.Failed, Message: "no such chart"},
		},
		"a custom resource that was stalled before, of which it says no more": {
			custom + "status: {conditions: [{type: Stalled, status: \"True\", reason: Bad, message: no such chart, lastTransitionTime: \"2026-01-01T00:00:00Z\"}]}",
			State{Health: reconcile.Progressing, Message: "no such chart"},
		},

		"a StatefulSet with a partition is settled at it": {
			set + "spec: {replicas: 3, updateStrategy: {rollingUpdate: {partition: 2}}}\nstatus: {observedGeneration: 1, replicas: 3, readyReplicas: 3, availableReplicas: 3, updatedReplicas: 1, currentReplicas: 2}", healthy,
		},
		"a StatefulSet on its way to a partition counts up to it": {
			set + "spec: {replicas: 3, updateStrategy: {rollingUpdate: {partition: 1}}}\nstatus: {observedGeneration: 1, replicas: 3, readyReplicas: 3, availableReplicas: 3, updatedReplicas: 1, currentReplicas: 2}",
			State{Health: reconcile.Progressing, Message: "1 of 2 Pods have the new template"},
		},
		"a StatefulSet whose Pods somebody else replaces asks only for ready ones": {
			set + "spec: {replicas: 3, updateStrategy: {type: OnDelete}}\nstatus: {observedGeneration: 1, replicas: 3, readyReplicas: 3, updatedReplicas: 0}", healthy,
		},
		"a DaemonSet whose Pods somebody else replaces asks only for ready ones": {
			"apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: d, generation: 1}\nspec: {updateStrategy: {type: OnDelete}}\nstatus: {observedGeneration: 1, desiredNumberScheduled: 3, currentNumberScheduled: 3, numberReady: 2}",
			State{Health: reconcile.Progressing, Message: "2 of 3 Pods ready"},
		},

		"a Pod that runs and is ready is healthy": {
			"apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nstatus: {phase: Running, conditions: [{type: Ready, status: \"True\"}]}", healthy,
		},
		"a Pod that failed says why": {
			"apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nstatus: {phase: Failed, containerStatuses: [{name: app, state: {terminated: {exitCode: 1}}}]}",
			State{Health: reconcile.Failed, Message: "container app ended with exit code 1"},
		},
		"a Pod that crashes may recover": {
			"apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nstatus: {phase: Running, containerStatuses: [{name: app, state: {waiting: {reason: CrashLoopBackOff}}}]}",
			State{Health: reconcile.Progressing, Message: "container app starts and exits again and again (CrashLoopBackOff)"},
		},
		"a Pod that no node has taken yet": {
			"apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nstatus: {phase: Pending}",
			State{Health: reconcile.Progressing, Message: "the Pod has not started"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := Of(object(t, c.object), since)
			if got.Health != c.want.Health || got.Message != c.want.Message {
				t.Errorf("%s: %q", got.Health, got.Message)
			}
		})
	}
}

func TestAPausedDeploymentSaysSo(t *testing.T) {
	got := Of(object(t, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, generation: 2}\nspec: {replicas: 9, paused: true}\nstatus: {observedGeneration: 2, replicas: 9}"), time.Time{})
	if got.Health != reconcile.Progressing || got.Message != "it is paused by spec.paused" {
		t.Errorf("%+v", got)
	}
}

func TestTheReasonComesBeforeTheDeadline(t *testing.T) {
	failed := Of(object(t, deployment+"status:\n  observedGeneration: 2\n  replicas: 9\n  updatedReplicas: 9\n  readyReplicas: 0"+exceeded), time.Time{})
	for reason, want := range map[string]string{
		"":          "0 of 9 Pods ready; the progress deadline is exceeded",
		"no memory": "0 of 9 Pods ready: no memory; the progress deadline is exceeded",
	} {
		if got := failed.Because(reason); got.Message != want || got.Health != reconcile.Failed {
			t.Errorf("%+v", got)
		}
	}
	if got := (State{Health: reconcile.Healthy}).Because("no memory"); got.Message != "" {
		t.Errorf("%+v", got)
	}
	if got := progressing("1 of 2 Pods ready").Because("no memory"); got.Message != "1 of 2 Pods ready: no memory" {
		t.Errorf("%+v", got)
	}
}
