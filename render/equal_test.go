package render_test

import (
	"testing"
	"testing/fstest"

	"banksman.dev/render"
)

func TestEntriesAreEqualWhereverTheyStand(t *testing.T) {
	const web = "  web: {templates: [a.yaml], values: {tag: v1}}\n"
	read := func(catalog string) render.Entry {
		t.Helper()
		c, err := render.ReadCatalog(fstest.MapFS{"services.yaml": {Data: []byte(catalog)}}, "")
		if err != nil {
			t.Fatal(err)
		}
		return c.Entries["web"]
	}
	base := read("services:\n" + web)
	for catalog, equal := range map[string]bool{
		"services:\n  api: {templates: [b.yaml]}\n" + web:                                                                                 true,
		"services:\n  web: {templates: [a.yaml], values: {tag: v2}}\n":                                                                    false,
		"services:\n  web: {templates: [a.yaml, b.yaml], values: {tag: v1}}\n":                                                            false,
		"services:\n  web: {templates: [a.yaml], values: {tag: v1}, namespace: shop}\n":                                                   false,
		"services:\n  web: {templates: [a.yaml], values: {tag: v1}, canary: {replicas: 1}}\n":                                             false,
		"services:\n" + web + "  web-canary: {templates: [a.yaml]}\n":                                                                     false,
		"services:\n  web: {templates: [a.yaml], values: {tag: v1}, pipeline: p}\npipelines:\n  p: [{approval: {any: 2}}, {apply: {}}]\n": false,
	} {
		if got := base.Equal(read(catalog)); got != equal {
			t.Errorf("equal is %v, want %v:\n%s", got, equal, catalog)
		}
	}
}
