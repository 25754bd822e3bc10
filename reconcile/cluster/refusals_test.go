package cluster

import (
	"context"
	"errors"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"banksman.dev/reconcile"
)

// refused applies a set that must be refused, and returns the error.
func (b *bench) refused(s reconcile.Set, permanent bool, words ...string) {
	b.Helper()
	var err error
	w := writes(b.sent.during(func() { _, err = b.cluster.Apply(b.Context(), s) }))
	var e *reconcile.ApplyError
	if !errors.As(err, &e) {
		b.Fatalf("not an ApplyError: %v", err)
	}
	if e.Permanent != permanent {
		b.Errorf("permanent: %v: %v", e.Permanent, err)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			b.Errorf("%q is not in: %v", word, err)
		}
	}
	if len(w) > 0 {
		b.Errorf("a refused set wrote %q", w)
	}
}

func TestASetIsRefusedWholeWhen(t *testing.T) {
	t.Run("the namespace does not exist", func(t *testing.T) {
		b := newBench(t)
		s := b.setOf(strings.ReplaceAll(manifests, "NS", "banksman-nowhere"))
		b.refused(s, true, "namespace banksman-nowhere does not exist", "kubectl create namespace banksman-nowhere")
	})
	t.Run("the cluster does not know a kind", func(t *testing.T) {
		b := newBench(t)
		s := b.setOf(manifests + "---\napiVersion: example.org/v1\nkind: Gadget\nmetadata: {name: g, namespace: NS}\n")
		b.refused(s, true, "apply Gadget "+b.namespace+"/g", `no kind Gadget in the API group "example.org"`, "CustomResourceDefinition")
	})
	t.Run("a field is not known to the schema's rules", func(t *testing.T) {
		b := newBench(t)
		b.refused(b.set("port: 80", "port: 80000"), true, "Service "+b.namespace+"/fop-gate", "80000", "correct the template")
	})
	t.Run("an immutable field changed, and the object stays", func(t *testing.T) {
		b := newBench(t)
		b.apply(b.set())
		uid := b.deploymentUID()
		s := b.set("app: fop-gate}}\n  template", "app: other}}\n  template", "labels: {app: fop-gate}}\n    spec", "labels: {app: other}}\n    spec", "quiet", "loud")
		b.refused(s, true, "Deployment "+b.namespace+"/fop-gate", "immutable", "another name")
		if b.deploymentUID() != uid {
			t.Error("the Deployment was replaced")
		}
	})
	t.Run("another service has the object", func(t *testing.T) {
		b := newBench(t)
		b.apply(b.set())
		s := b.set("quiet", "loud")
		s.Service = "other"
		b.refused(s, true, "claimed by the service fop-gate")
	})
	t.Run("another field owner applies a value of its own", func(t *testing.T) {
		b := newBench(t)
		b.apply(b.set())
		b.becomes(b.set(), reconcile.Healthy) // else what follows may be about something else
		body := `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"fop-gate"},"data":{"mode":"loud"}}`
		force := true
		if _, err := b.kube.CoreV1().ConfigMaps(b.namespace).Patch(t.Context(), "fop-gate", types.ApplyPatchType, []byte(body),
			metav1.PatchOptions{FieldManager: "operator", Force: &force}); err != nil {
			t.Fatal(err)
		}
		b.eventually("the watch shows it", func() bool { return b.live(b.set()).Health != reconcile.Healthy })
		b.refused(b.set(), true, "ConfigMap "+b.namespace+"/fop-gate", "operator keeps .data.mode")
	})
	t.Run("the account may not write", func(t *testing.T) {
		b := newBench(t)
		config := rest.CopyConfig(b.config)
		config.Impersonate = rest.ImpersonationConfig{UserName: "nobody"}
		b.config = config
		b.cluster = b.open(Options{})
		b.refused(b.set(), true, "nobody may not list", "in the whole cluster", "give it the rights get, list, watch")
	})
}

func TestAnotherToolsClaim(t *testing.T) {
	claims := map[string]struct {
		labels, annotations map[string]string
		manager, by         string
	}{
		"Flux Kustomization": {labels: map[string]string{"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}, by: "Flux (Kustomization flux-system/apps)"},
		"Flux HelmRelease":   {labels: map[string]string{"helm.toolkit.fluxcd.io/name": "apps", "helm.toolkit.fluxcd.io/namespace": "x"}, by: "Flux (HelmRelease x/apps)"},
		"Argo CD by id":      {annotations: map[string]string{"argocd.argoproj.io/tracking-id": "shop:/ConfigMap:x/y"}, by: "Argo CD (Application shop)"},
		"Argo CD by label":   {labels: map[string]string{"app.kubernetes.io/instance": "shop"}, manager: "argocd-controller", by: "Argo CD (Application shop)"},
		"Helm":               {annotations: map[string]string{"meta.helm.sh/release-name": "r", "meta.helm.sh/release-namespace": "n"}, by: "Helm (release n/r)"},
	}
	for name, c := range claims {
		t.Run("of "+name+" is respected unless adopting", func(t *testing.T) {
			b := newBench(t)
			s := b.set()
			u := &unstructured.Unstructured{Object: runtime.DeepCopyJSON(s.Objects[0])}
			setLabels(u, c.labels)
			setAnnotations(u, c.annotations)
			manager := c.manager
			if manager == "" {
				manager = "tool"
			}
			b.create(u, manager)
			b.refused(s, true, "claimed by "+c.by, "kubectl ", "run --adopt")
			b.cluster = b.open(Options{Adopt: true})
			b.apply(s)
		})
	}
}

func TestMarksThatAreRenderedAreNoClaim(t *testing.T) {
	b := newBench(t)
	s := b.set("name: fop-gate, namespace", `annotations: {meta.helm.sh/release-name: r}, name: fop-gate, namespace`)
	b.apply(s)
	b.cluster = b.open(Options{})
	b.apply(s)
}

var definitions = schema.GroupVersionResource{Group: crdKind.Group, Version: "v1", Resource: "customresourcedefinitions"}

func TestAKindIsDefinedBeforeItsObjects(t *testing.T) {
	b := newBench(t)
	group := b.namespace + ".example.org"
	t.Cleanup(func() {
		crds := dynamic.NewForConfigOrDie(b.config).Resource(definitions)
		if err := crds.Delete(context.WithoutCancel(b.Context()), "gadgets."+group, metav1.DeleteOptions{}); err != nil {
			t.Log(err)
		}
	})
	s := b.setOf(strings.ReplaceAll(gadget, "GROUP", group))
	if entries := b.apply(s); len(entries) != 2 {
		t.Errorf("entries %v", entries)
	}
	b.becomes(s, reconcile.Healthy)
}
