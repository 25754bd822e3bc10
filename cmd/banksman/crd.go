package main

import (
	"github.com/spf13/cobra"

	"banksman.dev/reconcile/api/v1alpha1"
)

func (p *program) crdCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "crd",
		Short: "Print the CustomResourceDefinition of Deliveries",
		Long: `Print the CustomResourceDefinition of Deliveries as YAML.

banksman run installs it at its start. An administrator installs it beforehand
where run is not allowed to.`,
		Example: `  banksman crd | kubectl apply --server-side -f -`,
		Args:    arguments(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			_, err := p.streams.Out.Write(v1alpha1.CRD())
			return err
		},
	}
}
