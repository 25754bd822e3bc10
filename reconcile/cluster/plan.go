package cluster

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"banksman.dev/reconcile"
	"banksman.dev/render"
)

// A todo is a wanted object and what is known of it without asking.
type todo struct {
	recipe
	want     string // what the witness will be told of it
	settled  bool   // nothing is to be sent of it
	absent   bool   // no watch shows it
	applied  bool   // its wanted content was applied before,
	recalled bool   // as far as is known from before this process started

	single    bool // nothing else of the set is to be written
	unchecked bool // not dry-run: what refuses it leaves everything as it is
}

// plan finds out what is known of each object. The objects whose kind is not
// served, and is among the defined ones, are returned.
func (a *application) plan(ctx context.Context, objects []render.Object, defined map[schema.GroupKind]bool) ([]render.Object, error) {
	known := memory{entries: a.set.Known}
	var unserved []render.Object
	var refusals []*reconcile.ApplyError
	for _, o := range objects {
		t, err := a.todoOf(ctx, o, &known)
		switch {
		case meta.IsNoMatchError(err) && defined[kindOf(o).GroupKind()]:
			unserved = append(unserved, o)
		case err != nil:
			refused := refusal(o.ID(), err)
			if !refused.Permanent {
				return nil, refused // the others would wait for the same
			}
			refusals = append(refusals, refused)
		default:
			a.all = append(a.all, t)
		}
	}
	return unserved, joined(refusals)
}

func (a *application) todoOf(ctx context.Context, o render.Object, known *memory) (*todo, error) {
	r, err := a.recipeOf(o, a.set)
	if err != nil {
		return nil, err
	}
	watch, err := a.watches.own(ctx, r.place)
	if err != nil {
		return nil, err
	}
	t := &todo{recipe: r}
	if t.want, err = a.wordNow(ctx, r); err != nil {
		return nil, err
	}
	id := r.place.id()
	seen, ok := watch.get(r.place)
	t.absent = !ok
	known.tell(a.witness, r, t.want, seen)
	said, _ := a.witness.of(id)
	t.applied, t.recalled = said.tells(t.want), said.recalled
	switch {
	case a.set.Resting[t.id] && t.applied && said.drifted:
		t.settled = true
	case a.set.Audit:
	case a.witness.asWanted(id, t.want), a.set.KeepDrift && a.witness.isLeft(id, t.want):
		t.settled = true
	}
	if !t.settled {
		t.make(o, a.set)
	}
	return t, nil
}

// A memory is what an inventory says, for the witness. It is looked at only for
// objects of which the witness never heard.
type memory struct {
	entries []reconcile.Entry
	byID    map[render.ObjectID]reconcile.Entry
}

// tell tells the witness of one object, of which a watch shows what is seen. An
// inventory may have missed an apply within the second of the one that it knows:
// then the hash of our entry is the same, and only the object itself tells that
// it has another content.
func (m *memory) tell(w *witness, r recipe, word string, seen any) {
	id := r.place.id()
	if !w.isNew(id) {
		return
	}
	if m.byID == nil {
		m.byID = make(map[render.ObjectID]reconcile.Entry, len(m.entries))
		for _, e := range m.entries {
			m.byID[e.ID()] = e
		}
	}
	known := m.byID[r.id]
	if o, ok := seen.(metav1.Object); ok && known.Want == word && !r.isOn(o) {
		known = reconcile.Entry{}
	}
	w.recall(id, known)
}

// kindsDefinedBy are the kinds that definitions of a set define.
func kindsDefinedBy(objects []render.Object) map[schema.GroupKind]bool {
	kinds := map[schema.GroupKind]bool{}
	for _, o := range objects {
		if kindOf(o).GroupKind() == crdKind {
			kinds[definedBy(o)] = true
		}
	}
	return kinds
}

func definedBy(crd map[string]any) schema.GroupKind {
	group, _, _ := unstructured.NestedString(crd, "spec", "group")
	kind, _, _ := unstructured.NestedString(crd, "spec", "names", "kind")
	return schema.GroupKind{Group: group, Kind: kind}
}

// dependsOn says which objects cannot be checked before the definitions are
// written: those of a kind that is about to change, and those in a namespace
// that does not exist.
func (a *application) dependsOn(definitions []*todo) func(*todo) bool {
	kinds, namespaces := map[schema.GroupKind]bool{}, map[string]bool{}
	for _, d := range definitions {
		switch {
		case d.place.kind.GroupKind() == crdKind:
			kinds[definedBy(d.object.Object)] = true
		case a.session.before(d.place.id()) == nil:
			namespaces[d.place.name] = true
		}
	}
	return func(t *todo) bool {
		return kinds[t.place.kind.GroupKind()] || t.place.namespace != "" && namespaces[t.place.namespace]
	}
}
