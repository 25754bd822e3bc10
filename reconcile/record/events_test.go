package record

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"banksman.dev/reconcile"
	"banksman.dev/reconcile/api/v1alpha1"
)

func someTransition() reconcile.Transition {
	return reconcile.Transition{
		ID: "dora-apps/fop-gate/awaiting-approval/3/1772452800", Event: reconcile.EventAwaitingApproval, Service: "fop-gate", Namespace: "dora-apps",
		Ref: reconcile.Ref{Commit: "1a2b3c4", Digest: "d1", Pull: 12}, Step: reconcile.StepApproval, Reason: "waits for a review of #12",
		Waits: []string{"alice", "bob"}, Next: "review https://github.com/dora/manifests/pull/12", URL: "https://github.com/dora/manifests/pull/12",
		At: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC),
	}
}

func someDelivery() *v1alpha1.Delivery {
	return &v1alpha1.Delivery{ObjectMeta: metav1.ObjectMeta{Name: "fop-gate", Namespace: "dora-apps", UID: "u1", ResourceVersion: "7"}}
}

func TestAnEventSaysATransition(t *testing.T) {
	at := metav1.NewTime(time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC))
	want := &corev1.Event{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Event"},
		ObjectMeta: metav1.ObjectMeta{
			Name: "fop-gate.022eac8d2d59e5c4", Namespace: "dora-apps", Labels: map[string]string{"app.kubernetes.io/managed-by": "banksman"},
			Annotations: map[string]string{
				"banksman.dev/event": "awaiting-approval", "banksman.dev/commit": "1a2b3c4", "banksman.dev/digest": "d1",
				"banksman.dev/pull": "12", "banksman.dev/url": "https://github.com/dora/manifests/pull/12",
			},
		},
		InvolvedObject: corev1.ObjectReference{APIVersion: "banksman.dev/v1alpha1", Kind: "Delivery", Namespace: "dora-apps", Name: "fop-gate", UID: "u1", ResourceVersion: "7"},
		Type:           "Normal", Reason: "AwaitingApproval",
		Message: "waits for a review of #12; waits for alice, bob; next: review https://github.com/dora/manifests/pull/12",
		Source:  corev1.EventSource{Component: "banksman"}, ReportingController: "banksman",
		FirstTimestamp: at, LastTimestamp: at, Count: 1,
	}
	if diff := cmp.Diff(want, eventOf(someTransition(), someDelivery())); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestTheNameOfAnEventFollowsFromItsTransition(t *testing.T) {
	d := someDelivery()
	name := func(change func(*reconcile.Transition)) string {
		n := someTransition()
		change(&n)
		return eventOf(n, d).Name
	}
	first := name(func(*reconcile.Transition) {})
	if same := name(func(n *reconcile.Transition) { n.Reason = "other words" }); same != first {
		t.Error("the same transition has two names")
	}
	if other := name(func(n *reconcile.Transition) { n.ID += "1" }); other == first {
		t.Error("two transitions have one name")
	}
	d.Name = strings.Repeat("a", 199) + "." + strings.Repeat("b", 53)
	if long := name(func(*reconcile.Transition) {}); len(long) > 253 || strings.Contains(long, "..") {
		t.Errorf("%s is no name", long)
	}
}

func TestTheReasonOfAnEventIsOneWord(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range reconcile.Events() {
		n := someTransition()
		n.Event = e
		got := eventOf(n, someDelivery())
		if seen[got.Reason] || strings.ContainsAny(got.Reason, " -") || got.Reason[0] < 'A' || got.Reason[0] > 'Z' {
			t.Errorf("%s: %q", e, got.Reason)
		}
		seen[got.Reason] = true
		if (got.Type == corev1.EventTypeWarning) != e.Warns() {
			t.Errorf("%s is %s", e, got.Type)
		}
	}
}

func TestALongMessageIsCutBetweenLetters(t *testing.T) {
	for n := range 4 {
		tr := someTransition()
		tr.Reason = strings.Repeat("x", n) + strings.Repeat("é", 600)
		if got := messageOf(tr); len(got) > 1024 || len(got) < 1020 || !utf8.ValidString(got) || !strings.HasSuffix(got, "é…") {
			t.Errorf("%d bytes, ends in %q", len(got), got[len(got)-8:])
		}
	}
}

// deaf is a Store whose API server takes no Event before it is let go.
func deaf(t *testing.T, asked chan<- struct{}, let <-chan struct{}) (*Store, *strings.Builder) {
	t.Helper()
	config := &rest.Config{Host: "http://127.0.0.1:1", QPS: -1, Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		select {
		case asked <- struct{}{}:
		default:
		}
		select {
		case <-let:
			return nil, http.ErrServerClosed
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	})}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	s := newStore(t.Context(), client, Options{Logger: slog.New(slog.NewTextHandler(&said, nil))})
	s.take(someDelivery())
	return s, &said
}

func TestWhoeverTellsWaitsForNobody(t *testing.T) {
	asked, let := make(chan struct{}, 1), make(chan struct{})
	s, said := deaf(t, asked, let)
	s.Tell(someTransition())
	<-asked // it is being written
	for range mostEvents + 3 {
		s.Tell(someTransition())
	}
	if got := s.Dropped(); got != 3 {
		t.Errorf("%d were dropped", got)
	}
	close(let)
	s.Close()
	if got := s.Dropped(); got != mostEvents+4 {
		t.Errorf("%d were dropped in the end", got)
	}
	if n := strings.Count(said.String(), "an Event was not written"); n != 1 {
		t.Errorf("it is said %d times: %s", n, said)
	}
}

func TestAnEventOfADeliveryThatIsGoneIsDropped(t *testing.T) {
	s, _ := deaf(t, nil, nil)
	n := someTransition()
	n.Namespace = "elsewhere"
	s.Tell(n)
	s.Close()
	if got := s.Dropped(); got != 1 {
		t.Errorf("%d were dropped", got)
	}
}

func TestEventsStandBesideTheirDelivery(t *testing.T) {
	b := newBench(t)
	kube := kubernetes.NewForConfigOrDie(b.config)
	r := reconcile.Record{Service: "web", Namespace: b.namespace, Observed: "1111111222222222222222222222222222222222"}
	if err := b.store.Save(t.Context(), r, reconcile.View{Step: reconcile.StepCanary, Reason: "so"}); err != nil {
		t.Fatal(err)
	}
	n := someTransition()
	n.Service, n.Namespace = "web", b.namespace
	b.store.Tell(n)
	b.store.Tell(n) // as another process would, that does not know
	held := n
	held.ID, held.Event, held.Reason = n.ID+"0", reconcile.EventHeld, "it is held"
	b.store.Tell(held)
	b.store.Close()
	if got := b.store.Dropped(); got != 0 {
		t.Errorf("%d were dropped", got)
	}
	d, err := kube.RESTClient().Get().AbsPath("/apis/banksman.dev/v1alpha1/namespaces/" + b.namespace + "/deliveries/web").DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// What kubectl describe asks for.
	selector := kube.CoreV1().Events(b.namespace).GetFieldSelector(new("web"), &b.namespace, new("Delivery"), nil)
	found, err := kube.CoreV1().Events(b.namespace).List(context.WithoutCancel(t.Context()), metav1.ListOptions{FieldSelector: selector.String()})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range found.Items {
		got = append(got, e.Type+" "+e.Reason+" "+e.Message)
		if !strings.Contains(string(d), `"uid":"`+string(e.InvolvedObject.UID)+`"`) || e.InvolvedObject.UID == types.UID("") {
			t.Errorf("it is of another object: %+v", e.InvolvedObject)
		}
	}
	if len(got) != 2 {
		t.Errorf("%q", got)
	}
	for _, want := range []string{"Normal AwaitingApproval waits for a review of #12", "Warning Held it is held"} {
		if !strings.Contains(strings.Join(got, "\n"), want) {
			t.Errorf("%q is not among %q", want, got)
		}
	}
}
