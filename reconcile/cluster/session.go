package cluster

import (
	"context"
	"errors"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"banksman.dev/render"
)

// A session is the client of one apply. Each object is read and dry-run at most once:
// what was learnt when the set was checked is handed to ssa when it asks again.
// It keeps the API server's answers, which ssa drops.
type session struct {
	client.Client
	proposed bool // of a set that nobody has approved
	mu       sync.Mutex
	live     map[render.ObjectID]*unstructured.Unstructured // nil: not there
	dry      map[render.ObjectID]*unstructured.Unstructured
	made     map[render.ObjectID]*unstructured.Unstructured // created, and not applied yet
	after    map[render.ObjectID]*unstructured.Unstructured // as written
}

func newSession(c client.Client, proposed bool) *session {
	return &session{
		Client: c, proposed: proposed,
		live:  map[render.ObjectID]*unstructured.Unstructured{},
		dry:   map[render.ObjectID]*unstructured.Unstructured{},
		made:  map[render.ObjectID]*unstructured.Unstructured{},
		after: map[render.ObjectID]*unstructured.Unstructured{},
	}
}

// A writeError says which object a request was about.
type writeError struct {
	id  render.ObjectID
	err error
}

func (e *writeError) Error() string { return e.err.Error() }
func (e *writeError) Unwrap() error { return e.err }

func idOf(o client.Object) render.ObjectID {
	k := o.GetObjectKind().GroupVersionKind()
	return render.ObjectID{Group: k.Group, Kind: k.Kind, Namespace: o.GetNamespace(), Name: o.GetName()}
}

// look reads an object, once. It returns nil when there is none.
func (s *session) look(ctx context.Context, w wanted) (*unstructured.Unstructured, error) {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(w.place.kind)
	err := s.Get(ctx, w.place.key(), u)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return u, nil
}

// Get reads live, or repeats what look has read.
func (s *session) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	u, ok := o.(*unstructured.Unstructured)
	if !ok {
		return s.Client.Get(ctx, key, o, opts...)
	}
	kind := u.GroupVersionKind()
	id := render.ObjectID{Group: kind.Group, Kind: kind.Kind, Namespace: key.Namespace, Name: key.Name}
	s.mu.Lock()
	known, looked := s.live[id]
	s.mu.Unlock()
	if !looked {
		if err := s.Client.Get(ctx, key, u, opts...); err != nil && !apierrors.IsNotFound(err) {
			return &writeError{id, err}
		} else if err == nil {
			known = u.DeepCopy()
		}
		s.mu.Lock()
		s.live[id] = known
		s.mu.Unlock()
	}
	if known == nil {
		return &writeError{id, apierrors.NewNotFound(kind.GroupVersion().WithResource(kind.Kind).GroupResource(), key.Name)}
	}
	u.Object = known.DeepCopy().Object
	return nil
}

// Patch sends, and keeps the answer. A dry run is sent once.
func (s *session) Patch(ctx context.Context, o client.Object, p client.Patch, opts ...client.PatchOption) error {
	u, ok := o.(*unstructured.Unstructured)
	if !ok {
		return errors.New("only unstructured objects are applied")
	}
	id := idOf(u)
	dry := p.Type() == types.ApplyPatchType && len((&client.PatchOptions{}).ApplyOptions(opts).DryRun) > 0
	if dry {
		s.mu.Lock()
		known := s.dry[id]
		s.mu.Unlock()
		if known != nil {
			u.Object = known.DeepCopy().Object
			return nil
		}
	}
	if s.proposed {
		var err error
		if p, err = s.pin(ctx, u, p, dry); err != nil {
			return &writeError{id, err}
		}
	}
	if err := s.Client.Patch(ctx, u, p, opts...); err != nil {
		return s.refused(id, p, err)
	}
	if s.wasMade(id) {
		s.forgetCreation(ctx, u)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case dry:
		s.dry[id] = u.DeepCopy()
	case p.Type() == types.ApplyPatchType:
		s.after[id] = u.DeepCopy()
	}
	return nil
}

// dryRun asks what an apply would do.
func (s *session) dryRun(ctx context.Context, w wanted) error {
	return s.Patch(ctx, w.object.DeepCopy(), client.Apply, client.DryRunAll, client.ForceOwnership, client.FieldOwner(Owner)) //nolint:staticcheck // ssa sends the same
}

// apply writes an object.
func (s *session) apply(ctx context.Context, w wanted) error {
	return s.Patch(ctx, w.object.DeepCopy(), client.Apply, client.ForceOwnership, client.FieldOwner(Owner)) //nolint:staticcheck // ssa sends the same
}

// lostFields says whether an apply would give us fields that are not ours now.
// Their values are the wanted ones: somebody changed them, and back. Left so, our
// entry would not tell when they are changed the next time.
func (s *session) lostFields(id render.ObjectID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	live, dry := s.live[id], s.dry[id]
	return live != nil && dry != nil && fieldsOf(live) != fieldsOf(dry)
}

// dryCreate is for an object that no watch shows: it asks what an apply would
// do, and takes from the answer whether the object exists. One that does not has
// no version yet. So a new object costs no look. One that exists without our
// label is looked at, and checked, before anything else is asked.
func (s *session) dryCreate(ctx context.Context, w wanted) (made bool, err error) {
	u := w.object.DeepCopy()
	id := idOf(u)
	err = s.Client.Patch(ctx, u, client.Apply, client.DryRunAll, client.ForceOwnership, client.FieldOwner(Owner)) //nolint:staticcheck // ssa sends the same
	switch {
	case err != nil:
		live, lookErr := s.look(ctx, w)
		if lookErr != nil || live == nil {
			return false, s.refused(id, client.Apply, err) //nolint:staticcheck // as above
		}
		return false, nil // what is wrong may be that it is another's
	case u.GetResourceVersion() != "":
		return false, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live[id], s.dry[id] = nil, u
	return true, nil
}

// answer is the object as the API server last showed it; nil when it is not there.
func (s *session) answer(id render.ObjectID) *unstructured.Unstructured {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, known := range []*unstructured.Unstructured{s.after[id], s.made[id]} {
		if known != nil {
			return known
		}
	}
	return s.live[id]
}

func (s *session) wasMade(id render.ObjectID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.made[id] != nil
}

// wrote says whether an object was written.
func (s *session) wrote(id render.ObjectID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.after[id] != nil
}

// before is the object as it was before the apply; nil when there was none.
func (s *session) before(id render.ObjectID) *unstructured.Unstructured {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live[id]
}
