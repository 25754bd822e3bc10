package cluster

import (
	"k8s.io/apimachinery/pkg/runtime/schema"

	"banksman.dev/reconcile"
)

// Expect begins to watch the kinds of objects that are known to be there, so that
// the first look at them need not wait for one kind after another. It returns at
// once. What fails is said to whoever asks for the objects.
func (c *Cluster) Expect(entries []reconcile.Entry) {
	kinds := map[schema.GroupVersionKind]reconcile.Entry{}
	sized := false
	for _, e := range entries {
		kind := gvkOf(e)
		kinds[kind] = e
		sized = sized || isWorkload(kind.GroupKind())
	}
	for kind, e := range kinds {
		c.tasks.Go(func() {
			if p, err := c.find(kind, e.Namespace, e.Name); err == nil {
				_, _ = c.watches.own(c.ctx, p) // as promised above
			}
		})
	}
	if sized {
		c.tasks.Go(func() { _, _ = c.watches.autoscalers(c.ctx) }) // as above
	}
}

func gvkOf(e reconcile.Entry) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: e.Group, Version: e.Version, Kind: e.Kind}
}
