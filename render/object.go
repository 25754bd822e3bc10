package render

import (
	"cmp"
	"strings"
)

// Object is one Kubernetes object as plain values: map[string]any, []any, string, bool, int64, float64 and nil,
// the types that unstructured.Unstructured accepts.
type Object map[string]any

// ObjectID is an object's identity. The version is not part of it: apps/v1 and apps/v1beta1 name the same Deployment.
type ObjectID struct{ Group, Kind, Namespace, Name string }

// APIVersion is "apps/v1" or "v1".
func (o Object) APIVersion() string { return text(o, "apiVersion") }

// Kind is "Deployment".
func (o Object) Kind() string { return text(o, "kind") }

// Name is metadata.name.
func (o Object) Name() string { return text(o.metadata(), "name") }

// Namespace is metadata.namespace, "" for a cluster-scoped object.
func (o Object) Namespace() string { return text(o.metadata(), "namespace") }

// ID is the object's identity.
func (o Object) ID() ObjectID {
	return ObjectID{Group: groupOf(o.APIVersion()), Kind: o.Kind(), Namespace: o.Namespace(), Name: o.Name()}
}

// String names the object for a person: "Deployment dora-apps/fop-gate".
func (o Object) String() string { return o.ID().String() }

func (o Object) metadata() map[string]any {
	m, _ := o["metadata"].(map[string]any)
	return m
}

// clone is a deep copy.
func (o Object) clone() Object { return cloneValue(map[string]any(o)).(map[string]any) }

// String is "Deployment dora-apps/fop-gate", without the namespace for a cluster-scoped object.
func (id ObjectID) String() string {
	if id.Namespace == "" {
		return id.Kind + " " + id.Name
	}
	return id.Kind + " " + id.Namespace + "/" + id.Name
}

// Compare orders identities by group, kind, namespace and name.
func (id ObjectID) Compare(other ObjectID) int {
	return cmp.Or(cmp.Compare(id.Group, other.Group), cmp.Compare(id.Kind, other.Kind),
		cmp.Compare(id.Namespace, other.Namespace), cmp.Compare(id.Name, other.Name))
}

func text(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return s
}

func groupOf(apiVersion string) string {
	group, _, found := strings.Cut(apiVersion, "/")
	if !found {
		return ""
	}
	return group
}

func cloneValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, item := range v {
			m[k] = cloneValue(item)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = cloneValue(item)
		}
		return list
	}
	return v
}
