package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"banksman.dev/reconcile"
)

// shown looks at the Deliveries when it is asked: what a person sees and what is
// counted is the same.
type shown struct{ *Metrics }

var (
	followedDesc   = described("source_followed", "Whether a loop follows the repository: 1, or 0 while that fails and is tried again.", labelSource)
	deliveriesDesc = described("deliveries", "Services, by the step in which their release stands.", labelSource, labelStep)
	waitingDesc    = described("approval_waiting_seconds", "How long the release that waits longest for a review has waited; 0 when none waits.", labelSource)
	blockedDesc    = described("deliveries_blocked", "Services whose release waits for an operator.", labelSource)
	degradedDesc   = described("deliveries_degraded", "Services whose promoted release has not been healthy for longer than its rollout may take.", labelSource)
	droppedDesc    = described("events_dropped_total", "Kubernetes Events that were not written.", labelSource)
)

func (s shown) Describe(to chan<- *prometheus.Desc) {
	to <- followedDesc
	to <- deliveriesDesc
	to <- waitingDesc
	to <- blockedDesc
	to <- degradedDesc
	to <- droppedDesc
}

func (s shown) Collect(to chan<- prometheus.Metric) {
	s.mu.Lock()
	sights := map[string]*Sight{}
	for name, source := range s.sources {
		sights[name] = source.sight
	}
	s.mu.Unlock()
	for name, sight := range sights {
		to <- prometheus.MustNewConstMetric(followedDesc, prometheus.GaugeValue, truth(sight != nil), name)
		if sight != nil {
			s.collect(to, name, *sight)
		}
	}
}

func (s shown) collect(to chan<- prometheus.Metric, name string, sight Sight) {
	steps := map[reconcile.Step]int{}
	var longest time.Duration
	blocked, degraded := 0, 0
	for _, d := range sight.Shown() {
		steps[d.Step]++
		switch {
		case d.Standing == reconcile.EventBlocked:
			blocked++
		case d.Standing == reconcile.EventAwaitingApproval && d.Step == reconcile.StepApproval: // else its canary is ill
			longest = max(longest, s.now().Sub(d.Since))
		}
		if d.Degraded {
			degraded++
		}
	}
	steps[reconcile.StepNotReleased] += steps[""] // its first status is not written yet
	for _, step := range reconcile.Steps() {
		to <- prometheus.MustNewConstMetric(deliveriesDesc, prometheus.GaugeValue, float64(steps[step]), name, word(step))
	}
	to <- prometheus.MustNewConstMetric(waitingDesc, prometheus.GaugeValue, longest.Seconds(), name)
	to <- prometheus.MustNewConstMetric(blockedDesc, prometheus.GaugeValue, float64(blocked), name)
	to <- prometheus.MustNewConstMetric(degradedDesc, prometheus.GaugeValue, float64(degraded), name)
	to <- prometheus.MustNewConstMetric(droppedDesc, prometheus.CounterValue, float64(sight.Dropped()), name)
}
