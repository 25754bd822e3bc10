package render_test

import (
	"fmt"
	"io/fs"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	fopgate "banksman.dev/fixtures/fop-gate"
	"banksman.dev/render"
	"banksman.dev/render/kustomize"
)

func release(t *testing.T, tree fs.FS, name render.ServiceName) render.Release {
	t.Helper()
	r, err := render.Renderer{Kustomize: kustomize.Build}.Release(tree, read(t, tree), name, commit)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func names(objects []render.Object) []string {
	var list []string
	for _, o := range objects {
		list = append(list, o.String())
	}
	return list
}

// spec is a ConfigMap's data, to look at what templates give.
func data(t *testing.T, template string, catalogKeys ...string) map[string]any {
	t.Helper()
	r := release(t, files(
		"services.yaml", "web:\n  namespace: apps\n  templates: [web.yaml]\n"+strings.Join(catalogKeys, ""),
		"web.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata:\n"+template), "web")
	m, ok := r.Full[0]["data"].(map[string]any)
	if !ok {
		t.Fatalf("data is %T", r.Full[0]["data"])
	}
	return m
}

func TestTheExampleSharesWhatBothVariantsRender(t *testing.T) {
	r := release(t, fopgate.FS(), "fop-gate")
	want := map[string][]string{
		"full":   {"Deployment dora-apps/fop-gate", "Ingress dora-apps/fop-gate-debug"},
		"canary": {"Deployment dora-apps/fop-gate-canary"},
		"shared": {
			"ConfigMap dora-apps/fop-gate", "ConfigMap dora-apps/fop-gate-log-applog", "ConfigMap dora-apps/fop-gate-log-auditlog",
			"Service dora-apps/fop-gate", "Ingress dora-apps/fop-gate",
		},
	}
	got := map[string][]string{"full": names(r.Full), "canary": names(r.Canary), "shared": names(r.Shared)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if r.Namespace != "dora-apps" || !r.HasCanary || r.Commit != commit || r.Service != "fop-gate" {
		t.Errorf("release is %+v", r)
	}
	if got := r.Sources[r.Canary[0].ID()]; got != "dora/jjh/fop-gate/deployment.yaml" {
		t.Errorf("the canary's Deployment comes from %q", got)
	}
}

func TestTemplatesSeeTheirServiceVariantAndValues(t *testing.T) {
	got := data(t, `
  system: "{{.system.SERVICE}} {{.system.BASE}} {{.system.VARIANT}} {{.system.NAMESPACE}}"
  value: {{.values.a.b | quote}}
  merged: {{.values.a.c | quote}}
  sorted: {{keys .values.a | join ","}}
  yaml: |-
    {{- toYaml .values.a | nindent 4}}
  included: {{include "name" .}}
  called: {{template "name" .}}
  loop: "{{range $i, $x := until 3}}{{$i}}{{end}}{{range seq 3 | splitList " "}}{{.}}{{end}}"
  from: {{ (fromYaml "a: [1, 2]").a | len | quote }}
{{- define "name"}}{{.system.SERVICE}}-name{{end}}
`, "  values: {a: {b: 1, c: x}}\n")
	want := map[string]any{
		"system": "web web full apps", "value": "1", "merged": "x", "sorted": "b,c", "yaml": "b: 1\nc: x",
		"included": "web-name", "called": "web-name", "loop": "012123", "from": "2",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestValuesOfTheEntryLieOverThoseOfItsFile(t *testing.T) {
	tree := files(
		"services.yaml", "web:\n  namespace: apps\n  templates: [web.yaml]\n  valuesFile: v.yaml\n  values: {a: {b: 2}, l: [3]}\n",
		"v.yaml", "a: {b: 1, c: 1}\nl: [1, 2]\n",
		"web.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {v: '{{toJson .values}}'}\n")
	got := release(t, tree, "web").Full[0]["data"]
	if diff := cmp.Diff(map[string]any{"v": `{"a":{"b":2,"c":1},"l":[3]}`}, got); diff != "" {
		t.Error(diff)
	}
}

func TestATemplateCannotChangeTheValuesOfAnother(t *testing.T) {
	tree := files(
		"services.yaml", "web:\n  namespace: apps\n  templates: [a.yaml, b.yaml]\n  values: {m: {x: 1}}\n",
		"a.yaml", `{{$_ := set .values.m "x" 2}}`,
		"b.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {v: '{{.values.m.x}}'}\n")
	if diff := cmp.Diff(map[string]any{"v": "1"}, release(t, tree, "web").Full[0]["data"]); diff != "" {
		t.Error(diff)
	}
}

func TestPlainScalarsMeanWhatTheyMeanToKubectl(t *testing.T) {
	got := data(t, `  {int: 1, octal: 0644, float: 1.5, whole: 1.0, exponent: 1e3, big: 18446744073709551615, "yes": yes, off: off,
   quoted: "yes", null: ~, date: 2019-02-18, text: a, underscore: 1_000, list: [1, a]}
`)
	want := map[string]any{
		"int": int64(1), "octal": int64(420), "float": 1.5, "whole": int64(1), "exponent": int64(1000), "big": float64(18446744073709551615),
		"yes": true, "off": false, "quoted": "yes", "null": nil, "date": "2019-02-18", "text": "a", "underscore": int64(1000),
		"list": []any{int64(1), "a"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestObjectsComeFromDocumentsListsAndMergeKeys(t *testing.T) {
	objects, err := render.Objects("x.yaml", `# only a comment
---
apiVersion: v1
kind: List
items:
  - {apiVersion: v1, kind: ConfigMap, metadata: &m {name: a, labels: {l: x}}}
  - apiVersion: v1
    kind: ConfigMapList
    items:
      - apiVersion: v1
        kind: ConfigMap
        metadata: {<<: *m, name: b, creationTimestamp: null}
        status: {}
---
`)
	if err != nil {
		t.Fatal(err)
	}
	want := []render.Object{
		{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "a", "labels": map[string]any{"l": "x"}}},
		{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "b", "labels": map[string]any{"l": "x"}}},
	}
	if diff := cmp.Diff(want, objects); diff != "" {
		t.Error(diff)
	}
}

func TestObjectsThatNameNoNamespaceGoToTheServices(t *testing.T) {
	tree := files("services.yaml", "web:\n  namespace: apps\n  templates: [web.yaml]\n", "web.yaml", `
apiVersion: v1
kind: Service
metadata: {name: plain}
---
apiVersion: v1
kind: Service
metadata: {name: named, namespace: other}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: role}
---
apiVersion: cert-manager.io/v1
kind: ClusterIssuer
metadata: {name: issuer}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: certificate}
---
apiVersion: example.com/v1
kind: Zone
metadata: {name: none, namespace: ""}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: realms.example.com}
spec: {group: example.com, scope: Cluster, names: {kind: Realm}}
---
apiVersion: example.com/v1
kind: Realm
metadata: {name: defined}
`)
	got := names(release(t, tree, "web").Full)
	slices.Sort(got)
	want := []string{
		"Certificate apps/certificate", "ClusterIssuer issuer", "ClusterRole role", "CustomResourceDefinition realms.example.com",
		"Realm defined", "Service apps/plain", "Service other/named", "Zone none",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestACanaryBySizeIsTheDeploymentAgain(t *testing.T) {
	const objects = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {%s}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\n"
	for name, c := range map[string]struct {
		size, spec string
		want       int64
	}{
		"a number":                       {"{replicas: 2}", "replicas: 9", 2},
		"a percentage, rounded up":       {"10%", "replicas: 11", 2},
		"at least one Pod":               {"{replicas: 1%}", "replicas: 3", 1},
		"of the one Pod that is default": {"50%", "paused: false", 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := release(t, files(
				"services.yaml", "web:\n  namespace: apps\n  templates: [web.yaml]\n  canary: "+c.size+"\n",
				"web.yaml", fmt.Sprintf(objects, c.spec)), "web")
			if diff := cmp.Diff([]string{"Deployment apps/web-canary"}, names(r.Canary)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]string{"Service apps/web"}, names(r.Shared)); diff != "" {
				t.Error(diff)
			}
			spec, _ := r.Canary[0]["spec"].(map[string]any)
			if spec["replicas"] != c.want {
				t.Errorf("%v replicas, want %d", spec["replicas"], c.want)
			}
		})
	}
}

func TestTheFullVariantKeepsItsReplicasBesideACanaryBySize(t *testing.T) {
	r := release(t, files(
		"services.yaml", "web: {namespace: apps, templates: [web.yaml], canary: {replicas: 1}}\n",
		"web.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 9}\n"), "web")
	if spec, _ := r.Full[0]["spec"].(map[string]any); spec["replicas"] != int64(9) {
		t.Errorf("full has %v replicas", spec["replicas"])
	}
}

// The digest is of the objects: how they are spread over files, documents and keys is nothing to it.
func TestTheDigestDoesNotDependOnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.IntRange(1, 6).Draw(t, "objects")
		documents := make([]string, count)
		shuffled := make([]string, count)
		random := rand.New(rand.NewSource(rapid.Int64().Draw(t, "seed")))
		for i := range documents {
			keys := []string{}
			for k := range rapid.IntRange(0, 5).Draw(t, "keys") {
				keys = append(keys, fmt.Sprintf("  k%d: %q\n", k, rapid.String().Draw(t, "value")))
			}
			head := fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c%d}\n", i)
			documents[i] = head + dataOf(keys)
			random.Shuffle(len(keys), func(a, b int) { keys[a], keys[b] = keys[b], keys[a] })
			shuffled[i] = dataOf(keys) + head
		}
		random.Shuffle(count, func(a, b int) { shuffled[a], shuffled[b] = shuffled[b], shuffled[a] })
		one := digest(t, files("services.yaml", "web: {namespace: apps, templates: [a.yaml]}\n",
			"a.yaml", escaped(strings.Join(documents, "---\n"))))
		cut := random.Intn(count)
		other := digest(t, files("services.yaml", "web: {namespace: apps, templates: [b.yaml, a.yaml]}\n",
			"a.yaml", escaped(strings.Join(shuffled[:cut], "---\n")), "b.yaml", escaped(strings.Join(shuffled[cut:], "---\n"))))
		if one != other {
			t.Fatalf("%s and %s differ", one, other)
		}
	})
}

func dataOf(keys []string) string {
	if len(keys) == 0 {
		return ""
	}
	return "data:\n" + strings.Join(keys, "")
}

// escaped keeps a text from being read as a template.
func escaped(s string) string { return strings.ReplaceAll(s, "{{", `{{"{{"}}`) }

func digest(t *rapid.T, tree fstest.MapFS) render.Digest {
	catalog, err := render.ReadCatalog(tree, "")
	if err != nil {
		t.Fatal(err)
	}
	r, err := render.Renderer{}.Release(tree, catalog, "web", commit)
	if err != nil {
		t.Fatal(err)
	}
	return r.Digest
}

func TestTheDigestTellsVariantsAndContentApart(t *testing.T) {
	seen := map[render.Digest]string{}
	const service = "web: {namespace: apps, templates: [web.yaml]}\n"
	for name, tree := range map[string]fstest.MapFS{
		"as it is":              files("services.yaml", service, "web.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n"),
		"new content":           files("services.yaml", service, "web.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: b}\n"),
		"a number and its text": files("services.yaml", service, "web.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nx: 1\n"),
		"a text and its number": files("services.yaml", service, "web.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nx: '1'\n"),
		"with a canary": files("services.yaml", service+"web-canary: {templates: [web.yaml, c.yaml]}\n",
			"web.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n", "c.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: c}\n"),
	} {
		d := release(t, tree, "web").Digest
		if other, found := seen[d]; found {
			t.Errorf("%q and %q have one digest", name, other)
		}
		seen[d] = name
	}
}
