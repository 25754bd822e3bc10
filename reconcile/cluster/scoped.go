package cluster

import (
	"errors"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// LabelSource is on every object of a repository that has a name.
const LabelSource = "banksman.dev/source"

// impersonate makes every request one of a ServiceAccount. The API server gives it
// the groups of its namespace by itself when no group is named
// (k8s.io/apiserver/pkg/endpoints/filters/impersonation), so that the right to
// impersonate this one account is enough.
func impersonate(config *rest.Config, account string) error {
	if account == "" {
		return nil
	}
	namespace, name, ok := strings.Cut(account, "/")
	if !ok || namespace == "" || name == "" || strings.Contains(name, "/") {
		return fmt.Errorf("the service account to impersonate is written as namespace/name, not %q", account)
	}
	config.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:" + namespace + ":" + name}
	return nil
}

// selector selects our own objects: those of this source.
func (c *Cluster) selector() string {
	if c.source == "" {
		return LabelService + ",!" + LabelSource
	}
	return LabelService + "," + LabelSource + "=" + c.source
}

// An outsideError says that an object is out of the scope, and where it would stand.
type outsideError struct {
	place place
	why   string
}

func (e *outsideError) Error() string { return e.why }

func isOutside(err error) bool { return errors.As(err, new(*outsideError)) }

// admit refuses a place out of the scope, as the API server knows it: what was
// rendered may name a namespace though its kind lives in none.
func (c *Cluster) admit(p place) (place, error) {
	if why := c.scope.Outside(p.id()); why != "" {
		return place{}, &outsideError{p, why}
	}
	return p, nil
}

// within is the namespace in which a place's kind is listed and watched: all of
// them where the scope names none, and for a kind that lives in none.
func (c *Cluster) within(p place) string {
	if len(c.scope.Namespaces) == 0 {
		return metav1.NamespaceAll
	}
	return p.namespace
}

// sourceClaim finds out whether an object belongs to another repository of
// banksman's. One that lost its label, and has the wanted content, is ours.
func (c *Cluster) sourceClaim(live metav1.Object, w wanted) *claim {
	l := live.GetLabels()
	switch other := l[LabelSource]; {
	case other == c.source:
		return nil
	case other == "" && (l[LabelService] == "" || w.isOn(live)):
		return nil
	default:
		return &claim{
			by: sourceName(other), firm: true,
			release: "remove it from the templates of one of the two; if it is no longer in those of the other one: " + c.relabel(w.place),
		}
	}
}

// isThisSources says whether an object has the label that this repository's have.
func (c *Cluster) isThisSources(o metav1.Object) bool {
	return mark(o, "labels", LabelSource) == c.source
}

func sourceName(name string) string {
	if name == "" {
		return "the repository without a name"
	}
	return "the repository " + name
}

func (c *Cluster) relabel(p place) string {
	if c.source == "" {
		return unlabel(p, LabelSource)
	}
	return fmt.Sprintf("kubectl label %s %s=%s --overwrite", reference(p), LabelSource, c.source)
}
