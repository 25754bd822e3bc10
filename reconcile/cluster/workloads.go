package cluster

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"

	"banksman.dev/render"
)

// Workloads are those of these objects that run Pods and stand in the cluster,
// whoever made them. Each is asked for: a watch shows only what banksman made.
func (c *Cluster) Workloads(ctx context.Context, objects []render.Object) ([]render.ObjectID, error) {
	var found []render.ObjectID
	for _, o := range objects {
		kind := kindOf(o)
		if !isWorkload(kind.GroupKind()) {
			continue
		}
		p, err := c.find(kind, o.Namespace(), o.Name())
		if meta.IsNoMatchError(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("look for %s: %w", o, err)
		}
		live, err := c.look(ctx, p)
		if err != nil {
			return nil, fmt.Errorf("look for %s: %w", o, err)
		}
		if live != nil {
			found = append(found, o.ID())
		}
	}
	return found, nil
}
