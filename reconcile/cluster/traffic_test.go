package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"banksman.dev/reconcile"
	"banksman.dev/render"
)

func TestManyServicesAreAppliedAtOnceAndTheAPIServerIsNotFlooded(t *testing.T) {
	b := newBench(t)
	var now, most atomic.Int64
	b.config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.URL.Query().Get("watch") == "" {
				n := now.Add(1)
				defer now.Add(-1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
			}
			return next.RoundTrip(r)
		})
	})
	b.cluster = b.open(Options{})
	const services = 64
	sets := make([]reconcile.Set, services)
	for i := range sets {
		name := fmt.Sprintf("s%d", i)
		sets[i] = b.set("metadata: {name: fop-gate, namespace", "metadata: {name: "+name+", namespace", "replicas: 3", "replicas: 0")
		sets[i].Service = render.ServiceName(name)
	}
	all := func() {
		var running sync.WaitGroup
		for _, s := range sets {
			running.Go(func() {
				applied, err := b.cluster.Apply(t.Context(), s)
				if err != nil || len(applied.Entries) != len(s.Objects) || len(applied.Repaired) > 0 {
					t.Errorf("%s: %v, %+v", s.Service, err, applied)
				}
			})
		}
		running.Wait()
	}
	all()
	if n := most.Load(); n > mostRequests {
		t.Errorf("%d requests at a time", n)
	}
	for _, s := range sets {
		b.becomes(s, reconcile.Healthy)
	}
	if sent := b.sent.during(all); len(sent) > 0 {
		t.Errorf("the second time it sent %d requests: %q", len(sent), sent[0])
	}
}

func TestTheGateLetsWatchesThroughAndNobodyWaitsForEver(t *testing.T) {
	hold := make(chan struct{})
	g := newGate(roundTripper(func(*http.Request) (*http.Response, error) {
		<-hold
		return &http.Response{Body: io.NopCloser(strings.NewReader(""))}, nil
	}))
	send := func(ctx context.Context, path string) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://api.invalid"+path, nil)
		if err != nil {
			return err
		}
		answer, err := g.RoundTrip(r)
		if err == nil {
			err = answer.Body.Close()
		}
		return err
	}
	var running sync.WaitGroup
	for range mostRequests {
		running.Go(func() {
			if err := send(t.Context(), "/x"); err != nil {
				t.Error(err)
			}
		})
	}
	slots := g.(*gate).slots
	for len(slots) < mostRequests && t.Context().Err() == nil {
		time.Sleep(time.Millisecond)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := send(ended, "/x"); !errors.Is(err, context.Canceled) {
		t.Errorf("one too many: %v", err)
	}
	running.Go(func() {
		if err := send(t.Context(), "/x?watch=true"); err != nil {
			t.Error(err)
		}
	})
	close(hold)
	running.Wait()
	if len(slots) != 0 {
		t.Errorf("%d slots are still taken", len(slots))
	}
}

// An API server that asks to come again later is asked again, in the same pass.
func TestATooBusyServerIsAskedAgain(t *testing.T) {
	b := newBench(t)
	var refused atomic.Int64
	b.config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.Method != http.MethodPatch || refused.Add(1) > 2 {
				return next.RoundTrip(r)
			}
			return &http.Response{
				StatusCode: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"1"}}, Request: r,
				Body: io.NopCloser(strings.NewReader("slow down")),
			}, nil
		})
	})
	b.cluster = b.open(Options{})
	b.apply(b.set())
	if refused.Load() < 3 {
		t.Error("nothing was refused")
	}
}

// However an API server hangs, an apply ends with its context, and may be tried
// again.
func TestAHangingServerHoldsNoApplyLongerThanItsContext(t *testing.T) {
	for name, hangs := range map[string]func(*http.Request) bool{
		"a dry run": func(r *http.Request) bool { return strings.Contains(r.URL.RawQuery, "dryRun") },
		"an apply":  func(r *http.Request) bool { return isWrite(r, "/deployments/") },
		"a list":    func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/services") },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			ctx, cancel := context.WithCancel(t.Context())
			b.config.Wrap(func(next http.RoundTripper) http.RoundTripper {
				return roundTripper(func(r *http.Request) (*http.Response, error) {
					if !hangs(r) {
						return next.RoundTrip(r)
					}
					cancel() // instead of waiting for the deadline
					<-r.Context().Done()
					return nil, r.Context().Err()
				})
			})
			b.cluster = b.open(Options{})
			_, err := b.cluster.Apply(ctx, b.set())
			var e *reconcile.ApplyError
			if !errors.As(err, &e) || e.Permanent || !errors.Is(err, context.Canceled) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestAWebhookThatIsDownIsNamedAndTriedAgain(t *testing.T) {
	b := newBench(t)
	s := b.set()
	name := b.namespace + ".example.org"
	hooks := b.kube.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	url, fail, none, all := "https://127.0.0.1:1/", admissionv1.Fail, admissionv1.SideEffectClassNone, admissionv1.AllScopes
	if _, err := hooks.Create(t.Context(), &admissionv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Webhooks: []admissionv1.ValidatingWebhook{{
			Name: "policy." + name, AdmissionReviewVersions: []string{"v1"}, SideEffects: &none, FailurePolicy: &fail,
			ClientConfig:      admissionv1.WebhookClientConfig{URL: &url},
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": b.namespace}},
			Rules: []admissionv1.RuleWithOperations{{
				Operations: []admissionv1.OperationType{admissionv1.OperationAll},
				Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"configmaps"}, Scope: &all},
			}},
		}},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	remove := sync.OnceFunc(func() {
		if err := hooks.Delete(context.WithoutCancel(t.Context()), name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(remove)
	b.eventually("the webhook is in the way", func() bool {
		_, err := b.kube.CoreV1().ConfigMaps(b.namespace).Create(t.Context(), byHand(nil), metav1.CreateOptions{DryRun: []string{"All"}})
		return err != nil
	})
	b.refused(s, false, "ConfigMap "+b.namespace+"/fop-gate", "the admission webhook policy."+name+" does not answer")
	remove()
	b.eventually("the next apply works", func() bool {
		_, err := b.cluster.Apply(t.Context(), s)
		return err == nil
	})
}
