package health

import (
	"fmt"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"banksman.dev/reconcile"
)

// A State is what an object is like, and why it is not healthy.
type State struct {
	Health  reconcile.Health
	Message string // "" when healthy
}

// Of judges one live object. Since is when its content was applied: a failure
// that the object's conditions report from before then is not about this
// content. The zero time takes every failure as it is.
func Of(u *unstructured.Unstructured, since time.Time) State {
	if u.GetDeletionTimestamp() != nil {
		return State{reconcile.Missing, "it is being deleted"}
	}
	result, err := status.Compute(u)
	if err != nil {
		return State{reconcile.Progressing, "its status cannot be read: " + err.Error()}
	}
	switch result.Status {
	case status.CurrentStatus:
		if unfinished(u) {
			return State{reconcile.Progressing, sentence(u, result.Message)}
		}
		if runs(u) {
			return State{reconcile.Progressing, "the Job has not completed"}
		}
		return State{Health: reconcile.Healthy}
	case status.FailedStatus:
		if isOld(u, since) {
			return State{reconcile.Progressing, sentence(u, "")}
		}
		return State{reconcile.Failed, failure(u, result)}
	case status.NotFoundStatus:
		return State{reconcile.Missing, "it is not there"}
	case status.InProgressStatus, status.TerminatingStatus, status.UnknownStatus:
	}
	return State{reconcile.Progressing, sentence(u, result.Message)}
}

// unfinished: kstatus takes a workload that nothing has looked at yet, because
// its controller is down, as settled when the generation is missing.
func unfinished(u *unstructured.Unstructured) bool {
	if !IsPodOwner(u.GroupVersionKind().GroupKind()) {
		return false
	}
	return !IsObserved(u)
}

// IsObserved says whether the status of a workload is about its present spec.
func IsObserved(u *unstructured.Unstructured) bool {
	seen, found, _ := unstructured.NestedInt64(u.Object, "status", "observedGeneration")
	return found && seen >= u.GetGeneration()
}

// runs: kstatus takes a Job that has started as settled.
func runs(u *unstructured.Unstructured) bool {
	if k := u.GroupVersionKind(); k.Group != "batch" || k.Kind != "Job" {
		return false
	}
	suspended, _, _ := unstructured.NestedBool(u.Object, "spec", "suspend")
	_, completed := condition(u, "Complete")
	return !suspended && !completed
}

// isOld says whether a Deployment's exceeded deadline is about an earlier
// content: the Deployment controller keeps the condition until the next
// rollout has moved.
func isOld(u *unstructured.Unstructured, since time.Time) bool {
	c, ok := condition(u, "Progressing")
	if !ok || c.reason != deadlineExceeded || since.IsZero() {
		return false
	}
	return c.updated.Before(since)
}

const deadlineExceeded = "ProgressDeadlineExceeded"

func failure(u *unstructured.Unstructured, r *status.Result) string {
	if c, ok := condition(u, "Progressing"); ok && c.reason == deadlineExceeded {
		return fmt.Sprintf("%s; the progress deadline is exceeded", sentence(u, "no progress"))
	}
	return sentence(u, r.Message)
}

// sentence is about the Pods where there are Pods, else kstatus's own.
func sentence(u *unstructured.Unstructured, otherwise string) string {
	c, ok := CountPods(u)
	if !ok {
		return otherwise
	}
	switch {
	case !IsObserved(u):
		return "its controller has not looked at it yet"
	case c.Updated < c.Want:
		return fmt.Sprintf("%d of %d Pods have the new template", c.Updated, c.Want)
	case c.Total == c.Updated && c.Ready < c.Want:
		return fmt.Sprintf("%d of %d Pods ready", c.Ready, c.Want)
	case c.newReady() < c.Want:
		return fmt.Sprintf("%d of %d new Pods ready", c.newReady(), c.Want)
	case c.Total > c.Want:
		return fmt.Sprintf("old Pods still there: %d", c.Total-c.Want)
	case c.Available < c.Want:
		return fmt.Sprintf("%d of %d Pods available, the others are not ready for long enough", c.Available, c.Want)
	}
	return otherwise
}

// IsPodOwner says whether a kind's objects make Pods that stay.
func IsPodOwner(k schema.GroupKind) bool {
	if k.Group != "apps" {
		return false
	}
	return k.Kind == "Deployment" || k.Kind == "StatefulSet" || k.Kind == "DaemonSet"
}

type conditionOf struct {
	reason  string
	updated time.Time
}

func condition(u *unstructured.Unstructured, kind string) (conditionOf, bool) {
	list, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
	for _, item := range list {
		c, _ := item.(map[string]any)
		if c["type"] != kind {
			continue
		}
		reason, _ := c["reason"].(string)
		at, _ := c["lastUpdateTime"].(string)
		var t metav1.Time
		if err := t.UnmarshalQueryParameter(at); err != nil {
			return conditionOf{reason: reason}, true
		}
		return conditionOf{reason, t.Time}, true
	}
	return conditionOf{}, false
}
