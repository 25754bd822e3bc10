package cluster

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"banksman.dev/gitsrc"
	"banksman.dev/reconcile"
	"banksman.dev/render"
)

// workloadKinds are those of isWorkload, as they are asked for.
var workloadKinds = []schema.GroupVersionKind{
	{Group: "apps", Version: "v1", Kind: "DaemonSet"},
	{Group: "apps", Version: "v1", Kind: "Deployment"},
	{Group: "apps", Version: "v1", Kind: "StatefulSet"},
	{Group: "batch", Version: "v1", Kind: "CronJob"},
	{Group: "batch", Version: "v1", Kind: "Job"},
}

// Recall asks what the workloads of a service's full variant in a namespace say
// of their release; sorted. Only objects that banksman applied, and that are not
// being deleted, count. One that says nothing has an empty commit or digest.
func (c *Cluster) Recall(ctx context.Context, name render.ServiceName, namespace string) ([]reconcile.Recalled, error) {
	selector := labels.Set{LabelService: string(name), LabelTrack: string(reconcile.TrackStable)}.String()
	var found []reconcile.Recalled
	for _, kind := range workloadKinds {
		p, err := c.find(kind, namespace, "")
		switch {
		case meta.IsNoMatchError(err):
			continue
		case err != nil:
			return nil, err
		}
		list, err := c.meta.Resource(p.resource).Namespace(namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
		if err != nil {
			return nil, fmt.Errorf("list the %s of %s in %s: %w", p.resource.Resource, name, namespace, err)
		}
		for i := range list.Items {
			o := &list.Items[i]
			if o.DeletionTimestamp != nil || metav1.GetControllerOf(o) != nil || sightingOf(o).entry == (ownEntry{}) {
				continue
			}
			found = append(found, reconcile.Recalled{
				Object: render.ObjectID{Group: kind.Group, Kind: kind.Kind, Namespace: o.Namespace, Name: o.Name},
				Commit: gitsrc.SHA(o.Annotations[AnnotationCommit]),
				Digest: render.Digest(o.Annotations[AnnotationDigest]),
			})
		}
	}
	slices.SortFunc(found, func(a, b reconcile.Recalled) int { return a.Object.Compare(b.Object) })
	return found, nil
}
