package metrics

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
	"banksman.dev/reconcile"
	"banksman.dev/render"
)

var update = flag.Bool("update", false, "write the golden files anew")

// A clock is what the test says that it is.
type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

func newClock() *clock { return &clock{time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)} }

// scrape is what Prometheus gets.
func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// has are the lines of a scrape that begin so.
func has(scraped, prefix string) []string {
	var found []string
	for line := range strings.Lines(scraped) {
		if strings.HasPrefix(line, prefix) {
			found = append(found, strings.TrimSuffix(line, "\n"))
		}
	}
	return found
}

// answers is an API that answers so.
func answers(code int, header http.Header, err error) http.RoundTripper {
	return trip(func(*http.Request) (*http.Response, error) {
		if err != nil {
			return nil, err
		}
		return &http.Response{StatusCode: code, Header: header, Body: http.NoBody}, nil
	})
}

func request(t *testing.T, method, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// lived is a process to which everything that is counted has happened.
func lived(t *testing.T) (*Metrics, *Source, *clock) {
	t.Helper()
	c := newClock()
	m := New(Build{Version: "v1.2.3", Commit: "1a2b3c4", Go: "go1.26"}, c.now)
	m.Lead(func() bool { return true })
	m.Reloaded(errors.New("line 3"))
	s := m.Source("dora")
	l := &reconcile.Loop{
		Apply: func(context.Context, reconcile.Set) (reconcile.Applied, error) {
			return reconcile.Applied{Repaired: make([]render.ObjectID, 3)}, errEffect
		},
		Post: func(_ context.Context, c gitsrc.SHA, _ approvals.Status) error {
			if c == "" {
				return errEffect
			}
			return nil
		},
	}
	s.Watch(l, Sight{
		Dropped: func() int64 { return 4 },
		Shown: func() []reconcile.Shown {
			return []reconcile.Shown{
				{Step: reconcile.StepUpToDate},
				{Step: reconcile.StepUpToDate, Degraded: true},
				{},
				{Step: reconcile.StepApproval, Standing: reconcile.EventAwaitingApproval, Since: c.Add(-time.Hour)},
				{Step: reconcile.StepApproval, Standing: reconcile.EventAwaitingApproval, Since: c.Add(-2 * time.Hour)},
				{Step: reconcile.StepCanary, Standing: reconcile.EventAwaitingApproval, Since: c.Add(-5 * time.Hour)},
				{Step: reconcile.StepApproval, Standing: reconcile.EventBlocked, Since: c.Add(-9 * time.Hour)},
			}
		},
	})
	if _, err := l.Apply(t.Context(), reconcile.Set{}); !errors.Is(err, errEffect) {
		t.Errorf("the loop does not hear what came of an apply: %v", err)
	}
	for _, commit := range []gitsrc.SHA{"1a2b3c4", ""} {
		if err := l.Post(t.Context(), commit, approvals.Status{State: approvals.Success}); (err != nil) != (commit == "") {
			t.Errorf("the loop does not hear what came of a status: %v", err)
		}
	}
	m.Notified("releases", "sent")
	s.Tell(reconcile.Transition{Event: reconcile.EventCanaryReady, Took: map[reconcile.Step]time.Duration{reconcile.StepCanary: 20 * time.Second, reconcile.StepBake: 5 * time.Minute}})
	s.Tell(reconcile.Transition{Event: reconcile.EventPromoted, Took: map[reconcile.Step]time.Duration{reconcile.StepFull: time.Minute}})
	for _, err := range []error{nil, errEffect} {
		ended := l.Fetching()
		c.Time = c.Add(200 * time.Millisecond)
		ended(err)
	}
	l.Passes(3, 12)
	limits := http.Header{"X-Ratelimit-Limit": {"5000"}, "X-Ratelimit-Remaining": {"4321"}}
	send(t, s.Forge(answers(200, limits, nil)), request(t, http.MethodGet, "https://api.github.com/repos/a/b"))
	send(t, s.Forge(answers(0, nil, errEffect)), request(t, http.MethodGet, "https://api.github.com/repos/a/b"))
	send(t, m.API(answers(200, nil, nil)), request(t, http.MethodPatch, "https://k/apis/apps/v1/namespaces/a/deployments/b?force=true"))
	return m, s, c
}

var errEffect = errors.New("it fails")

func send(t *testing.T, to http.RoundTripper, r *http.Request) {
	t.Helper()
	if resp, err := to.RoundTrip(r); err == nil {
		if err := resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatIsCounted(t *testing.T) {
	m, _, _ := lived(t)
	text := scrape(t, m)
	for _, want := range []string{
		`banksman_api_request_duration_seconds_count{verb="patch"} 1`,
		`banksman_api_requests_total{code="200",resource="deployments",verb="patch"} 1`,
		`banksman_approval_waiting_seconds{source="dora"} 7200`,
		`banksman_build_info{commit="1a2b3c4",goversion="go1.26",version="v1.2.3"} 1`,
		`banksman_config_reload_success 0`,
		`banksman_config_reload_success_timestamp_seconds 1.7724528e+09`,
		`banksman_deliveries_blocked{source="dora"} 1`,
		`banksman_deliveries_degraded{source="dora"} 1`,
		`banksman_deliveries{source="dora",step="approval"} 3`,
		`banksman_deliveries{source="dora",step="canary"} 1`,
		`banksman_deliveries{source="dora",step="held"} 0`,
		`banksman_deliveries{source="dora",step="not-released"} 1`,
		`banksman_deliveries{source="dora",step="up-to-date"} 2`,
		`banksman_drift_repaired_total{source="dora"} 3`,
		`banksman_events_dropped_total{source="dora"} 4`,
		`banksman_forge_rate_limit_limit{source="dora"} 5000`,
		`banksman_forge_rate_limit_remaining{source="dora"} 4321`,
		`banksman_forge_requests_total{code="200",source="dora"} 1`,
		`banksman_forge_requests_total{code="error",source="dora"} 1`,
		`banksman_git_fetch_duration_seconds_bucket{source="dora",le="0.25"} 2`,
		`banksman_git_fetches_total{result="failure",source="dora"} 1`,
		`banksman_git_fetches_total{result="success",source="dora"} 1`,
		`banksman_last_successful_fetch_timestamp_seconds{source="dora"} 1.7724528e+09`,
		`banksman_leader 1`,
		`banksman_notifications_total{result="sent",target="releases"} 1`,
		`banksman_passes_running{source="dora"} 3`,
		`banksman_passes_waiting{source="dora"} 12`,
		`banksman_source_followed{source="dora"} 1`,
		`banksman_status_errors_total{source="dora"} 1`,
		`banksman_statuses_posted_total{source="dora",state="pending"} 0`,
		`banksman_statuses_posted_total{source="dora",state="success"} 1`,
		`banksman_step_duration_seconds_sum{source="dora",step="bake"} 300`,
		`banksman_step_duration_seconds_sum{source="dora",step="canary"} 20`,
		`banksman_step_duration_seconds_sum{source="dora",step="full"} 60`,
		`banksman_transitions_total{event="held",source="dora"} 0`,
		`banksman_transitions_total{event="promoted",source="dora"} 1`,
	} {
		if !strings.Contains(text, want+"\n") {
			name, _, _ := strings.Cut(want, "{")
			t.Errorf("there is no %s, but\n%s", want, strings.Join(has(text, name), "\n"))
		}
	}
}

// The names, types and labels are public. testdata/families.txt is the list; a line
// that changes there breaks somebody's dashboard.
func TestTheFamiliesAreTheOnesThatAreDocumented(t *testing.T) {
	m, _, _ := lived(t)
	found, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, f := range found {
		if !strings.HasPrefix(f.GetName(), namespace) {
			continue
		}
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		fmt.Fprintf(&b, "%s %s {%s}\n  %s\n", f.GetName(), strings.ToLower(f.GetType().String()), strings.Join(labels, ","), f.GetHelp())
	}
	if *update {
		if err := os.WriteFile("testdata/families.txt", []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/families.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// sees is a repository with so many Deliveries.
func sees(deliveries int) Sight {
	return Sight{Shown: func() []reconcile.Shown { return make([]reconcile.Shown, deliveries) }, Dropped: func() int64 { return 0 }}
}

func TestARepositoryThatIsNotInTheConfigurationAnyMoreIsNotCounted(t *testing.T) {
	m, _, _ := lived(t)
	m.Source("shop").Watch(&reconcile.Loop{}, sees(0))
	m.Forget("dora")
	m.Forget("never seen")
	text := scrape(t, m)
	if strings.Contains(text, `source="dora"`) {
		t.Errorf("it is still there:\n%s", text)
	}
	if len(has(text, `banksman_deliveries{source="shop"`)) != len(reconcile.Steps()) {
		t.Error("the other one went with it")
	}
}

func TestARepositoryThatCannotBeFollowedNowKeepsItsNumbers(t *testing.T) {
	m, s, _ := lived(t)
	off := s.Watch(&reconcile.Loop{}, sees(2))
	off()
	text := scrape(t, m)
	for _, want := range []string{`banksman_source_followed{source="dora"} 0`, `banksman_passes_waiting{source="dora"} 0`, `banksman_git_fetches_total{result="failure",source="dora"} 1`} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("there is no %s", want)
		}
	}
	if got := has(text, "banksman_deliveries"); len(got) > 0 {
		t.Errorf("nobody looks at its Deliveries: %q", got)
	}
	m.Source("dora").Watch(&reconcile.Loop{}, sees(5))
	text = scrape(t, m)
	if got := has(text, `banksman_deliveries{source="dora",step="not-released"`); len(got) != 1 || !strings.HasSuffix(got[0], " 5") {
		t.Errorf("the next try is not seen: %q", got)
	}
	if got := has(text, `banksman_transitions_total{event="promoted"`); len(got) != 1 || !strings.HasSuffix(got[0], " 1") {
		t.Errorf("the next try counts anew: %q", got)
	}
}

func TestAStatusThatTheEndOfTheProcessCutOffIsNoError(t *testing.T) {
	m := New(Build{}, newClock().now)
	s := m.Source("")
	l := &reconcile.Loop{Post: func(ctx context.Context, _ gitsrc.SHA, _ approvals.Status) error { return ctx.Err() }}
	s.Watch(l, sees(0))
	ended, end := context.WithCancel(t.Context())
	end()
	if err := l.Post(ended, "1a2b3c4", approvals.Status{}); err == nil {
		t.Error("the loop does not hear it")
	}
	if got := has(scrape(t, m), "banksman_status_errors_total"); !slices.Equal(got, []string{`banksman_status_errors_total{source=""} 0`}) {
		t.Errorf("%q", got)
	}
}

func TestOnlyTheLimitOfTheRESTAPICounts(t *testing.T) {
	m := New(Build{}, newClock().now)
	s := m.Source("")
	for _, h := range []http.Header{
		{"X-Ratelimit-Remaining": {"77"}, "X-Ratelimit-Resource": {"core"}},
		{"X-Ratelimit-Remaining": {"9"}, "X-Ratelimit-Resource": {"search"}},
		{"X-Ratelimit-Remaining": {"many"}},
		{},
	} {
		send(t, s.Forge(answers(304, h, nil)), request(t, http.MethodGet, "https://api.github.com/"))
	}
	text := scrape(t, m)
	if got := has(text, "banksman_forge_rate_limit"); !slices.Equal(got, []string{`banksman_forge_rate_limit_remaining{source=""} 77`}) {
		t.Errorf("%q", got)
	}
	if got := has(text, "banksman_forge_requests_total"); !slices.Equal(got, []string{`banksman_forge_requests_total{code="304",source=""} 4`}) {
		t.Errorf("%q", got)
	}
}

func TestWhoeverWaitsForTheLeaseOrLosesItIsNoLeader(t *testing.T) {
	m := New(Build{}, newClock().now)
	holds := true
	for _, want := range []string{"0", "1", "0"} {
		if got := has(scrape(t, m), "banksman_leader"); !slices.Equal(got, []string{"banksman_leader " + want}) {
			t.Errorf("%q, want %s", got, want)
		}
		m.Lead(func() bool { return holds })
		if want == "1" {
			holds = false
		}
	}
}
