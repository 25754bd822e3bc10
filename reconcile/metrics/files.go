package metrics

import (
	_ "embed" // the files for the monitoring of a cluster
	"strings"
)

//go:embed rules.yaml
var rules string

//go:embed dashboard.json
var dashboard string

//go:embed podmonitor.yaml
var podMonitor string

// Rules are the alerts as a rule file of Prometheus.
func Rules() string { return rules }

// PrometheusRule are the same alerts as an object of the Prometheus operator.
func PrometheusRule(namespace string) string {
	head := strings.NewReplacer("NAMESPACE", namespace).Replace(`apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: banksman
  namespace: NAMESPACE
  labels: {app.kubernetes.io/name: banksman}
spec:
`)
	var b strings.Builder
	b.WriteString(head)
	for line := range strings.Lines(rules) {
		b.WriteString("  " + line)
	}
	return b.String()
}

// PodMonitor makes the Prometheus operator scrape banksman's Pods.
func PodMonitor(namespace string) string {
	return strings.ReplaceAll(podMonitor, "NAMESPACE", namespace)
}

// Dashboard is the dashboard for Grafana.
func Dashboard() string { return dashboard }
