package metrics

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"banksman.dev/reconcile"
)

// Labels.
const (
	labelSource   = "source" // the name of the repository in the configuration; "" for the nameless one
	labelStep     = "step"
	labelEvent    = "event"
	labelState    = "state"
	labelResult   = "result"
	labelVerb     = "verb"
	labelResource = "resource"
	labelCode     = "code"
	labelTarget   = "target" // of notifications, as the configuration names it
)

// Build says which program this is.
type Build struct{ Version, Commit, Go string }

// Metrics are the numbers of one process. The methods may be called from several
// goroutines.
type Metrics struct {
	registry *prometheus.Registry
	now      func() time.Time

	reloadSuccess prometheus.Gauge
	reloadTime    prometheus.Gauge
	notified      *prometheus.CounterVec
	api           requests

	transitions   *prometheus.CounterVec
	stepDuration  *prometheus.HistogramVec
	statuses      *prometheus.CounterVec
	statusErrors  *prometheus.CounterVec
	repaired      *prometheus.CounterVec
	fetches       *prometheus.CounterVec
	fetchDuration *prometheus.HistogramVec
	lastFetch     *prometheus.GaugeVec
	running       *prometheus.GaugeVec
	waiting       *prometheus.GaugeVec
	forge         *prometheus.CounterVec
	rateLimit     *prometheus.GaugeVec
	rateLeft      *prometheus.GaugeVec

	mu      sync.Mutex
	sources map[string]*Source
	holds   func() bool // the Lease; nil before it was taken
}

// New makes the numbers of a process that begins now.
func New(b Build, now func() time.Time) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), now: now, sources: map[string]*Source{}}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), shown{m})
	m.gauge("build_info", "Which program this is; always 1.", prometheus.Labels{"version": b.Version, "commit": b.Commit, "goversion": b.Go}).Set(1)
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: namespace, Name: "leader", Help: "Whether this process holds the Lease, and writes: 1 or 0.",
	}, m.leads))
	m.reloadSuccess = m.gauge("config_reload_success", "Whether the configuration file could be read when it was read last: 1 or 0.", nil)
	m.reloadTime = m.gauge("config_reload_success_timestamp_seconds", "When the configuration in use was read, in seconds since 1970.", nil)
	m.Reloaded(nil)
	m.notified = m.counters("notifications_total", "Notifications, by target and what became of them: sent, retried, failed or dropped.", labelTarget, labelResult)
	m.api = newRequests(m)

	m.transitions = m.counters("transitions_total", "What happened to releases, by event.", labelSource, labelEvent)
	m.stepDuration = m.histograms("step_duration_seconds", "How long releases stood in a step that they left: canary, bake, approval, full.", stepBuckets(), labelSource, labelStep)
	m.statuses = m.counters("statuses_posted_total", "Commit statuses that were written, by state.", labelSource, labelState)
	m.statusErrors = m.counters("status_errors_total", "Commit statuses that could not be written; they are tried again.", labelSource)
	m.repaired = m.counters("drift_repaired_total", "Objects that somebody changed and that were put back.", labelSource)
	m.fetches = m.counters("git_fetches_total", "Fetches of the branch, by result: success or failure.", labelSource, labelResult)
	m.fetchDuration = m.histograms("git_fetch_duration_seconds", "How long fetches of the branch took.", requestBuckets(), labelSource)
	m.lastFetch = m.gauges("last_successful_fetch_timestamp_seconds", "When the branch was fetched last, in seconds since 1970.", labelSource)
	m.running = m.gauges("passes_running", "Looks at services that are under way.", labelSource)
	m.waiting = m.gauges("passes_waiting", "Services that are due for a look and wait for one.", labelSource)
	m.forge = m.counters("forge_requests_total", "Requests to the forge, by the code of the answer; error where there was none.", labelSource, labelCode)
	m.rateLimit = m.gauges("forge_rate_limit_limit", "How many requests the forge allows in an hour.", labelSource)
	m.rateLeft = m.gauges("forge_rate_limit_remaining", "How many requests the forge still allows in the present hour.", labelSource)
	return m
}

// stepBuckets are from seconds, for Pods that start, to a week, for people.
func stepBuckets() []float64 {
	const minute, hour, day = 60, 60 * 60, 24 * 60 * 60
	return []float64{5, 15, 30, minute, 2 * minute, 5 * minute, 10 * minute, 30 * minute, hour, 2 * hour, 4 * hour, 8 * hour, day, 3 * day, 7 * day}
}

func requestBuckets() []float64 {
	return []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
}

// Handler serves the numbers.
func (m *Metrics) Handler() http.Handler {
	return promhttp.InstrumentMetricHandler(m.registry, promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry}))
}

// Notified notes what became of a notification.
func (m *Metrics) Notified(target, result string) { m.notified.WithLabelValues(target, result).Inc() }

// Lead says how to ask whether this process is the one that writes; before, it is
// not.
func (m *Metrics) Lead(holds func() bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.holds = holds
}

func (m *Metrics) leads() float64 {
	m.mu.Lock()
	holds := m.holds
	m.mu.Unlock()
	return truth(holds != nil && holds())
}

// Reloaded notes how reading the configuration came out.
func (m *Metrics) Reloaded(err error) {
	m.reloadSuccess.Set(truth(err == nil))
	if err == nil {
		m.reloadTime.Set(float64(m.now().Unix()))
	}
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// word is a step as a label: "up-to-date".
func word(s reconcile.Step) string { return strings.ReplaceAll(strings.ToLower(string(s)), " ", "-") }
