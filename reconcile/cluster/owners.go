package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fluxcd/pkg/ssa"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"banksman.dev/reconcile"
)

// lastApplied is where kubectl apply keeps its memory. It is removed with
// kubectl's ownership, so that nobody trusts it any more.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// leftovers are the field owners whose fields become ours when an object is
// adopted, or when somebody applies it by hand later: what was applied by hand
// from the same manifests. Owners of single deeds, such as kubectl rollout
// restart, keep theirs, because dropping their fields would restart Pods.
var leftovers = []ssa.FieldManager{
	{Name: "kubectl-client-side-apply", ExactMatch: true, OperationType: metav1.ManagedFieldsOperationUpdate},
	{Name: "kubectl", ExactMatch: true, OperationType: metav1.ManagedFieldsOperationApply},
	{Name: "before-first-apply", ExactMatch: true, OperationType: metav1.ManagedFieldsOperationUpdate},
	{Name: Owner, ExactMatch: true, OperationType: metav1.ManagedFieldsOperationUpdate}, // of a creation
}

func takenOver() ssa.ApplyCleanupOptions {
	return ssa.ApplyCleanupOptions{Annotations: []string{lastApplied}, FieldManagers: slices.Clone(leftovers)}
}

// mayBeOverruled says whether a field owner's values give way: people with
// kubectl, and Kubernetes itself. So does anybody who changed, without applying
// it, an object that is ours: that is drift.
func mayBeOverruled(f metav1.ManagedFieldsEntry, ours bool) bool {
	switch {
	case f.Manager == Owner, f.Manager == PauseOwner, f.Manager == "before-first-apply", f.Manager == "kube-controller-manager":
		return true
	case f.Manager == "kubectl", strings.HasPrefix(f.Manager, "kubectl-"):
		return true
	}
	return ours && f.Operation != metav1.ManagedFieldsOperationApply
}

// checkOwners refuses to overrule another field owner that keeps a field at
// another value than ours. The API server is asked only when there is one.
func (s *session) checkOwners(ctx context.Context, w wanted, live *unstructured.Unstructured, adopt bool) error {
	firm := map[string]bool{}
	ours := adopt || isOurs(live)
	for _, f := range live.GetManagedFields() {
		if f.Subresource != "status" && !mayBeOverruled(f, ours) {
			firm[f.Manager] = true
		}
	}
	if len(firm) == 0 {
		return nil
	}
	err := s.Client.Patch(ctx, w.object.DeepCopy(), client.Apply, client.DryRunAll, client.FieldOwner(Owner)) //nolint:staticcheck // the same patch as ssa's, without force
	if err != nil && !apierrors.IsConflict(err) {
		return &writeError{w.place.id(), err} // nobody knows whom a write would overrule
	}
	return conflictWith(firm, w, err)
}

// conflictWith makes an error of the conflicts with the firm owners, if any.
func conflictWith(firm map[string]bool, w wanted, err error) error {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	var fields []string
	var owner string
	for _, cause := range status.Status().Details.Causes {
		if cause.Type != metav1.CauseTypeFieldManagerConflict {
			continue
		}
		_, rest, _ := strings.Cut(cause.Message, `"`)
		name, _, _ := strings.Cut(rest, `"`)
		if firm[name] {
			owner = name
			fields = append(fields, cause.Field)
		}
	}
	if len(fields) == 0 {
		return nil
	}
	slices.Sort(fields)
	return &reconcile.ApplyError{
		Object: w.id, Permanent: true,
		Try: fmt.Sprintf("let one of the two say it: remove the field from the template, or stop %s and remove its entry from metadata.managedFields", owner),
		Err: fmt.Errorf("%s keeps %s at another value", owner, strings.Join(slices.Compact(fields), ", ")),
	}
}
