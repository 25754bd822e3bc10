package cluster

import (
	"context"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"
)

// autoscalers is the resource whose objects scale workloads. KEDA's ScaledObject
// makes one of them too.
var autoscalers = schema.GroupVersionResource{Group: autoscalerKind.Group, Version: "v2", Resource: "horizontalpodautoscalers"}

const byTarget = "target"

func targetIndex() cache.Indexers {
	return cache.Indexers{byTarget: func(o any) ([]string, error) {
		u, ok := o.(*unstructured.Unstructured)
		if !ok {
			return nil, nil
		}
		kind, _, _ := unstructured.NestedString(u.Object, "spec", "scaleTargetRef", "kind")
		name, _, _ := unstructured.NestedString(u.Object, "spec", "scaleTargetRef", "name")
		return []string{u.GetNamespace() + "/" + kind + "/" + name}, nil
	}}
}

// isAutoscaled says whether an autoscaler targets a workload whose template
// names a number of replicas.
func (c *Cluster) isAutoscaled(ctx context.Context, r recipe) (bool, error) {
	if !r.sized {
		return false, nil
	}
	watch, err := c.watches.autoscalers(ctx, r.place)
	if err != nil {
		return false, fmt.Errorf("look for autoscalers: %w", err)
	}
	found, err := watch.informer.GetIndexer().IndexKeys(byTarget, r.place.namespace+"/"+r.place.kind.Kind+"/"+r.place.name)
	return len(found) > 0, err
}

// leaveReplicas keeps an autoscaled workload at its live size. The live value is
// sent until the autoscaler owns the field: to drop it earlier would reset it
// to 1.
func (w wanted) leaveReplicas(live *unstructured.Unstructured) error {
	if live == nil {
		return nil
	}
	if replicasOwner(live) {
		unstructured.RemoveNestedField(w.object.Object, "spec", "replicas")
		return nil
	}
	n, found, err := unstructured.NestedInt64(live.Object, "spec", "replicas")
	if err != nil || !found {
		return err
	}
	return unstructured.SetNestedField(w.object.Object, n, "spec", "replicas")
}

// replicasOwner says whether spec.replicas has an owner that will stay when we
// stop sending it.
func replicasOwner(live *unstructured.Unstructured) bool {
	for _, f := range live.GetManagedFields() {
		if f.Manager == Owner || f.FieldsV1 == nil {
			continue
		}
		if leaves := (fieldOwner{manager: f.Manager, operation: string(f.Operation), subresource: f.Subresource}).isLeftover(); !leaves && ownsReplicas(f) {
			return true
		}
	}
	return false
}

func ownsReplicas(f metav1.ManagedFieldsEntry) bool {
	var fields struct {
		Spec map[string]json.RawMessage `json:"f:spec"`
	}
	if err := json.Unmarshal(f.FieldsV1.GetRawBytes(), &fields); err != nil {
		return false
	}
	_, owns := fields.Spec["f:replicas"]
	return owns
}
