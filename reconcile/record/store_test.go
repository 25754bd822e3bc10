package record

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"banksman.dev/gitsrc"
	"banksman.dev/reconcile"
	"banksman.dev/reconcile/api/v1alpha1"
	"banksman.dev/render"
)

const kubeconfigVariable = "BANKSMAN_TEST_KUBECONFIG"

// A bench is a namespace of a real API server that knows Deliveries.
type bench struct {
	*testing.T
	config    *rest.Config
	namespace string
	store     *Store
	mu        sync.Mutex
	writes    []string
}

func newBench(t *testing.T) *bench {
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
	b := &bench{T: t, config: config}
	kube := kubernetes.NewForConfigOrDie(config)
	ns, err := kube.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "banksman-test-"},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b.namespace = ns.Name
	t.Cleanup(func() {
		if err := kube.CoreV1().Namespaces().Delete(context.WithoutCancel(t.Context()), ns.Name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	if err := Install(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	b.store = b.open()
	return b
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// open opens another Store, as another process would.
func (b *bench) open() *Store {
	b.Helper()
	config := rest.CopyConfig(b.config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.Method != http.MethodGet {
				b.mu.Lock()
				b.writes = append(b.writes, r.Method+" "+r.URL.Path)
				b.mu.Unlock()
			}
			return next.RoundTrip(r)
		})
	})
	s, err := Open(b.Context(), config, Options{Logger: slog.New(slog.NewTextHandler(b.Output(), nil))})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.Close)
	return s
}

func (b *bench) during(deed func()) []string {
	b.mu.Lock()
	from := len(b.writes)
	b.mu.Unlock()
	deed()
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.writes[from:])
}

// service is a name that no other test uses: a Store sees all namespaces.
func (b *bench) service() render.ServiceName { return render.ServiceName("fop-gate-" + b.namespace) }

func (b *bench) record() reconcile.Record {
	return reconcile.Record{
		Service: b.service(), Namespace: b.namespace,
		Observed: gitsrc.SHA(strings.Repeat("a", 40)),
		Promoted: &reconcile.Ref{Commit: gitsrc.SHA(strings.Repeat("b", 40)), Digest: "d", Since: time.Unix(1000, 999).UTC()},
	}
}

var view = reconcile.View{Step: reconcile.StepApproval, Reason: "waits for a review", Waits: []string{"alice"}}

func (b *bench) save(s *Store, r reconcile.Record, v reconcile.View) {
	b.Helper()
	if err := s.Save(b.Context(), r, v); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) deliveries() dynamic.ResourceInterface {
	return dynamic.NewForConfigOrDie(b.config).Resource(v1alpha1.Resource).Namespace(b.namespace)
}

func (b *bench) patchSpec(spec string) error {
	_, err := b.deliveries().Patch(b.Context(), string(b.service()), types.MergePatchType, []byte(`{"spec":`+spec+`}`), metav1.PatchOptions{})
	return err
}

// heard waits until a Store names the service; other tests' services may come by.
func (b *bench) heard(s *Store, what string) {
	b.Helper()
	deadline := time.After(30 * time.Second)
	for {
		select {
		case name := <-s.Changed():
			if name == b.service() {
				return
			}
		case <-deadline:
			b.Fatalf("Changed is silent after %s", what)
		}
	}
}

func TestASaveIsLoadedAtOnceAndAnEqualOneSendsNothing(t *testing.T) {
	b := newBench(t)
	if _, _, ok := b.store.Load(b.service()); ok {
		t.Fatal("loaded before it was saved")
	}
	w := b.during(func() { b.save(b.store, b.record(), view) })
	if len(w) != 2 || !strings.HasPrefix(w[0], "POST ") || !strings.HasSuffix(w[1], "/status") {
		t.Errorf("the first save sent %q", w)
	}
	got, _, ok := b.store.Load(b.service())
	if !ok || got.Promoted == nil || !got.Promoted.Since.Equal(time.Unix(1000, 0)) {
		t.Errorf("loaded %v: %+v", ok, got)
	}
	if !slices.Contains(b.store.All(), b.service()) {
		t.Error("All does not name it")
	}
	if w := b.during(func() { b.save(b.store, got, view); b.save(b.store, b.record(), view) }); len(w) > 0 {
		t.Errorf("an equal save sent %q", w)
	}
	got.Observed = gitsrc.SHA(strings.Repeat("c", 40))
	if w := b.during(func() { b.save(b.store, got, view) }); len(w) != 1 {
		t.Errorf("a changed record sent %q", w)
	}
	other := view
	other.Reason = "waits for another review"
	if w := b.during(func() { b.save(b.store, got, other) }); len(w) != 1 {
		t.Errorf("a changed view sent %q", w)
	}
}

func TestARecordOutlivesTheProcess(t *testing.T) {
	b := newBench(t)
	b.save(b.store, b.record(), view)
	want, _, _ := b.store.Load(b.service())
	again := b.open()
	got, _, ok := again.Load(b.service())
	if !ok || got.Observed != want.Observed || *got.Promoted != *want.Promoted {
		t.Errorf("%+v, then %+v", want, got)
	}
	if w := b.during(func() { b.save(again, got, view) }); len(w) > 0 {
		t.Errorf("saving what was loaded sent %q", w)
	}
}

func TestAWriteOfSomebodyElseIsNeverLost(t *testing.T) {
	b := newBench(t)
	b.save(b.store, b.record(), view)
	other := b.open()
	b.store.Load(b.service())
	theirs, _, _ := other.Load(b.service())
	theirs.Observed = gitsrc.SHA(strings.Repeat("e", 40))
	b.save(other, theirs, view)
	mine := b.record()
	mine.Observed = gitsrc.SHA(strings.Repeat("f", 40))
	if err := b.store.Save(t.Context(), mine, view); !errors.Is(err, ErrConflict) {
		t.Fatalf("not a conflict: %v", err)
	}
	got, _, _ := b.store.Load(b.service())
	if got.Observed != theirs.Observed {
		t.Errorf("after the conflict the other's record is not loaded: %s", got.Observed)
	}
	b.heard(b.store, "another's write")
	b.save(b.store, mine, view)
}

func TestAnOrderBetweenLoadAndSaveIsSeen(t *testing.T) {
	b := newBench(t)
	b.save(b.store, b.record(), view)
	r, _, _ := b.store.Load(b.service())
	if err := b.patchSpec(`{"suspend":{"reason":"fire","by":"alice"}}`); err != nil {
		t.Fatal(err)
	}
	b.heard(b.store, "an order")
	r.Observed = gitsrc.SHA(strings.Repeat("f", 40))
	if err := b.store.Save(t.Context(), r, view); !errors.Is(err, ErrConflict) {
		t.Fatalf("saved over an order that was not seen: %v", err)
	}
	_, orders, _ := b.store.Load(b.service())
	if orders.Suspend == nil || orders.Suspend.By != "alice" {
		t.Fatalf("orders %+v", orders)
	}
	b.save(b.store, r, view)
	u, err := b.deliveries().Get(t.Context(), string(b.service()), metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if by, _, _ := unstructured.NestedString(u.Object, "spec", "suspend", "by"); by != "alice" {
		t.Error("the save changed the spec")
	}
	seen, _, _ := unstructured.NestedInt64(u.Object, "status", "observedGeneration")
	if seen != u.GetGeneration() {
		t.Errorf("observedGeneration %d of %d", seen, u.GetGeneration())
	}
}

func TestADeliveryMadeByHandIsTakenUpWithItsOrders(t *testing.T) {
	b := newBench(t)
	u := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": v1alpha1.Version.String(), "kind": v1alpha1.Kind,
		"metadata": map[string]any{"name": string(b.service()), "namespace": b.namespace},
		"spec":     map[string]any{"retry": "now"},
	}}
	if _, err := b.deliveries().Create(t.Context(), u, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	b.heard(b.store, "a Delivery made by hand")
	r, orders, ok := b.store.Load(b.service())
	if !ok || orders.Retry != "now" || r.Namespace != b.namespace {
		t.Fatalf("%v %+v %+v", ok, r, orders)
	}
	b.save(b.store, b.record(), view)
	r.Observed = gitsrc.SHA(strings.Repeat("f", 40))
	b.save(b.store, r, view)
	d, err := b.deliveries().Get(t.Context(), string(b.service()), metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if d.GetLabels()[managedBy] != owner {
		t.Errorf("labels %v", d.GetLabels())
	}
}

func TestAnOrderToLookNowIsHeard(t *testing.T) {
	b := newBench(t)
	b.save(b.store, b.record(), view)
	patch := []byte(`{"metadata":{"annotations":{"banksman.dev/reconcile-at":"now"}}}`)
	if _, err := b.deliveries().Patch(t.Context(), string(b.service()), types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	for {
		b.heard(b.store, "an order to look now") // or the first save, whose watch event came before it had returned
		r, orders, _ := b.store.Load(b.service())
		if r.Looked != "" {
			t.Fatalf("it is followed already: %q", r.Looked)
		}
		if orders.Look == "now" {
			return
		}
	}
}

func TestADeletedDeliveryIsHeardAndMadeAgain(t *testing.T) {
	b := newBench(t)
	b.save(b.store, b.record(), view)
	b.store.Load(b.service())
	if err := b.deliveries().Delete(t.Context(), string(b.service()), metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	b.heard(b.store, "the deletion")
	r := b.record()
	r.Observed = gitsrc.SHA(strings.Repeat("f", 40))
	if err := b.store.Save(t.Context(), r, view); !errors.Is(err, ErrConflict) {
		t.Fatalf("not a conflict: %v", err)
	}
	if _, _, ok := b.store.Load(b.service()); ok {
		t.Fatal("it is still loaded")
	}
	b.save(b.store, r, view)
	if got, _, ok := b.store.Load(b.service()); !ok || got.Observed != r.Observed {
		t.Errorf("%v %+v", ok, got)
	}
}

func TestTheAPIServerRefusesAnAcknowledgementThatIsNoCommit(t *testing.T) {
	b := newBench(t)
	b.save(b.store, b.record(), view)
	if err := b.patchSpec(`{"acknowledge":"v1.2"}`); err == nil || !strings.Contains(err.Error(), "spec.acknowledge") {
		t.Errorf("accepted, or another error: %v", err)
	}
	if err := b.patchSpec(`{"acknowledge":"` + strings.Repeat("a", 40) + `"}`); err != nil {
		t.Errorf("a commit is refused: %v", err)
	}
}

func TestWithoutTheRightToInstallItIsEnoughThatSomebodyDid(t *testing.T) {
	b := newBench(t)
	config := rest.CopyConfig(b.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: "nobody", Groups: []string{"system:authenticated"}}
	if err := Install(t.Context(), config); err != nil {
		t.Errorf("installed by an administrator, and still: %v", err)
	}
	_, err := Open(t.Context(), config, Options{})
	if err == nil || !strings.Contains(err.Error(), "deliveries") || !strings.Contains(err.Error(), "forbidden") {
		t.Errorf("without the right to watch: %v", err)
	}
}

func TestKubectlShowsWhatRunsWhatWaitsAndOnWhom(t *testing.T) {
	b := newBench(t)
	v := view
	v.Full = reconcile.Live{Digest: "d", Health: reconcile.Healthy, Pods: "9/9 Pods ready"}
	b.save(b.store, b.record(), v)
	client, err := kubernetes.NewForConfig(b.config)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := client.RESTClient().Get().
		AbsPath("/apis", v1alpha1.Version.String(), "namespaces", b.namespace, v1alpha1.Resource.Resource).
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var table metav1.Table
	if err := json.Unmarshal(raw, &table); err != nil {
		t.Fatal(err)
	}
	var shown []string
	for i, c := range table.ColumnDefinitions {
		if c.Priority == 0 && c.Name != "Age" {
			shown = append(shown, fmt.Sprintf("%s=%v", c.Name, table.Rows[0].Cells[i]))
		}
	}
	want := []string{
		"Name=" + string(b.service()), "Full=bbbbbbb", "Canary=<nil>", "PR=<nil>", "Step=Approval", "Ready=False",
		"Waits on=alice", "Reason=waits for a review",
	}
	if !slices.Equal(shown, want) {
		t.Errorf("shown %q", shown)
	}
}

func TestAWatchThatLagsBehindTakesNothingBack(t *testing.T) {
	s := newStore(t.Context(), nil, Options{})
	defer s.Close()
	version := func(version, observed string) *v1alpha1.Delivery {
		d := (&Store{}).newDelivery(reconcile.Record{Service: "x", Namespace: "n"})
		d.ResourceVersion, d.Status.ObservedCommit = version, observed
		return d
	}
	s.keep(version("10", "new"))
	late, err := encode(version("9", "old"))
	if err != nil {
		t.Fatal(err)
	}
	s.saw(late, false)
	if r, _, _ := s.Load("x"); r.Observed != "new" {
		t.Errorf("loaded %q", r.Observed)
	}
}
