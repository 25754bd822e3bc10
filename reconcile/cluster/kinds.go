package cluster

import (
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"banksman.dev/render"
)

// A place is where the API server has an object.
type place struct {
	kind      schema.GroupVersionKind
	resource  schema.GroupVersionResource
	namespace string // "" for a cluster-scoped object, whatever was rendered
	name      string
}

// id is the identity that the API server and the watches know.
func (p place) id() render.ObjectID {
	return render.ObjectID{Group: p.kind.Group, Kind: p.kind.Kind, Namespace: p.namespace, Name: p.name}
}

func (p place) key() client.ObjectKey {
	return client.ObjectKey{Namespace: p.namespace, Name: p.name}
}

var errNoNamespace = errors.New("it names no namespace")

// find asks what the API server calls a kind. Kinds that it does not serve are
// asked for again each time: somebody may install them.
func (c *Cluster) find(kind schema.GroupVersionKind, namespace, name string) (place, error) {
	mapping, err := c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return place{}, fmt.Errorf("find kind %s in %s: %w", kind.Kind, kind.GroupVersion(), err)
	}
	p := place{kind: kind, resource: mapping.Resource, namespace: namespace, name: name}
	if mapping.Scope.Name() == meta.RESTScopeNameRoot {
		p.namespace = ""
	} else if namespace == "" {
		return place{}, errNoNamespace
	}
	return c.admit(p)
}

// findAny is find for an object that may have been applied in a version that is
// not served any more.
func (c *Cluster) findAny(kind schema.GroupVersionKind, namespace, name string) (place, error) {
	p, err := c.find(kind, namespace, name)
	if !meta.IsNoMatchError(err) {
		return p, err
	}
	mapping, err := c.mapper.RESTMapping(kind.GroupKind())
	if err != nil {
		return place{}, fmt.Errorf("find kind %s in the API group %q: %w", kind.Kind, kind.Group, err)
	}
	return c.find(mapping.GroupVersionKind, namespace, name)
}

func kindOf(o render.Object) schema.GroupVersionKind {
	return schema.FromAPIVersionAndKind(o.APIVersion(), o.Kind())
}

// isWorkload says whether a kind's objects carry the commit and the digest.
func isWorkload(k schema.GroupKind) bool {
	switch k {
	case schema.GroupKind{Group: "apps", Kind: "Deployment"},
		schema.GroupKind{Group: "apps", Kind: "StatefulSet"},
		schema.GroupKind{Group: "apps", Kind: "DaemonSet"},
		schema.GroupKind{Group: "batch", Kind: "Job"},
		schema.GroupKind{Group: "batch", Kind: "CronJob"}:
		return true
	}
	return false
}

// isDefinition says whether other objects may need this one to exist.
func isDefinition(k schema.GroupKind) bool {
	return k == namespaceKind || k == crdKind
}

var (
	namespaceKind = schema.GroupKind{Kind: "Namespace"}
	crdKind       = schema.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}
)

// isProtected says whether a kind's objects are deleted only when they say so
// themselves, because what they hold cannot be brought back from Git.
func isProtected(k schema.GroupKind) bool {
	switch k {
	case namespaceKind, crdKind,
		schema.GroupKind{Kind: "PersistentVolume"},
		schema.GroupKind{Kind: "PersistentVolumeClaim"}:
		return true
	}
	return false
}

// isPlain says whether a kind's objects have no state of their own, so that
// watching their metadata is enough. Secrets are among them: their data is
// never held in memory.
func isPlain(k schema.GroupKind) bool {
	switch k.Group {
	case "":
		return k.Kind == "ConfigMap" || k.Kind == "Secret" || k.Kind == "ServiceAccount" ||
			k.Kind == "LimitRange" || k.Kind == "ResourceQuota"
	case "rbac.authorization.k8s.io", "scheduling.k8s.io", "storage.k8s.io", "admissionregistration.k8s.io":
		return true
	case "networking.k8s.io":
		return k.Kind == "NetworkPolicy" || k.Kind == "IngressClass"
	}
	return false
}
