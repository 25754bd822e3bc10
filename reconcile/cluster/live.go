package cluster

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"banksman.dev/reconcile"
	"banksman.dev/reconcile/health"
	"banksman.dev/render"
)

// A finding is what one object of a set is like.
type finding struct {
	id       render.ObjectID
	state    health.State
	workload *unstructured.Unstructured // nil when it is none, or is not there
	drifted  bool                       // changed by somebody, and left so
	gone     bool                       // not there, and not just written either
}

// Live says what the cluster holds of a set, from watches that have shown all
// objects once. Once they run it sends nothing, while everything is healthy: a
// pull secret that a Pod waits for is looked for once.
func (c *Cluster) Live(ctx context.Context, s reconcile.Set) (reconcile.Live, error) {
	if s.Ref.Digest == "" && len(s.Objects) == 0 {
		return reconcile.Live{}, nil
	}
	objects, err := c.withoutForeign(ctx, s)
	if err != nil {
		return reconcile.Live{}, err
	}
	known := memory{entries: s.Known}
	live := reconcile.Live{Digest: s.Ref.Digest}
	found := make([]finding, 0, len(objects))
	for _, o := range objects {
		f, err := c.lookAt(ctx, o, s, &known)
		if err != nil {
			return reconcile.Live{}, fmt.Errorf("look at %s: %w", o, err)
		}
		if f.gone {
			live.Gone = append(live.Gone, f.id)
		}
		if f.drifted {
			live.Drifted = append(live.Drifted, f.id)
		}
		found = append(found, f)
	}
	slices.SortFunc(live.Drifted, render.ObjectID.Compare)
	live.Health, live.Message = worst(found)
	live.Images, live.Pods = workloadsOf(found)
	return live, nil
}

// lookAt judges one object. What is not seen with the wanted content is
// missing, whatever its status says: that is about something else.
func (c *Cluster) lookAt(ctx context.Context, o render.Object, s reconcile.Set, known *memory) (finding, error) {
	r, err := c.recipeOf(o, s)
	switch {
	case meta.IsNoMatchError(err):
		return finding{id: o.ID(), state: health.State{Health: reconcile.Missing, Message: "the cluster does not know its kind"}}, nil
	case err != nil:
		return finding{}, err
	}
	f := finding{id: r.id}
	watch, err := c.watches.own(ctx, r.place)
	if err != nil {
		return f, err
	}
	word, err := c.wordNow(ctx, r)
	if err != nil {
		return f, err
	}
	id := r.place.id()
	seen, ok := watch.get(r.place)
	known.tell(c.witness, r, word, seen)
	said, isKnown := c.witness.of(id)
	kept := s.KeepDrift && said.drifted && said.tells(word)
	m, isObject := seen.(metav1.Object)
	if !ok || !isObject {
		f.state = unseen(r.place, said.tells(word) && !said.drifted)
		f.drifted, f.gone = kept, !isKnown
		return f, nil
	}
	u, full := seen.(*unstructured.Unstructured)
	if r.workload {
		f.workload = u
	}
	if f.drifted = kept && r.isOn(m); !f.drifted {
		f.state = c.content(r.wanted, m)
	} else if m.GetDeletionTimestamp() == nil {
		f.state.Health = reconcile.Healthy
	}
	if f.state.Health != reconcile.Healthy || !full {
		return f, nil
	}
	f.state = c.judge(id, u)
	if f.state.Health != reconcile.Healthy {
		f.state = f.state.Because(c.podTrouble(ctx, u))
	}
	return f, nil
}

// unseen is what an object is like that the watch does not show: it is not there,
// or the watch lags behind what was just written. What has no state of its own is
// well as soon as it is written.
func unseen(p place, written bool) health.State {
	switch {
	case !written:
		return health.State{Health: reconcile.Missing, Message: "it is not there"}
	case isPlain(p.kind.GroupKind()):
		return health.State{Health: reconcile.Healthy}
	}
	return health.State{Health: reconcile.Progressing, Message: "it was just written"}
}

// content says whether a seen object has the wanted content, as far as its
// metadata and the witness tell. A watch that lags behind what was written must
// not make the old state look like the new one.
func (c *Cluster) content(w wanted, seen metav1.Object) health.State {
	service := serviceOf(seen)
	switch {
	case service != string(w.service):
		return health.State{Health: reconcile.Missing, Message: "it belongs to the service " + service}
	case !w.isOn(seen):
		return health.State{Health: reconcile.Missing, Message: "it does not have this content yet"}
	case seen.GetDeletionTimestamp() != nil:
		return health.State{Health: reconcile.Missing, Message: "it is being deleted"}
	}
	switch t, ok := c.witness.of(w.place.id()); {
	case !ok && c.isUnsure(w.place.id()):
		return health.State{Health: reconcile.Progressing, Message: "the answer to its last write was lost"}
	case !ok:
	case t.drifted:
		return health.State{Health: reconcile.Progressing, Message: "somebody changed it"}
	case versionOf(seen) < t.version:
		return health.State{Health: reconcile.Progressing, Message: "it was just written"}
	}
	return health.State{Health: reconcile.Healthy}
}

// worst is the health of the whole and the reason: what is missing comes before
// what failed, and that before what is on its way; workloads come first.
func worst(found []finding) (reconcile.Health, string) {
	order := []reconcile.Health{reconcile.Missing, reconcile.Failed, reconcile.Progressing}
	workloads := 0
	for _, f := range found {
		if f.workload != nil {
			workloads++
		}
	}
	for _, h := range order {
		for _, workload := range []bool{true, false} {
			for _, f := range found {
				if f.state.Health != h || (f.workload != nil) != workload {
					continue
				}
				if workload && workloads == 1 && h != reconcile.Missing {
					return h, f.state.Message
				}
				return h, fmt.Sprintf("%s: %s", f.id, f.state.Message)
			}
		}
	}
	return reconcile.Healthy, ""
}

// workloadsOf sums up the images and the Pods of the workloads.
func workloadsOf(found []finding) (images []string, pods string) {
	var ready, wanted int64
	counted := false
	for _, f := range found {
		if f.workload == nil {
			continue
		}
		images = append(images, health.Images(f.workload)...)
		if n, ok := health.CountPods(f.workload); ok {
			counted = true
			ready, wanted = ready+n.Ready, wanted+n.Want
		}
	}
	slices.Sort(images)
	if counted {
		pods = fmt.Sprintf("%d/%d Pods ready", ready, wanted)
	}
	return slices.Compact(images), pods
}
