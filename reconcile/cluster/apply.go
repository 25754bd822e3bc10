package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fluxcd/pkg/ssa"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"

	"banksman.dev/reconcile"
	"banksman.dev/reconcile/health"
	"banksman.dev/render"
)

// concurrency is how many requests one apply has open at a time.
const concurrency = 8

// Apply brings the cluster to a set. Objects that are known to be as wanted
// cost nothing. The others are read, checked for claims and dry-run, all of
// them, before the first of them is written. Namespaces and definitions of
// kinds come first. Of a proposed set nothing is written when anything of it
// exists that is not of the service's canary.
//
// The entries name every object of the set that was seen, also when there is
// an error, which is a *reconcile.ApplyError.
func (c *Cluster) Apply(ctx context.Context, s reconcile.Set) (reconcile.Applied, error) {
	entries, err := c.apply(ctx, s)
	return reconcile.Applied{Entries: entries}, err
}

func (c *Cluster) apply(ctx context.Context, s reconcile.Set) ([]reconcile.Entry, error) {
	if err := checkProposed(s); err != nil {
		return nil, err
	}
	objects, err := c.withoutForeign(ctx, s)
	if err != nil {
		return nil, refusal(render.ObjectID{}, err)
	}
	var definitions, others []render.Object
	for _, o := range objects {
		if isDefinition(kindOf(o).GroupKind()) {
			definitions = append(definitions, o)
		} else {
			others = append(others, o)
		}
	}
	var entries []reconcile.Entry
	if len(definitions) > 0 {
		first, err := c.applyStage(ctx, s, definitions)
		entries = append(entries, first...)
		if err != nil {
			return entries, err
		}
		if err := c.awaitDefinitions(ctx, definitions, others); err != nil {
			return entries, err
		}
	}
	rest, err := c.applyStage(ctx, s, others)
	return append(entries, rest...), err
}

// A todo is a wanted object and what the witness will be told of it.
type todo struct {
	wanted
	want string
	uid  types.UID // known without asking; "" when it must be sent
}

func (c *Cluster) applyStage(ctx context.Context, s reconcile.Set, objects []render.Object) ([]reconcile.Entry, error) {
	all, err := c.plan(ctx, s, objects)
	if err != nil {
		return entriesOf(all, nil, s.Track), err
	}
	var send []todo
	for _, t := range all {
		if t.uid == "" {
			send = append(send, t)
		}
	}
	if len(send) == 0 {
		return entriesOf(all, nil, s.Track), nil
	}
	session := newSession(c.client, s.Proposed)
	err = c.send(ctx, session, s, send)
	return entriesOf(all, session, s.Track), err
}

// plan finds out what is known of each object.
func (c *Cluster) plan(ctx context.Context, s reconcile.Set, objects []render.Object) ([]todo, error) {
	var all []todo
	for _, o := range objects {
		p, err := c.find(kindOf(o), o.Namespace(), o.Name())
		if err != nil {
			return all, refusal(o.ID(), err)
		}
		w, err := want(o, p, s)
		if err != nil {
			return all, refusal(o.ID(), err)
		}
		if _, err := c.watches.own(ctx, p); err != nil {
			return all, refusal(o.ID(), err)
		}
		scaled, err := c.isAutoscaled(ctx, w)
		if err != nil {
			return all, refusal(o.ID(), err)
		}
		t := todo{wanted: w, want: fmt.Sprintf("%s %s %t", w.content, w.digest, scaled)}
		t.uid, _ = c.witness.asWanted(p.id(), t.want)
		all = append(all, t)
	}
	return all, nil
}

// send checks and writes the objects that are not known to be as wanted.
func (c *Cluster) send(ctx context.Context, session *session, s reconcile.Set, send []todo) error {
	if err := c.check(ctx, session, send); err != nil {
		return err
	}
	rm := ssa.NewResourceManager(session, nil, ssa.Owner{Field: Owner, Group: "banksman.dev"})
	rm.SetConcurrency(concurrency)
	objects := make([]*unstructured.Unstructured, len(send))
	for i, t := range send {
		objects[i] = t.object
	}
	options := ssa.DefaultApplyOptions()
	options.Cleanup = takenOver()
	_, err := rm.ApplyAll(ctx, objects, options)
	for _, t := range send {
		if u := session.answer(t.place.id()); u != nil && (err == nil || session.wrote(t.place.id())) {
			c.witness.note(t.place.id(), t.want, sightingOf(u))
			c.report(session, s, t)
		}
	}
	if err != nil {
		return refusal(blamed(send, err), err)
	}
	return nil
}

// check reads each object, looks for claims, and dry-runs the whole set. All
// objects are asked, so that the error is the same each time.
func (c *Cluster) check(ctx context.Context, session *session, send []todo) error {
	errs := make([]error, len(send))
	var group errgroup.Group
	group.SetLimit(concurrency)
	for i, t := range send {
		group.Go(func() error {
			errs[i] = c.checkOne(ctx, session, t)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	var first error
	for i, err := range errs {
		if err == nil {
			continue
		}
		refused := refusal(send[i].id, err)
		if refused.Permanent {
			return refused
		}
		if first == nil {
			first = refused
		}
	}
	return first
}

func (c *Cluster) checkOne(ctx context.Context, session *session, t todo) error {
	live, err := session.look(ctx, t.wanted)
	if err != nil {
		return err
	}
	if live != nil && session.proposed {
		if err := checkIsCanary(live, t.wanted); err != nil {
			return err
		}
	}
	if live != nil && !c.adopt {
		if claimed := claimOn(live, t.wanted); claimed != nil {
			return claimed.refuse(t.wanted)
		}
	}
	if scaled, err := c.isAutoscaled(ctx, t.wanted); err != nil {
		return err
	} else if scaled {
		if err := t.leaveReplicas(live); err != nil {
			return err
		}
	}
	t.keepCommit(live)
	if live != nil {
		if err := session.checkOwners(ctx, t.wanted, live, c.adopt); err != nil {
			return err
		}
	}
	return session.dryRun(ctx, t.wanted)
}

// report logs what was adopted and what was put back.
func (c *Cluster) report(session *session, s reconcile.Set, t todo) {
	if !session.wrote(t.place.id()) {
		return
	}
	logger := c.log.With("service", s.Service, "track", s.Track, "object", t.id.String())
	switch was := session.before(t.place.id()); {
	case was == nil:
		logger.Info("created")
	case !isOurs(was):
		logger.Info("adopted")
	case was.GetAnnotations()[AnnotationContent] == t.content && was.GetAnnotations()[AnnotationDigest] == t.digest:
		logger.Info("drift repaired")
	default:
		logger.Debug("applied")
	}
}

// blamed is the object that an error of ssa is about.
func blamed(send []todo, err error) render.ObjectID {
	var w *writeError
	if !errors.As(err, &w) {
		return send[0].id
	}
	for _, t := range send {
		if t.place.id() == w.id {
			return t.id
		}
	}
	return w.id
}

func entriesOf(all []todo, session *session, track reconcile.Track) []reconcile.Entry {
	entries := make([]reconcile.Entry, 0, len(all))
	for _, t := range all {
		e := reconcile.Entry{
			Group: t.id.Group, Version: t.place.kind.Version, Kind: t.id.Kind,
			Namespace: t.id.Namespace, Name: t.id.Name,
			UID: string(t.uid), Track: track,
		}
		if e.UID == "" && session != nil {
			if u := session.answer(t.place.id()); u != nil {
				e.UID = string(u.GetUID())
			}
		}
		if e.UID != "" {
			entries = append(entries, e)
		}
	}
	return entries
}

// definitionTimeout bounds the wait for a new kind to be served.
const definitionTimeout = 30 * time.Second

// awaitDefinitions waits until the kinds that were just defined are served.
func (c *Cluster) awaitDefinitions(ctx context.Context, definitions, others []render.Object) error {
	for _, o := range definitions {
		if kindOf(o).GroupKind() != crdKind {
			continue
		}
		err := wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, definitionTimeout, true, func(ctx context.Context) (bool, error) {
			return c.isServed(ctx, o, others)
		})
		if err != nil {
			return refusal(o.ID(), fmt.Errorf("the kind that it defines is not served: %w", err))
		}
	}
	return nil
}

func (c *Cluster) isServed(ctx context.Context, crd render.Object, others []render.Object) (bool, error) {
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
	group, _, _ := unstructured.NestedString(u.Object, "spec", "group")
	kind, _, _ := unstructured.NestedString(u.Object, "spec", "names", "kind")
	for _, o := range others {
		if id := o.ID(); id.Group == group && id.Kind == kind {
			if _, err := c.find(kindOf(o), o.Namespace(), o.Name()); meta.IsNoMatchError(err) {
				return false, nil
			}
		}
	}
	return true, nil
}
