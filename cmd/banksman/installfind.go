package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"banksman.dev/cmd/banksman/config"
	installation "banksman.dev/cmd/banksman/install"
)

// installed is what of an installation is in the cluster.
type installed struct {
	content    []byte // its configuration; nil where there is none
	sources    []config.Source
	image      string
	replicas   int32
	secretKeys []string
	// egressPorts are those that somebody asked for, "587,8883".
	egressPorts string
}

// sourceOf is the installed source of the same repository and branch.
func (i installed) sourceOf(s config.Source) *config.Source {
	at := slices.IndexFunc(i.sources, func(o config.Source) bool { return o.Forge.URL == s.Forge.URL && o.Branch == s.Branch })
	if at < 0 {
		return nil
	}
	return &i.sources[at]
}

var (
	configMaps      = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	secrets         = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	namespaces      = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	serviceAccounts = schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}
	networkPolicies = schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "networkpolicies"}
	deployments     = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	leases          = schema.GroupVersionResource{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"}
)

// findInstallation reads what is installed in a namespace, and makes sure that
// there is no banksman in another one.
func (p *program) findInstallation(ctx context.Context, c clients, home string) (there installed, err error) {
	if err := p.noOther(ctx, c, home); err != nil {
		return there, err
	}
	u, err := getOrNil(ctx, c, deployments, home, installation.Name)
	if err != nil {
		return there, explainCluster(c.host, err)
	}
	if u != nil {
		there.replicas = int32(min(number(u, "spec", "replicas"), math.MaxInt32)) //nolint:gosec // it is no more than that
		containers, _, _ := unstructured.NestedSlice(u.Object, "spec", "template", "spec", "containers")
		if len(containers) > 0 {
			first, _ := containers[0].(map[string]any)
			there.image, _ = first["image"].(string)
		}
	}
	if u, err = getOrNil(ctx, c, configMaps, home, installation.Name); err != nil {
		return there, explainCluster(c.host, err)
	}
	if u != nil && isOurs(u) {
		if content, ok, _ := unstructured.NestedString(u.Object, "data", installation.ConfigKey); ok {
			there.content = []byte(content)
			_, there.sources, _ = readConfiguration("the installed configuration", there.content) // a broken one is replaced
		}
	}
	if u, err = getOrNil(ctx, c, networkPolicies, home, installation.Name); err != nil {
		return there, explainCluster(c.host, err)
	}
	if u != nil && isOurs(u) {
		there.egressPorts = u.GetAnnotations()[installation.EgressPortsAnnotation]
	}
	if u, err = getOrNil(ctx, c, secrets, home, installation.GitHubSecret); err != nil {
		return there, explainCluster(c.host, err)
	}
	if u != nil {
		values, _, _ := unstructured.NestedMap(u.Object, "data")
		for key := range values {
			there.secretKeys = append(there.secretKeys, key)
		}
		slices.Sort(there.secretKeys)
	}
	return there, nil
}

// isOurs: it is a part of an installation.
func isOurs(u *unstructured.Unstructured) bool {
	return u.GetLabels()[installation.LabelName] == installation.Name
}

func getOrNil(ctx context.Context, c clients, of schema.GroupVersionResource, namespace, name string) (*unstructured.Unstructured, error) {
	u, err := c.dynamic.Resource(of).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return u, err
}

// freshLease is how long ago a living banksman has renewed its lease at most.
const freshLease = time.Minute

// noOther: two banksmen in different namespaces do not know of each other, and
// would both write.
func (p *program) noOther(ctx context.Context, c clients, home string) error {
	found, err := c.dynamic.Resource(deployments).List(ctx, metav1.ListOptions{LabelSelector: installation.LabelName + "=" + installation.Name})
	if err != nil {
		return explainCluster(c.host, err)
	}
	for _, u := range found.Items {
		if u.GetNamespace() != home {
			return failed(fmt.Errorf("a banksman is installed in namespace %s already, and a cluster has one", u.GetNamespace()),
				fmt.Sprintf("bring that one up to date: -n %s; or first banksman uninstall -n %s", u.GetNamespace(), u.GetNamespace()))
		}
	}
	return p.noneHolds(ctx, c, home)
}

// noneHolds: no banksman renews its lease, in any namespace but this one ("" is none).
func (p *program) noneHolds(ctx context.Context, c clients, but string) error {
	held, err := c.dynamic.Resource(leases).List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + leaseName})
	if err != nil {
		return explainCluster(c.host, err)
	}
	for _, u := range held.Items {
		holder := p.freshHolder(u)
		if u.GetNamespace() == but || holder == "" {
			continue
		}
		return failed(fmt.Errorf("a banksman runs with namespace %s already: %s holds its lease, and a cluster has one", u.GetNamespace(), holder),
			fmt.Sprintf("stop that one; or install beside its lease: -n %s", u.GetNamespace()))
	}
	return nil
}
