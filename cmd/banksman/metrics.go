package main

import (
	"banksman.dev/reconcile/metrics"
	"banksman.dev/reconcile/notify"
)

// newMetrics are the numbers that /metrics serves.
func (p *program) newMetrics() *metrics.Metrics {
	b := thisBuild()
	return metrics.New(metrics.Build{Version: b.Version, Commit: b.Commit, Go: b.Go}, p.now)
}

func (pr *process) notified(target string, o notify.Outcome) {
	pr.metrics.Notified(target, string(o))
}
