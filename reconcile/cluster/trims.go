package cluster

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Watched objects are kept in memory without what nobody asks for. A trim may
// meet an object that was trimmed before.

// keptAnnotations are those of our own objects that are looked at.
var keptAnnotations = []string{AnnotationContent, AnnotationDigest, AnnotationCommit, revision}

// keptLabels are those.
var keptLabels = []string{LabelService, LabelTrack, LabelSource}

// trimOwn keeps of one of our own objects what tells about drift and health.
func trimOwn(o any) (any, error) {
	switch o := o.(type) {
	case *unstructured.Unstructured:
		trimFields(o)
		trimSpec(o)
		metadata, _ := o.Object["metadata"].(map[string]any)
		for _, key := range []string{"ownerReferences", "finalizers", "selfLink", "creationTimestamp"} {
			delete(metadata, key)
		}
		trimWords(metadata, "annotations", keptAnnotations)
		trimWords(metadata, "labels", keptLabels)
	case *metav1.PartialObjectMetadata:
		o.ManagedFields = trimmedFields(ownersOf(o))
		o.OwnerReferences, o.Finalizers, o.CreationTimestamp = nil, nil, metav1.Time{}
		o.Annotations = only(o.Annotations, keptAnnotations)
		o.Labels = only(o.Labels, keptLabels)
	}
	return o, nil
}

// trimFields keeps, of all field owners, our own, whose fields become their hash,
// and the names of those that tell something by being there.
func trimFields(u *unstructured.Unstructured) {
	var kept []any
	for _, f := range ownersOf(u) {
		if !f.isOurs() && !f.isHand() && !f.isLeftover() {
			continue
		}
		m := map[string]any{"manager": f.manager, "operation": f.operation}
		if f.isOurs() {
			m["fieldsV1"] = f.hash().String()
			if !f.at.IsZero() {
				m["time"] = f.at.UTC().Format(time.RFC3339)
			}
		}
		kept = append(kept, m)
	}
	metadata, ok := u.Object["metadata"].(map[string]any)
	if !ok {
		return
	}
	delete(metadata, "managedFields")
	if len(kept) > 0 {
		metadata["managedFields"] = kept
	}
}

// trimmedFields is trimFields for objects of which only the metadata is watched.
func trimmedFields(owners []fieldOwner) []metav1.ManagedFieldsEntry {
	var kept []metav1.ManagedFieldsEntry
	for _, f := range owners {
		if !f.isOurs() && !f.isHand() && !f.isLeftover() {
			continue
		}
		e := metav1.ManagedFieldsEntry{Manager: f.manager, Operation: metav1.ManagedFieldsOperationType(f.operation)}
		if f.isOurs() {
			e.FieldsV1 = metav1.NewFieldsV1(`"` + f.hash().String() + `"`)
			if !f.at.IsZero() {
				at := metav1.NewTime(f.at)
				e.Time = &at
			}
		}
		kept = append(kept, e)
	}
	return kept
}

// trimSpec keeps, of what an object should be, its plain values (such as
// replicas, paused and type), which are all that the rules of health look at,
// the images of its Pods, and what a definition defines.
func trimSpec(u *unstructured.Unstructured) {
	spec, ok := u.Object["spec"].(map[string]any)
	kind := u.GroupVersionKind().GroupKind()
	for key := range u.Object {
		switch key {
		case "apiVersion", "kind", "metadata", "spec", "status":
		default:
			delete(u.Object, key)
		}
	}
	if !ok {
		return
	}
	kept := map[string]any{}
	for key, v := range spec {
		switch v.(type) {
		case map[string]any, []any:
		default:
			kept[key] = v
		}
	}
	switch {
	case kind == crdKind:
		kept["names"] = spec["names"]
	case kind == schema.GroupKind{Group: "batch", Kind: "CronJob"}:
		job, _, _ := unstructured.NestedFieldNoCopy(spec, "jobTemplate", "spec", "template")
		kept["jobTemplate"] = map[string]any{"spec": map[string]any{"template": trimTemplate(job)}}
	case isWorkload(kind):
		kept["template"] = trimTemplate(spec["template"])
		if update, has := spec["updateStrategy"]; has {
			kept["updateStrategy"] = update
		}
	}
	u.Object["spec"] = kept
}

// trimTemplate keeps of a Pod template its images.
func trimTemplate(template any) map[string]any {
	kept := map[string]any{}
	t, _ := template.(map[string]any)
	for _, list := range []string{"initContainers", "containers"} {
		items, _, _ := unstructured.NestedFieldNoCopy(t, "spec", list)
		containers, _ := items.([]any)
		var images []any
		for _, c := range containers {
			if m, ok := c.(map[string]any); ok {
				images = append(images, map[string]any{"name": m["name"], "image": m["image"]})
			}
		}
		if len(images) > 0 {
			kept[list] = images
		}
	}
	return map[string]any{"spec": kept}
}

// trimWords keeps some of the labels or annotations.
func trimWords(metadata map[string]any, field string, keys []string) {
	words, _ := metadata[field].(map[string]any)
	kept := map[string]any{}
	for _, key := range keys {
		if v, ok := words[key]; ok {
			kept[key] = v
		}
	}
	delete(metadata, field)
	if len(kept) > 0 {
		metadata[field] = kept
	}
}

func only(words map[string]string, keys []string) map[string]string {
	var kept map[string]string
	for _, key := range keys {
		if v, ok := words[key]; ok {
			if kept == nil {
				kept = map[string]string{}
			}
			kept[key] = v
		}
	}
	return kept
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

// trimPod keeps whose a Pod is, why it is not ready, and the names that a reason
// may need.
func trimPod(o any) (any, error) {
	pod, ok := o.(*unstructured.Unstructured)
	if !ok {
		return o, nil
	}
	status, spec := map[string]any{}, map[string]any{}
	for _, key := range []string{"phase", "reason", "conditions", "containerStatuses", "initContainerStatuses"} {
		if v, found, _ := unstructured.NestedFieldNoCopy(pod.Object, "status", key); found {
			status[key] = v
		}
	}
	if v, found, _ := unstructured.NestedFieldNoCopy(pod.Object, "spec", "imagePullSecrets"); found {
		spec["imagePullSecrets"] = v
	}
	if claims := claimVolumes(pod); len(claims) > 0 {
		spec["volumes"] = claims
	}
	pod.Object["spec"], pod.Object["status"] = spec, status
	return trimOwned(pod)
}

func claimVolumes(pod *unstructured.Unstructured) []any {
	found, _, _ := unstructured.NestedFieldNoCopy(pod.Object, "spec", "volumes")
	volumes, _ := found.([]any)
	var claims []any
	for _, v := range volumes {
		if m, _ := v.(map[string]any); m["persistentVolumeClaim"] != nil {
			claims = append(claims, m)
		}
	}
	return claims
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
