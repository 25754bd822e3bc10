package cluster

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

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
	var found []reconcile.Recalled
	for _, kind := range workloadKinds {
		p, err := c.find(kind, namespace, "")
		switch {
		case meta.IsNoMatchError(err), isOutside(err):
			continue
		case err != nil:
			return nil, err
		}
		list, err := c.workloads.get(ctx, c, p)
		if err != nil {
			return nil, fmt.Errorf("list the %s that were applied: %w", p.resource.Resource, explained(err))
		}
		for _, o := range list[recallKey{namespace, string(name)}] {
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

// listed are the workloads that were applied, by kind. A look around asks for
// those of every service: it is answered by one list.
type listed struct {
	mu sync.Mutex
	of map[listKey]listing
}

type listing struct {
	at    time.Time
	items map[recallKey][]*metav1.PartialObjectMetadata
}

type listKey struct {
	resource  schema.GroupVersionResource
	namespace string // metav1.NamespaceAll: all
}

type recallKey struct{ namespace, service string }

// listedFor is how old a list may be. A Delivery that was deleted a moment ago
// is not older.
const listedFor = 2 * time.Second

func (l *listed) get(ctx context.Context, c *Cluster, p place) (map[recallKey][]*metav1.PartialObjectMetadata, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := listKey{p.resource, c.within(p)}
	if known, ok := l.of[key]; ok && time.Since(known.at) < listedFor {
		return known.items, nil
	}
	at := time.Now()
	selector := c.selector() + "," + labels.Set{LabelTrack: string(reconcile.TrackStable)}.String()
	list, err := c.meta.Resource(p.resource).Namespace(key.namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, err
	}
	items := map[recallKey][]*metav1.PartialObjectMetadata{}
	for i := range list.Items {
		o := &list.Items[i]
		k := recallKey{o.Namespace, o.Labels[LabelService]}
		items[k] = append(items[k], o)
	}
	if l.of == nil {
		l.of = map[listKey]listing{}
	}
	l.of[key] = listing{at, items}
	return items, nil
}
