package main

import (
	"strings"

	"github.com/spf13/cobra"

	"banksman.dev/reconcile/metrics"
)

const monitoringLong = `Print what the monitoring of a cluster needs to see banksman: alerts, a dashboard,
and how its numbers are found. They fit this banksman's /metrics.

Nothing is asked of a cluster.`

func (p *program) monitoringCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "monitoring",
		Short: "Print the alerts and the dashboard for Prometheus and Grafana",
		Long:  monitoringLong,
		Example: `  # With the Prometheus operator
  banksman monitoring alerts | kubectl apply --server-side -f -
  banksman monitoring podmonitor | kubectl apply --server-side -f -

  # A rule file for Prometheus without it
  banksman monitoring alerts --plain > banksman.rules.yaml

  # For Grafana's import
  banksman monitoring dashboard > banksman.json`,
		Args: noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.alertsCommand(), p.dashboardCommand(), p.podMonitorCommand())
	return cmd
}

func (p *program) alertsCommand() *cobra.Command {
	namespace, plain := homeNamespace, false
	cmd := &cobra.Command{
		Use:   "alerts",
		Short: "Print the alerts as a PrometheusRule, or as a rule file",
		Long: `Print the alerts as a PrometheusRule for the Prometheus operator, or with --plain as
a rule file of Prometheus. Each names what happened, what still works meanwhile,
and where to read on. promtool check rules takes the rule file.`,
		Example: `  banksman monitoring alerts -n banksman-system | kubectl apply --server-side -f -
  banksman monitoring alerts --plain > banksman.rules.yaml`,
		Args: arguments(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			if plain {
				return p.printText(metrics.Rules())
			}
			return p.printText(metrics.PrometheusRule(namespace))
		},
	}
	cmd.Flags().StringVarP(&namespace, "namespace", "n", namespace, "`namespace` of the PrometheusRule")
	cmd.Flags().BoolVar(&plain, "plain", plain, "a rule file, for a Prometheus without the operator")
	return cmd
}

func (p *program) dashboardCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "dashboard",
		Short: "Print the dashboard for Grafana",
		Long: `Print the dashboard for Grafana as JSON, for its import or its provisioning. It asks
for the data source, and shows one repository or all.`,
		Example: `  banksman monitoring dashboard > banksman.json`,
		Args:    arguments(0, 0, ""),
		RunE:    func(*cobra.Command, []string) error { return p.printText(metrics.Dashboard()) },
	}
}

func (p *program) podMonitorCommand() *cobra.Command {
	namespace := homeNamespace
	cmd := &cobra.Command{
		Use:   "podmonitor",
		Short: "Print the PodMonitor that finds banksman's numbers",
		Long: `Print the PodMonitor by which the Prometheus operator scrapes /metrics of each Pod of
banksman. Where a NetworkPolicy stands before them, it must let Prometheus in.`,
		Example: `  banksman monitoring podmonitor -n banksman-system | kubectl apply --server-side -f -`,
		Args:    arguments(0, 0, ""),
		RunE:    func(*cobra.Command, []string) error { return p.printText(metrics.PodMonitor(namespace)) },
	}
	cmd.Flags().StringVarP(&namespace, "namespace", "n", namespace, "`namespace` in which banksman stands")
	return cmd
}

func (p *program) printText(text string) error {
	var b strings.Builder
	b.WriteString(text)
	return p.print(&b)
}
