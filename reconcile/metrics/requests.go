package metrics

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// trip is a function as an http.RoundTripper.
type trip func(*http.Request) (*http.Response, error)

func (t trip) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

func codeOf(resp *http.Response, err error) string {
	if err != nil {
		return "error"
	}
	return strconv.Itoa(resp.StatusCode)
}

// requests count what is sent to the API server.
type requests struct {
	total    *prometheus.CounterVec
	duration *prometheus.HistogramVec
	known    *bounded
}

func newRequests(m *Metrics) requests {
	return requests{
		total:    m.counters("api_requests_total", "Requests to the API server, by verb, resource and the code of the answer; error where there was none.", labelVerb, labelResource, labelCode),
		duration: m.histograms("api_request_duration_seconds", "How long the API server took to answer, watches left out.", requestBuckets(), labelVerb),
		known:    &bounded{names: map[string]bool{}},
	}
}

// API counts what is sent to the API server; it is for rest.Config.Wrap.
func (m *Metrics) API(next http.RoundTripper) http.RoundTripper {
	return trip(func(r *http.Request) (*http.Response, error) {
		verb, resource := asked(r)
		begun := m.now()
		resp, err := next.RoundTrip(r)
		m.api.total.WithLabelValues(verb, m.api.known.name(resource), codeOf(resp, err)).Inc()
		if verb != "watch" {
			m.api.duration.WithLabelValues(verb).Observe(m.now().Sub(begun).Seconds())
		}
		return resp, err
	})
}

// asked is what a request does, in Kubernetes' words, and to which resource:
// "patch", "deployments". What is no resource is "" (a version, the list of APIs).
// Source: kubernetes.io/docs/reference/using-api/api-concepts.
func asked(r *http.Request) (verb, resource string) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case len(parts) > 2 && parts[0] == "api":
		parts = parts[2:]
	case len(parts) > 3 && parts[0] == "apis":
		parts = parts[3:]
	default:
		return strings.ToLower(r.Method), ""
	}
	if len(parts) > 2 && parts[0] == "namespaces" && !slices.Contains([]string{"status", "finalize"}, parts[2]) {
		parts = parts[2:]
	}
	named := len(parts) > 1
	resource = parts[0]
	if len(parts) > 2 {
		resource += "/" + parts[2]
	}
	switch {
	case r.Method == http.MethodGet && r.URL.Query().Get("watch") != "" && r.URL.Query().Get("watch") != "false":
		return "watch", resource
	case r.Method == http.MethodGet && named:
		return "get", resource
	case r.Method == http.MethodGet:
		return "list", resource
	case r.Method == http.MethodPost:
		return "create", resource
	case r.Method == http.MethodPut:
		return "update", resource
	case r.Method == http.MethodDelete && !named:
		return "deletecollection", resource
	}
	return strings.ToLower(r.Method), resource
}

// mostResources bounds a label: the kinds are the repositories' choice.
const mostResources = 60

// bounded are the first so many names; "other" is the rest.
type bounded struct {
	mu    sync.Mutex
	names map[string]bool
}

func (b *bounded) name(n string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.names[n] && len(b.names) >= mostResources {
		return "other"
	}
	b.names[n] = true
	return n
}
