package cluster

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"banksman.dev/reconcile"
	"banksman.dev/render"
)

// Standing are those of these objects that are in the cluster, whoever made them,
// except for what came with the canary of the service. Each is asked for: a watch
// shows only what banksman made.
func (c *Cluster) Standing(ctx context.Context, name render.ServiceName, objects []render.Object) ([]render.ObjectID, error) {
	var found []render.ObjectID
	for _, o := range objects {
		p, err := c.find(kindOf(o), o.Namespace(), o.Name())
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
		if live != nil && (!c.isThisSources(live) || !isOfCanary(live, name)) {
			found = append(found, o.ID())
		}
	}
	return found, nil
}

func isOfCanary(live *unstructured.Unstructured, name render.ServiceName) bool {
	l := live.GetLabels()
	return isWrittenByUs(live) && l[LabelService] == string(name) && l[LabelTrack] == string(reconcile.TrackCanary)
}
