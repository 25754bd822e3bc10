package record

import (
	"context"
	"errors"
	"fmt"
	"time"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"banksman.dev/reconcile/api/v1alpha1"
)

const owner = "banksman"

var definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// ErrNotAllowed says that the account may not install the
// CustomResourceDefinition, and that nobody else has.
var ErrNotAllowed = errors.New("not allowed to create customresourcedefinitions.apiextensions.k8s.io, and the cluster does not know deliveries.banksman.dev yet; " +
	"have an administrator install it: banksman crd | kubectl apply --server-side -f -")

// CRD is the manifest that Install applies, as YAML.
func CRD() []byte { return v1alpha1.CRD() }

// Install makes the cluster know Deliveries, and waits until it does. Without
// the right to change definitions, it is enough that somebody else has installed
// this one.
func Install(ctx context.Context, config *rest.Config) error {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("install the Delivery definition: %w", err)
	}
	var crd unstructured.Unstructured
	if err := yaml.Unmarshal(CRD(), &crd.Object); err != nil {
		return fmt.Errorf("read the embedded Delivery definition: %w", err)
	}
	allowed, err := mayInstall(ctx, client, crd.GetName())
	if err != nil {
		return fmt.Errorf("ask whether the Delivery definition may be installed: %w", err)
	}
	if !allowed {
		return served(ctx, config)
	}
	_, err = client.Resource(definitions).Apply(ctx, crd.GetName(), &crd, metav1.ApplyOptions{FieldManager: owner, Force: true})
	switch {
	case apierrors.IsForbidden(err): // by an admission rule
		return served(ctx, config)
	case err != nil:
		return fmt.Errorf("install the Delivery definition: %w", err)
	}
	return established(ctx, client, crd.GetName())
}

var reviews = schema.GroupVersionResource{Group: "authorization.k8s.io", Version: "v1", Resource: "selfsubjectaccessreviews"}

// mayInstall asks for the right instead of trying, so that an account with no more
// rights than it needs is never refused anything. Where nobody answers, trying
// tells.
func mayInstall(ctx context.Context, client dynamic.Interface, name string) (bool, error) {
	review := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": reviews.GroupVersion().String(), "kind": "SelfSubjectAccessReview",
		"spec": map[string]any{"resourceAttributes": map[string]any{
			"group": definitions.Group, "resource": definitions.Resource, "name": name, "verb": "patch",
		}},
	}}
	answer, err := client.Resource(reviews).Create(ctx, review, metav1.CreateOptions{})
	if apierrors.IsForbidden(err) || apierrors.IsNotFound(err) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	allowed, _, err := unstructured.NestedBool(answer.Object, "status", "allowed")
	return allowed, err
}

// served says whether the API server serves Deliveries, which every account may ask.
func served(ctx context.Context, config *rest.Config) error {
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return fmt.Errorf("ask which kinds the cluster serves: %w", err)
	}
	_, err = client.ServerResourcesForGroupVersionWithContext(ctx, v1alpha1.Version.String())
	switch {
	case apierrors.IsNotFound(err):
		return fmt.Errorf("install the Delivery definition: %w", ErrNotAllowed)
	case err != nil:
		return fmt.Errorf("ask which kinds the cluster serves: %w", err)
	}
	return nil
}

const establishTimeout = 30 * time.Second

func established(ctx context.Context, client dynamic.Interface, name string) error {
	said := "its conditions are not known"
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, establishTimeout, true, func(ctx context.Context) (bool, error) {
		u, err := client.Resource(definitions).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		var crd apiextensions.CustomResourceDefinition
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &crd); err != nil {
			return false, err
		}
		for _, c := range crd.Status.Conditions {
			if c.Type == apiextensions.Established && c.Status == apiextensions.ConditionTrue {
				return true, nil
			}
			if c.Type == apiextensions.NamesAccepted && c.Status == apiextensions.ConditionFalse {
				said = c.Message
			}
		}
		return false, nil
	})
	if err != nil {
		return fmt.Errorf("wait until %s is established (%s): %w", name, said, err)
	}
	return nil
}
