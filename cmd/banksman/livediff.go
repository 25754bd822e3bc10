package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"banksman.dev/reconcile/api/v1alpha1"
	"banksman.dev/reconcile/cluster"
	"banksman.dev/render"
)

// withLive puts the cluster's objects in the place of what was rendered before,
// and what they would be in the place of what is rendered now.
func (p *program) withLive(ctx context.Context, flags *clusterFlags, d v1alpha1.Delivery, c comparison) (comparison, error) {
	to, err := p.clients(flags)
	if err != nil {
		return c, err
	}
	rendered := c.after
	c.beforeName, c.afterName, c.after = "live", c.afterName+" applied", nil
	for _, o := range rendered {
		live, would, err := dryRun(ctx, to, d, o)
		if err != nil {
			return c, fmt.Errorf("%s: %w", o, explainCluster(to.host, err))
		}
		if live != nil {
			c.before = append(c.before, compared(live))
		}
		c.after = append(c.after, compared(would))
	}
	gone, err := leftOver(ctx, to, d, rendered)
	if err != nil {
		return c, explainCluster(to.host, err)
	}
	for _, o := range gone {
		c.before = append(c.before, compared(o))
	}
	return c, nil
}

// dryRun is one object as it is, nil if it is not there, and as it would be.
func dryRun(ctx context.Context, to clients, d v1alpha1.Delivery, o render.Object) (live, would *unstructured.Unstructured, err error) {
	sent := &unstructured.Unstructured{Object: runtime.DeepCopyJSON(o)}
	resource, err := resourceOf(to, sent.GroupVersionKind(), sent.GetNamespace())
	if err != nil {
		return nil, nil, err
	}
	live, err = resource.Get(ctx, sent.GetName(), metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		live = nil
	case err != nil:
		return nil, nil, err
	}
	asApplied(sent, live, d)
	content, err := json.Marshal(sent)
	if err != nil {
		return nil, nil, err
	}
	force := true
	would, err = resource.Patch(ctx, sent.GetName(), types.ApplyPatchType, content,
		metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}, FieldManager: cluster.Owner, Force: &force})
	return live, would, err
}

func resourceOf(to clients, kind schema.GroupVersionKind, namespace string) (dynamic.ResourceInterface, error) {
	mapping, err := to.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return nil, err
	}
	if mapping.Scope.Name() == meta.RESTScopeNameRoot {
		return to.dynamic.Resource(mapping.Resource), nil
	}
	return to.dynamic.Resource(mapping.Resource).Namespace(namespace), nil
}

// asApplied gives what is sent the marks that banksman puts on it, so that they
// are no difference, and leaves to an autoscaler the replicas that it owns.
func asApplied(sent, live *unstructured.Unstructured, d v1alpha1.Delivery) {
	labels, annotations := sent.GetLabels(), sent.GetAnnotations()
	if labels == nil {
		labels = map[string]string{}
	}
	if annotations == nil {
		annotations = map[string]string{}
	}
	labels[cluster.LabelService], labels[cluster.LabelManagedBy] = d.Name, cluster.Owner
	if live != nil {
		for key, value := range live.GetLabels() {
			if isMark(key) {
				labels[key] = value
			}
		}
		for key, value := range live.GetAnnotations() {
			if isMark(key) {
				annotations[key] = value
			}
		}
		if !ownsReplicas(live) {
			unstructured.RemoveNestedField(sent.Object, "spec", "replicas")
		}
	}
	sent.SetLabels(labels)
	if len(annotations) > 0 {
		sent.SetAnnotations(annotations)
	}
}

func isMark(key string) bool {
	return strings.HasPrefix(key, v1alpha1.Version.Group+"/") && key != cluster.AnnotationPrune || key == cluster.LabelManagedBy
}

// ownsReplicas: banksman sets them, and nobody else does.
func ownsReplicas(live *unstructured.Unstructured) bool {
	for _, entry := range live.GetManagedFields() {
		if entry.FieldsV1 == nil || entry.Manager != cluster.Owner || entry.Operation != metav1.ManagedFieldsOperationApply {
			continue
		}
		var fields map[string]map[string]any
		if json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields) == nil {
			_, ours := fields["f:spec"]["f:replicas"]
			return ours
		}
	}
	return true // not applied by us yet, so what is rendered is what would come
}

// leftOver are the objects of the inventory that are rendered no more.
func leftOver(ctx context.Context, to clients, d v1alpha1.Delivery, rendered []render.Object) ([]*unstructured.Unstructured, error) {
	var left []*unstructured.Unstructured
	for _, e := range d.Status.Inventory {
		id := render.ObjectID{Group: e.Group, Kind: e.Kind, Namespace: e.Namespace, Name: e.Name}
		if slices.ContainsFunc(rendered, func(o render.Object) bool { return o.ID() == id }) {
			continue
		}
		resource, err := resourceOf(to, schema.GroupVersionKind{Group: e.Group, Version: e.Version, Kind: e.Kind}, e.Namespace)
		if err != nil {
			return nil, err
		}
		o, err := resource.Get(ctx, e.Name, metav1.GetOptions{})
		switch {
		case err == nil:
			left = append(left, o)
		case !apierrors.IsNotFound(err):
			return nil, err
		}
	}
	return left, nil
}

// compared leaves out what the API server keeps and nobody wrote.
func compared(u *unstructured.Unstructured) render.Object {
	o := runtime.DeepCopyJSON(u.Object)
	unstructured.RemoveNestedField(o, "status")
	for _, field := range []string{"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp"} {
		unstructured.RemoveNestedField(o, "metadata", field)
	}
	return o
}
