package render_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"banksman.dev/render"
	"banksman.dev/render/kustomize"
)

var errBroken = errors.New("broken object")

// brokenTree cannot read what lies under one path.
type brokenTree struct {
	fstest.MapFS
	broken string
}

func (b brokenTree) fail(op, name string) error {
	if strings.HasPrefix(name, b.broken) {
		return &fs.PathError{Op: op, Path: name, Err: errBroken}
	}
	return nil
}

func (b brokenTree) Open(name string) (fs.File, error) {
	if err := b.fail("open", name); err != nil {
		return nil, err
	}
	return b.MapFS.Open(name)
}

func (b brokenTree) ReadFile(name string) ([]byte, error) {
	if err := b.fail("read", name); err != nil {
		return nil, err
	}
	return b.MapFS.ReadFile(name)
}

func (b brokenTree) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := b.fail("readdir", name); err != nil {
		return nil, err
	}
	return b.MapFS.ReadDir(name)
}

// A tree that cannot be read must never look like one with fewer files.
func TestWhatCannotBeReadIsAnErrorThatKeepsItsCause(t *testing.T) {
	for name, c := range map[string]struct{ catalog, broken string }{
		"the catalog":         {"web: {namespace: a, templates: [t/a.yaml]}", "services.yaml"},
		"a template":          {"web: {namespace: a, templates: [t/a.yaml]}", "t/a.yaml"},
		"one of a pattern":    {"web: {namespace: a, templates: ['t/*.yaml']}", "t/b.yaml"},
		"a folder":            {"web: {namespace: a, templates: ['t/*.yaml']}", "t"},
		"a folder of several": {"web: {namespace: a, templates: ['*/*.yaml']}", "k"},
		"a values file":       {"web: {namespace: a, templates: [t/a.yaml], valuesFile: v.yaml}", "v.yaml"},
		"an included catalog": {"include: ['v.yaml']", "v.yaml"},
		"a kustomization":     {"web: {namespace: a, kustomize: k}", "k/kustomization.yaml"},
		"a resource":          {"web: {namespace: a, kustomize: k}", "k/a.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			tree := brokenTree{files(
				"services.yaml", c.catalog, "v.yaml", "a: b\n",
				"t/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n", "t/b.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n",
				"k/kustomization.yaml", "resources: [a.yaml]\n", "k/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: k}\n",
			), c.broken}
			catalog, err := render.ReadCatalog(tree, "services.yaml")
			if err == nil {
				_, err = render.Renderer{Kustomize: kustomize.Build}.Release(tree, catalog, "web", commit)
			}
			if !errors.Is(err, errBroken) {
				t.Errorf("got %v, want the cause %v", err, errBroken)
			}
		})
	}
}

// What lies beside a service's folder is not looked at: another service there
// is no reason to render this one again.
func TestAPatternListsNothingButItsOwnFolder(t *testing.T) {
	tree := brokenTree{fstest.MapFS{
		"services.yaml":     {Data: []byte("web: {namespace: a, templates: ['teams/web/*.yaml']}")},
		"teams/web/a.yaml":  {Data: []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{.system.SERVICE}}'}\n")},
		"teams/shop/b.yaml": {Data: []byte("other")},
	}, "nothing"}
	catalog, err := render.ReadCatalog(tree, "")
	if err != nil {
		t.Fatal(err)
	}
	listed := &listedFolders{FS: tree}
	if _, err := (render.Renderer{}).Release(listed, catalog, "web", ""); err != nil {
		t.Fatal(err)
	}
	for _, name := range listed.names {
		if name != "teams/web" {
			t.Errorf("%s was listed", name)
		}
	}
	if len(listed.names) == 0 {
		t.Error("no folder was listed")
	}
}

type listedFolders struct {
	fs.FS
	names []string
}

func (l *listedFolders) ReadDir(name string) ([]fs.DirEntry, error) {
	l.names = append(l.names, name)
	return fs.ReadDir(l.FS, name)
}

func TestAPatternBelowAFileMatchesNothing(t *testing.T) {
	tree := fstest.MapFS{
		"services.yaml": {Data: []byte("web: {namespace: a, templates: ['t/a.yaml/*.yaml']}")},
		"t/a.yaml":      {Data: []byte("kind: x")},
	}
	catalog, err := render.ReadCatalog(tree, "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = render.Renderer{}.Release(tree, catalog, "web", "")
	if err == nil || !strings.Contains(err.Error(), "no file matches") {
		t.Errorf("error %v", err)
	}
}
