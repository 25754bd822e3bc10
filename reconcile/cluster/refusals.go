package cluster

import (
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"

	"banksman.dev/reconcile"
	"banksman.dev/render"
)

// refusal makes an ApplyError of whatever went wrong with an object, and says
// whether the same content would be refused again.
func refusal(id render.ObjectID, err error) *reconcile.ApplyError {
	var already *reconcile.ApplyError
	if errors.As(err, &already) {
		return already
	}
	e := &reconcile.ApplyError{Object: id, Err: bare(err)}
	switch {
	case meta.IsNoMatchError(err):
		e.Permanent = true
		e.Err = fmt.Errorf("the cluster has no kind %s in the API group %q", id.Kind, id.Group)
		e.Try = "install its CustomResourceDefinition, or correct apiVersion and kind"
	case errors.Is(err, errNoNamespace):
		e.Permanent = true
		e.Try = "give it metadata.namespace, or the service a namespace in the catalog"
	case isNamespaceMissing(err):
		e.Permanent = true
		e.Err = fmt.Errorf("namespace %s does not exist", id.Namespace)
		e.Try = "create it: kubectl create namespace " + id.Namespace
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		e.Try = fmt.Sprintf("wait until namespace %s is gone, then create it anew", id.Namespace)
	case webhookOf(err) != "":
		e.Try = fmt.Sprintf("see why the admission webhook %s does not answer; it is tried again", webhookOf(err))
	case missingRuleOf(err) != nil:
		rule := missingRuleOf(err)
		e.Permanent, e.Err, e.Try = true, errors.New(rule.what()), rule.try()
	case isOutside(err):
		e.Permanent = true
	case apierrors.IsForbidden(err):
		e.Permanent = true
		e.Try = "an admission rule of the cluster refuses it: change the object, or the rule"
	case apierrors.IsInvalid(err):
		e.Permanent = true
		e.Err, e.Try = invalid(e.Err), invalidTry(err)
	case apierrors.IsBadRequest(err), apierrors.IsMethodNotSupported(err), apierrors.IsRequestEntityTooLargeError(err):
		e.Permanent = true
		e.Try = "correct the template"
	}
	return e
}

// bare leaves out which object and which call: the ApplyError says it.
func bare(err error) error {
	var w *writeError
	if errors.As(err, &w) {
		return w.err
	}
	return err
}

func isNamespaceMissing(err error) bool {
	var status apierrors.APIStatus
	if !apierrors.IsNotFound(err) || !errors.As(err, &status) {
		return false
	}
	d := status.Status().Details
	return d != nil && d.Kind == "namespaces"
}

// webhookOf is the admission webhook that could not be asked, or "". The API
// server answers then with an InternalError
// (k8s.io/apiserver/pkg/admission/plugin/webhook/mutating and validating).
func webhookOf(err error) string {
	if !apierrors.IsInternalError(err) {
		return ""
	}
	_, rest, found := strings.Cut(err.Error(), `failed calling webhook "`)
	if !found {
		return ""
	}
	name, _, _ := strings.Cut(rest, `"`)
	return name
}

// invalid says what is wrong with which field. The API server's own sentence
// names the object once more, and prints whole values.
func invalid(err error) error {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil || len(status.Status().Details.Causes) == 0 {
		return err
	}
	const mostFields, mostOfValue = 3, 40
	var faults []string
	causes := status.Status().Details.Causes
	for _, c := range causes[:min(len(causes), mostFields)] {
		what := c.Message
		if value, rest, ok := strings.Cut(strings.TrimPrefix(what, "Invalid value: "), ": "); ok && value != what && len(value) > mostOfValue {
			what = rest[strings.LastIndex(rest, "}: ")+1:]
			what = strings.TrimPrefix(what, ": ")
		}
		faults = append(faults, strings.TrimPrefix(c.Field+": ", ": ")+what)
	}
	if more := len(causes) - mostFields; more > 0 {
		faults = append(faults, fmt.Sprintf("and %d more", more))
	}
	return errors.New(strings.Join(faults, "; "))
}

func invalidTry(err error) string {
	if strings.Contains(err.Error(), "immutable") {
		return "this field of a live object cannot be changed: put the old value back, or give the object another name"
	}
	return "correct the template"
}
