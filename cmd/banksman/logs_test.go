package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/pflag"
	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	canaryPod = "fop-gate-canary-5f6d-wvqkj"
	fullPod   = "fop-gate-8d9c95dd-97lz7"
	otherPod  = "fop-gate-8d9c95dd-whqpb"
)

// A written is what containers have written, by Pod and container.
type written struct {
	mu      sync.Mutex
	content map[string]string
	refused map[string]error
	asked   []string
}

func newWritten() *written {
	return &written{content: map[string]string{
		canaryPod + "/fop-gate": "starting\nit crashes\n",
		fullPod + "/fop-gate":   "all is well",
		otherPod + "/fop-gate":  "all is well here\n" + strings.Repeat("x", 70_000) + "\n",
	}, refused: map[string]error{}}
}

func (w *written) open(ctx context.Context, namespace, pod string, o *core.PodLogOptions) (io.ReadCloser, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := pod + "/" + o.Container
	asked := namespace + "/" + key
	if o.TailLines != nil {
		asked += fmt.Sprintf(" tail=%d", *o.TailLines)
	}
	if o.SinceSeconds != nil {
		asked += fmt.Sprintf(" since=%d", *o.SinceSeconds)
	}
	if o.Previous {
		asked += " previous"
	}
	w.asked = append(w.asked, asked)
	if err := w.refused[key]; err != nil {
		return nil, err
	}
	if !o.Follow {
		return io.NopCloser(strings.NewReader(w.content[key])), nil
	}
	reader, writer := io.Pipe()
	content := w.content[key]
	context.AfterFunc(ctx, func() { _ = writer.CloseWithError(ctx.Err()) })
	go func() { _, _ = io.WriteString(writer, content) }()
	return reader, nil
}

func (w *written) was() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.asked, "\n")
}

func TestLogsAreThoseOfAVariantByWhoOwnsThePods(t *testing.T) {
	canary := begin(t, screen{}, "family", "logs", "fop-gate", "--canary")
	canary.ends(0)
	if got, want := canary.out.String(), "[canary "+canaryPod+"] starting\n[canary "+canaryPod+"] it crashes\n"; got != want {
		t.Errorf("printed\n%s\nwant\n%s", got, want)
	}
	if got, want := canary.written.was(), "dora-apps/"+canaryPod+"/fop-gate tail=100"; got != want {
		t.Errorf("asked for %s, want %s", got, want)
	}
	full := begin(t, screen{}, "family", "logs", "fop-gate", "--full", "--all-containers", "--tail=-1", "--since=10m")
	full.ends(0)
	got := full.out.String()
	if !strings.HasPrefix(got, "[full "+fullPod+" fop-gate] all is well\n[full "+otherPod+" fop-gate] all is well here\n[full ") || strings.Count(got, "x") != 70_000 || strings.Contains(got, "stray") {
		t.Errorf("printed\n%.300s", got)
	}
	if got, want := full.written.was(), "dora-apps/"+fullPod+"/fop-gate since=600\ndora-apps/"+otherPod+"/fop-gate since=600"; got != want {
		t.Errorf("asked for\n%s\nwant\n%s", got, want)
	}
	both := begin(t, screen{}, "family", "logs", "fop-gate", "--previous", "-c", "fop-gate")
	both.ends(0)
	if got := both.written.was(); strings.Count(got, "previous") != 3 {
		t.Errorf("asked for\n%s", got)
	}
}

func TestLogsThatCannotBeReadAreSaidAndTheOthersPrinted(t *testing.T) {
	w := begin(t, screen{}, "family", "logs", "fop-gate", "--canary", "-c", "other")
	w.ends(1)
	if got := w.errOut.String(); !strings.HasPrefix(got, "banksman: fop-gate in namespace dora-apps has no Pods of its canary with a container other\n") {
		t.Errorf("said %q", got)
	}
	w = begin(t, screen{}, "family", "logs", "new")
	w.ends(1)
}

func TestFollowedLogsGoOnWithPodsThatCome(t *testing.T) {
	w := begin(t, screen{}, "family", "logs", "fop-gate", "--canary", "--follow")
	w.sees("[canary " + canaryPod + "] it crashes\n")
	w.written.mu.Lock()
	w.written.refused["fop-gate-canary-5f6d-later/fop-gate"] = apierrors.NewBadRequest("container is waiting to start: ContainerCreating")
	w.written.content["fop-gate-canary-5f6d-later/fop-gate"] = "I come later\n"
	w.written.mu.Unlock()
	pods := w.client.Resource(core.SchemeGroupVersion.WithResource("pods")).Namespace("dora-apps")
	u, err := pods.Get(t.Context(), canaryPod, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	later := &unstructured.Unstructured{Object: u.DeepCopy().Object}
	later.SetName("fop-gate-canary-5f6d-later")
	later.SetUID("later")
	if _, err := pods.Create(t.Context(), later, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(watchTime); !strings.Contains(w.written.was(), "later"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it is never asked for")
		}
	}
	w.written.mu.Lock()
	delete(w.written.refused, "fop-gate-canary-5f6d-later/fop-gate")
	w.written.mu.Unlock()
	later.SetLabels(map[string]string{"started": "yes"})
	if _, err := pods.Update(t.Context(), later, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	w.sees("[canary fop-gate-canary-5f6d-later] I come later\n")
	w.cancel()
	w.ends(0)
	if got := w.out.String(); strings.Count(got, "it crashes") != 1 {
		t.Errorf("printed twice\n%s", got)
	}
	if !strings.HasSuffix(w.written.was(), "/fop-gate-canary-5f6d-later/fop-gate") {
		t.Errorf("a Pod that came is asked for its newest lines only:\n%s", w.written.was())
	}
	if got := w.errOut.String(); got != "" {
		t.Errorf("said %q", got)
	}
}

// The request is the one that an API server knows.
func TestLogsAreAskedOfThePodsLogSubresource(t *testing.T) {
	var asked string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.String()
		_, _ = io.WriteString(w, "hello\n")
	}))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(file, []byte(kubeconfigFor(server.URL)), 0o600); err != nil {
		t.Fatal(err)
	}
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	cluster := newClusterFlags(flags, "")
	if err := flags.Parse([]string{"--kubeconfig", file}); err != nil {
		t.Fatal(err)
	}
	c, err := connectTo(cluster)
	if err != nil {
		t.Fatal(err)
	}
	tail := int64(5)
	stream, err := c.logs(t.Context(), "shop", "gate-1", &core.PodLogOptions{Container: "gate", Follow: true, TailLines: &tail})
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(stream)
	if err != nil || string(content) != "hello\n" || asked != "/api/v1/namespaces/shop/pods/gate-1/log?container=gate&follow=true&tailLines=5" {
		t.Errorf("%v: %q from %s", err, content, asked)
	}
}
