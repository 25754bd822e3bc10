// Package v1alpha1 is the Delivery: the Kubernetes object that shows one
// service's state and takes an operator's orders.
//
// It holds types and their schema, no behaviour; how a reconcile.Record becomes
// a Delivery is the matter of reconcile/record. Its entry point is Delivery;
// CRD is the manifest that a cluster needs to know it.
//
// +kubebuilder:object:generate=true
// +groupName=banksman.dev
package v1alpha1

//go:generate go run sigs.k8s.io/controller-tools/cmd/controller-gen@v0.21.0 object crd:crdVersions=v1,generateEmbeddedObjectMeta=false paths=. output:crd:dir=.
