package health

import (
	"cmp"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"banksman.dev/reconcile"
)

// isSettled says whether a kind's objects are healthy as soon as they are there.
// None of them decides whether the service runs, and in many clusters some of
// them never get what they wait for:
//   - an Ingress or a Service of type LoadBalancer gets no address where nobody
//     hands them out; Argo CD waits for it, and for ever;
//   - a PersistentVolumeClaim of a class that binds with WaitForFirstConsumer
//     waits for a Pod, and the Pod is what is judged;
//   - a HorizontalPodAutoscaler without metrics, or a PodDisruptionBudget
//     without Pods, changes nothing about the Pods that are there;
//   - a CronJob is about Jobs of the future.
func isSettled(k schema.GroupKind) bool {
	switch k {
	case schema.GroupKind{Kind: "Service"},
		schema.GroupKind{Kind: "PersistentVolumeClaim"},
		schema.GroupKind{Group: "networking.k8s.io", Kind: "Ingress"},
		schema.GroupKind{Group: "autoscaling", Kind: "HorizontalPodAutoscaler"},
		schema.GroupKind{Group: "policy", Kind: "PodDisruptionBudget"},
		schema.GroupKind{Group: "batch", Kind: "CronJob"}:
		return true
	}
	return false
}

func ofSettled(u *unstructured.Unstructured) State {
	phase, _, _ := unstructured.NestedString(u.Object, "status", "phase")
	if u.GetKind() == "PersistentVolumeClaim" && phase == "Lost" {
		return State{Health: reconcile.Failed, Message: "the volume that it was bound to is gone"}
	}
	return State{Health: reconcile.Healthy}
}

// ofPod takes a Pod that cannot start as on its way: unlike a failed one it may
// still start.
func ofPod(u *unstructured.Unstructured) State {
	phase, _, _ := unstructured.NestedString(u.Object, "status", "phase")
	_, ready := holds(u, "Ready")
	switch {
	case phase == "Succeeded", phase == "Running" && ready:
		return State{Health: reconcile.Healthy}
	case phase == "Failed":
		return State{Health: reconcile.Failed, Message: cmp.Or(PodTrouble(u), "the Pod failed")}
	case phase == "Running":
		return progressing(cmp.Or(PodTrouble(u), "the Pod runs and is not ready"))
	}
	return progressing(cmp.Or(PodTrouble(u), "the Pod has not started"))
}

// ofJob waits until a Job has completed: kstatus takes one that has started as
// settled.
func ofJob(u *unstructured.Unstructured) State {
	suspended, _, _ := unstructured.NestedBool(u.Object, "spec", "suspend")
	if c, failed := holds(u, "Failed"); failed {
		return State{Health: reconcile.Failed, Message: "the Job failed" + jobFailure(c)}
	}
	if _, completed := holds(u, "Complete"); completed || suspended {
		return State{Health: reconcile.Healthy}
	}
	return progressing("the Job has not completed")
}

func jobFailure(c condition) string {
	says := map[string]string{
		"BackoffLimitExceeded":        "its Pods failed more often than backoffLimit allows",
		"DeadlineExceeded":            "it was not done within activeDeadlineSeconds",
		"PodFailurePolicy":            "a Pod failed in a way that its podFailurePolicy does not forgive",
		"FailedIndexes":               "some of its indexes failed",
		"MaxFailedIndexesExceeded":    "more of its indexes failed than maxFailedIndexes allows",
		"SuccessPolicy":               "its successPolicy ended it",
		"FailedToStart":               "it could not start",
		"BackoffLimitPerIndexReached": "an index failed more often than backoffLimitPerIndex allows",
	}[c.reason]
	if says == "" {
		says = plain(c.message)
	}
	return withReason(says, c.reason)
}

// withReason puts what is known of a failure behind a sentence.
func withReason(says, reason string) string {
	if says != "" {
		says = ": " + says
	}
	if reason != "" {
		says += " (" + reason + ")"
	}
	return says
}

func ofDefinition(u *unstructured.Unstructured) State {
	if c, ok := conditionOf(u, "NamesAccepted"); ok && c.status == "False" {
		return State{Health: reconcile.Failed, Message: "its names are taken" + withReason(plain(c.message), c.reason)}
	}
	c, ok := conditionOf(u, "Established")
	switch {
	case ok && c.status == "True":
		return State{Health: reconcile.Healthy}
	case ok && c.status == "False" && c.reason != "Installing":
		return State{Health: reconcile.Failed, Message: "its kind cannot be served" + withReason(plain(c.message), c.reason)}
	}
	return progressing("its kind is not served yet")
}

// ofAny judges what is left, most of it custom resources: by the conditions
// Reconciling, Stalled and Ready and by observedGeneration, where there are any.
// A custom resource that says nothing, or nothing that can be read, is healthy:
// its API need not follow anybody's conventions.
func ofAny(u *unstructured.Unstructured, since time.Time) State {
	result, err := status.Compute(u)
	switch {
	case err != nil:
		return State{Health: reconcile.Healthy}
	case isUnobserved(u):
		return progressing(notLookedAt)
	case result.Status == status.CurrentStatus:
		return State{Health: reconcile.Healthy}
	case result.Status == status.NotFoundStatus:
		return State{Health: reconcile.Missing, Message: "it is not there"}
	case result.Status == status.FailedStatus && !stalledBefore(u, since):
		return State{Health: reconcile.Failed, Message: saysOf(u, result)}
	}
	return progressing(saysOf(u, result))
}

// isUnobserved says whether an object's status, or its Ready condition, is about
// an earlier spec.
func isUnobserved(u *unstructured.Unstructured) bool {
	if seen, found, err := unstructured.NestedInt64(u.Object, "status", "observedGeneration"); found && err == nil {
		return seen < u.GetGeneration()
	}
	c, ok := conditionOf(u, "Ready")
	return ok && c.generation != 0 && c.generation < u.GetGeneration()
}

// stalledBefore says whether an object was stalled before its content was
// applied, and does not say which content that is about.
func stalledBefore(u *unstructured.Unstructured, since time.Time) bool {
	if _, found, _ := unstructured.NestedInt64(u.Object, "status", "observedGeneration"); found {
		return false
	}
	c, ok := conditionOf(u, string(status.ConditionStalled))
	return ok && c.generation < u.GetGeneration() && c.moved.Before(since)
}

// saysOf is what the deciding condition of an object says.
func saysOf(u *unstructured.Unstructured, r *status.Result) string {
	if says := plain(r.Message); says != "" {
		return says
	}
	for _, kind := range []string{"Stalled", "Reconciling", "Ready"} {
		if c, ok := conditionOf(u, kind); ok && c.reason != "" {
			return kind + " is " + c.status + " (" + c.reason + ")"
		}
	}
	return "it is not ready"
}
