package install

import (
	"strings"

	rbac "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Granted are the Roles that the installation gives, and withheld those that
// only the owner of an account should give.
func (o Options) Granted() (granted, withheld []Role) {
	for _, r := range Roles(o.Namespace, o.Scopes) {
		if r.Account == "" || o.GrantAccounts {
			granted = append(granted, r)
		} else {
			withheld = append(withheld, r)
		}
	}
	return granted, withheld
}

// roles are the granted Roles, each before its binding.
func (o Options) roles() (all []runtime.Object) {
	granted, _ := o.Granted()
	for _, r := range granted {
		role, binding := o.Bound(r)
		all = append(all, role, binding)
	}
	return all
}

// Bound is a Role as the API server knows it, and its binding.
func (o Options) Bound(r Role) (role, binding runtime.Object) {
	rules := make([]rbac.PolicyRule, len(r.Rules))
	for i, rule := range r.Rules {
		rules[i] = rule.PolicyRule
	}
	subjects := []rbac.Subject{o.subject(r.Account)}
	meta := metav1.ObjectMeta{Namespace: r.Namespace, Name: r.Name}
	if r.Namespace == "" {
		ref := rbac.RoleRef{APIGroup: rbac.GroupName, Kind: "ClusterRole", Name: r.Name}
		return &rbac.ClusterRole{TypeMeta: rbacType("ClusterRole"), ObjectMeta: meta, Rules: rules},
			&rbac.ClusterRoleBinding{TypeMeta: rbacType("ClusterRoleBinding"), ObjectMeta: meta, RoleRef: ref, Subjects: subjects}
	}
	ref := rbac.RoleRef{APIGroup: rbac.GroupName, Kind: "Role", Name: r.Name}
	return &rbac.Role{TypeMeta: rbacType("Role"), ObjectMeta: meta, Rules: rules},
		&rbac.RoleBinding{TypeMeta: rbacType("RoleBinding"), ObjectMeta: meta, RoleRef: ref, Subjects: subjects}
}

// subject is banksman's own account for "", else "namespace/name".
func (o Options) subject(account string) rbac.Subject {
	namespace, name, found := strings.Cut(account, "/")
	if !found {
		namespace, name = o.Namespace, Name
	}
	return rbac.Subject{Kind: rbac.ServiceAccountKind, Namespace: namespace, Name: name}
}

func rbacType(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: rbac.SchemeGroupVersion.String(), Kind: kind}
}
