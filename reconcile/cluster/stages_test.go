package cluster

import (
	"context"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"

	"banksman.dev/reconcile"
)

const gadget = `
apiVersion: GROUP/v1
kind: Gadget
metadata: {name: g, namespace: NS}
spec: {x: 1}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.GROUP}
spec:
  group: GROUP
  names: {kind: Gadget, listKind: GadgetList, plural: gadgets, singular: gadget}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

const elsewhere = `
apiVersion: v1
kind: Namespace
metadata: {name: NS-more}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: fop-gate, namespace: NS-more}
data: {mode: quiet}
`

const badService = `
apiVersion: v1
kind: Service
metadata: {name: bad, namespace: NS}
spec: {ports: [{port: 80000}]}
`

func TestWhatCanBeCheckedIsCheckedBeforeTheFirstDefinitionIsWritten(t *testing.T) {
	for name, first := range map[string]string{"a kind": gadget, "a namespace": elsewhere} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			text := strings.ReplaceAll(first+"---"+badService, "GROUP", b.namespace+".example.org")
			b.refused(b.setOf(text), true, "Service "+b.namespace+"/bad", "80000")
		})
	}
}

func TestANamespaceIsMadeBeforeItsObjects(t *testing.T) {
	b := newBench(t)
	more := b.namespace + "-more"
	t.Cleanup(func() {
		if err := b.kube.CoreV1().Namespaces().Delete(context.WithoutCancel(t.Context()), more, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			t.Error(err)
		}
	})
	s := b.setOf(elsewhere)
	if entries := b.apply(s); len(entries) != 2 {
		t.Errorf("entries %v", entries)
	}
	b.becomes(s, reconcile.Healthy)
}

func TestAKindAndItsObjectsThatAreThereCostNothing(t *testing.T) {
	b := newBench(t)
	group := b.namespace + ".example.org"
	t.Cleanup(func() {
		crds := dynamic.NewForConfigOrDie(b.config).Resource(definitions)
		if err := crds.Delete(context.WithoutCancel(t.Context()), "gadgets."+group, metav1.DeleteOptions{}); err != nil {
			t.Log(err)
		}
	})
	s := b.setOf(strings.ReplaceAll(gadget, "GROUP", group))
	s.Known = b.apply(s)
	b.becomes(s, reconcile.Healthy)
	if sent := b.sent.during(func() { b.apply(s) }); len(sent) > 0 {
		t.Errorf("sent %q", sent)
	}
	b.restart()
	for _, request := range b.sent.during(func() { b.apply(s) }) {
		if strings.Contains(request, "/gadgets") {
			t.Errorf("after a restart it sent %q", request)
		}
	}
}

func TestEveryRefusedObjectIsNamed(t *testing.T) {
	b := newBench(t)
	var all []string
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		all = append(all, strings.ReplaceAll(badService, "bad", name))
	}
	s := b.setOf(strings.Join(all, "---"))
	ns := b.namespace
	for range 3 { // the same each time
		b.refused(s, true, "apply Service "+ns+"/a: ",
			"(refused too: Service "+ns+"/b, Service "+ns+"/c, Service "+ns+"/d and 1 more)")
	}
}

func TestWhatEachObjectCosts(t *testing.T) {
	b := newBench(t)
	s := b.set()
	cost := func(s reconcile.Set) int { return len(objectRequests(b.sent.during(func() { b.apply(s) }))) }
	if n := cost(s); n != 2*3 {
		t.Errorf("3 new objects cost %d requests, want a dry run and an apply each", n)
	}
	b.becomes(s, reconcile.Healthy)
	next := b.set("quiet", "loud")
	if n := cost(next); n != 2 {
		t.Errorf("a single changed object costs %d requests, want a look and an apply", n)
	}
	b.becomes(next, reconcile.Healthy)
	next = b.set("quiet", "shrill", "port: 80", "port: 81")
	if n := cost(next); n != 2*3 {
		t.Errorf("2 changed objects cost %d requests, want a look, a dry run and an apply each", n)
	}
	if n := cost(next); n != 0 {
		t.Errorf("3 unchanged objects cost %d requests", n)
	}
}
