package cluster

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"banksman.dev/reconcile"
)

// A claim is why an object is not ours to write.
type claim struct {
	by      string // "Flux (Kustomization flux-system/apps)"
	release string // how to release it
	firm    bool   // not even --adopt takes it over
}

// claimOn finds out whether somebody else claims a live object. Marks that the
// rendered object carries itself are no claim.
func claimOn(live *unstructured.Unstructured, w wanted) *claim {
	if other := live.GetLabels()[LabelService]; other != "" && other != w.object.GetLabels()[LabelService] {
		return &claim{
			by:      fmt.Sprintf("the service %s of this catalog", other),
			release: fmt.Sprintf("remove it from the templates of one of the two; once it is not in those of %s any more: %s", other, unlabel(w.place, LabelService)),
		}
	}
	m := marks{live, w.object}
	for _, find := range []func(marks, place) *claim{fluxClaim, argoClaim, helmClaim} {
		if c := find(m, w.place); c != nil {
			return c
		}
	}
	return nil
}

// marks are the labels and annotations of a live object that were not rendered.
type marks struct{ live, rendered *unstructured.Unstructured }

func (m marks) label(key string) string {
	if v := m.live.GetLabels()[key]; v != m.rendered.GetLabels()[key] {
		return v
	}
	return ""
}

func (m marks) annotation(key string) string {
	if v := m.live.GetAnnotations()[key]; v != m.rendered.GetAnnotations()[key] {
		return v
	}
	return ""
}

func fluxClaim(m marks, p place) *claim {
	for _, of := range []struct{ group, kind string }{
		{"kustomize.toolkit.fluxcd.io", "Kustomization"},
		{"helm.toolkit.fluxcd.io", "HelmRelease"},
	} {
		if name := m.label(of.group + "/name"); name != "" {
			return &claim{
				by: fmt.Sprintf("Flux (%s %s/%s)", of.kind, m.label(of.group+"/namespace"), name),
				release: fmt.Sprintf("take it out of that %s without pruning it, then: %s", of.kind,
					unlabel(p, of.group+"/name", of.group+"/namespace")),
			}
		}
	}
	return nil
}

func argoClaim(m marks, p place) *claim {
	const tracking, instance = "argocd.argoproj.io/tracking-id", "app.kubernetes.io/instance"
	if id := m.annotation(tracking); id != "" {
		app, _, _ := strings.Cut(id, ":")
		return &claim{
			by:      fmt.Sprintf("Argo CD (Application %s)", app),
			release: fmt.Sprintf("take it out of that Application without pruning it, then: kubectl annotate %s %s-", reference(p), tracking),
		}
	}
	if app := m.label(instance); app != "" && hasOwner(m.live, "argocd") {
		return &claim{
			by:      fmt.Sprintf("Argo CD (Application %s)", app),
			release: "take it out of that Application without pruning it, then: " + unlabel(p, instance),
		}
	}
	return nil
}

func helmClaim(m marks, p place) *claim {
	const release, namespace = "meta.helm.sh/release-name", "meta.helm.sh/release-namespace"
	if name := m.annotation(release); name != "" {
		return &claim{
			by: fmt.Sprintf("Helm (release %s/%s)", m.annotation(namespace), name),
			release: fmt.Sprintf("keep it out of that release (helm.sh/resource-policy: keep), then: kubectl annotate %s %s- %s-",
				reference(p), release, namespace),
		}
	}
	return nil
}

// hasOwner says whether a field owner whose name begins so wrote the object.
func hasOwner(u *unstructured.Unstructured, prefix string) bool {
	for _, f := range u.GetManagedFields() {
		if strings.HasPrefix(f.Manager, prefix) {
			return true
		}
	}
	return false
}

func unlabel(p place, keys ...string) string {
	return fmt.Sprintf("kubectl label %s %s-", reference(p), strings.Join(keys, "- "))
}

// reference names an object for kubectl.
func reference(p place) string {
	r := p.resource.GroupResource().String() + " " + p.name
	if p.namespace != "" {
		r = "-n " + p.namespace + " " + r
	}
	return r
}

func (c claim) refuse(w wanted) error {
	try := c.release
	if !c.firm {
		try += "; or let banksman take over what others claim (run --adopt)"
	}
	return &reconcile.ApplyError{Object: w.id, Permanent: true, Try: try, Err: fmt.Errorf("it is claimed by %s", c.by)}
}

// isOurs says whether banksman has applied the object before.
func isOurs(live *unstructured.Unstructured) bool {
	for _, f := range live.GetManagedFields() {
		if f.Manager == Owner && f.Operation == metav1.ManagedFieldsOperationApply {
			return true
		}
	}
	return false
}

var autoscalerKind = schema.GroupKind{Group: "autoscaling", Kind: "HorizontalPodAutoscaler"}

// ClaimedBy says who claims a live object that banksman did not render: "Helm
// (release web/shop)", or "" for nobody that leaves marks.
func ClaimedBy(live *unstructured.Unstructured) string {
	m := marks{live, &unstructured.Unstructured{}}
	for _, find := range []func(marks, place) *claim{fluxClaim, argoClaim, helmClaim} {
		if c := find(m, place{}); c != nil {
			return c.by
		}
	}
	return ""
}

// AppliedBy are the field owners of a live object, status aside, sorted.
func AppliedBy(live *unstructured.Unstructured) []string {
	var owners []string
	for _, f := range live.GetManagedFields() {
		if f.Subresource == "" && !slices.Contains(owners, f.Manager) {
			owners = append(owners, f.Manager)
		}
	}
	slices.Sort(owners)
	return owners
}
