package cluster

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Watched objects are kept in memory without what nobody asks for.

// trimOwn keeps, of all field owners, only our own.
func trimOwn(o any) (any, error) {
	m, err := meta.Accessor(o)
	if err != nil {
		return o, nil //nolint:nilerr // a tombstone: there is nothing to trim
	}
	var own []metav1.ManagedFieldsEntry
	for _, f := range m.GetManagedFields() {
		if f.Manager == Owner && f.Operation == metav1.ManagedFieldsOperationApply {
			own = append(own, f)
		}
	}
	m.SetManagedFields(own)
	annotations := m.GetAnnotations()
	if _, ok := annotations[lastApplied]; ok {
		delete(annotations, lastApplied)
		m.SetAnnotations(annotations)
	}
	return o, nil
}

// trimOwned keeps what tells whose an object is.
func trimOwned(o any) (any, error) {
	m, err := meta.Accessor(o)
	if err != nil {
		return o, nil //nolint:nilerr // a tombstone: there is nothing to trim
	}
	m.SetManagedFields(nil)
	m.SetLabels(nil)
	if r := m.GetAnnotations()[revision]; r != "" {
		m.SetAnnotations(map[string]string{revision: r})
	} else {
		m.SetAnnotations(nil)
	}
	return o, nil
}

// trimPod keeps whose a Pod is, and why it is not ready.
func trimPod(o any) (any, error) {
	pod, ok := o.(*unstructured.Unstructured)
	if !ok {
		return o, nil
	}
	status := map[string]any{}
	for _, key := range []string{"conditions", "containerStatuses", "initContainerStatuses"} {
		if v, found, _ := unstructured.NestedFieldNoCopy(pod.Object, "status", key); found {
			status[key] = v
		}
	}
	delete(pod.Object, "spec")
	pod.Object["status"] = status
	return trimOwned(pod)
}

// trimAutoscaler keeps what is scaled.
func trimAutoscaler(o any) (any, error) {
	u, ok := o.(*unstructured.Unstructured)
	if !ok {
		return o, nil
	}
	target, _, _ := unstructured.NestedMap(u.Object, "spec", "scaleTargetRef")
	u.Object["spec"] = map[string]any{"scaleTargetRef": target}
	delete(u.Object, "status")
	return trimOwned(u)
}
