package notify_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"banksman.dev/reconcile"
	"banksman.dev/reconcile/notify"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		http.DefaultClient.CloseIdleConnections() // shoutrrr's
		os.Exit(code)
	}))
}

const (
	secret = "0123456789abcdef-the-first"
	second = "0123456789abcdef-the-second"
)

// A world is a Notifier whose clock moves only when it waits, and what it said.
type world struct {
	t        *testing.T
	notifier *notify.Notifier

	mu     sync.Mutex
	now    time.Time
	late   time.Duration   // how much longer than asked each pause takes
	held   <-chan struct{} // a pause lasts until this is closed, too; nil: it does not
	waited []time.Duration
	counts map[notify.Outcome]int
	log    bytes.Buffer
}

func (w *world) options() notify.Options {
	w.now = time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)
	w.counts = map[notify.Outcome]int{}
	return notify.Options{
		Log:       slog.New(slog.NewTextHandler(w, nil)),
		UserAgent: "banksman/test",
		Count: func(_ string, o notify.Outcome) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.counts[o]++
		},
		Now: func() time.Time {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.now
		},
		Pause: func(ctx context.Context, d time.Duration) error {
			w.mu.Lock()
			held := w.held
			w.mu.Unlock()
			if held != nil {
				<-held
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			w.waited = append(w.waited, d)
			w.now = w.now.Add(d + w.late)
			return ctx.Err()
		},
	}
}

// Write takes a line of the log.
func (w *world) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(line)
}

func (w *world) said() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.String()
}

func (w *world) counted(o notify.Outcome) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.counts[o]
}

func begin(t *testing.T, targets ...notify.Target) *world {
	t.Helper()
	w := &world{t: t}
	n, err := notify.Start(w.options(), targets)
	if err != nil {
		t.Fatal(err)
	}
	w.notifier = n
	t.Cleanup(w.close)
	return w
}

// hold makes pauses last until the channel is closed.
func (w *world) hold(until <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = until
}

// finish delivers what is queued.
func (w *world) finish() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	w.notifier.Close(ctx)
	if ctx.Err() != nil {
		w.t.Error("what is queued was not delivered within a minute")
	}
}

// close gives up what is queued.
func (w *world) close() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	w.notifier.Close(ctx)
}

func (w *world) tell(all ...reconcile.Transition) {
	for _, t := range all {
		w.notifier.Tell(notify.Source{Name: "dora", Environment: "production"}, t)
	}
}

func promoted(id string) reconcile.Transition {
	return reconcile.Transition{
		ID: id, Event: reconcile.EventPromoted, Service: "fop-gate", Namespace: "dora-apps",
		Ref:  reconcile.Ref{Commit: "2222222222222222222222222222222222222222", Digest: "d"},
		Step: reconcile.StepUpToDate, Reason: "full runs 2222222", By: []string{"alice"},
		URL: "https://github.com/dora/manifests/pull/12",
		At:  time.Date(2026, 11, 21, 10, 30, 0, 5, time.FixedZone("CET", 3600)),
	}
}

// A receiver answers each request as its answers say, the last one for ever.
type receiver struct {
	*httptest.Server
	mu      sync.Mutex
	answers []answer
	got     []letter
	wrote   int64 // bytes of bodies
}

type answer struct {
	code   int
	header map[string]string
	body   io.Reader
	after  <-chan struct{} // the answer comes when this is closed; nil: at once
}

type letter struct {
	header http.Header
	body   string
	path   string
	code   int
}

func receiving(t *testing.T, answers ...answer) *receiver {
	r := &receiver{answers: answers}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		a := answer{code: http.StatusOK}
		if len(r.answers) > 0 {
			a = r.answers[0]
		}
		if len(r.answers) > 1 {
			r.answers = r.answers[1:]
		}
		r.got = append(r.got, letter{req.Header.Clone(), string(body), req.URL.Path, a.code})
		r.mu.Unlock()
		if a.after != nil {
			<-a.after
		}
		for k, v := range a.header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(a.code)
		if a.body != nil {
			n, _ := io.Copy(w, a.body)
			r.mu.Lock()
			r.wrote += n
			r.mu.Unlock()
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) letters() []letter {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]letter(nil), r.got...)
}

// hook is a target that sends a webhook to the receiver.
func (r *receiver) hook(t *testing.T, secrets ...string) notify.Target {
	t.Helper()
	return notify.Target{Name: "audit", Webhook: &notify.Webhook{URL: r.URL + "/banksman", SecretFile: secretFile(t, secrets...)}}
}

func secretFile(t *testing.T, secrets ...string) string {
	t.Helper()
	if len(secrets) == 0 {
		secrets = []string{secret}
	}
	return write(t, strings.Join(secrets, "\n")+"\n")
}

func write(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// hanging takes requests and answers none until the test ends.
func hanging(t *testing.T) (server *httptest.Server, asked <-chan struct{}) {
	hears, ends := make(chan struct{}, 16), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		hears <- struct{}{}
		<-ends
	}))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(ends) })
	return s, hears
}
