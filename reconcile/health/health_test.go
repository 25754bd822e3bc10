package health

import (
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"banksman.dev/reconcile"
)

func object(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	raw, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON(raw); err != nil {
		t.Fatal(err)
	}
	return u
}

const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: d, namespace: n, generation: 2}
spec: {replicas: 9, progressDeadlineSeconds: 600}
`

const settled = `
  conditions:
  - {type: Available, status: "True"}
  - {type: Progressing, status: "True", reason: NewReplicaSetAvailable}
`

const exceeded = `
  conditions:
  - {type: Progressing, status: "False", reason: ProgressDeadlineExceeded, lastUpdateTime: "2026-01-01T00:10:00Z"}
`

func TestHealth(t *testing.T) {
	early, late := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 1, 1, 1, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		object string
		since  time.Time
		want   State
	}{
		"a Deployment that its controller has not looked at is on its way": {
			object: deployment, want: State{Health: reconcile.Progressing, Message: "its controller has not looked at it yet"},
		},
		"a status of the generation before counts for nothing": {
			object: deployment + "status:\n  {observedGeneration: 1, replicas: 9, updatedReplicas: 9, readyReplicas: 9, availableReplicas: 9}",
			want:   State{Health: reconcile.Progressing, Message: "its controller has not looked at it yet"},
		},
		"a Deployment in the middle says how many Pods have the template": {
			object: deployment + "status:\n  observedGeneration: 2\n  replicas: 10\n  updatedReplicas: 4\n  readyReplicas: 9\n  availableReplicas: 9" + settled,
			want:   State{Health: reconcile.Progressing, Message: "4 of 9 Pods have the new template"},
		},
		"a Deployment whose Pods are not ready says how many are": {
			object: deployment + "status:\n  observedGeneration: 2\n  replicas: 9\n  updatedReplicas: 9\n  readyReplicas: 2\n  availableReplicas: 2" + settled,
			want:   State{Health: reconcile.Progressing, Message: "2 of 9 Pods ready"},
		},
		"a ready old Pod beside a new one that is not does not count": {
			object: deployment + "status:\n  observedGeneration: 2\n  replicas: 10\n  updatedReplicas: 9\n  readyReplicas: 9\n  availableReplicas: 9" + settled,
			want:   State{Health: reconcile.Progressing, Message: "8 of 9 new Pods ready"},
		},
		"old Pods that remain are named": {
			object: deployment + "status:\n  observedGeneration: 2\n  replicas: 10\n  updatedReplicas: 9\n  readyReplicas: 10\n  availableReplicas: 10" + settled,
			want:   State{Health: reconcile.Progressing, Message: "old Pods still there: 1"},
		},
		"Pods that are ready for too short a time are on their way": {
			object: deployment + "status:\n  observedGeneration: 2\n  replicas: 9\n  updatedReplicas: 9\n  readyReplicas: 9\n  availableReplicas: 3" + settled,
			want:   State{Health: reconcile.Progressing, Message: "3 of 9 Pods available, the others are not ready for long enough"},
		},
		"a settled Deployment is healthy": {
			object: deployment + "status:\n  observedGeneration: 2\n  replicas: 9\n  updatedReplicas: 9\n  readyReplicas: 9\n  availableReplicas: 9" + settled,
			want:   State{Health: reconcile.Healthy},
		},
		"a deadline exceeded after the apply is a failure": {
			object: deployment + "status:\n  observedGeneration: 2\n  replicas: 9\n  updatedReplicas: 9\n  readyReplicas: 0" + exceeded,
			since:  early,
			want:   State{Health: reconcile.Failed, Message: "0 of 9 Pods ready; the progress deadline is exceeded"},
		},
		"a deadline exceeded before the apply is about something else": {
			object: deployment + "status:\n  observedGeneration: 2\n  replicas: 9\n  updatedReplicas: 9\n  readyReplicas: 0" + exceeded,
			since:  late,
			want:   State{Health: reconcile.Progressing, Message: "0 of 9 Pods ready"},
		},
		"a deadline exceeded without a known apply is a failure": {
			object: deployment + "status:\n  observedGeneration: 2\n  replicas: 9\n  updatedReplicas: 9\n  readyReplicas: 0" + exceeded,
			want:   State{Health: reconcile.Failed, Message: "0 of 9 Pods ready; the progress deadline is exceeded"},
		},
		"a Job that runs is on its way": {
			object: "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nstatus: {startTime: \"2026-01-01T00:00:00Z\", active: 1}",
			want:   State{Health: reconcile.Progressing, Message: "the Job has not completed"},
		},
		"a Job that completed is healthy": {
			object: "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nstatus: {startTime: \"2026-01-01T00:00:00Z\", succeeded: 1, conditions: [{type: Complete, status: \"True\"}]}",
			want:   State{Health: reconcile.Healthy},
		},
		"a Job that failed is a failure": {
			object: "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nstatus: {failed: 7, conditions: [{type: Failed, status: \"True\"}]}",
			want:   State{Health: reconcile.Failed, Message: "the Job failed"},
		},
		"a custom resource is what its Ready condition says": {
			object: "apiVersion: example.org/v1\nkind: Gadget\nmetadata: {name: g}\nstatus: {conditions: [{type: Ready, status: \"False\", message: \"no disk\"}]}",
			want:   State{Health: reconcile.Progressing, Message: "no disk"},
		},
		"what is being deleted is missing": {
			object: "apiVersion: v1\nkind: Service\nmetadata: {name: s, deletionTimestamp: \"2026-01-01T00:00:00Z\"}",
			want:   State{Health: reconcile.Missing, Message: "it is being deleted"},
		},
		"a Service is healthy": {
			object: "apiVersion: v1\nkind: Service\nmetadata: {name: s}",
			want:   State{Health: reconcile.Healthy},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := Of(object(t, c.object), c.since)
			if got.Health != c.want.Health || got.Message != c.want.Message {
				t.Errorf("%v", got)
			}
		})
	}
}

func TestImagesAreSortedAndNamedOnce(t *testing.T) {
	template := `{template: {spec: {initContainers: [{image: c}], containers: [{image: b}, {image: a}, {image: b}]}}}`
	for _, text := range []string{
		"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: " + template,
		"apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: d}\nspec: {jobTemplate: {spec: " + template + "}}",
	} {
		u := object(t, text)
		if got := Images(u); !slices.Equal(got, []string{"a", "b", "c"}) {
			t.Errorf("%s: %v", u.GetKind(), got)
		}
	}
}

func TestADaemonSetCountsItsPods(t *testing.T) {
	got, ok := CountPods(object(t, `{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: d}, status: {desiredNumberScheduled: 4, updatedNumberScheduled: 3, numberReady: 2, numberAvailable: 1}}`))
	if want := (Count{Want: 4, Total: 4, Updated: 3, Ready: 2, Available: 1}); !ok || got != want {
		t.Errorf("%v %+v", ok, got)
	}
}
