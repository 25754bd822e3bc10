package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"banksman.dev/reconcile"
	"banksman.dev/render"
)

// mergeFirst is what to do when a pull request's canary meets what is not its own.
const mergeFirst = "merge first; the canary of the branch takes it over"

// checkProposed refuses a proposed set that could reach further than a canary:
// one of the stable track, and one that defines kinds or namespaces, which are
// everybody's.
func checkProposed(s reconcile.Set) error {
	if !s.Proposed {
		return nil
	}
	for _, o := range s.Objects {
		switch {
		case s.Track != reconcile.TrackCanary:
			return &reconcile.ApplyError{
				Object: o.ID(), Permanent: true, Unapproved: true, Try: "merge first",
				Err: errors.New("a pull request's content runs as the canary only"),
			}
		case isDefinition(kindOf(o).GroupKind()):
			return &reconcile.ApplyError{
				Object: o.ID(), Permanent: true, Unapproved: true, Try: "merge first",
				Err: fmt.Errorf("a pull request defines no %s", o.Kind()),
			}
		}
	}
	return nil
}

// checkIsCanary refuses a live object that is not of this service's canary.
// Adopting it is for approved content, also where others' claims are taken over.
func checkIsCanary(live *unstructured.Unstructured, w wanted) error {
	service := w.object.GetLabels()[LabelService]
	var whose string
	switch l := live.GetLabels(); {
	case !isWrittenByUs(live):
		whose = "banksman did not make it"
	case l[LabelService] == "":
		whose = "it lost the label " + LabelService
	case l[LabelService] != service:
		whose = "it is of the service " + l[LabelService]
	case l[LabelTrack] != string(reconcile.TrackCanary):
		whose = fmt.Sprintf("its %s is %q", LabelTrack, l[LabelTrack])
	default:
		return nil
	}
	return &reconcile.ApplyError{
		Object: w.id, Permanent: true, Unapproved: true, Try: mergeFirst,
		Err: fmt.Errorf("it exists and is not of the canary of %s: %s", service, whose),
	}
}

// isWrittenByUs is isOurs, and also holds between the creation of an object and
// its first apply.
func isWrittenByUs(live *unstructured.Unstructured) bool {
	for _, f := range live.GetManagedFields() {
		if f.Manager == Owner && f.Subresource == "" {
			return true
		}
	}
	return false
}

// pin makes sure that a patch of a proposed object meets the very object that
// was checked, or, where there was none, one that this patch is the first to
// make: an apply alone would take over whatever somebody put there meanwhile.
func (s *session) pin(ctx context.Context, u *unstructured.Unstructured, p client.Patch, dry bool) (client.Patch, error) {
	id := idOf(u)
	was := s.before(id)
	switch {
	case p.Type() == types.JSONPatchType:
		return onlyWithUID(u, p)
	case was != nil:
		u.SetUID(was.GetUID()) // the API server refuses it for any other
	case !dry:
		made := u.DeepCopy()
		if err := s.Create(ctx, made, client.FieldOwner(Owner)); err != nil {
			return nil, err
		}
		s.mu.Lock()
		s.made[id] = made
		s.mu.Unlock()
		u.SetUID(made.GetUID())
	}
	return p, nil
}

// A step is one operation of a JSON patch (RFC 6902).
type step struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// onlyWithUID adds to a JSON patch a test of the object's UID.
func onlyWithUID(u *unstructured.Unstructured, p client.Patch) (client.Patch, error) {
	raw, err := p.Data(u)
	if err != nil {
		return nil, err
	}
	var steps []step
	if err := json.Unmarshal(raw, &steps); err != nil {
		return nil, err
	}
	return patchOf(u, steps)
}

func patchOf(u *unstructured.Unstructured, steps []step) (client.Patch, error) {
	raw, err := json.Marshal(append([]step{{"test", "/metadata/uid", u.GetUID()}}, steps...))
	return client.RawPatch(types.JSONPatchType, raw), err
}

// forgetCreation takes the field ownership of the creation away, which the
// apply has taken over. Where that fails, because somebody wrote at the same
// time, the next apply does it.
func (s *session) forgetCreation(ctx context.Context, u *unstructured.Unstructured) {
	for i, f := range u.GetManagedFields() {
		if f.Manager != Owner || f.Operation != metav1.ManagedFieldsOperationUpdate || f.Subresource != "" {
			continue
		}
		entry := fmt.Sprintf("/metadata/managedFields/%d", i)
		p, err := patchOf(u, []step{{"test", entry + "/manager", f.Manager}, {"test", entry + "/operation", f.Operation}, {Op: "remove", Path: entry}})
		if err != nil {
			return
		}
		after := u.DeepCopy()
		if s.Client.Patch(ctx, after, p, client.FieldOwner(Owner)) == nil {
			u.Object = after.Object
		}
		return
	}
}

// refused says which object a patch failed for. That another object was met is
// answered like an invalid object, but is worth another look.
func (s *session) refused(id render.ObjectID, p client.Patch, err error) error {
	if s.proposed && apierrors.IsInvalid(err) && (p.Type() == types.JSONPatchType || isAboutUID(err)) {
		err = errors.New("it was replaced since it was checked")
	}
	return &writeError{id, err}
}

func isAboutUID(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return false
	}
	return slices.ContainsFunc(status.Status().Details.Causes, func(c metav1.StatusCause) bool { return c.Field == "metadata.uid" })
}
