package cluster

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"banksman.dev/gitsrc"
	"banksman.dev/reconcile"
	"banksman.dev/render"
)

// A bench is a namespace of a real API server, a Cluster under test, and a
// plain client to play the other people with.
type bench struct {
	testing.TB
	config    *rest.Config
	kube      *kubernetes.Clientset
	namespace string
	cluster   *Cluster
	sent      *requestLog
}

const kubeconfigVariable = "BANKSMAN_TEST_KUBECONFIG"

func newBench(t testing.TB) *bench {
	t.Helper()
	path := os.Getenv(kubeconfigVariable)
	if path == "" {
		t.Skipf("needs a disposable cluster: set %s to an admin kubeconfig, or run make test", kubeconfigVariable)
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1
	b := &bench{TB: t, config: config, sent: &requestLog{}}
	b.kube = kubernetes.NewForConfigOrDie(config)
	ns, err := b.kube.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "banksman-test-"},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b.namespace = ns.Name
	t.Cleanup(func() {
		if err := b.kube.CoreV1().Namespaces().Delete(context.WithoutCancel(t.Context()), ns.Name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	b.cluster = b.open(Options{})
	return b
}

// open connects another Cluster, as after a restart.
func (b *bench) open(o Options) *Cluster {
	b.Helper()
	config := rest.CopyConfig(b.config)
	config.Wrap(b.sent.wrap)
	o.Logger = slog.New(slog.NewTextHandler(b.Output(), nil))
	c, err := New(config, o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.Close)
	return c
}

// A requestLog counts requests that are not watches.
type requestLog struct {
	mu     sync.Mutex
	list   []string
	broken func(*http.Request) bool // requests that get lost on the way
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (l *requestLog) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.URL.Query().Get("watch") == "" {
			l.mu.Lock()
			l.list = append(l.list, r.Method+" "+r.URL.RequestURI())
			l.mu.Unlock()
		}
		l.mu.Lock()
		lost := l.broken != nil && l.broken(r)
		l.mu.Unlock()
		if lost {
			return nil, errors.New("the connection broke")
		}
		return next.RoundTrip(r)
	})
}

// lose makes requests get lost.
func (l *requestLog) lose(which func(*http.Request) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = which
}

// during runs a deed and returns the requests that it made.
func (l *requestLog) during(deed func()) []string {
	l.mu.Lock()
	from := len(l.list)
	l.mu.Unlock()
	deed()
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.list[from:]...)
}

func writes(requests []string) []string {
	var w []string
	for _, r := range requests {
		if !strings.HasPrefix(r, "GET ") && !strings.Contains(r, "dryRun=All") {
			w = append(w, r)
		}
	}
	return w
}

const manifests = `
apiVersion: v1
kind: ConfigMap
metadata: {name: fop-gate, namespace: NS}
data: {mode: quiet}
---
apiVersion: v1
kind: Service
metadata: {name: fop-gate, namespace: NS}
spec:
  selector: {app: fop-gate}
  ports: [{port: 80, targetPort: 8080}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: fop-gate, namespace: NS, labels: {app: fop-gate}}
spec:
  replicas: 3
  selector: {matchLabels: {app: fop-gate}}
  template:
    metadata: {labels: {app: fop-gate}}
    spec:
      containers:
      - {name: fop-gate, image: "reg.qiniu.com/dora-apps/fop-gate:1", ports: [{containerPort: 8080}]}
`

// set is the fop-gate service with some words of its manifests replaced.
func (b *bench) set(replace ...string) reconcile.Set {
	b.Helper()
	return b.setOf(manifests, replace...)
}

func (b *bench) setOf(text string, replace ...string) reconcile.Set {
	b.Helper()
	text = strings.NewReplacer(append([]string{"NS", b.namespace}, replace...)...).Replace(text)
	s := reconcile.Set{
		Service: "fop-gate", Namespace: b.namespace, Track: reconcile.TrackStable,
		Ref: reconcile.Ref{Commit: gitsrc.SHA(strings.Repeat("a", 40)), Digest: render.Digest(strings.Repeat("1", 64))},
	}
	for doc := range strings.SplitSeq(text, "---\n") {
		var o map[string]any
		if err := yaml.Unmarshal([]byte(doc), &o); err != nil {
			b.Fatal(err)
		}
		s.Objects = append(s.Objects, whole(o).(map[string]any))
	}
	return s
}

// whole makes the integers of decoded YAML what render makes them.
func whole(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, item := range v {
			v[k] = whole(item)
		}
	case []any:
		for i, item := range v {
			v[i] = whole(item)
		}
	case float64:
		return int64(v)
	}
	return v
}

func (b *bench) apply(s reconcile.Set) []reconcile.Entry {
	b.Helper()
	applied, err := b.cluster.Apply(b.Context(), s)
	if err != nil {
		b.Fatal(err)
	}
	return applied.Entries
}

func (b *bench) live(s reconcile.Set) reconcile.Live {
	b.Helper()
	live, err := b.cluster.Live(b.Context(), s)
	if err != nil {
		b.Fatal(err)
	}
	return live
}

const patience = 60 * time.Second

// eventually polls until the condition holds.
func (b *bench) eventually(what string, holds func() bool) {
	b.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			b.Fatalf("not within %s: %s", patience, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (b *bench) becomes(s reconcile.Set, h reconcile.Health) reconcile.Live {
	b.Helper()
	var live reconcile.Live
	b.eventually("health "+h.String(), func() bool {
		live = b.live(s)
		return live.Health == h
	})
	return live
}

// heard waits until Changed names the service.
func (b *bench) heard(what string) {
	b.Helper()
	select {
	case name := <-b.cluster.Changed():
		if name != "fop-gate" {
			b.Fatalf("Changed names %q", name)
		}
	case <-time.After(patience):
		b.Fatalf("Changed is silent after %s", what)
	}
}

// shown waits until the watch has shown a version of one of our objects, or a
// later one: what Changed names may be about an earlier one.
func (b *bench) shown(group, kind string, o metav1.Object) {
	b.Helper()
	id := render.ObjectID{Group: group, Kind: kind, Namespace: b.namespace, Name: o.GetName()}
	b.eventually("the watch shows "+id.String(), func() bool {
		b.cluster.witness.mu.Lock()
		defer b.cluster.witness.mu.Unlock()
		return b.cluster.witness.seen[id].version >= versionOf(o)
	})
}

// hush takes what Changed has to say until it is silent for a moment.
func (b *bench) hush() {
	b.Helper()
	for {
		select {
		case <-b.cluster.Changed():
		case <-time.After(300 * time.Millisecond):
			return
		}
	}
}

func (b *bench) deploymentUID() string {
	b.Helper()
	d, err := b.kube.AppsV1().Deployments(b.namespace).Get(b.Context(), "fop-gate", metav1.GetOptions{})
	if err != nil {
		b.Fatal(err)
	}
	return string(d.UID)
}

// pods are the UIDs of the Pods, so that restarts show.
func (b *bench) pods() map[string]bool {
	b.Helper()
	list, err := b.kube.CoreV1().Pods(b.namespace).List(b.Context(), metav1.ListOptions{})
	if err != nil {
		b.Fatal(err)
	}
	uids := map[string]bool{}
	for _, p := range list.Items {
		uids[string(p.UID)] = true
	}
	return uids
}
