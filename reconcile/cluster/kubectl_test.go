package cluster

import (
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"

	"banksman.dev/reconcile"
)

// kubectlApply leaves what kubectl apply leaves at a first, client-side apply.
func (b *bench) kubectlApply(s reconcile.Set) {
	b.Helper()
	for _, o := range s.Objects {
		raw, err := json.Marshal(o)
		if err != nil {
			b.Fatal(err)
		}
		u := &unstructured.Unstructured{Object: runtime.DeepCopyJSON(o)}
		setAnnotations(u, map[string]string{lastApplied: string(raw)})
		b.create(u, "kubectl-client-side-apply")
	}
}

// create makes an object as somebody else.
func (b *bench) create(u *unstructured.Unstructured, manager string) {
	b.Helper()
	p, err := b.cluster.find(u.GroupVersionKind(), u.GetNamespace(), u.GetName())
	if err != nil {
		b.Fatal(err)
	}
	dyn := dynamic.NewForConfigOrDie(b.config)
	if _, err := dyn.Resource(p.resource).Namespace(p.namespace).Create(b.Context(), u, metav1.CreateOptions{FieldManager: manager}); err != nil {
		b.Fatal(err)
	}
}
