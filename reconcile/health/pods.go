package health

import (
	"slices"

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
