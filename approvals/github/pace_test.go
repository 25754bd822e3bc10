package github

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"banksman.dev/approvals"
)

// writer posts statuses to an address that the server answers.
type writer struct {
	*testing.T
	client  *Client
	now     time.Time
	sent    int
	respond func(http.ResponseWriter)
}

type toHandler struct{ http.Handler }

func (h toHandler) RoundTrip(req *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, req)
	return recorder.Result(), nil
}

func newWriter(t *testing.T, api string) *writer {
	t.Helper()
	w := &writer{T: t, now: time.Unix(1_800_000_000, 0)}
	w.respond = func(out http.ResponseWriter) {
		out.WriteHeader(http.StatusCreated)
		_, _ = out.Write([]byte("{}"))
	}
	answer := http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = out.Write([]byte(`{"id":99}`))
			return
		}
		w.sent++
		w.respond(out)
	})
	c, err := New(Options{API: api, Owner: "dora", Repo: "jjh", Transport: toHandler{answer}})
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return w.now }
	c.wire.limit.now = now
	if c.wire.pace != nil {
		c.wire.pace.now = now
	}
	w.client = c
	return w
}

// post posts so many statuses in a row and returns how many were sent, and the
// last refusal.
func (w *writer) post(n int) (int, *Error) {
	w.Helper()
	var refusal *Error
	before := w.sent
	for range n {
		if err := w.client.SetStatus(w.Context(), landed, approvals.NewStatus("banksman/canary", approvals.Pending, "", "")); err != nil && !errors.As(err, &refusal) {
			w.Fatal(err)
		}
	}
	return w.sent - before, refusal
}

func TestStatusesStayBelowWhatGitHubRefuses(t *testing.T) {
	w := newWriter(t, DefaultAPI)
	sent, refusal := w.post(300)
	if sent != 80 || refusal == nil || refusal.Kind != RateLimited || !refusal.Paced || refusal.Wait != time.Minute {
		t.Fatalf("sent %d, refused %+v", sent, refusal)
	}
	if want := "80 statuses were posted within a minute or 500 within an hour"; !strings.Contains(refusal.Error(), want) {
		t.Errorf("it says %q", refusal)
	}
	if _, err := w.client.repositoryID(t.Context()); err != nil {
		t.Errorf("reading is refused, too: %v", err)
	}
	all := sent
	for minute := 1; minute < 7; minute++ {
		w.now = w.now.Add(time.Minute)
		sent, refusal = w.post(100)
		all += sent
	}
	if all != 500 || refusal.Wait != 54*time.Minute {
		t.Errorf("%d within seven minutes, then refused for %s", all, refusal.Wait)
	}
	w.now = w.now.Add(54 * time.Minute)
	if sent, _ = w.post(100); sent != 80 {
		t.Errorf("%d an hour after the first", sent)
	}
}

func TestAnEnterpriseServersLimitsAreItsOwn(t *testing.T) {
	for api, most := range map[string]int{"https://forge.example/api/v3/": 300, "https://api.octo.ghe.com/": 80} {
		if sent, _ := newWriter(t, api).post(300); sent != most {
			t.Errorf("%s: %d of 300 were sent, want %d", api, sent, most)
		}
	}
}

func TestARefusedStatusIsNotTriedAgainBeforeItsTime(t *testing.T) {
	w := newWriter(t, "https://forge.example/api/v3/")
	w.respond = func(out http.ResponseWriter) {
		out.Header().Set("Retry-After", "90")
		out.WriteHeader(http.StatusForbidden)
		_, _ = out.Write([]byte(`{"message":"You have exceeded a secondary rate limit and have been temporarily blocked from content creation."}`))
	}
	sent, refusal := w.post(300)
	if sent != 1 || refusal.Paced || refusal.Wait != 90*time.Second {
		t.Errorf("sent %d, refused %+v", sent, refusal)
	}
	w.now = w.now.Add(90*time.Second - time.Millisecond)
	if sent, _ = w.post(1); sent != 0 {
		t.Error("sent before its time")
	}
	w.now = w.now.Add(time.Millisecond)
	if sent, _ = w.post(1); sent != 1 {
		t.Error("not sent after its time")
	}
}
