package health

import (
	"strings"
	"testing"
	"time"
)

func TestWhyPodsCannotBeCreated(t *testing.T) {
	for name, c := range map[string]struct{ message, want string }{
		"a quota": {
			`pods "app-7d4b9c6f5d-x2v4z" is forbidden: exceeded quota: small, requested: limits.cpu=1,pods=1, used: limits.cpu=1900m,pods=2, limited: limits.cpu=2,pods=2`,
			"quota small is exceeded, it allows limits.cpu=2, pods=2",
		},
		"a quota, as an Event about a StatefulSet says it": {
			`Create Pod web-0 in StatefulSet web failed error: pods "web-0" is forbidden: exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2`,
			"quota small is exceeded, it allows pods=2",
		},
		"a quota that wants to know": {
			`Error creating: pods "app-7d4b9c6f5d-" is forbidden: failed quota: small: must specify limits.cpu for: app; limits.memory for: app`,
			"quota small wants the containers to say limits.cpu for: app; limits.memory for: app",
		},
		"a LimitRange": {
			`Error creating: pods "x" is forbidden: [maximum cpu usage per Container is 1, but limit is 1500m, maximum memory usage per Container is 1Gi, but limit is 2Gi]`,
			"a LimitRange forbids them: maximum cpu usage per Container is 1, but limit is 1500m",
		},
		"a LimitRange that wants to know": {
			`Error creating: pods "x" is forbidden: minimum cpu usage per Container is 100m.  No request is specified`,
			"a LimitRange forbids them: minimum cpu usage per Container is 100m, no request is specified",
		},
		"PodSecurity": {
			`pods "x" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "app" must set securityContext.allowPrivilegeEscalation=false), runAsNonRoot != true (pod or container "app" must set securityContext.runAsNonRoot=true)`,
			"PodSecurity restricted forbids them: allowPrivilegeEscalation != false, runAsNonRoot != true",
		},
		"a webhook that says no": {
			`Error creating: admission webhook "policy.example.org" denied the request: image of app-7d4b9c6f5d-x2v4z must be signed`,
			"webhook policy.example.org denies them: image of app must be signed",
		},
		"a webhook that is not there": {
			`Error creating: Internal error occurred: failed calling webhook "policy.example.org": failed to call webhook: Post "https://policy.n.svc:443/validate?timeout=10s": service "policy" not found`,
			"webhook policy.example.org is called in vain: its Service does not exist",
		},
		"a webhook that is silent": {
			`Error creating: Internal error occurred: failed calling webhook "policy.example.org": failed to call webhook: Post "https://policy.n.svc:443/validate?timeout=10s": context deadline exceeded`,
			"webhook policy.example.org does not answer in time",
		},
		"an admission policy": {
			`pods "x" is forbidden: ValidatingAdmissionPolicy 'owners' with binding 'owners-all' denied request: a label owner is missing`,
			"admission policy owners denies them: a label owner is missing",
		},
		"an account that is not there": {
			`Error creating: pods "x" is forbidden: error looking up service account n/robot: serviceaccount "robot" not found`,
			"ServiceAccount robot does not exist",
		},
		"a priority that is not there": {
			`Error creating: pods "x" is forbidden: no PriorityClass with name urgent was found`,
			"PriorityClass urgent does not exist",
		},
		"a runtime that is not there": {
			`Error creating: pods "x" is forbidden: pod rejected: RuntimeClass "gvisor" not found`,
			"RuntimeClass gvisor does not exist",
		},
		"a namespace that goes": {
			`Error creating: pods "x" is forbidden: unable to create new content in namespace n because it is being terminated`,
			"the namespace is being deleted",
		},
		"a template that is not valid": {
			`Error creating: Pod "app-7d4b9c6f5d-x2v4z" is invalid: spec.containers[0].image: Required value`,
			"the template is not valid: spec.containers[0].image: Required value",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got, want := notCreated(c.message), "Pods cannot be created: "+c.want; got != want {
				t.Errorf("\n got %q\nwant %q", got, want)
			}
		})
	}
}

func TestWhenPodsThatCannotBeCreatedAreTold(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 10, 0, time.UTC)
	set := "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: web, uid: w, generation: 1}\nspec: {replicas: 3}\nstatus: "
	few, all := set+"{observedGeneration: 1, replicas: 2}", set+"{observedGeneration: 1, replicas: 3}"
	said := Event{Kind: "StatefulSet", Name: "web", UID: "w", Reason: "FailedCreate", Message: "create Pod web-2 in StatefulSet web failed error: old words", Last: at}
	newer, other := said, said
	newer.Message, newer.Last = "create Pod web-2 in StatefulSet web failed error: new words", at.Add(time.Second)
	other.UID = "before"
	const deployed = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, generation: 1}\nspec: {replicas: 3}\nstatus: {observedGeneration: 1, replicas: 3, updatedReplicas: 0, conditions: [{type: ReplicaFailure, status: \"%\", message: refused}]}"
	for name, c := range map[string]struct {
		object string
		events []Event
		since  time.Time
		want   string
	}{
		"an Event about a StatefulSet that lacks Pods":        {few, []Event{said}, at, "Pods cannot be created: old words"},
		"the last one counts":                                 {few, []Event{newer, said}, at, "Pods cannot be created: new words"},
		"one from before the content counts for nothing":      {few, []Event{said}, at.Add(time.Minute), ""},
		"one about the namesake before counts for nothing":    {few, []Event{other}, at, ""},
		"one about a StatefulSet with all its Pods is over":   {all, []Event{said}, at, ""},
		"a Deployment's condition, though old Pods are there": {strings.Replace(deployed, "%", "True", 1), nil, at, "Pods cannot be created: refused"},
		"a Deployment's condition that is over":               {strings.Replace(deployed, "%", "False", 1), nil, at, ""},
		"a Job without Pods":                                  {"apiVersion: batch/v1\nkind: Job\nmetadata: {name: web, uid: w}", []Event{said}, at, "Pods cannot be created: old words"},
		"a Job with a Pod":                                    {"apiVersion: batch/v1\nkind: Job\nmetadata: {name: web, uid: w}\nstatus: {active: 1}", []Event{said}, at, ""},
		"a DaemonSet that lacks Pods":                         {"apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: web, uid: w}\nstatus: {desiredNumberScheduled: 2, currentNumberScheduled: 1}", []Event{said}, at, "Pods cannot be created: old words"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := WhyNoPods(object(t, c.object), c.events, c.since).Sentence; got != c.want {
				t.Errorf("%q", got)
			}
		})
	}
}
