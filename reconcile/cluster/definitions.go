package cluster

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"

	"banksman.dev/reconcile"
	"banksman.dev/reconcile/health"
	"banksman.dev/render"
)

// definitionTimeout bounds the wait for a new kind to be served.
const definitionTimeout = 30 * time.Second

// awaitDefinitions waits until the kinds that a set defines are served.
func (c *Cluster) awaitDefinitions(ctx context.Context, objects []render.Object) error {
	for _, o := range objects {
		if kindOf(o).GroupKind() != crdKind {
			continue
		}
		err := wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, definitionTimeout, true, func(ctx context.Context) (bool, error) {
			return c.isServed(ctx, o, objects)
		})
		if err != nil {
			return refusal(o.ID(), fmt.Errorf("the kind that it defines is not served: %w", err))
		}
	}
	return nil
}

func (c *Cluster) isServed(ctx context.Context, crd render.Object, objects []render.Object) (bool, error) {
	p, err := c.find(kindOf(crd), "", crd.Name())
	if err != nil {
		return false, err
	}
	w, err := c.watches.own(ctx, p)
	if err != nil {
		return false, err
	}
	seen, ok := w.get(p)
	u, full := seen.(*unstructured.Unstructured)
	if !ok || !full || health.Of(u, time.Time{}).Health != reconcile.Healthy {
		return false, nil
	}
	defined := definedBy(u.Object)
	for _, o := range objects {
		if kindOf(o).GroupKind() != defined {
			continue
		}
		if _, err := c.find(kindOf(o), o.Namespace(), o.Name()); meta.IsNoMatchError(err) {
			return false, nil
		}
	}
	return true, nil
}
