package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

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

// A wanted object is one object of a set, as it is to be sent.
type wanted struct {
	id       render.ObjectID // as it was rendered
	place    place           // where the API server has it
	object   *unstructured.Unstructured
	content  string
	digest   string // of the release, on workloads; else ""
	workload bool
}

// want makes the object to send of a rendered one.
func want(o render.Object, p place, s reconcile.Set) (wanted, error) {
	u := &unstructured.Unstructured{Object: runtime.DeepCopyJSON(map[string]any(o))}
	u.SetNamespace(p.namespace)
	content, err := contentOf(o, s)
	if err != nil {
		return wanted{}, fmt.Errorf("hash %s: %w", o, err)
	}
	setLabels(u, map[string]string{
		LabelService:   string(s.Service),
		LabelTrack:     string(s.Track),
		LabelManagedBy: Owner,
	})
	w := wanted{id: o.ID(), place: p, object: u, content: content, workload: isWorkload(p.kind.GroupKind())}
	annotations := map[string]string{AnnotationContent: content}
	if w.workload {
		w.digest = string(s.Ref.Digest)
		annotations[AnnotationDigest] = w.digest
		annotations[AnnotationCommit] = string(s.Ref.Commit)
	}
	setAnnotations(u, annotations)
	return w, nil
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
func contentOf(o render.Object, s reconcile.Set) (string, error) {
	raw, err := json.Marshal([]any{o, s.Service, s.Track})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8]), nil
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
