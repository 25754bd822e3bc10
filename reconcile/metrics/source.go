package metrics

import (
	"context"
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
	"banksman.dev/reconcile"
)

// A Source is one repository's part of the numbers.
type Source struct {
	*Metrics
	name  string
	sight *Sight // nil while no loop follows it; under the lock of Metrics
}

// Sight is what is looked at when somebody asks for the numbers.
type Sight struct {
	Shown   func() []reconcile.Shown // what the Deliveries show
	Dropped func() int64             // Kubernetes Events that were not written
}

// Source begins to count for a repository, or goes on. "" is the nameless one.
func (m *Metrics) Source(name string) *Source {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.sources[name]; s != nil {
		return s
	}
	s := &Source{Metrics: m, name: name}
	m.sources[name] = s
	for _, e := range reconcile.Events() {
		m.transitions.WithLabelValues(name, string(e)) // so that the first one is an increase
	}
	for _, state := range []approvals.StatusState{approvals.Pending, approvals.Success, approvals.Failure, approvals.Error} {
		m.statuses.WithLabelValues(name, string(state))
	}
	for _, result := range []string{resultSuccess, resultFailure} {
		m.fetches.WithLabelValues(name, result)
	}
	for _, c := range []*prometheus.CounterVec{m.statusErrors, m.repaired} {
		c.WithLabelValues(name)
	}
	m.running.WithLabelValues(name).Set(0)
	m.waiting.WithLabelValues(name).Set(0)
	return s
}

const (
	resultSuccess = "success"
	resultFailure = "failure"
)

// Watch listens to a loop that has not begun. Tell is left to the caller: others
// hear transitions, too. The repository is followed until it is called off.
func (s *Source) Watch(l *reconcile.Loop, sight Sight) (off func()) {
	l.Fetching, l.Passes = s.fetching, s.passes
	apply, post := l.Apply, l.Post
	l.Apply = func(ctx context.Context, set reconcile.Set) (reconcile.Applied, error) {
		applied, err := apply(ctx, set)
		s.repaired.WithLabelValues(s.name).Add(float64(len(applied.Repaired)))
		return applied, err
	}
	l.Post = func(ctx context.Context, commit gitsrc.SHA, status approvals.Status) error {
		err := post(ctx, commit, status)
		s.posted(ctx, status.State, err)
		return err
	}
	s.see(&sight)
	return func() {
		s.see(nil)
		s.passes(0, 0)
	}
}

func (s *Source) see(sight *Sight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sight = sight
}

// Forget takes the numbers of a repository away that is not to be followed any
// more.
func (m *Metrics) Forget(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.sources[name]
	if s == nil {
		return
	}
	delete(m.sources, name)
	mine := prometheus.Labels{labelSource: s.name}
	for _, family := range []interface {
		DeletePartialMatch(labels prometheus.Labels) int
	}{
		s.transitions, s.stepDuration, s.statuses, s.statusErrors, s.repaired, s.fetches, s.fetchDuration,
		s.lastFetch, s.running, s.waiting, s.forge, s.rateLimit, s.rateLeft,
	} {
		family.DeletePartialMatch(mine)
	}
}

// Tell counts a transition.
func (s *Source) Tell(t reconcile.Transition) {
	s.transitions.WithLabelValues(s.name, string(t.Event)).Inc()
	for step, took := range t.Took {
		s.stepDuration.WithLabelValues(s.name, word(step)).Observe(took.Seconds())
	}
}

func (s *Source) posted(ctx context.Context, state approvals.StatusState, err error) {
	switch {
	case err == nil:
		s.statuses.WithLabelValues(s.name, string(state)).Inc()
	case ctx.Err() == nil: // else the process ends
		s.statusErrors.WithLabelValues(s.name).Inc()
	}
}

func (s *Source) passes(running, waiting int) {
	s.running.WithLabelValues(s.name).Set(float64(running))
	s.waiting.WithLabelValues(s.name).Set(float64(waiting))
}

func (s *Source) fetching() func(error) {
	begun := s.now()
	return func(err error) {
		ended, result := s.now(), resultFailure
		if err == nil {
			result = resultSuccess
			s.lastFetch.WithLabelValues(s.name).Set(float64(ended.Unix()))
		}
		s.fetches.WithLabelValues(s.name, result).Inc()
		s.fetchDuration.WithLabelValues(s.name).Observe(ended.Sub(begun).Seconds())
	}
}

// Forge counts what is sent to the forge.
func (s *Source) Forge(next http.RoundTripper) http.RoundTripper {
	return trip(func(r *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(r)
		s.forge.WithLabelValues(s.name, codeOf(resp, err)).Inc()
		if err == nil {
			s.noteLimit(resp.Header)
		}
		return resp, err
	})
}

// noteLimit reads what is left of the hour's requests. Other limits than that of
// the REST API (search, GraphQL) are not ours.
func (s *Source) noteLimit(h http.Header) {
	if of := h.Get("X-Ratelimit-Resource"); of != "" && of != "core" {
		return
	}
	for header, family := range map[string]*prometheus.GaugeVec{"X-Ratelimit-Limit": s.rateLimit, "X-Ratelimit-Remaining": s.rateLeft} {
		if n, err := strconv.Atoi(h.Get(header)); err == nil {
			family.WithLabelValues(s.name).Set(float64(n))
		}
	}
}
