package cluster

import (
	"context"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"

	"banksman.dev/reconcile/health"
)

var (
	pods        = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	replicaSets = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "replicasets"}
)

// revision tells which ReplicaSet has a Deployment's present template.
const revision = "deployment.kubernetes.io/revision"

const byOwnerUID = "owner"

// byOwner finds objects by the UID of their controller. Both variants' Pods
// carry the same labels; only owner references keep them apart.
func byOwner() cache.Indexers {
	return cache.Indexers{byOwnerUID: func(o any) ([]string, error) {
		m, err := meta.Accessor(o)
		if err != nil {
			return nil, err
		}
		if owner := metav1.GetControllerOf(m); owner != nil {
			return []string{string(owner.UID)}, nil
		}
		return nil, nil
	}}
}

// podTrouble is why Pods of a workload's present template are not ready, or not
// there; "" when nothing tells. Without the right to watch Pods there is no
// reason to give.
func (c *Cluster) podTrouble(ctx context.Context, u *unstructured.Unstructured) string {
	if !hasReasons(u) {
		return ""
	}
	owners, err := c.podOwners(ctx, u)
	if err != nil {
		c.log.Debug("no reasons from Pods", "error", err)
		return ""
	}
	w, err := c.watches.pods(ctx, u.GetNamespace())
	if err != nil {
		c.log.Debug("no reasons from Pods", "error", err)
		return ""
	}
	r := c.reasonsFor(u)
	_, since := entryOf(u.GetManagedFields())
	troubles := []health.Trouble{health.WhyNoPods(u, r.about(u.GetKind(), u.GetName()), since)}
	var found []*unstructured.Unstructured
	for _, uid := range owners {
		found = append(found, podsOf(w, uid)...)
	}
	missing := r.missingSecrets(ctx, c, found)
	for _, pod := range found {
		troubles = append(troubles, health.WhyPod(pod, health.Clue{Events: r.aboutPod(pod), Missing: missing}))
	}
	return health.Reason(troubles)
}

// hasReasons says whether Pods or Events may tell why an object is not healthy.
func hasReasons(u *unstructured.Unstructured) bool {
	kind := u.GroupVersionKind().GroupKind()
	return health.IsPodOwner(kind) && health.IsObserved(u) || kind == jobKind
}

var jobKind = schema.GroupKind{Group: "batch", Kind: "Job"}

// podsOf are the Pods of an owner that are to stay, by name.
func podsOf(w *watch, owner string) []*unstructured.Unstructured {
	found, err := w.informer.GetIndexer().ByIndex(byOwnerUID, owner)
	if err != nil {
		return nil
	}
	var pods []*unstructured.Unstructured
	for _, o := range found {
		if pod, ok := o.(*unstructured.Unstructured); ok && pod.GetDeletionTimestamp() == nil {
			pods = append(pods, pod)
		}
	}
	slices.SortFunc(pods, func(a, b *unstructured.Unstructured) int { return strings.Compare(a.GetName(), b.GetName()) })
	return pods
}

// podOwners are the UIDs of what makes a workload's Pods: the ReplicaSet of a
// Deployment's present template, else the workload itself.
func (c *Cluster) podOwners(ctx context.Context, u *unstructured.Unstructured) ([]string, error) {
	if u.GetKind() != "Deployment" {
		return []string{string(u.GetUID())}, nil
	}
	w, err := c.watches.replicaSets(ctx, u.GetNamespace())
	if err != nil {
		return nil, err
	}
	found, err := w.informer.GetIndexer().ByIndex(byOwnerUID, string(u.GetUID()))
	if err != nil {
		return nil, err
	}
	var uids []string
	for _, o := range found {
		m, err := meta.Accessor(o)
		if err == nil && m.GetAnnotations()[revision] == u.GetAnnotations()[revision] {
			uids = append(uids, string(m.GetUID()))
		}
	}
	return uids, nil
}

// podHandler wakes the service of a Pod that gets or loses a trouble. Whether
// it is ready is seen in its workload's status.
func (c *Cluster) podHandler() cache.ResourceEventHandler {
	tell := func(pod *unstructured.Unstructured) {
		if live := c.workloadOf(pod); live != nil {
			c.tell(live)
		}
	}
	return cache.ResourceEventHandlerDetailedFuncs{
		AddFunc: func(o any, initial bool) {
			if pod, ok := o.(*unstructured.Unstructured); ok && !initial && c.tells(pod) {
				tell(pod)
			}
		},
		UpdateFunc: func(before, after any) {
			was, ok1 := before.(*unstructured.Unstructured)
			is, ok2 := after.(*unstructured.Unstructured)
			if ok1 && ok2 && health.PodTrouble(was) != health.PodTrouble(is) {
				tell(is)
			}
		},
	}
}

// workloadOf follows the owner references of a Pod to one of our workloads.
func (c *Cluster) workloadOf(pod metav1.Object) *unstructured.Unstructured {
	owner := metav1.GetControllerOf(pod)
	if owner != nil && owner.Kind == "ReplicaSet" {
		w := c.watches.find(allReplicaSets(pod.GetNamespace()))
		if w == nil {
			return nil
		}
		set, found := w.get(place{namespace: pod.GetNamespace(), name: owner.Name})
		m, err := meta.Accessor(set)
		if !found || err != nil {
			return nil
		}
		owner = metav1.GetControllerOf(m)
	}
	if owner == nil {
		return nil
	}
	return c.cached(schema.FromAPIVersionAndKind(owner.APIVersion, owner.Kind), pod.GetNamespace(), owner.Name)
}
