package reconcile

import (
	"strings"
	"testing"

	"banksman.dev/approvals"
	"banksman.dev/render"
)

func TestWhatARepositoryMayTouch(t *testing.T) {
	deployment := render.ObjectID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}
	config := render.ObjectID{Kind: "ConfigMap", Namespace: "shop", Name: "web"}
	role := render.ObjectID{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole", Name: "web"}
	const roles = "ClusterRole.rbac.authorization.k8s.io"
	for name, c := range map[string]struct {
		scope Scope
		id    render.ObjectID
		says  string
	}{
		"everything, where nothing is named":       {Scope{}, role, ""},
		"an object in a namespace that is named":   {Scope{Namespaces: []string{"other", "shop"}}, deployment, ""},
		"no object in one that is not":             {Scope{Namespaces: []string{"other", "more"}}, deployment, "Deployment web in namespace shop: this repository may only deploy to other, more (namespaces: in the configuration)"},
		"no object of the cluster's":               {Scope{Namespaces: []string{"shop"}}, role, "ClusterRole web in no namespace: this repository may only deploy to shop (namespaces: in the configuration); to allow it all the same, list its kind " + roles + " under kinds:"},
		"unless its kind is named":                 {Scope{Namespaces: []string{"shop"}, Kinds: []string{roles}}, role, ""},
		"an object of a kind that is named":        {Scope{Kinds: []string{"ConfigMap", "Deployment.apps"}}, deployment, ""},
		"no object of a kind that is not":          {Scope{Kinds: []string{"ConfigMap", "Deployment"}}, deployment, "Deployment web in namespace shop: this repository may only deploy ConfigMap, Deployment (kinds: in the configuration)"},
		"one of Kubernetes' own group by its name": {Scope{Kinds: []string{"ConfigMap"}}, config, ""},
		"no named kind in another namespace":       {Scope{Namespaces: []string{"other"}, Kinds: []string{"ConfigMap"}}, config, "ConfigMap web in namespace shop: this repository may only deploy to other (namespaces: in the configuration)"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.scope.Outside(c.id); got != c.says {
				t.Errorf("got  %q\nwant %q", got, c.says)
			}
		})
	}
}

// A commit that reaches out of the scope: that service alone is stopped, says why
// and where, and what is promoted stays.
func TestACommitOutOfTheScopeIsRefusedBeforeAnythingIsApplied(t *testing.T) {
	const allowed = "take it out, or allow it in the configuration (banksman install --repo does, for what the catalog needs)"
	for name, c := range map[string]struct {
		scope  Scope
		adds   string
		reason string
	}{
		"in another namespace": {
			Scope{Namespaces: []string{"shop"}},
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: far, namespace: elsewhere}\n",
			"web/far.yaml: ConfigMap far in namespace elsewhere: this repository may only deploy to shop (namespaces: in the configuration); " + allowed,
		},
		"of another kind": {
			Scope{Kinds: []string{"ConfigMap", "Service", "Deployment.apps"}},
			"apiVersion: v1\nkind: Secret\nmetadata: {name: far}\n",
			"web/far.yaml: Secret far in namespace shop: this repository may only deploy ConfigMap, Service, Deployment.apps (kinds: in the configuration); " + allowed,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newBadWorld(t)
			w.Scope = c.scope
			files := regular(goodFiles())
			entry := strings.ReplaceAll(goodFiles()["services.yaml"], "web/configs.yaml]", "web/configs.yaml, web/far.yaml]")
			for path, text := range regular(map[string]string{"services.yaml": entry, "web/far.yaml": c.adds}) {
				files[path] = text
			}
			w.push(files, true)
			for range 4 {
				w.pass(t.Context())
			}
			if gone := w.asItWas(true); gone != "" || len(w.fullGot)+len(w.deleted) > 0 {
				t.Errorf("something was touched: %s %v %v", gone, w.fullGot, w.deleted)
			}
			if v := w.views["web"]; !v.Stalled || v.Reason != c.reason {
				t.Errorf("why says %q", v.Reason)
			}
			if v := w.views["api"]; !v.Ready {
				t.Errorf("another service is stopped, too: %s", v.Reason)
			}
			said := 0
			for context, s := range w.statuses[w.head] {
				if strings.HasSuffix(context, "/canary") && s.State == approvals.Error && strings.Contains(s.Description, "web/far.yaml") {
					said++
				}
			}
			if said == 0 {
				t.Errorf("no status says it: %v", w.statuses[w.head])
			}
			w.push(w.good, true)
			for range 6 {
				w.pass(t.Context())
			}
			if !w.runsTheGood() {
				t.Error("after the revert it is not up to date")
			}
		})
	}
}

func TestAScopeThatBecomesNarrowerTearsNothingDown(t *testing.T) {
	w := newBadWorld(t)
	w.Scope = Scope{Namespaces: []string{"elsewhere"}}
	for range 4 {
		w.pass(t.Context())
	}
	if gone := w.asItWas(true); gone != "" || len(w.deleted) > 0 {
		t.Errorf("something was touched: %s %v", gone, w.deleted)
	}
}

func TestADeliveryStandsWhereItsRepositoryMay(t *testing.T) {
	for name, c := range map[string]struct {
		namespaces []string
		of         string
	}{
		"beside its workload":                     {nil, "shop"},
		"there, too, where that is named":         {[]string{"a", "shop"}, "shop"},
		"else in the first that is named":         {[]string{"b", "a"}, "b"},
		"or in banksman's, if that is among them": {[]string{"b", "home"}, "home"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newBadWorld(t)
			w.Namespace, w.Scope = "home", Scope{Namespaces: c.namespaces}
			if got := w.namespaceOf("web"); got != c.of {
				t.Errorf("got %s", got)
			}
		})
	}
}
