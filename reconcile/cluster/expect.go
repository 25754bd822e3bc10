package cluster

import (
	"k8s.io/apimachinery/pkg/runtime/schema"

	"banksman.dev/reconcile"
)

// Expect begins to watch the kinds of objects that are known to be there, so that
// the first look at them need not wait for one kind after another. It returns at
// once. What fails is said to whoever asks for the objects.
func (c *Cluster) Expect(entries []reconcile.Entry) {
	begun := map[place]bool{}
	for _, e := range entries {
		p := place{kind: gvkOf(e)}
		if len(c.scope.Namespaces) > 0 {
			p.namespace = e.Namespace
		}
		if !begun[p] {
			begun[p] = true
			c.tasks.Go(func() { c.expect(e) })
		}
	}
}

// expect leaves what fails to whoever asks for the objects.
func (c *Cluster) expect(e reconcile.Entry) {
	p, err := c.find(gvkOf(e), e.Namespace, e.Name)
	if err != nil {
		return
	}
	if isWorkload(p.kind.GroupKind()) {
		c.tasks.Go(func() { _, _ = c.watches.autoscalers(c.ctx, p) })
	}
	_, _ = c.watches.own(c.ctx, p)
}

func gvkOf(e reconcile.Entry) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: e.Group, Version: e.Version, Kind: e.Kind}
}
