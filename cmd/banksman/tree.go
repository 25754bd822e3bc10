package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"banksman.dev/reconcile/api/v1alpha1"
	"banksman.dev/reconcile/cluster"
)

func (p *program) treeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tree SERVICE",
		Short: "What a service has in the cluster: both variants, down to the Pods",
		Long: `Show the objects of a service, full and canary apart: those that its Delivery
remembers, below Deployments their ReplicaSets and Pods with images and readiness.
A Pod stands below the ReplicaSet that owns it, whatever its labels say.

The account needs to list the kinds of the service's objects, and Pods; what it
may not list is shown as unknown. Git and GitHub are not asked.

Exit codes: 0 the answer is printed, good or bad; 1 there is none; 2 wrong usage.`,
		Example: `  banksman tree fop-gate
  banksman tree fop-gate -n dora-apps`,
		Args: arguments(1, 1, "the name of a SERVICE"),
	}
	flags := newClusterFlags(cmd.Flags(), "to look in (default: any)")
	cmd.ValidArgsFunction = p.serviceNames(flags)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		d, err := p.oneDelivery(cmd.Context(), flags, args[0])
		if err != nil {
			return err
		}
		c, err := p.clients(flags)
		if err != nil {
			return err
		}
		found, err := lookUp(cmd.Context(), c, d)
		if err != nil {
			return explainCluster(c.host, err)
		}
		return p.printTree(d, found)
	}
	return cmd
}

func (p *program) printTree(d v1alpha1.Delivery, found lineage) error {
	var b strings.Builder
	s := p.screen()
	headline(&b, s, d)
	printSentences(&b, s, pullsOf(d))
	if len(d.Status.Inventory) == 0 {
		return errors.Join(p.print(&b), p.note("nothing of "+d.Name+" has been applied yet: banksman why "+d.Name))
	}
	t := familyTree{delivery: d, lineage: found, now: p.now()}
	t.print(&b, s)
	return p.print(&b)
}

// headline is a service and where it stands, on one line if that is long enough.
func headline(b *strings.Builder, s screen, d v1alpha1.Delivery) {
	name := d.Name + " in namespace " + d.Namespace
	step := orDash(d.Status.Step)
	fmt.Fprintf(b, "%s   %s", s.paint.in(bold, name), s.paint.in(stepColour(d), step))
	reason := waitsOrReason(d)
	if used := len(name) + len(step) + 2*len(columnGap); s.width <= 0 || used+ansi.StringWidth(reason) <= s.width {
		fmt.Fprintln(b, columnGap+reason)
		return
	}
	b.WriteByte('\n')
	printSentences(b, s, []string{reason})
}

// A listKey is one list to ask for.
type listKey struct {
	kind      schema.GroupVersionKind
	namespace string
}

// lookUp asks once for each kind and namespace of the inventory, and for the
// ReplicaSets and Pods where there are workloads.
func lookUp(ctx context.Context, c clients, d v1alpha1.Delivery) (lineage, error) {
	found := map[v1alpha1.Entry]*unstructured.Unstructured{}
	unknown := map[listKey]string{}
	var offspring []*unstructured.Unstructured
	for _, key := range listsOf(d.Status.Inventory) {
		selector := ""
		if !isOffspring(key.kind) {
			selector = cluster.LabelService + "=" + d.Name
		}
		objects, err := list(ctx, c, key, selector)
		switch {
		case troubleOf(err) == troubleForbidden || troubleOf(err) == troubleNoDeliveries || meta.IsNoMatchError(err):
			unknown[key] = "it cannot be listed: " + cause(err).Error()
		case err != nil:
			return lineage{}, err
		case isOffspring(key.kind):
			offspring = append(offspring, objects...)
		}
		for _, o := range objects {
			found[entryOf(key.kind, o)] = o
		}
	}
	find := func(e v1alpha1.Entry) (*unstructured.Unstructured, string) {
		key := keyOf(e)
		e.UID, e.Track, e.Want, e.Owned = "", "", "", ""
		return found[e], unknown[key]
	}
	return lineage{find: find, owned: ownedBy(offspring)}, nil
}

// offspringKinds stand between workloads and containers.
var offspringKinds = []schema.GroupVersionKind{
	{Group: "apps", Version: "v1", Kind: "ReplicaSet"},
	{Version: "v1", Kind: "Pod"},
}

func isOffspring(k schema.GroupVersionKind) bool { return slices.Contains(offspringKinds, k) }

func keyOf(e v1alpha1.Entry) listKey {
	return listKey{schema.GroupVersionKind{Group: e.Group, Version: e.Version, Kind: e.Kind}, e.Namespace}
}

func entryOf(k schema.GroupVersionKind, o *unstructured.Unstructured) v1alpha1.Entry {
	return v1alpha1.Entry{Group: k.Group, Version: k.Version, Kind: k.Kind, Namespace: o.GetNamespace(), Name: o.GetName()}
}

// listsOf are the lists that an inventory needs, each once.
func listsOf(inventory []v1alpha1.Entry) []listKey {
	var keys []listKey
	add := func(k listKey) {
		if !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	for _, e := range inventory {
		add(keyOf(e))
		if hasPods(e) {
			for _, kind := range offspringKinds {
				add(listKey{kind, e.Namespace})
			}
		}
	}
	return keys
}

func hasPods(e v1alpha1.Entry) bool {
	return e.Group == "apps" || e.Group == "batch" || e.Group == "" && (e.Kind == "Pod" || e.Kind == "ReplicationController")
}

func list(ctx context.Context, c clients, key listKey, selector string) ([]*unstructured.Unstructured, error) {
	mapping, err := c.mapper.RESTMapping(key.kind.GroupKind(), key.kind.Version)
	if err != nil {
		return nil, err
	}
	answer, err := c.dynamic.Resource(mapping.Resource).Namespace(key.namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, err
	}
	objects := make([]*unstructured.Unstructured, len(answer.Items))
	for i := range answer.Items {
		objects[i] = &answer.Items[i]
	}
	return objects, nil
}
