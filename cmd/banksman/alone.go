package main

import (
	"context"
	"fmt"

	authorization "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	installation "banksman.dev/cmd/banksman/install"
)

// alone refuses to run beside a banksman that is installed in another namespace:
// they take turns by the Lease of a namespace, do not know of each other, and would
// write against each other. Whoever may not see it asks nothing: an installed
// banksman may not, and nobody else should be able to write beside it.
func (pr *process) alone(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(pr.cfg)
	if err != nil {
		return err
	}
	review, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorization.SelfSubjectAccessReview{
		Spec: authorization.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorization.ResourceAttributes{
			Group: deployments.Group, Resource: deployments.Resource, Verb: "list",
		}},
	}, metav1.CreateOptions{})
	switch {
	case apierrors.IsForbidden(err), apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return fmt.Errorf("ask whether Deployments may be listed: %w", err)
	case !review.Status.Allowed:
		return nil
	}
	found, err := client.AppsV1().Deployments(metav1.NamespaceAll).List(ctx, metav1.ListOptions{LabelSelector: installation.LabelName + "=" + installation.Name})
	if err != nil {
		return fmt.Errorf("look for an installed banksman: %w", err)
	}
	for _, d := range found.Items {
		if d.Namespace != pr.namespace {
			return misused(fmt.Sprintf("let that one do it (banksman install brings it up to date), or take turns with it: -n %s;\nor first: banksman uninstall -n %s", d.Namespace, d.Namespace),
				"a banksman is installed in namespace %s already: two would write against each other", d.Namespace)
		}
	}
	return nil
}
