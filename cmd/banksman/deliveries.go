package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"

	"banksman.dev/reconcile"
	"banksman.dev/reconcile/api/v1alpha1"
)

// listDeliveries asks the API server.
func listDeliveries(ctx context.Context, c *clusterFlags, namespace string) ([]v1alpha1.Delivery, error) {
	cfg, err := c.rest()
	if err != nil {
		return nil, err
	}
	client, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return nil, c.explainConfig(err)
	}
	list, err := client.Resource(v1alpha1.Resource).Namespace(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, explainCluster(cfg.Host, err)
	}
	found := make([]v1alpha1.Delivery, len(list.Items))
	for i, item := range list.Items {
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(item.Object, &found[i]); err != nil {
			return nil, fmt.Errorf("read delivery %s/%s: %w", item.GetNamespace(), item.GetName(), err)
		}
		found[i].ManagedFields = nil
	}
	return found, nil
}

// oneDelivery finds a service in the namespace that -n names, else in any.
func (p *program) oneDelivery(ctx context.Context, c *clusterFlags, name string) (v1alpha1.Delivery, error) {
	all, err := p.deliveriesAnywhere(ctx, c)
	if err != nil {
		return v1alpha1.Delivery{}, err
	}
	var found []v1alpha1.Delivery
	for _, d := range all {
		if d.Name == name {
			found = append(found, d)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return v1alpha1.Delivery{}, p.notFound(ctx, c, name, all)
	}
	namespaces := make([]string, len(found))
	for i, d := range found {
		namespaces[i] = d.Namespace
	}
	slices.Sort(namespaces)
	return v1alpha1.Delivery{}, misused("choose one with -n "+namespaces[0],
		"service %s is in several namespaces: %s", name, strings.Join(namespaces, ", "))
}

// deliveriesAnywhere looks where -n says, else everywhere, else (for a person
// who may not look everywhere) in the context's namespace.
func (p *program) deliveriesAnywhere(ctx context.Context, c *clusterFlags) ([]v1alpha1.Delivery, error) {
	all, err := p.deliveries(ctx, c, c.namespaceFlag())
	if err == nil || c.namespaceFlag() != "" || troubleOf(err) != troubleForbidden {
		return all, err
	}
	here, nsErr := c.namespace()
	if nsErr != nil {
		return nil, errors.Join(err, nsErr)
	}
	return p.deliveries(ctx, c, here)
}

// needsYou: nothing goes on before a person acts. An approval whose facts
// cannot be read names nobody, and still does not go on by itself.
func needsYou(d v1alpha1.Delivery) bool {
	return len(d.Status.Waits) > 0 || proposalPassed(d) || d.Status.Step == string(reconcile.StepApproval) ||
		condition(d, v1alpha1.ConditionStalled) == string(metav1.ConditionTrue)
}

// sortDeliveries puts first what waits for somebody.
func sortDeliveries(all []v1alpha1.Delivery) {
	rank := func(d v1alpha1.Delivery) int {
		if needsYou(d) {
			return 0
		}
		return 1
	}
	slices.SortFunc(all, func(a, b v1alpha1.Delivery) int {
		return cmp.Or(rank(a)-rank(b), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
}

// condition is the status of a condition, "" when it is not there.
func condition(d v1alpha1.Delivery, kind string) string {
	for _, c := range d.Status.Conditions {
		if c.Type == kind {
			return string(c.Status)
		}
	}
	return ""
}

// serviceNames completes a SERVICE in a shell.
func (p *program) serviceNames(c *clusterFlags) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		all, err := p.deliveriesAnywhere(cmd.Context(), c)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		var names []cobra.Completion
		for _, d := range all {
			if strings.HasPrefix(d.Name, typed) {
				names = append(names, cobra.CompletionWithDesc(d.Name, d.Namespace))
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
