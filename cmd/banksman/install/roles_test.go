package install

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var updateRoles = flag.Bool("update-roles", false, "write the golden files of Roles anew")

var someKinds = []string{"ConfigMap", "Service", "Deployment.apps", "Ingress.networking.k8s.io"}

func TestWhichRolesWhichConfigurationNeeds(t *testing.T) {
	for name, c := range map[string]struct {
		home   string
		scopes []Scope
	}{
		"one namespace and four kinds":                    {"banksman-system", []Scope{{Namespaces: []string{"dora-apps"}, Kinds: someKinds}}},
		"no kind that makes Pods":                         {"banksman-system", []Scope{{Namespaces: []string{"dora-apps"}, Kinds: []string{"ConfigMap", "Secret"}}}},
		"all namespaces and all kinds":                    {"banksman-system", []Scope{{}}},
		"all kinds in a namespace":                        {"banksman-system", []Scope{{Namespaces: []string{"dora-apps"}}}},
		"an account to act as":                            {"banksman-system", []Scope{{Namespaces: []string{"dora-apps"}, Kinds: someKinds, ServiceAccount: "dora-apps/deployer"}}},
		"kinds that live in no namespace":                 {"banksman-system", []Scope{{Namespaces: []string{"dora-apps"}, Kinds: []string{"ConfigMap", "ClusterRole.rbac.authorization.k8s.io", "NetworkPolicy.networking.k8s.io"}}}},
		"two repositories of which one is banksman's own": {"tools", []Scope{{Namespaces: []string{"tools", "dora-apps"}, Kinds: []string{"ConfigMap"}}, {Namespaces: []string{"dora-apps"}, Kinds: []string{"Secret", "StatefulSet.apps"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			got := described(Roles(c.home, c.scopes))
			file := filepath.Join("testdata", "roles", strings.ReplaceAll(name, " ", "-")+".txt")
			if *updateRoles {
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("-want +got (-update-roles writes it anew)\n%s", diff)
			}
		})
	}
}

func described(roles []Role) string {
	var b strings.Builder
	for _, r := range roles {
		fmt.Fprintf(&b, "Role %s in %q of %q\n", r.Name, r.Namespace, r.Account)
		for _, rule := range r.Rules {
			fmt.Fprintf(&b, "  %s on %s of %q", strings.Join(rule.Verbs, " "), strings.Join(rule.Resources, " "), rule.APIGroups[0])
			if len(rule.ResourceNames) > 0 {
				fmt.Fprintf(&b, " named %s", strings.Join(rule.ResourceNames, " "))
			}
			fmt.Fprintf(&b, "\n    to %s\n", rule.Why)
		}
	}
	return b.String()
}

// Whatever is configured, banksman asks for nothing in namespaces that are not
// named, and for no verb that lets it give rights away.
func TestNoRoleReachesFurtherThanTheConfiguration(t *testing.T) {
	for _, s := range []Scope{
		{Namespaces: []string{"a"}, Kinds: someKinds},
		{Namespaces: []string{"a", "b"}},
		{Namespaces: []string{"a"}, Kinds: someKinds, ServiceAccount: "a/deployer"},
	} {
		for _, role := range Roles("home", []Scope{s}) {
			if !slices.Contains(append(s.Namespaces, "home"), role.Namespace) {
				t.Errorf("%+v: a Role in %q", s, role.Namespace)
			}
			for _, rule := range role.Rules {
				for _, verb := range []string{"*", "escalate", "bind", "deletecollection"} {
					if slices.Contains(rule.Verbs, verb) {
						t.Errorf("%+v: %s on %v", s, verb, rule.Resources)
					}
				}
				if slices.Contains(rule.Verbs, "impersonate") && len(rule.ResourceNames) != 1 {
					t.Errorf("%+v: it may act as anybody", s)
				}
				if rule.Why == "" {
					t.Errorf("%+v: nobody knows why %v", s, rule)
				}
			}
		}
	}
}
