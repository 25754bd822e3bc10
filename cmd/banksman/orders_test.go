package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	kubetesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/clientcmd"

	"banksman.dev/reconcile/api/v1alpha1"
	"banksman.dev/reconcile/record"
)

// ordered is a pretended cluster with the Deliveries of a file, in which carol
// asks.
func ordered(file string) (clients, error) {
	found, err := deliveriesFrom(file, "")
	if err != nil {
		return clients{}, err
	}
	all, err := unstructuredOf(found)
	if err != nil {
		return clients{}, err
	}
	objects := make([]runtime.Object, len(all))
	for i, o := range all {
		objects[i] = o
	}
	c, client := pretendedCluster(objects...)
	client.PrependReactor("create", "selfsubjectreviews", func(action kubetesting.Action) (bool, runtime.Object, error) {
		answer := &unstructured.Unstructured{Object: map[string]any{}}
		return true, answer, unstructured.SetNestedField(answer.Object, "carol@example.com", "status", "userInfo", "username")
	})
	return c, nil
}

func TestAnEndIsAMomentToCome(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	now := time.Date(2026, 11, 21, 17, 30, 15, 999, berlin)
	for _, c := range []struct {
		name  string
		span  time.Duration
		clock string
		want  string // "" none
	}{
		{"none is none", 0, "", ""},
		{"a span begins now", 90 * time.Minute, "", "2026-11-21T18:00:15Z"},
		{"a time of day is the person's own, today", 0, "18:00", "2026-11-21T17:00:00Z"},
		{"a time of day that has passed is tomorrow's", 0, "17:30", "2026-11-22T16:30:00Z"},
		{"a moment is itself", 0, "2026-12-01T06:00:00+01:00", "2026-12-01T05:00:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			end, err := endOf(now, c.span, c.clock)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if end != nil {
				got = end.Format(time.RFC3339)
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestTheNearestNameIsTheOneThatWasMeant(t *testing.T) {
	names := []string{"fop-gate", "gateway", "ledger", "billing-a", "billing-b"}
	for typed, want := range map[string]string{
		"fopgate":   "fop-gate",
		"fop-gaet":  "fop-gate",
		"legder":    "ledger",
		"gatewya":   "gateway",
		"billing-c": "", // it could be two
		"x":         "",
		"nothing":   "",
		"":          "",
	} {
		if got := nearest(typed, names); got != want {
			t.Errorf("nearest to %q: got %q, want %q", typed, got, want)
		}
	}
	if got := nearest("shraed", []string{"shared", "shared"}); got != "shared" {
		t.Errorf("a name of two namespaces is one name: got %q", got)
	}
}

func TestOnlyAYesIsAYes(t *testing.T) {
	for typed, want := range map[string]bool{
		"y\n": true, "yes\n": true, " YES \n": true, "y": true, "n\n": false, "\n": false, "": false, "yep\n": false, "no, yes\n": false,
	} {
		var asked bytes.Buffer
		p := newProgram(genericiooptions.IOStreams{In: strings.NewReader(typed), Out: &bytes.Buffer{}, ErrOut: &asked})
		p.asksPeople = func() bool { return true }
		err := p.confirm("Answer for this? [y/N] ")
		if !strings.HasPrefix(asked.String(), "Answer for this? [y/N] ") {
			t.Errorf("%q: the question was %q", typed, asked.String())
		}
		if got := err == nil; got != want || !want && !errors.Is(err, errNotConfirmed) {
			t.Errorf("%q: got %v, want a yes: %t", typed, err, want)
		}
	}
}

func TestNobodyIsAskedWhereNobodySits(t *testing.T) {
	nowhere, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = nowhere.Close() }()
	p := newProgram(genericiooptions.IOStreams{In: nowhere, Out: &bytes.Buffer{}, ErrOut: &bytes.Buffer{}})
	var f *failure
	if err := p.confirm("?"); !errors.As(err, &f) || f.code != exitDecide || !strings.Contains(f.try, "--yes") {
		t.Errorf("got %v", err)
	}
}

const kubeconfigVariable = "BANKSMAN_TEST_KUBECONFIG"

// An orderedCluster is a namespace of a real API server with one Delivery.
type orderedCluster struct {
	*testing.T
	kubeconfig, namespace string
	deliveries            dynamic.ResourceInterface
}

func newOrderedCluster(t *testing.T) *orderedCluster {
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
	if err := record.Install(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	kube := kubernetes.NewForConfigOrDie(config)
	ns, err := kube.CoreV1().Namespaces().Create(t.Context(), &core.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "banksman-orders-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := kube.CoreV1().Namespaces().Delete(context.WithoutCancel(t.Context()), ns.Name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	c := &orderedCluster{T: t, kubeconfig: path, namespace: ns.Name}
	c.deliveries = dynamic.NewForConfigOrDie(config).Resource(v1alpha1.Resource).Namespace(ns.Name)
	d := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "banksman.dev/v1alpha1", "kind": "Delivery"}}
	d.SetName("gate")
	d.SetLabels(map[string]string{"app.kubernetes.io/managed-by": "banksman"}) // as banksman makes it
	if d, err = c.deliveries.Create(t.Context(), d, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	const head = "6666666666666666666666666666666666666666"
	d.Object["status"] = map[string]any{
		"step": "Held", "reason": "6666666 is held", "observedGeneration": d.GetGeneration(),
		"head":  map[string]any{"commit": head, "digest": "d6"},
		"holds": []any{map[string]any{"commit": head, "digest": "d6", "stage": "canary"}},
	}
	if _, err := c.deliveries.UpdateStatus(t.Context(), d, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	return c
}

// run runs a verb as a person who is somebody else.
func (c *orderedCluster) run(person string, args ...string) (code int, said string) {
	c.Helper()
	var out, errOut bytes.Buffer
	p := newProgram(genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut})
	args = append(args, "-n", c.namespace, "--kubeconfig", c.kubeconfig, "--as", person, "--as-group", "system:authenticated")
	code = p.run(c.Context(), args)
	return code, out.String() + errOut.String()
}

func (c *orderedCluster) delivery() v1alpha1.Delivery {
	c.Helper()
	u, err := c.deliveries.Get(c.Context(), "gate", metav1.GetOptions{})
	if err != nil {
		c.Fatal(err)
	}
	var d v1alpha1.Delivery
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &d); err != nil {
		c.Fatal(err)
	}
	return d
}

// TestOrdersReachARealAPIServer: the definition of a Delivery takes what the
// verbs write, in the name of the person that the server knows.
func TestOrdersReachARealAPIServer(t *testing.T) {
	c := newOrderedCluster(t)
	const carol = "carol@example.com"

	if code, said := c.run(carol, "suspend", "gate"); code != exitFailed || !strings.Contains(said, "refuses it") {
		t.Errorf("without any right: exit code %d\n%s", code, said)
	}
	c.grant(carol, "get", "list")
	if code, said := c.run(carol, "suspend", "gate"); code != exitFailed || !strings.Contains(said, "you may not give orders to gate in namespace "+c.namespace) ||
		!strings.Contains(said, "a Role needs the verbs get, list and patch on deliveries.banksman.dev") {
		t.Errorf("without the right to patch: exit code %d\n%s", code, said)
	}
	c.grant(carol, "patch")

	for _, order := range [][]string{
		{"suspend", "gate", "--reason", "month end", "--for", "2h"},
		{"retry", "gate", "--reason", "the nodes are back"},
		{"acknowledge", "gate", "6666", "--yes", "--reason", "hotfix"},
	} {
		if code, said := c.run(carol, append(order, "--wait=false")...); code != exitOK {
			t.Fatalf("%v: exit code %d\n%s", order, code, said)
		}
	}
	d := c.delivery()
	s := d.Spec
	if s.Suspend == nil || s.Suspend.By != carol || s.Suspend.Reason != "month end" || s.Suspend.Until == nil {
		t.Errorf("suspend is %+v", s.Suspend)
	}
	if s.Retry == "" || s.RetryBy != carol || s.RetryReason != "the nodes are back" {
		t.Errorf("retry is %+v", s)
	}
	if s.Acknowledge != d.Status.Head.Commit || s.AcknowledgeBy != carol || s.AcknowledgeReason != "hotfix" {
		t.Errorf("acknowledge is %+v", s)
	}
	owned := false
	for _, o := range d.ManagedFields {
		owned = owned || o.Manager == orderOwner && o.Subresource == ""
	}
	if !owned {
		t.Errorf("%s owns nothing: %+v", orderOwner, d.ManagedFields)
	}

	// Nobody looks: it is said, and the order stands.
	code, said := c.run(carol, "resume", "gate", "--timeout", "1s", "--reason", "over")
	if code != exitFailed || !strings.Contains(said, "banksman has not taken note of the order for gate within 1s") {
		t.Errorf("nobody looks: exit code %d\n%s", code, said)
	}
	d = c.delivery()
	if d.Spec.Suspend != nil || d.Annotations[v1alpha1.AnnotationResumedBy] != carol || d.Annotations[v1alpha1.AnnotationResumeReason] != "over" {
		t.Errorf("after resume: %+v %v", d.Spec.Suspend, d.Annotations)
	}

	// Somebody looks: the verb ends with it.
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.takeNoteOf(d.Generation + 1)
	}()
	if code, said = c.run(carol, "suspend", "gate", "--timeout", "90s"); code != exitOK || !strings.Contains(said, "gate: banksman has taken note; Suspended") {
		t.Errorf("somebody looks: exit code %d\n%s", code, said)
	}
	<-ended
}
