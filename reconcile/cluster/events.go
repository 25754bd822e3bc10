package cluster

import (
	"reflect"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"

	"banksman.dev/render"
)

// ownHandler feeds the witness from a watch of our own objects, and names the
// services that something happened to.
func (c *Cluster) ownHandler(kind schema.GroupVersionKind) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerDetailedFuncs{
		AddFunc: func(o any, initial bool) {
			if m, err := meta.Accessor(o); err == nil {
				c.witness.see(identity(kind, m), sightingOf(m))
				if !initial {
					c.tell(m)
				}
			}
		},
		UpdateFunc: func(before, after any) {
			was, err1 := meta.Accessor(before)
			is, err2 := meta.Accessor(after)
			if err1 != nil || err2 != nil {
				return
			}
			past, now := sightingOf(was), sightingOf(is)
			if c.witness.see(identity(kind, is), now) || past.differs(now) || matters(was, is) {
				c.tell(is)
			}
			if serviceOf(was) != serviceOf(is) {
				c.tell(was)
			}
		},
		DeleteFunc: func(o any) {
			last, unknown := o.(cache.DeletedFinalStateUnknown)
			if unknown {
				o = last.Obj
			}
			if m, err := meta.Accessor(o); err == nil {
				c.witness.lose(identity(kind, m), sightingOf(m), unknown)
				c.tell(m)
			}
		},
	}
}

func identity(kind schema.GroupVersionKind, m metav1.Object) render.ObjectID {
	return render.ObjectID{Group: kind.Group, Kind: kind.Kind, Namespace: m.GetNamespace(), Name: m.GetName()}
}

// tell names the object's service to whoever listens.
func (c *Cluster) tell(m metav1.Object) {
	if service := serviceOf(m); service != "" {
		c.queue.Add(render.ServiceName(service))
	}
}

// differs says whether what is owned, wanted or held of an object changed.
func (s sighting) differs(o sighting) bool {
	return s.uid != o.uid || s.entry != o.entry || s.generation != o.generation ||
		s.deleting != o.deleting || s.leftover != o.leftover || s.held != o.held
}

// matters says whether a change may change what Live answers. Foreign labels
// and annotations are not among them.
func matters(was, is metav1.Object) bool {
	for _, key := range []string{AnnotationContent, AnnotationDigest} {
		if annotation(was, key) != annotation(is, key) {
			return true
		}
	}
	return !reflect.DeepEqual(statusOf(was), statusOf(is))
}

func statusOf(m metav1.Object) any {
	if u, ok := m.(*unstructured.Unstructured); ok {
		return u.Object["status"]
	}
	return nil
}

// autoscalerHandler wakes the service of a workload that gets or loses its
// autoscaler.
func (c *Cluster) autoscalerHandler() cache.ResourceEventHandler {
	tell := func(o any) {
		u, ok := o.(*unstructured.Unstructured)
		if !ok {
			return
		}
		version, _, _ := unstructured.NestedString(u.Object, "spec", "scaleTargetRef", "apiVersion")
		kind, _, _ := unstructured.NestedString(u.Object, "spec", "scaleTargetRef", "kind")
		name, _, _ := unstructured.NestedString(u.Object, "spec", "scaleTargetRef", "name")
		if live := c.cached(schema.FromAPIVersionAndKind(version, kind), u.GetNamespace(), name); live != nil {
			c.tell(live)
		}
	}
	return cache.ResourceEventHandlerDetailedFuncs{
		AddFunc: func(o any, initial bool) {
			if !initial {
				tell(o)
			}
		},
		DeleteFunc: func(o any) {
			if last, ok := o.(cache.DeletedFinalStateUnknown); ok {
				o = last.Obj
			}
			tell(o)
		},
	}
}

// cached finds one of our own objects in a watch that runs already.
func (c *Cluster) cached(kind schema.GroupVersionKind, namespace, name string) *unstructured.Unstructured {
	p, err := c.find(kind, namespace, name)
	if err != nil {
		return nil
	}
	w := c.watches.running(p)
	if w == nil {
		return nil
	}
	o, _ := w.get(p)
	u, _ := o.(*unstructured.Unstructured)
	return u
}
