package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	installation "banksman.dev/cmd/banksman/install"
	"banksman.dev/reconcile/api/v1alpha1"
)

// The Deliveries are of the whole cluster: they are the memory of whichever banksman
// runs there, what was approved, held and struck.
func TestTheMemoryOfABanksmanThatRunsElsewhereIsNotRemoved(t *testing.T) {
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	for name, there := range map[string]runtime.Object{
		"one is installed in another namespace": standing("Deployment", "apps/v1", "banksman-system", "banksman-system", installation.FieldOwner),
		"one runs that was not installed":       leaseHeld("default", now.Add(-10*time.Second)),
		"one runs with this very namespace":     leaseHeld("banksman-systems", now.Add(-10*time.Second)),
	} {
		t.Run(name, func(t *testing.T) {
			remembered := &unstructured.Unstructured{Object: map[string]any{}}
			remembered.SetGroupVersionKind(v1alpha1.Version.WithKind(v1alpha1.Kind))
			remembered.SetNamespace("dora-apps")
			remembered.SetName("gate")
			cluster, client := pretendedCluster(remembered, there)
			var out, errOut bytes.Buffer
			p := newProgram(genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut})
			p.now = func() time.Time { return now }
			p.clients = func(*clusterFlags) (clients, error) { return cluster, nil }
			p.pause = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
			code := p.run(t.Context(), []string{"uninstall", "-n", "banksman-systems", "--yes", "--deliveries"})
			if want := "the Deliveries are the memory of another one: a banksman "; code != 1 || !strings.Contains(errOut.String(), want) {
				t.Errorf("exit code %d and %q, want 1 and %q", code, &errOut, want)
			}
			for _, action := range client.Actions() {
				if action.GetVerb() == "delete" {
					t.Errorf("deleted %s in %s; exit code %d\n%s%s", action.GetResource().Resource, action.GetNamespace(), code, &out, &errOut)
				}
			}
		})
	}
}

func TestTheMemoryOfABanksmanThatSomebodyElseAppliedIsNotRemoved(t *testing.T) {
	remembered := &unstructured.Unstructured{Object: map[string]any{}}
	remembered.SetGroupVersionKind(v1alpha1.Version.WithKind(v1alpha1.Kind))
	remembered.SetNamespace("dora-apps")
	remembered.SetName("gate")
	cluster, client := pretendedCluster(remembered,
		standing("Deployment", "apps/v1", "banksman-system", "banksman-system", "kustomize-controller"),
		standing("ConfigMap", "v1", "banksman-system", "banksman-system", installation.FieldOwner))
	var out, errOut bytes.Buffer
	p := newProgram(genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut})
	p.clients = func(*clusterFlags) (clients, error) { return cluster, nil }
	if code := p.run(t.Context(), []string{"uninstall", "--yes", "--deliveries"}); code != 1 {
		t.Errorf("exit code %d\n%s%s", code, &out, &errOut)
	}
	for _, action := range client.Actions() {
		if action.GetVerb() == "delete" {
			t.Errorf("deleted %s", action.GetResource().Resource)
		}
	}
}
