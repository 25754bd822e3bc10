package main

import (
	"context"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"banksman.dev/reconcile/api/v1alpha1"
)

// orderOwner owns the fields of an order in an object's managedFields.
const orderOwner = "banksman-cli"

// An order is what a verb says to one service.
type order struct {
	// spec and annotations are merged into the Delivery; nil removes a field.
	// Without any nothing is written.
	spec, annotations map[string]any
	// says what will happen, in words that go on from the service's name.
	says string
}

// orderOf makes the order that fits what the Delivery is like at that moment, or
// says why there is none to give.
type orderOf func(d v1alpha1.Delivery, by person) (order, error)

// mostRaces is how often a Delivery may have changed under an order:
// banksman writes its status all the time while a release is on its way.
const mostRaces = 20

// writeOrder writes the order, if there is anything to write, and returns the
// Delivery as it is then.
//
// It is a merge patch for exactly the version that the order was made for. A
// server-side apply would take back what the same owner said before: a retry
// would end a suspension.
func writeOrder(ctx context.Context, c clients, d v1alpha1.Delivery, by person, orderFor orderOf) (*v1alpha1.Delivery, string, error) {
	at := c.dynamic.Resource(v1alpha1.Resource).Namespace(d.Namespace)
	for try := 1; ; try++ {
		o, err := orderFor(d, by)
		if err != nil || o.spec == nil && o.annotations == nil {
			return nil, o.says, err
		}
		content, err := json.Marshal(o.patch(d.ResourceVersion))
		if err != nil {
			return nil, "", err
		}
		u, err := at.Patch(ctx, d.Name, types.MergePatchType, content, metav1.PatchOptions{FieldManager: orderOwner})
		if apierrors.IsConflict(err) && try < mostRaces {
			u, err = at.Get(ctx, d.Name, metav1.GetOptions{})
			if err != nil {
				return nil, "", unwritten(c, d, err)
			}
			d = v1alpha1.Delivery{}
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &d); err != nil {
				return nil, "", fmt.Errorf("read delivery %s/%s: %w", u.GetNamespace(), u.GetName(), err)
			}
			continue
		}
		if err != nil {
			return nil, "", unwritten(c, d, err)
		}
		var after v1alpha1.Delivery
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &after); err != nil {
			return nil, "", fmt.Errorf("read delivery %s/%s: %w", d.Namespace, d.Name, err)
		}
		return &after, o.says, nil
	}
}

func (o order) patch(version string) map[string]any {
	metadata := map[string]any{}
	if version != "" {
		metadata["resourceVersion"] = version
	}
	if o.annotations != nil {
		metadata["annotations"] = o.annotations
	}
	patch := map[string]any{"metadata": metadata}
	if o.spec != nil {
		patch["spec"] = o.spec
	}
	return patch
}

// orNull is a text, or what removes the field.
func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// unwritten says why an order did not reach the cluster.
func unwritten(c clients, d v1alpha1.Delivery, err error) error {
	switch {
	case apierrors.IsForbidden(err):
		return failed(fmt.Errorf("you may not give orders to %s: %w", nameOfService(d), err),
			fmt.Sprintf("a Role needs the verbs get, list and patch on deliveries.banksman.dev;\nkubectl auth can-i patch deliveries.banksman.dev -n %s", d.Namespace))
	case apierrors.IsNotFound(err):
		return failed(fmt.Errorf("%s is not there any more", nameOfService(d)), "banksman status -A lists the services that there are")
	case apierrors.IsConflict(err):
		return failed(fmt.Errorf("%s changes faster than an order can be written: %w", nameOfService(d), err), "try again")
	}
	return explainCluster(c.host, fmt.Errorf("order %s: %w", nameOfService(d), err))
}
