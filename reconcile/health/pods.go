package health

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// A Count is how many Pods a workload has.
type Count struct {
	Want, Total, Updated, Ready, Available int64
}

// newReady is how many Pods with the new template are certainly ready: the
// status does not say which of the ready ones are old.
func (c Count) newReady() int64 {
	return max(0, c.Ready-(c.Total-c.Updated))
}

// CountPods reads the Pods of a Deployment, StatefulSet or DaemonSet from its
// status. It says no for any other kind.
func CountPods(u *unstructured.Unstructured) (Count, bool) {
	if !IsPodOwner(u.GroupVersionKind().GroupKind()) {
		return Count{}, false
	}
	if u.GetKind() == "DaemonSet" {
		return Count{
			Want:      number(u, 0, "status", "desiredNumberScheduled"),
			Total:     number(u, 0, "status", "desiredNumberScheduled"),
			Updated:   number(u, 0, "status", "updatedNumberScheduled"),
			Ready:     number(u, 0, "status", "numberReady"),
			Available: number(u, 0, "status", "numberAvailable"),
		}, true
	}
	return Count{
		Want:      number(u, 1, "spec", "replicas"),
		Total:     number(u, 0, "status", "replicas"),
		Updated:   number(u, 0, "status", "updatedReplicas"),
		Ready:     number(u, 0, "status", "readyReplicas"),
		Available: number(u, 0, "status", "availableReplicas"),
	}, true
}

func number(u *unstructured.Unstructured, otherwise int64, path ...string) int64 {
	n, found, err := unstructured.NestedInt64(u.Object, path...)
	if !found || err != nil {
		return otherwise
	}
	return n
}

// Images are the images of a workload's Pod template, sorted, each once.
func Images(u *unstructured.Unstructured) []string {
	path := []string{"spec", "template", "spec"}
	if u.GetKind() == "CronJob" {
		path = []string{"spec", "jobTemplate", "spec", "template", "spec"}
	}
	var images []string
	for _, list := range []string{"initContainers", "containers"} {
		containers, _, _ := unstructured.NestedSlice(u.Object, append(slices.Clone(path), list)...)
		for _, c := range containers {
			if m, ok := c.(map[string]any); ok {
				if image, _ := m["image"].(string); image != "" {
					images = append(images, image)
				}
			}
		}
	}
	slices.Sort(images)
	return slices.Compact(images)
}

// PodTrouble is why a Pod is not ready, in a sentence, or "" when it is ready
// or merely on its way. It names containers and images, never the Pod, so that
// nine Pods with one trouble give one sentence.
func PodTrouble(pod *unstructured.Unstructured) string {
	for _, list := range []string{"initContainerStatuses", "containerStatuses"} {
		statuses, _, _ := unstructured.NestedSlice(pod.Object, "status", list)
		for _, item := range statuses {
			if s, ok := item.(map[string]any); ok {
				if t := containerTrouble(s); t != "" {
					return t
				}
			}
		}
	}
	conditions, _, _ := unstructured.NestedSlice(pod.Object, "status", "conditions")
	for _, item := range conditions {
		c, _ := item.(map[string]any)
		if c["type"] == "PodScheduled" && c["status"] == "False" {
			why, _ := c["message"].(string)
			return strings.TrimSuffix("a Pod cannot be scheduled: "+why, ": ")
		}
	}
	return ""
}

// waitingInVain are the reasons for waiting that do not pass by themselves.
var waitingInVain = map[string]string{
	"CrashLoopBackOff":           "starts and exits again and again",
	"ImagePullBackOff":           "cannot pull its image",
	"ErrImagePull":               "cannot pull its image",
	"InvalidImageName":           "has an image name that cannot be read",
	"ErrImageNeverPull":          "may not pull its image",
	"CreateContainerConfigError": "cannot be configured",
	"CreateContainerError":       "cannot be created",
	"RunContainerError":          "cannot be started",
}

func containerTrouble(s map[string]any) string {
	name, _ := s["name"].(string)
	image, _ := s["image"].(string)
	reason, _, _ := unstructured.NestedString(s, "state", "waiting", "reason")
	what, ok := waitingInVain[reason]
	if !ok {
		return ""
	}
	switch reason {
	case "CrashLoopBackOff":
		if code, found, _ := unstructured.NestedInt64(s, "lastState", "terminated", "exitCode"); found {
			what += fmt.Sprintf(", the last time with exit code %d", code)
		}
	case "ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull":
		what += " " + image
	default:
		if why, _, _ := unstructured.NestedString(s, "state", "waiting", "message"); why != "" {
			what += ": " + why
		}
	}
	return fmt.Sprintf("container %s %s (%s)", name, what, reason)
}
