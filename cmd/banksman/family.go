package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"banksman.dev/reconcile"
	"banksman.dev/reconcile/api/v1alpha1"
	"banksman.dev/reconcile/health"
)

// A member is one object of a service in the cluster, with what it owns. Both
// variants' Pods may carry the same labels: owner references alone tell whose
// a Pod is.
type member struct {
	kind, namespace, name string
	object                *unstructured.Unstructured // nil where it is not there, or was not looked for
	state                 health.State
	unknown               string // why nothing is known of it; "" when something is
	children              []*member
}

// A lineage finds live objects: those of an inventory, and what others own.
type lineage struct {
	find  func(v1alpha1.Entry) (object *unstructured.Unstructured, unknown string)
	owned map[types.UID][]*unstructured.Unstructured
}

// ownedBy files ReplicaSets and Pods under their controllers.
func ownedBy(objects []*unstructured.Unstructured) map[types.UID][]*unstructured.Unstructured {
	owned := map[types.UID][]*unstructured.Unstructured{}
	for _, o := range objects {
		if owner := metav1.GetControllerOf(o); owner != nil {
			owned[owner.UID] = append(owned[owner.UID], o)
		}
	}
	return owned
}

// members are one track's objects, sorted: workloads last, because they have
// the most below them.
func (l lineage) members(inventory []v1alpha1.Entry, track reconcile.Track) []*member {
	var all []*member
	for _, e := range inventory {
		if e.Track != string(track) {
			continue
		}
		m := &member{kind: e.Kind, namespace: e.Namespace, name: e.Name}
		m.object, m.unknown = l.find(e)
		switch {
		case m.unknown != "":
		case m.object == nil:
			m.state = health.State{Health: reconcile.Missing, Message: "it is not there"}
		default:
			m.state = health.Of(m.object, time.Time{})
			m.children = l.below(m.object)
		}
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b *member) int {
		return cmp.Or(len(a.children)-len(b.children), cmp.Compare(a.kind, b.kind), cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name))
	})
	return all
}

// below leaves out ReplicaSets of the past, which have no Pods.
func (l lineage) below(o *unstructured.Unstructured) []*member {
	var all []*member
	for _, child := range l.owned[o.GetUID()] {
		m := &member{kind: child.GetKind(), namespace: child.GetNamespace(), name: child.GetName(), object: child, state: stateOf(child)}
		m.children = l.below(child)
		if child.GetKind() == "ReplicaSet" && len(m.children) == 0 && replicas(child, "spec") == 0 {
			continue
		}
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b *member) int {
		return cmp.Or(a.object.GetCreationTimestamp().Compare(b.object.GetCreationTimestamp().Time), cmp.Compare(a.name, b.name))
	})
	return all
}

// stateOf judges an object that others own.
func stateOf(o *unstructured.Unstructured) health.State {
	if o.GetKind() == "Pod" {
		if trouble := health.PodTrouble(o); trouble != "" && o.GetDeletionTimestamp() == nil {
			return health.State{Health: reconcile.Failed, Message: trouble}
		}
	}
	return health.Of(o, time.Time{})
}

// ready is "3/9": of Pods, and of a Pod's containers.
func (m *member) ready() string {
	switch {
	case m.object == nil:
		return "-"
	case m.kind == "Pod":
		return readyContainers(m.object)
	case m.kind == "ReplicaSet":
		return fmt.Sprintf("%d/%d", number(m.object, "status", "readyReplicas"), replicas(m.object, "spec"))
	}
	if count, ok := health.CountPods(m.object); ok {
		return fmt.Sprintf("%d/%d", count.Ready, count.Want)
	}
	return "-"
}

func readyContainers(pod *unstructured.Unstructured) string {
	containers, _, _ := unstructured.NestedSlice(pod.Object, "spec", "containers")
	statuses, _, _ := unstructured.NestedSlice(pod.Object, "status", "containerStatuses")
	ready := 0
	for _, s := range statuses {
		if status, _ := s.(map[string]any); status["ready"] == true {
			ready++
		}
	}
	return fmt.Sprintf("%d/%d", ready, len(containers))
}

func replicas(o *unstructured.Unstructured, part string) int64 { return number(o, part, "replicas") }

func number(o *unstructured.Unstructured, path ...string) int64 {
	n, _, _ := unstructured.NestedInt64(o.Object, path...)
	return n
}

// images are those of the Pod template, or of the Pod itself.
func (m *member) images() []string {
	if m.object == nil {
		return nil
	}
	if m.kind != "Pod" {
		return health.Images(m.object)
	}
	var images []string
	for _, list := range []string{"initContainers", "containers"} {
		containers, _, _ := unstructured.NestedSlice(m.object.Object, "spec", list)
		for _, c := range containers {
			container, _ := c.(map[string]any)
			if image, _ := container["image"].(string); image != "" {
				images = append(images, image)
			}
		}
	}
	slices.Sort(images)
	return slices.Compact(images)
}

// shortName leaves out what the owner's name says already.
func (m *member) shortName(owner *member) string {
	if rest, ok := strings.CutPrefix(m.name, owner.name); ok && rest != "" && !strings.HasPrefix(owner.name, rest) {
		return "…" + rest
	}
	return m.name
}
