package health

import (
	"fmt"
	"strings"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"banksman.dev/reconcile"
)

// A State is what an object is like, and why it is not healthy.
type State struct {
	Health  reconcile.Health
	Message string // "" when healthy
	tail    string // the end of Message that gives way to a reason
}

// Because puts a reason behind what the message says.
func (s State) Because(reason string) State {
	switch {
	case reason == "" || s.Health == reconcile.Healthy:
	case s.Message == "":
		s.Message = reason
	default:
		s.Message = strings.TrimSuffix(s.Message, s.tail) + ": " + reason + s.tail
	}
	return s
}

// Of judges one live object. Since is when its content was applied: a failure
// that the object's conditions report from before then is not about this
// content. The zero time takes every failure as it is.
func Of(u *unstructured.Unstructured, since time.Time) State {
	if u.GetDeletionTimestamp() != nil {
		return State{Health: reconcile.Missing, Message: "it is being deleted"}
	}
	kind := u.GroupVersionKind().GroupKind()
	switch {
	case isSettled(kind):
		return ofSettled(u)
	case kind == podKind:
		return ofPod(u)
	case kind == jobKind:
		return ofJob(u)
	case kind == definitionKind:
		return ofDefinition(u)
	case IsPodOwner(kind):
		return ofWorkload(u, since)
	}
	return ofAny(u, since)
}

var (
	podKind        = schema.GroupKind{Kind: "Pod"}
	jobKind        = schema.GroupKind{Group: "batch", Kind: "Job"}
	definitionKind = schema.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}
)

func ofWorkload(u *unstructured.Unstructured, since time.Time) State {
	result, err := status.Compute(u)
	switch {
	case err != nil:
		return unreadable(err)
	case !IsObserved(u):
		// kstatus takes a workload that nothing has looked at yet, because its
		// controller is down, as settled when the generation is missing.
		return progressing(notLookedAt)
	case isOnDelete(u):
		return ofOnDelete(u)
	case result.Status == status.CurrentStatus:
		return State{Health: reconcile.Healthy}
	case result.Status != status.FailedStatus, isOld(u, since):
		return progressing(sentence(u, result.Message))
	}
	return stuck(u, result)
}

// isOnDelete says whether the Pods of a workload get its template only when
// somebody deletes them.
func isOnDelete(u *unstructured.Unstructured) bool {
	t, _, _ := unstructured.NestedString(u.Object, "spec", "updateStrategy", "type")
	return t == "OnDelete"
}

// ofOnDelete asks for ready Pods, whatever template they have: a release of such
// a workload is whole once it is written.
func ofOnDelete(u *unstructured.Unstructured) State {
	if c, _ := CountPods(u); c.Ready < c.Want {
		return progressing(fmt.Sprintf("%d of %d Pods ready", c.Ready, c.Want))
	}
	return State{Health: reconcile.Healthy}
}

const notLookedAt = "its controller has not looked at it yet"

func progressing(message string) State {
	return State{Health: reconcile.Progressing, Message: message}
}

func unreadable(err error) State {
	return progressing("its status cannot be read: " + plain(err.Error()))
}

// IsObserved says whether the status of a workload is about its present spec.
func IsObserved(u *unstructured.Unstructured) bool {
	seen, found, _ := unstructured.NestedInt64(u.Object, "status", "observedGeneration")
	return found && seen >= u.GetGeneration()
}

// isOld says whether a Deployment's exceeded deadline is about an earlier
// content: the Deployment controller keeps the condition until the next
// rollout has moved.
func isOld(u *unstructured.Unstructured, since time.Time) bool {
	c, ok := conditionOf(u, "Progressing")
	if !ok || c.reason != deadlineExceeded || since.IsZero() {
		return false
	}
	return c.updated.Before(since)
}

const deadlineExceeded = "ProgressDeadlineExceeded"

func stuck(u *unstructured.Unstructured, r *status.Result) State {
	if c, ok := conditionOf(u, "Progressing"); ok && c.reason == deadlineExceeded {
		const tail = "; the progress deadline is exceeded"
		return State{reconcile.Failed, sentence(u, "no progress") + tail, tail}
	}
	return State{Health: reconcile.Failed, Message: sentence(u, r.Message)}
}

// sentence is about the Pods, else kstatus's own.
func sentence(u *unstructured.Unstructured, otherwise string) string {
	c, _ := CountPods(u)
	updates := c.Want - partition(u)
	paused, _, _ := unstructured.NestedBool(u.Object, "spec", "paused")
	switch {
	case paused:
		return "it is paused by spec.paused"
	case c.Updated < updates:
		return fmt.Sprintf("%d of %d Pods have the new template", c.Updated, updates)
	case c.Total == c.Updated && c.Ready < c.Want, updates < c.Want && c.Ready < c.Want:
		return fmt.Sprintf("%d of %d Pods ready", c.Ready, c.Want)
	case c.newReady() < updates:
		return fmt.Sprintf("%d of %d new Pods ready", c.newReady(), updates)
	case c.Total > c.Want:
		return fmt.Sprintf("old Pods still there: %d", c.Total-c.Want)
	case c.Available < c.Want:
		return fmt.Sprintf("%d of %d Pods available, the others are not ready for long enough", c.Available, c.Want)
	}
	return plain(otherwise)
}

// partition is how many Pods of a StatefulSet keep the old template on purpose.
func partition(u *unstructured.Unstructured) int64 {
	return number(u, 0, "spec", "updateStrategy", "rollingUpdate", "partition")
}

// IsPodOwner says whether a kind's objects make Pods that stay.
func IsPodOwner(k schema.GroupKind) bool {
	if k.Group != "apps" {
		return false
	}
	return k.Kind == "Deployment" || k.Kind == "StatefulSet" || k.Kind == "DaemonSet"
}
