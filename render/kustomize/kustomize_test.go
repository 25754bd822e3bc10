package kustomize_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	fopgate "banksman.dev/fixtures/fop-gate"
	"banksman.dev/render"
	"banksman.dev/render/kustomize"
)

func files(namesAndContents ...string) fstest.MapFS {
	tree := fstest.MapFS{}
	for i := 0; i+1 < len(namesAndContents); i += 2 {
		tree[namesAndContents[i]] = &fstest.MapFile{Data: []byte(namesAndContents[i+1]), Mode: 0o644}
	}
	return tree
}

const configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: y}\n"

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: web:1, env: [{name: A, value: "1"}]}]}
`

func TestAnOverlayOfBasesComponentsPatchesAndGeneratorsIsBuilt(t *testing.T) {
	objects, err := kustomize.Build(files(
		"apps/web/overlay/kustomization.yaml", `
namespace: apps
namePrefix: x-
resources: [../base]
components: [../../../component]
images: [{name: web, newTag: "2"}]
replicas: [{name: web, count: 3}]
labels: [{pairs: {team: dora}}]
patches:
  - path: patch.yaml
patchesStrategicMerge:
  - |
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: web}
    spec: {paused: true}
replacements:
  - source: {kind: ConfigMap, name: generated, fieldPath: data.B}
    targets: [{select: {kind: Deployment}, fieldPaths: [spec.template.metadata.labels.b], options: {create: true}}]
configMapGenerator:
  - {name: generated, literals: [B=seven], files: [named=sub/text.txt], envs: [sub/vars.env]}
generatorOptions: {disableNameSuffixHash: true}
`,
		"apps/web/overlay/sub/text.txt", "http://example.com is text here\n", "apps/web/overlay/sub/vars.env", "C=1\n",
		"apps/web/overlay/patch.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: [{name: web, env: [{name: B, value: b}]}]}}}\n",
		"apps/web/base/kustomization.yml", "resources: [d.yaml]\n", "apps/web/base/d.yaml", deployment,
		"component/kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [c.yaml]\n", "component/c.yaml", configMap,
	), "apps/web/overlay")
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]render.Object{}
	for _, o := range objects {
		byName[o.String()] = o
	}
	want := render.Object{
		"apiVersion": "apps/v1", "kind": "Deployment",
		"metadata": map[string]any{"name": "x-web", "namespace": "apps", "labels": map[string]any{"team": "dora"}},
		"spec": map[string]any{
			"replicas": int64(3), "paused": true,
			"template": map[string]any{
				"metadata": map[string]any{"labels": map[string]any{"app": "web", "b": "seven"}},
				"spec": map[string]any{"containers": []any{map[string]any{
					"name": "web", "image": "web:2",
					"env": []any{map[string]any{"name": "B", "value": "b"}, map[string]any{"name": "A", "value": "1"}},
				}}},
			},
		},
	}
	if diff := cmp.Diff(want, byName["Deployment apps/x-web"]); diff != "" {
		t.Error(diff)
	}
	wantData := map[string]any{"B": "seven", "C": "1", "named": "http://example.com is text here\n"}
	if diff := cmp.Diff(wantData, byName["ConfigMap apps/x-generated"]["data"]); diff != "" {
		t.Error(diff)
	}
	if len(objects) != 3 || byName["ConfigMap apps/x-a"] == nil {
		t.Errorf("built %v", objects)
	}
}

// Each line is one way to make kustomize fetch. The server must not hear of any.
func TestNothingIsEverFetched(t *testing.T) {
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.WriteHeader(http.StatusOK)
	}))
	t.Cleanup(server.Close)
	for _, field := range []string{
		"resources: ['%']", "bases: ['%']", "components: ['%']", "crds: ['%']", "configurations: ['%']", "openapi: {path: '%'}",
		"generators: ['%']", "transformers: ['%']", "validators: ['%']", "patchesStrategicMerge: ['%']", "patchesStrategicMerge: ['%{']",
		"patchesStrategicMerge: ['% a: b']", "patches: [{path: '%'}]", "patchesJson6902: [{path: '%', target: {kind: A, name: b}}]",
		"replacements: [{path: '%'}]", "configMapGenerator: [{name: a, files: ['%']}]", "configMapGenerator: [{name: a, files: ['k=%']}]",
		"configMapGenerator: [{name: a, envs: ['%']}]", "configMapGenerator: [{name: a, env: '%'}]", "secretGenerator: [{name: a, files: ['%']}]",
		"helmCharts: [{name: a, repo: '%'}]", "resources: ['git::%']", "resources: ['%/a.git?ref=b']", "resources: ['%//a']", "x: ['%']",
		"resources: &a ['%']", "patches: [{patch: '%'}]",
		"resources: [{a: '%'}]", "configMapGenerator: {name: a, files: ['%']}",
	} {
		for _, address := range []string{server.URL, strings.ToUpper(server.URL[:4]) + server.URL[4:]} {
			objects, err := kustomize.Build(files("k/kustomization.yaml", strings.ReplaceAll(field, "%", address)+"\n"), "k")
			if err == nil {
				t.Errorf("%s gives %v", field, objects)
			}
		}
	}
	if n := requests.Load(); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestAnotherRepositoryIsRefusedHoweverItIsNamed(t *testing.T) {
	for _, address := range []string{
		"github.com/org/repo", "GitHub.com/org/repo", "github.com:org/repo", "git@github.com:org/repo", "ssh://git@x/y", "file:///etc", "org@host:repo",
		"gh:org/repo", "https://x/y/_git/z", "x/_git/y", "a//b", "./a?ref=b", "host/repo.git?ref=x", "git::file:///tmp/x",
	} {
		for _, field := range []string{"resources", "bases", "components"} {
			_, err := kustomize.Build(files("kustomization.yaml", field+": ['"+address+"']\n", "github.com/org/repo/kustomization.yaml", "resources: []\n"), ".")
			if err == nil || !strings.Contains(err.Error(), "remote address") {
				t.Errorf("%s: %s: got %v", field, address, err)
			}
		}
	}
}

func TestBasesThatMultiplyAreRefused(t *testing.T) {
	tree := files("l0/kustomization.yaml", "resources: [a.yaml]\n", "l0/a.yaml", configMap)
	for i := 1; i < 15; i++ {
		n, below := string(rune('a'+i)), string(rune('a'+i-1))
		if i == 1 {
			below = "l0"
		}
		for _, side := range []string{"1", "2"} {
			tree[n+side+"/kustomization.yaml"] = &fstest.MapFile{Data: []byte("namePrefix: p" + side + "\nresources: [../" + below + "]\n")}
		}
		tree[n+"/kustomization.yaml"] = &fstest.MapFile{Data: []byte("resources: [../" + n + "1, ../" + n + "2]\n")}
	}
	_, err := kustomize.Build(tree, "o")
	if err == nil || !strings.Contains(err.Error(), "kustomizations") {
		t.Errorf("got %v", err)
	}
}

func TestAFileNamedManyTimesCountsAsOften(t *testing.T) {
	tree := files("k/big", strings.Repeat("x", 1<<20), "k/kustomization.yaml", "configMapGenerator:\n- name: a\n  files: ["+
		strings.TrimSuffix(strings.Repeat("big,", 50), ",")+"]\n")
	_, err := kustomize.Build(tree, "k")
	if err == nil || !strings.Contains(err.Error(), "reads more than") {
		t.Errorf("got %v", err)
	}
}

func TestBuildsSideBySideGiveTheSame(t *testing.T) {
	want, err := kustomize.Build(fopgate.FS(), "dora/jjh/thumbnailer/full")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			got, err := kustomize.Build(fopgate.FS(), "dora/jjh/thumbnailer/full")
			if err != nil || cmp.Diff(want, got) != "" {
				t.Errorf("differs: %v", err)
			}
		})
	}
	all.Wait()
}

// A kustomization is read or refused with a place; nothing in it makes the builder panic or leave the tree.
func FuzzKustomization(f *testing.F) {
	for _, seed := range []string{
		"resources: [a.yaml]\nnamePrefix: x\n", "resources: [../k]\n", "patches: [{patch: '- op: add', target: {}}]\n", "vars: [{name: a}]\nresources: [a.yaml]\n",
		"configMapGenerator: [{name: a, literals: [a=b]}]\nimages: [{name: a, newTag: b}]\nlabels: [{pairs: {a: b}, includeSelectors: true}]\n",
		"replacements: [{source: {kind: ConfigMap}, targets: [{select: {kind: A}, fieldPaths: ['a.[b=c].d']}]}]\nresources: [a.yaml]\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		objects, err := kustomize.Build(files("k/kustomization.yaml", content, "k/a.yaml", configMap), "k")
		if err == nil && len(objects) > 1000 {
			t.Errorf("%d objects", len(objects))
		}
	})
}
