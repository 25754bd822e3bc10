package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/fluxcd/pkg/ssa/utils"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"banksman.dev/reconcile"
	"banksman.dev/render"
)

// What banksman writes on an object's own metadata. Pod templates and selectors
// belong to the user.
const (
	LabelService   = "banksman.dev/service"
	LabelTrack     = "banksman.dev/track"
	LabelManagedBy = "app.kubernetes.io/managed-by"
	// AnnotationContent is a hash of the object as it was rendered. It tells,
	// also after a restart, whether this object has the wanted content.
	AnnotationContent = "banksman.dev/content"
	// AnnotationCommit and AnnotationDigest name the release, on workloads.
	AnnotationCommit = "banksman.dev/commit"
	AnnotationDigest = "banksman.dev/digest"
	// AnnotationPrune with the value "confirm" lets banksman delete objects of
	// kinds that it otherwise never deletes.
	AnnotationPrune = "banksman.dev/prune"
)

// A wanted object is one object of a set.
type wanted struct {
	id       render.ObjectID // as it was rendered
	place    place           // where the API server has it
	service  render.ServiceName
	source   string
	content  string
	digest   string // of the release, on workloads; else ""
	workload bool
	// object is what is to be sent; nil until it is made.
	object *unstructured.Unstructured
}

// want says what is wanted of a rendered object.
func (c *Cluster) want(o render.Object, p place, s reconcile.Set) (wanted, error) {
	content, err := contentOf(o, s, c.source)
	if err != nil {
		return wanted{}, fmt.Errorf("hash %s: %w", o, err)
	}
	w := wanted{id: o.ID(), place: p, service: s.Service, source: c.source, content: content, workload: isWorkload(p.kind.GroupKind())}
	if w.workload {
		w.digest = string(s.Ref.Digest)
	}
	return w, nil
}

// make makes the object to send of the rendered one.
func (w *wanted) make(o render.Object, s reconcile.Set) {
	w.object = &unstructured.Unstructured{Object: runtime.DeepCopyJSON(map[string]any(o))}
	utils.RemoveCABundleFromCRD(w.object)
	w.object.SetNamespace(w.place.namespace)
	setLabels(w.object, map[string]string{
		LabelService:   string(s.Service),
		LabelTrack:     string(s.Track),
		LabelManagedBy: Owner,
	})
	if w.source != "" {
		setLabels(w.object, map[string]string{LabelSource: w.source})
	} else {
		unstructured.RemoveNestedField(w.object.Object, "metadata", "labels", LabelSource)
	}
	annotations := map[string]string{AnnotationContent: w.content}
	if w.workload {
		annotations[AnnotationDigest] = w.digest
		annotations[AnnotationCommit] = string(s.Ref.Commit)
	}
	setAnnotations(w.object, annotations)
}

// isOn says whether a live object was last applied with the wanted content.
func (w wanted) isOn(live metav1.Object) bool {
	return annotation(live, AnnotationContent) == w.content && annotation(live, AnnotationDigest) == w.digest
}

// keepCommit leaves the commit on a live workload as it is while the digest
// stays: a commit that changes nothing sends nothing.
func (w wanted) keepCommit(live *unstructured.Unstructured) {
	if !w.workload || live == nil {
		return
	}
	a := live.GetAnnotations()
	if a[AnnotationDigest] == w.digest && a[AnnotationCommit] != "" {
		setAnnotations(w.object, map[string]string{AnnotationCommit: a[AnnotationCommit]})
	}
}

// contentOf hashes what was rendered and what is said of it by labels.
func contentOf(o render.Object, s reconcile.Set, source string) (string, error) {
	what := []any{o, s.Service, s.Track}
	if source != "" {
		what = append(what, source)
	}
	raw, err := json.Marshal(what)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8]), nil
}

func annotation(o metav1.Object, key string) string { return mark(o, "annotations", key) }

// serviceOf is the service that an object says it is of.
func serviceOf(o metav1.Object) string { return mark(o, "labels", LabelService) }

// mark reads one label or annotation, without copying them all.
func mark(o metav1.Object, field, key string) string {
	if u, ok := o.(*unstructured.Unstructured); ok {
		v, _, _ := unstructured.NestedFieldNoCopy(u.Object, "metadata", field, key)
		s, _ := v.(string)
		return s
	}
	if field == "labels" {
		return o.GetLabels()[key]
	}
	return o.GetAnnotations()[key]
}

func setLabels(u *unstructured.Unstructured, add map[string]string) {
	u.SetLabels(merged(u.GetLabels(), add))
}

func setAnnotations(u *unstructured.Unstructured, add map[string]string) {
	u.SetAnnotations(merged(u.GetAnnotations(), add))
}

func merged(m, add map[string]string) map[string]string {
	if m == nil {
		m = map[string]string{}
	}
	for k, v := range add {
		m[k] = v
	}
	return m
}
