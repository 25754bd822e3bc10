package main

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/dynamic/fake"

	"banksman.dev/reconcile/api/v1alpha1"
)

// A sink is an output that a test reads while the command writes.
type sink struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all.Write(p)
}

func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all.String()
}

// watchTime is the longest that a change takes to be seen.
const watchTime = 30 * time.Second

// A watchedWorld is a pretended cluster, and a status command that watches it.
type watchedWorld struct {
	*testing.T
	client  *fake.FakeDynamicClient
	written *written
	out     *sink
	errOut  *sink
	code    chan int
	cancel  context.CancelFunc
}

func watchIn(t *testing.T, s screen, args ...string) *watchedWorld {
	t.Helper()
	return watchDeliveries(t, s, "family", args...)
}

// watchDeliveries watches the Deliveries of a file of testdata.
func watchDeliveries(t *testing.T, s screen, file string, args ...string) *watchedWorld {
	t.Helper()
	return begin(t, s, file, append([]string{"status", "--watch"}, args...)...)
}

// begin runs a command over the Deliveries of a file of testdata and what the
// pretended cluster holds.
func begin(t *testing.T, s screen, file string, args ...string) *watchedWorld {
	t.Helper()
	deliveries, err := deliveriesFrom(filepath.Join("testdata", file+".yaml"), "")
	if err != nil {
		t.Fatal(err)
	}
	objects, err := objectsFrom("testdata/objects.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for i := range deliveries {
		o, err := asObject(&deliveries[i])
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, o)
	}
	c, client := pretendedCluster(objects...)
	written := newWritten()
	c.logs = written.open
	ctx, cancel := context.WithCancel(t.Context())
	w := &watchedWorld{T: t, client: client, written: written, out: &sink{}, errOut: &sink{}, code: make(chan int, 1), cancel: cancel}
	p := newProgram(genericiooptions.IOStreams{In: strings.NewReader(""), Out: w.out, ErrOut: w.errOut})
	p.getenv = func(string) string { return "" }
	p.now = func() time.Time { return time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC) }
	p.pause = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	p.screen = func() screen { return s }
	p.clients = func(*clusterFlags) (clients, error) { return c, nil }
	p.deliveries = func(context.Context, *clusterFlags, string) ([]v1alpha1.Delivery, error) { return deliveries, nil }
	go func() { w.code <- p.run(ctx, args) }()
	t.Cleanup(cancel)
	return w
}

// set changes the Delivery, as banksman run would.
func (w *watchedWorld) set(name, namespace string, change func(*v1alpha1.Delivery)) {
	w.Helper()
	client := w.client.Resource(v1alpha1.Resource).Namespace(namespace)
	u, err := client.Get(w.Context(), name, metav1.GetOptions{})
	if err != nil {
		w.Fatal(err)
	}
	var d v1alpha1.Delivery
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &d); err != nil {
		w.Fatal(err)
	}
	change(&d)
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&d)
	if err != nil {
		w.Fatal(err)
	}
	if _, err := client.Update(w.Context(), &unstructured.Unstructured{Object: content}, metav1.UpdateOptions{}); err != nil {
		w.Fatal(err)
	}
}

func (w *watchedWorld) sees(text string) {
	w.Helper()
	for deadline := time.Now().Add(watchTime); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if strings.Contains(w.out.String(), text) {
			return
		}
	}
	w.Fatalf("no %q in\n%s%s", text, w.out, w.errOut)
}

func (w *watchedWorld) ends(code int) {
	w.Helper()
	select {
	case got := <-w.code:
		if got != code {
			w.Errorf("exit code %d, want %d:\n%s%s", got, code, w.out, w.errOut)
		}
	case <-time.After(watchTime):
		w.Fatalf("it goes on:\n%s%s", w.out, w.errOut)
	}
}

func awaitApproval(d *v1alpha1.Delivery) {
	d.Status.Step, d.Status.Reason = "Approval", "pull request 12 has no approving review yet"
	d.Status.Waits = []string{"1 more reviewer"}
	d.Status.Canary.Health, d.Status.Canary.Pods = "healthy", "1/1 Pods ready"
}

func TestWithoutATerminalAWatchPrintsALineForEachChangeAndEndsAtItsGoal(t *testing.T) {
	w := watchIn(t, screen{}, "fop-gate", "--for=awaiting-approval", "--timeout=1h")
	w.sees("the canary of 2222222 is rolling out")
	w.set("fop-gate", "dora-apps", func(d *v1alpha1.Delivery) { d.Labels = map[string]string{"unseen": "yes"} })
	w.set("fop-gate", "dora-apps", awaitApproval)
	w.ends(0)
	const want = `2026-11-21T09:00:00Z   dora-apps/fop-gate   Canary   full 1111111 2/2 healthy   canary 2222222 0/1 progressing   the canary of 2222222 is rolling out
2026-11-21T09:00:00Z   dora-apps/fop-gate   Approval   full 1111111 2/2 healthy   canary 2222222 1/1 healthy   waits for 1 more reviewer: pull request 12 has no approving review yet
`
	if got := w.out.String(); got != want {
		t.Errorf("printed\n%s\nwant\n%s", got, want)
	}
}

func TestAWatchEndsAtOnceWhereItsGoalHoldsAlready(t *testing.T) {
	watchIn(t, screen{}, "fop-gate", "--for=step=canary").ends(0)
}

func TestAWatchThatRunsOutOfTimeFailsWithTheLastState(t *testing.T) {
	w := watchIn(t, screen{}, "fop-gate", "--for=held", "--timeout=1ms")
	w.ends(3)
	const want = `banksman: fop-gate: not held within 1ms; the last state was:
  dora-apps/fop-gate   Canary   full 1111111 2/2 healthy   canary 2222222 0/1 progressing   the canary of 2222222 is rolling out
  banksman why fop-gate
`
	if got := w.errOut.String(); got != want {
		t.Errorf("failed with\n%s\nwant\n%s", got, want)
	}
}

func TestAnInterruptEndsAWatchWell(t *testing.T) {
	w := watchIn(t, screen{}, "-A")
	w.sees("money/new")
	w.cancel()
	w.ends(0)
}

func TestAWatchSaysThatADeliveryIsGone(t *testing.T) {
	w := watchIn(t, screen{}, "-A")
	w.sees("money/new")
	if err := w.client.Resource(v1alpha1.Resource).Namespace("money").Delete(t.Context(), "new", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	w.sees("money/new   gone")
}

func TestOnATerminalTheTreeIsDrawnAnewInItsPlace(t *testing.T) {
	for name, s := range map[string]screen{
		"80 columns":              {width: 80, height: 50},
		"200 columns with colour": {width: 200, height: 50, paint: true},
		"seventeen lines":         {width: 80, height: 17},
		"ten lines":               {width: 80, height: 10},
	} {
		t.Run(name, func(t *testing.T) {
			w := watchIn(t, s, "fop-gate", "--for=awaiting-approval")
			w.sees("Canary")
			w.set("fop-gate", "dora-apps", awaitApproval)
			w.ends(0)
			pictures := strings.Split(w.out.String(), "\x1b[J")
			last := len(pictures) - 1
			if last == 0 {
				t.Fatalf("nothing was drawn anew:\n%s", w.out)
			}
			golden(t, name, pictures[last])
			first := strings.TrimSuffix(pictures[0], "\r")
			if want := fmt.Sprintf("\x1b[%dA", strings.Count(first, "\n")); !strings.HasSuffix(first, "\n"+want) {
				t.Errorf("the first picture does not end with %q: %q", want, first)
			}
		})
	}
}

func TestAGoalIsReadOrRefusedWithWhatItMayBe(t *testing.T) {
	for text, refusal := range map[string]string{
		"ready": "", "held": "", "awaiting-approval": "", "step=Up to date": "", "step=up-to-date": "", "": "",
		"step=nowhere": `--for "step=nowhere": there is no such step`,
		"done":         `--for "done": want canary-ready, awaiting-approval, complete, ready, held or step=STEP`,
		"canary-ready": "", "complete": "",
	} {
		_, err := goalOf(text, "")
		if got := messageOf(err); got != refusal {
			t.Errorf("goalOf(%q): %q, want %q", text, got, refusal)
		}
	}
}

func messageOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
