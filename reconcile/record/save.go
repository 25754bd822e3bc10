package record

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"banksman.dev/reconcile"
	"banksman.dev/reconcile/api/v1alpha1"
	"banksman.dev/render"
)

// ErrConflict says that the Delivery is not what was loaded any more: somebody
// wrote to it since. Nothing was written; load it and decide again.
var ErrConflict = errors.New("the Delivery was changed since it was looked at")

const managedBy = "app.kubernetes.io/managed-by"

// Save writes a record and a view, with the version that the last Load or Save
// of the service gave as the precondition. It makes the Delivery when there was
// none, and sends nothing when nothing changed. It never writes a spec.
func (s *Store) Save(ctx context.Context, r reconcile.Record, v reconcile.View) error {
	before := s.lastLoaded(r.Service)
	if before != nil && before.Namespace != r.Namespace {
		before = nil // the service moved: its Delivery stands beside the workload
	}
	if before == nil {
		created, err := s.create(ctx, r)
		if err != nil {
			return err
		}
		before = created
	}
	status := statusOf(r, v, before, metav1.Now())
	if equality.Semantic.DeepEqual(status, before.Status) {
		return nil
	}
	after, err := s.writeStatus(ctx, before, status)
	if err != nil {
		return err
	}
	return s.label(ctx, after)
}

func (s *Store) lastLoaded(name render.ServiceName) *v1alpha1.Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d, ok := s.loaded[name]; ok {
		return d
	}
	return s.find(name)
}

func (s *Store) create(ctx context.Context, r reconcile.Record) (*v1alpha1.Delivery, error) {
	u, err := encode(s.newDelivery(r))
	if err != nil {
		return nil, err
	}
	made, err := s.at(r.Namespace).Create(ctx, u, metav1.CreateOptions{FieldManager: owner})
	switch {
	case apierrors.IsAlreadyExists(err):
		return nil, s.lookAgain(ctx, key{r.Namespace, string(r.Service)})
	case apierrors.IsNotFound(err):
		return nil, fmt.Errorf("create Delivery %s/%s: %w; create the namespace (kubectl create namespace %s), banksman does not", r.Namespace, r.Service, err, r.Namespace)
	case err != nil:
		return nil, fmt.Errorf("create Delivery %s/%s: %w", r.Namespace, r.Service, err)
	}
	d, err := decode(made)
	if err != nil {
		return nil, err
	}
	s.keep(d)
	return d, nil
}

func (s *Store) writeStatus(ctx context.Context, before *v1alpha1.Delivery, status v1alpha1.DeliveryStatus) (*v1alpha1.Delivery, error) {
	next := before.DeepCopy()
	next.Status = status
	u, err := encode(next)
	if err != nil {
		return nil, err
	}
	written, err := s.at(next.Namespace).UpdateStatus(ctx, u, metav1.UpdateOptions{FieldManager: owner})
	switch {
	case apierrors.IsConflict(err), apierrors.IsNotFound(err):
		return nil, s.lookAgain(ctx, keyOf(next))
	case err != nil:
		return nil, fmt.Errorf("write the status of Delivery %s/%s: %w", next.Namespace, next.Name, err)
	}
	d, err := decode(written)
	if err != nil {
		return nil, err
	}
	s.keep(d)
	return d, nil
}

// label marks a Delivery that somebody made by hand as banksman's.
func (s *Store) label(ctx context.Context, d *v1alpha1.Delivery) error {
	if d.Labels[managedBy] == owner {
		return nil
	}
	patch := fmt.Appendf(nil, `{"metadata":{"labels":{%q:%q}}}`, managedBy, owner)
	u, err := s.at(d.Namespace).Patch(ctx, d.Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: owner})
	if err != nil {
		return fmt.Errorf("label Delivery %s/%s: %w", d.Namespace, d.Name, err)
	}
	after, err := decode(u)
	if err != nil {
		return err
	}
	// The patch has no precondition: only what it gave back counts as loaded,
	// and only when nothing but the label came with it.
	s.mu.Lock()
	defer s.mu.Unlock()
	s.take(after)
	if after.Generation == d.Generation && equality.Semantic.DeepEqual(after.Status, d.Status) {
		s.loaded[render.ServiceName(d.Name)] = after
	}
	return nil
}

// keep remembers the answer to a write.
func (s *Store) keep(d *v1alpha1.Delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.take(d)
	s.loaded[render.ServiceName(d.Name)] = d
}

// lookAgain reads what is there instead of what was expected, so that the next
// Load has it, and returns ErrConflict.
func (s *Store) lookAgain(ctx context.Context, k key) error {
	s.mu.Lock()
	known := s.newest[k]
	s.mu.Unlock()
	u, err := s.at(k.namespace).Get(ctx, k.name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		s.mu.Lock()
		s.drop(k)
		s.mu.Unlock()
	case err != nil:
		return fmt.Errorf("write Delivery %s/%s: %w; reading it failed too: %w", k.namespace, k.name, ErrConflict, err)
	default:
		d, err := decode(u)
		if err != nil {
			return err
		}
		if err := s.checkSource(d); err != nil {
			return err
		}
		// What is there counts, whatever its number: in a cluster that was restored
		// from a snapshot it is older than what was seen before.
		// What the watch has shown since is newer.
		s.mu.Lock()
		if s.newest[k] == known {
			s.drop(k)
		}
		s.take(d)
		s.mu.Unlock()
	}
	return fmt.Errorf("write Delivery %s/%s: %w", k.namespace, k.name, ErrConflict)
}

func (s *Store) at(namespace string) dynamic.ResourceInterface {
	return s.client.Resource(v1alpha1.Resource).Namespace(namespace)
}
