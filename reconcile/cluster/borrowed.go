package cluster

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"banksman.dev/reconcile"
	"banksman.dev/render"
)

// isFulls says whether an object is of the full variant of the set's service.
func isFulls(m metav1.Object, s reconcile.Set) bool {
	l := m.GetLabels()
	return l[LabelService] == string(s.Service) && l[LabelTrack] == string(reconcile.TrackStable)
}

// withoutForeign leaves out the borrowed objects of a set that exist and that
// banksman did not make. What was found foreign stays so as long as the
// process runs: the set only needs it to be there.
func (c *Cluster) withoutForeign(ctx context.Context, s reconcile.Set) ([]render.Object, error) {
	if len(s.Borrowed) == 0 {
		return s.Objects, nil
	}
	var own []render.Object
	for _, o := range s.Objects {
		foreign := false
		if s.Borrowed[o.ID()] {
			var err error
			if foreign, err = c.isForeign(ctx, s, o); err != nil {
				return nil, fmt.Errorf("look at %s: %w", o, err)
			}
		}
		if !foreign {
			own = append(own, o)
		}
	}
	return own, nil
}

func (c *Cluster) isForeign(ctx context.Context, s reconcile.Set, o render.Object) (bool, error) {
	p, err := c.find(kindOf(o), o.Namespace(), o.Name())
	if err != nil {
		return false, nil // the apply says it, with what to try
	}
	w, err := c.watches.own(ctx, p)
	if err != nil {
		return false, err
	}
	if seen, ours := w.get(p); ours {
		m, err := meta.Accessor(seen)
		return s.Unapproved && err == nil && isFulls(m, s), nil
	}
	c.mu.Lock()
	known := c.foreign[p.id()]
	c.mu.Unlock()
	if known {
		return true, nil
	}
	live, err := c.look(ctx, p)
	if err != nil || live == nil || isOurs(live) {
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.foreign[p.id()] = true
	c.log.Info("left as it is until the release is approved: it was there before", "object", o.ID().String())
	return true, nil
}
