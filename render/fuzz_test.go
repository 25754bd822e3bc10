package render_test

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	fopgate "banksman.dev/fixtures/fop-gate"
	"banksman.dev/render"
)

// Whatever the catalog says, it is read or refused with a place.
func FuzzCatalog(f *testing.F) {
	example, err := fs.ReadFile(fopgate.FS(), "services.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(example))
	f.Add("web: {namespace: a, templates: [t], canary: 10%, dashboard: 'https://x/{service}'}\npipelines: {p: [apply: {timeout: 1m}]}\n")
	f.Add("a: &a {templates: *a}\n")
	f.Add("include: ['*.yaml']\n? [a]\n: b\n")
	f.Fuzz(func(t *testing.T, content string) {
		tree := files("services.yaml", content)
		catalog, err := render.ReadCatalog(tree, "")
		mustHaveAPlace(t, err)
		if err != nil {
			return
		}
		for _, name := range catalog.Names() {
			entry := catalog.Entries[name]
			if len(entry.Pipeline.Full) == 0 || entry.HasCanary() != (len(entry.Pipeline.Canary) > 0) {
				t.Errorf("%s has the pipeline %+v", name, entry.Pipeline)
			}
			if again, err := render.ReadCatalog(tree, ""); err != nil || entry.RulesDigest() != again.Entries[name].RulesDigest() {
				t.Errorf("read again it differs: %v", err)
			}
		}
	})
}

// What the scan lets through becomes objects or a fault, never a panic or a flood.
func FuzzYAML(f *testing.F) {
	for _, seed := range []string{
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n", "a: &a [*a]", "{<<: [{a: 1}, 2]}", "- !!binary x\n", "? {a: b}\n: c",
		"a: 0x7fffffffffffffffff\nb: 1e999\nc: .nan\n", "kind: List\nitems: [{kind: List, items: []}]\n", "%YAML 1.1\n---\n", "\t", "a: |\n  x\n---\n...\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		objects, err := render.Objects("x.yaml", content)
		mustHaveAPlace(t, err)
		for _, o := range objects {
			if o.Kind() == "" || o.Name() == "" || o.APIVersion() == "" {
				t.Errorf("an object without identity: %v", o)
			}
		}
	})
}

// A template renders the same twice, or fails the same twice.
func FuzzTemplate(f *testing.F) {
	deployment, err := fs.ReadFile(fopgate.FS(), "dora/jjh/fop-gate/deployment.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(deployment))
	for _, file := range []string{"testdata/faults/endless-recursion.txtar", "testdata/faults/list-doubling.txtar", "testdata/faults/fault-in-an-included-template.txtar"} {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(content))
	}
	for _, expression := range []string{
		`{{define "a"}}{{range $k, $v := .}}{{$k}}{{break}}{{end}}{{end}}{{template "a" .values}}`, `{{with .values.x}}{{.}}{{else}}{{fail "no"}}{{end}}`,
		`{{printf "%v %T %#v" .values .system .}}`, `{{block "b" .}}{{.system.SERVICE | upper | b64enc | trunc 3}}{{end}}`, `{{- /* c */ -}}{{(index .values "x").y}}`,
		`{{ (semver "1.2.3").Major }}{{dig "a" "b" "c" .values}}{{$x := 1}}{{range 3}}{{$x = add $x 1}}{{end}}{{$x}}`,
	} {
		f.Add("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: '" + expression + "'}\n")
	}
	f.Fuzz(func(t *testing.T, template string) {
		tree := files("services.yaml", "web: {namespace: a, templates: [web.yaml], values: {x: {y: 1}, l: [a, 2]}}\n", "web.yaml", template)
		catalog, err := render.ReadCatalog(tree, "")
		if err != nil {
			t.Fatal(err)
		}
		one, err := render.Renderer{}.Release(tree, catalog, "web", commit)
		mustHaveAPlace(t, err)
		two, again := render.Renderer{}.Release(tree, catalog, "web", commit)
		if one.Digest != two.Digest || (err == nil) != (again == nil) || (err != nil && err.Error() != again.Error()) {
			t.Errorf("two renders differ: %s and %s, %v and %v", one.Digest, two.Digest, err, again)
		}
		for _, o := range one.Full {
			if strings.Contains(o.Name(), "<no value>") && !strings.Contains(template, "no value") {
				t.Errorf("rendered %v", o)
			}
		}
	})
}

func mustHaveAPlace(t *testing.T, err error) {
	t.Helper()
	var fault *render.Error
	if err != nil && (!errors.As(err, &fault) || fault.File == "") {
		t.Errorf("%T without a place: %v", err, err)
	}
}
