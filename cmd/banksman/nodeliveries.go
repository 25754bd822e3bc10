package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	installation "banksman.dev/cmd/banksman/install"
	"banksman.dev/reconcile/api/v1alpha1"
)

const noDeliveriesYet = `a Delivery appears for each service of the catalog once banksman runs:
banksman run --repo https://github.com/owner/name`

// notFound says where there are services, as far as the account may look.
func (p *program) notFound(ctx context.Context, c *clusterFlags, name string, all []v1alpha1.Delivery) error {
	where := ""
	if ns := c.namespaceFlag(); ns != "" {
		where = " in namespace " + ns
	}
	if len(all) > 0 {
		return failed(fmt.Errorf("no service %s%s", name, where), otherName(name, all))
	}
	if where == "" {
		return failed(fmt.Errorf("no service %s: there are no Deliveries at all", name), p.beforeTheFirst(ctx, c))
	}
	elsewhere, err := p.deliveries(ctx, c, "")
	switch {
	case err != nil:
		return failed(fmt.Errorf("no service %s%s: there are no Deliveries in it", name, where),
			"banksman status -A lists those of all namespaces, to who may see them")
	case len(elsewhere) == 0:
		return failed(fmt.Errorf("no service %s%s: there are no Deliveries at all", name, where), p.beforeTheFirst(ctx, c))
	}
	var namespaces []string
	for _, d := range elsewhere {
		if d.Name == name {
			return failed(fmt.Errorf("no service %s%s: it is in namespace %s", name, where, d.Namespace), "-n "+d.Namespace)
		}
		namespaces = append(namespaces, d.Namespace)
	}
	slices.Sort(namespaces)
	return failed(fmt.Errorf("no service %s%s: there are Deliveries in %s", name, where, someOf(slices.Compact(namespaces))),
		otherName(name, elsewhere))
}

// otherName is what could be asked for instead.
func otherName(name string, all []v1alpha1.Delivery) string {
	for _, d := range all {
		if base, ok := strings.CutSuffix(name, "-canary"); ok && d.Name == base {
			return name + " is the canary of " + base + ": ask for " + base
		}
	}
	return "banksman status -A lists the services that there are"
}

// beforeTheFirst says what brings the first Delivery. Where a banksman is already,
// nobody is told to run a second one: both would write.
func (p *program) beforeTheFirst(ctx context.Context, c *clusterFlags) string {
	home, logs, err := p.banksmanThere(ctx, c)
	switch {
	case err != nil:
		return `a Delivery appears for each service of the catalog once banksman runs, and whether it
does cannot be seen with this account; an administrator can: banksman status -A`
	case home == "":
		return noDeliveriesYet
	}
	return fmt.Sprintf("a banksman is in namespace %s already, and has not written the first one yet:\nbanksman status -A shows them when it has; %s says what keeps it", home, logs)
}

// banksmanThere is where in the cluster a banksman is, and where it writes its log;
// "" where there is none.
func (p *program) banksmanThere(ctx context.Context, c *clusterFlags) (home, logs string, err error) {
	there, err := p.clients(c)
	if err != nil {
		return "", "", err
	}
	found, err := there.dynamic.Resource(deployments).List(ctx, metav1.ListOptions{LabelSelector: installation.LabelName + "=" + installation.Name})
	switch {
	case apierrors.IsNotFound(err):
		return "", "", nil // it is a cluster without workloads
	case err != nil:
		return "", "", err
	case len(found.Items) > 0:
		home = found.Items[0].GetNamespace()
		return home, "kubectl -n " + home + " logs deployment/" + found.Items[0].GetName(), nil
	}
	held, err := there.dynamic.Resource(leases).List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + leaseName})
	switch {
	case apierrors.IsNotFound(err):
		return "", "", nil
	case err != nil:
		return "", "", err
	}
	for _, u := range held.Items {
		if holder := p.freshHolder(u); holder != "" {
			return u.GetNamespace(), "the log of " + holder, nil
		}
	}
	return "", "", nil
}

// freshHolder is who holds a lease and has renewed it lately, "" for nobody.
func (p *program) freshHolder(lease unstructured.Unstructured) string {
	holder, _, _ := unstructured.NestedString(lease.Object, "spec", "holderIdentity")
	renewed, _, _ := unstructured.NestedString(lease.Object, "spec", "renewTime")
	at, err := time.Parse(time.RFC3339Nano, renewed)
	if err != nil || p.now().Sub(at) > freshLease {
		return ""
	}
	return holder
}
