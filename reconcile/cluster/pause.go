package cluster

import (
	"context"
	"fmt"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"banksman.dev/reconcile"
	"banksman.dev/reconcile/health"
	"banksman.dev/render"
)

// PauseOwner is the field owner of spec.paused of Deployments whose rollout is
// held. It is another one than Owner, so that what is applied, and what proves
// that nobody changed it, stay as they are.
const PauseOwner = "banksman-pause"

var deploymentKind = schema.GroupKind{Group: "apps", Kind: "Deployment"}

// holds remember what was written of spec.paused and no watch has shown yet.
type holds struct {
	mu sync.Mutex
	of map[render.ObjectID]hold
}

type hold struct {
	version uint64
	held    bool
}

func newHolds() *holds { return &holds{of: map[render.ObjectID]hold{}} }

// now is whether a Deployment is held, by what is newer of the two.
func (h *holds) now(id render.ObjectID, seen sighting) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	written, ok := h.of[id]
	if ok && written.version > seen.version {
		return written.held
	}
	delete(h.of, id)
	return seen.held
}

func (h *holds) note(id render.ObjectID, answer sighting) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.of[id] = hold{answer.version, answer.held}
}

// Pause holds the rollouts of a set that are under way, or lets go of all of
// them that are held. A Deployment that is settled, is not ours or says itself
// whether it is paused is left. Nothing is sent when there is nothing to do.
func (c *Cluster) Pause(ctx context.Context, s reconcile.Set, paused bool) error {
	for _, o := range s.Objects {
		if kindOf(o).GroupKind() != deploymentKind {
			continue
		}
		if _, said, _ := unstructured.NestedFieldNoCopy(o, "spec", "paused"); said && paused {
			continue
		}
		if err := c.pause(ctx, o, s.Service, paused); err != nil {
			return refusal(o.ID(), err)
		}
	}
	return nil
}

func (c *Cluster) pause(ctx context.Context, o render.Object, service render.ServiceName, paused bool) error {
	p, err := c.find(kindOf(o), o.Namespace(), o.Name())
	if err != nil {
		return err
	}
	w, err := c.watches.own(ctx, p)
	if err != nil {
		return err
	}
	seen, _ := w.get(p)
	u, ok := seen.(*unstructured.Unstructured)
	if said, known := c.witness.of(p.id()); known && (!ok || versionOf(u) < said.version) {
		if u, err = c.look(ctx, p); err != nil { // the watch lags behind what was written
			return err
		}
	}
	if u == nil || serviceOf(u) != string(service) || !c.isThisSources(u) || u.GetDeletionTimestamp() != nil {
		return nil
	}
	s := sightingOf(u)
	if s.entry == (ownEntry{}) || c.holds.now(p.id(), s) == paused || paused && !isRolling(u) {
		return nil
	}
	answer, err := c.setPaused(ctx, p, u, paused)
	if err != nil {
		return err
	}
	c.holds.note(p.id(), sightingOf(answer))
	c.log.Info("rollout", "service", service, "object", o.ID().String(), "paused", paused)
	return nil
}

// setPaused applies nothing but spec.paused, or nothing at all, to this very
// object: the UID makes the API server refuse it for any other, and for none.
func (c *Cluster) setPaused(ctx context.Context, p place, live *unstructured.Unstructured, paused bool) (*unstructured.Unstructured, error) {
	u := &unstructured.Unstructured{Object: map[string]any{}}
	u.SetGroupVersionKind(p.kind)
	u.SetNamespace(p.namespace)
	u.SetName(p.name)
	u.SetUID(live.GetUID())
	if paused {
		u.Object["spec"] = map[string]any{"paused": true}
	}
	err := c.client.Patch(ctx, u, client.Apply, client.ForceOwnership, client.FieldOwner(PauseOwner)) //nolint:staticcheck // as for every other apply
	return u, err
}

// isRolling says whether Pods of an older template are still to be replaced, as
// far as the status tells.
func isRolling(u *unstructured.Unstructured) bool {
	if !health.IsObserved(u) {
		return true
	}
	n, _ := health.CountPods(u)
	return n.Updated < n.Want || n.Total > n.Updated
}

func isPaused(u metav1.Object) bool {
	o, ok := u.(*unstructured.Unstructured)
	if !ok || o.GroupVersionKind().GroupKind() != deploymentKind {
		return false
	}
	paused, _, _ := unstructured.NestedBool(o.Object, "spec", "paused")
	return paused
}

// pausedState is what a Deployment is like whose rollout nobody moves: it will
// not settle by itself, and has not failed.
func pausedState(u *unstructured.Unstructured) health.State {
	s := health.State{Health: reconcile.Progressing, Message: "its rollout is paused"}
	if n, ok := health.CountPods(u); ok && health.IsObserved(u) && n.Updated < n.Want {
		s.Message += fmt.Sprintf(": %d of %d Pods have the new template", n.Updated, n.Want)
	}
	return s
}
