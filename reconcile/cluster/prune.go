package cluster

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"banksman.dev/reconcile"
	"banksman.dev/render"
)

// Prune deletes objects of a service that nothing wants any more. It returns
// the entries that are still there, and what failed.
//
// An object is deleted only if a live look shows the service's label and the
// recorded UID, and the DELETE itself demands that UID. Anything else is not
// the object that was applied: its entry is given up and the object left.
// So are objects of protected kinds, and, without a look, those that are out of
// the scope since it became narrower; both are said once in the log.
func (c *Cluster) Prune(ctx context.Context, service render.ServiceName, entries []reconcile.Entry) ([]reconcile.Entry, error) {
	var kept []reconcile.Entry
	var errs []error
	for _, e := range entries {
		gone, err := c.prune(ctx, service, e)
		if err != nil {
			errs = append(errs, fmt.Errorf("delete %s: %w", e.ID(), err))
		}
		if !gone {
			kept = append(kept, e)
		}
	}
	return kept, errors.Join(errs...)
}

func (c *Cluster) prune(ctx context.Context, service render.ServiceName, e reconcile.Entry) (gone bool, err error) {
	kind := gvkOf(e)
	p, err := c.findAny(kind, e.Namespace, e.Name)
	var outside *outsideError
	switch {
	case meta.IsNoMatchError(err):
		return true, nil // with the kind went its objects
	case errors.As(err, &outside):
		c.spare(service, e, outside.why+"; if nobody needs it any more: kubectl delete "+reference(outside.place))
		return true, nil
	case err != nil:
		return false, err
	}
	live, err := c.look(ctx, p)
	switch {
	case err != nil:
		return false, err
	case live == nil:
		c.witness.doubt(p.id())
		return true, nil
	}
	if why := c.notOurs(live, service, e); why != "" {
		c.log.Warn("not deleted", "service", service, "object", e.ID().String(), "reason", why)
		return true, nil
	}
	if live.GetDeletionTimestamp() != nil {
		c.sayStuck(service, e, live)
		return false, nil
	}
	if isProtected(kind.GroupKind()) && live.GetAnnotations()[AnnotationPrune] != "confirm" {
		c.spare(service, e, "objects of this kind are deleted only when annotated "+AnnotationPrune+": confirm before they leave the templates")
		return true, nil
	}
	return c.deleteNow(ctx, service, e, p, live)
}

// notOurs says why a live object is not the one that the entry is about.
func (c *Cluster) notOurs(live *unstructured.Unstructured, service render.ServiceName, e reconcile.Entry) string {
	switch {
	case live.GetLabels()[LabelService] != string(service):
		return "it does not carry the label of this service any more"
	case !c.isThisSources(live):
		return "it belongs to " + sourceName(live.GetLabels()[LabelSource])
	case e.UID != "" && string(live.GetUID()) != e.UID:
		return "it is another object of the same name"
	case e.UID == "" && !isOurs(live):
		return "banksman did not apply it"
	}
	return ""
}

func (c *Cluster) deleteNow(ctx context.Context, service render.ServiceName, e reconcile.Entry, p place, live *unstructured.Unstructured) (bool, error) {
	uid := live.GetUID()
	err := c.client.Delete(ctx, live, client.Preconditions{UID: &uid}, client.PropagationPolicy(metav1.DeletePropagationBackground))
	switch {
	case apierrors.IsNotFound(err):
	case apierrors.IsConflict(err):
		return false, nil // replaced since we looked: look again
	case err != nil:
		return false, err
	default:
		c.log.Info("deleted", "service", service, "track", e.Track, "object", e.ID().String())
	}
	c.witness.doubt(p.id())
	left, err := c.look(ctx, p)
	if err != nil {
		return false, err
	}
	return left == nil || left.GetUID() != uid, nil
}

// look reads an object live. It returns nil when there is none.
func (c *Cluster) look(ctx context.Context, p place) (*unstructured.Unstructured, error) {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(p.kind)
	err := c.client.Get(ctx, p.key(), u)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return u, nil
}

// sayStuck says once of an object that is being deleted, and that was looked at
// before, what it waits for.
func (c *Cluster) sayStuck(service render.ServiceName, e reconcile.Entry, live *unstructured.Unstructured) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leaving[live.GetUID()]++
	if n := c.leaving[live.GetUID()]; n == 2 && len(live.GetFinalizers()) > 0 {
		c.log.Warn("it is being deleted, and stays until its finalizers are removed by who put them there",
			"service", service, "object", e.ID().String(), "finalizers", live.GetFinalizers())
	}
}

// A leftObject is one that stays though nothing wants it any more.
type leftObject struct {
	id  render.ObjectID
	uid string
}

// spare says once that an object stays, and why.
func (c *Cluster) spare(service render.ServiceName, e reconcile.Entry, why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	left := leftObject{e.ID(), e.UID}
	if c.spared[left] {
		return
	}
	c.spared[left] = true
	c.log.Warn("left in the cluster", "service", service, "object", e.ID().String(), "reason", why)
}
