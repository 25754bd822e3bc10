package v1alpha1

import (
	_ "embed" // the manifest of the CustomResourceDefinition
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Version is the group and version of a Delivery.
var Version = schema.GroupVersion{Group: "banksman.dev", Version: "v1alpha1"}

// Resource is where the API server serves Deliveries.
var Resource = Version.WithResource("deliveries")

// Kind is the kind of a Delivery.
const Kind = "Delivery"

//go:embed banksman.dev_deliveries.yaml
var crd []byte

// CRD is the CustomResourceDefinition as YAML.
func CRD() []byte { return slices.Clone(crd) }
