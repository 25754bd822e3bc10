package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/labels"

	"banksman.dev/reconcile/api/v1alpha1"
)

// getFlags are kubectl's, for a list.
type getFlags struct {
	cluster   *clusterFlags
	all       bool
	selector  string
	output    string
	noHeaders bool
}

func (p *program) getCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "get",
		Short: "List Deliveries as kubectl would, those that need you first",
		Long: `List what banksman keeps in the cluster, with kubectl's flags and habits. The one
kind is deliveries.`,
		Example: `  banksman get deliveries -A
  banksman get dl -A -l team=dora -o wide`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return misused(helpOf(cmd), "get needs a kind: deliveries")
			}
			return misused("banksman get deliveries -A", "no kind %q", args[0])
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.getDeliveriesCommand())
	return cmd
}

func (p *program) getDeliveriesCommand() *cobra.Command {
	var f getFlags
	cmd := &cobra.Command{
		Use:     "deliveries [NAME…]",
		Aliases: []string{"delivery", "dl", "services", "service"},
		Short:   "List services: what runs, what waits, and on whom",
		Long: `List the Deliveries of a namespace, or those of these names: what runs, what
waits, and on whom. Those that wait for a person come first, then by namespace
and name. Without -n or -A the namespace is the context's, as with kubectl.

Exit codes: 0 the list is printed, also an empty one; 1 there is no answer, or a
NAME is not there; 2 wrong usage.`,
		Example: `  banksman get deliveries -A
  banksman get dl -n dora-apps fop-gate
  banksman get dl -A -l team=dora -o wide
  banksman get dl -A --no-headers | head -1
  banksman get dl -A -o name`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf(cmd.Flags(), "output", "", "json", "yaml", "wide", "name"); err != nil {
				return err
			}
			return p.getDeliveries(cmd.Context(), f, args)
		},
	}
	f.cluster = newClusterFlags(cmd.Flags(), "to look in")
	cmd.ValidArgsFunction = p.serviceNames(f.cluster)
	cmd.Flags().BoolVarP(&f.all, "all-namespaces", "A", false, "look in all namespaces")
	cmd.Flags().StringVarP(&f.selector, "selector", "l", "", "only those whose labels match the `selector`: key=value, key!=value, key in (a, b)")
	cmd.Flags().StringVarP(&f.output, "output", "o", "", "output `format`: json, yaml, wide or name")
	cmd.Flags().BoolVar(&f.noHeaders, "no-headers", false, "leave out the names of the columns")
	return cmd
}

func (p *program) getDeliveries(ctx context.Context, f getFlags, names []string) error {
	selector, err := labels.Parse(f.selector)
	switch {
	case err != nil:
		return misused("write it as -l team=dora", "--selector %q: %w", f.selector, err)
	case len(names) > 0 && f.selector != "":
		return misused("", "a NAME and --selector cannot stand together")
	case len(names) > 0 && f.all:
		return misused("name the namespace with -n", "a NAME cannot be looked for with --all-namespaces")
	}
	list := statusFlags{cluster: f.cluster, all: f.all, output: f.output}
	found, namespace, err := p.listedDeliveries(ctx, list)
	if err != nil {
		return err
	}
	there := len(found) > 0
	found, missing := chosen(found, selector, names)
	switch {
	case f.output != "" && f.output != "wide":
		err = p.printChosen(found, f.output, len(names) == 1)
	case len(found) > 0:
		err = p.printTable(found, tableStyle{withNamespace: f.all, wide: f.output == "wide", noHeader: f.noHeaders})
	case len(missing) > 0:
	case there:
		err = p.note("no service has labels that match " + f.selector)
	default:
		err = p.nothingThere(ctx, list, namespace)
	}
	if len(missing) > 0 {
		err = errors.Join(err, failed(fmt.Errorf("no service %s in namespace %s", strings.Join(missing, ", "), namespace),
			"banksman get deliveries -A lists the services that there are"))
	}
	return err
}

// printChosen prints objects; one that was asked for by name alone is no list.
func (p *program) printChosen(found []v1alpha1.Delivery, output string, single bool) error {
	switch {
	case single && len(found) == 0:
		return nil
	case single:
		return p.printObject(&found[0], output)
	}
	return p.printObjects(found, output)
}

// chosen keeps what a person asked for, and names what is not there.
func chosen(all []v1alpha1.Delivery, selector labels.Selector, names []string) (found []v1alpha1.Delivery, missing []string) {
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[name] = true
	}
	for _, d := range all {
		if selector.Matches(labels.Set(d.Labels)) && (len(names) == 0 || wanted[d.Name]) {
			found = append(found, d)
			delete(wanted, d.Name)
		}
	}
	for _, name := range names {
		if wanted[name] {
			missing = append(missing, name)
			delete(wanted, name)
		}
	}
	return found, missing
}
