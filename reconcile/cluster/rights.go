package cluster

import (
	"errors"
	"fmt"
	"regexp"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// A missingRuleError is a rule of RBAC that the account which asks does not have.
type missingRuleError struct {
	account, verb, resource, where string
	err                            error
}

func (e *missingRuleError) Error() string { return e.what() + "; " + e.try() }
func (e *missingRuleError) Unwrap() error { return e.err }

func (e *missingRuleError) what() string {
	return fmt.Sprintf("%s may not %s %s %s", e.account, e.verb, e.resource, e.where)
}

func (e *missingRuleError) try() string {
	switch e.resource {
	case autoscalers.GroupResource().String():
		return "give it the rights list and watch on " + e.resource + " there: without them it would reset the replicas of autoscaled workloads"
	}
	return fmt.Sprintf("give it the rights get, list, watch, create, patch and delete on %s there (banksman install --export prints the Roles)", e.resource)
}

// forbidden is how RBAC says no (k8s.io/apiserver/pkg/endpoints/handlers/responsewriters,
// forbiddenMessage).
var forbidden = regexp.MustCompile(`User "([^"]*)" cannot (\w+) resource "([^"]*)" in API group "([^"]*)" (?:in the namespace "([^"]*)"|at the cluster scope)`)

// missingRuleOf reads which rule is missing; nil when the answer was another one.
func missingRuleOf(err error) *missingRuleError {
	var already *missingRuleError
	if errors.As(err, &already) {
		return already
	}
	if !apierrors.IsForbidden(err) {
		return nil
	}
	m := forbidden.FindStringSubmatch(err.Error())
	if m == nil {
		return nil
	}
	e := &missingRuleError{account: m[1], verb: m[2], resource: m[3], where: "in the whole cluster", err: err}
	if m[4] != "" {
		e.resource += "." + m[4]
	}
	if m[5] != "" {
		e.where = "in namespace " + m[5]
	}
	return e
}

// explained says which rule is missing, if one is.
func explained(err error) error {
	if m := missingRuleOf(err); m != nil {
		return m
	}
	return err
}
