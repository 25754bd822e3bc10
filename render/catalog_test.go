package render_test

import (
	"io/fs"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"banksman.dev/approvals"
	"banksman.dev/render"
)

// files makes a tree of alternating names and contents.
func files(namesAndContents ...string) fstest.MapFS {
	tree := fstest.MapFS{}
	for i := 0; i+1 < len(namesAndContents); i += 2 {
		tree[namesAndContents[i]] = &fstest.MapFile{Data: []byte(namesAndContents[i+1]), Mode: 0o644}
	}
	return tree
}

func read(t *testing.T, tree fs.FS) *render.Catalog {
	t.Helper()
	catalog, err := render.ReadCatalog(tree, "")
	if err != nil {
		t.Fatal(err)
	}
	return catalog
}

func apply(timeout time.Duration) render.Step {
	return render.Step{Kind: render.StepApply, Timeout: timeout}
}

func bake(d time.Duration) render.Step { return render.Step{Kind: render.StepBake, Bake: d} }

func approval(p approvals.Policy) render.Step {
	return render.Step{Kind: render.StepApproval, Approval: p}
}

func TestACatalogIsReadInEachOfItsForms(t *testing.T) {
	const bare = "web:\n  namespace: apps\n  templates: [web.yaml]\n"
	for name, tree := range map[string]fstest.MapFS{
		"with services":              files("services.yaml", "services:\n  web:\n    namespace: apps\n    templates: [web.yaml]\n"),
		"as a bare map":              files("services.yaml", bare),
		"as JSON with tabs":          files("services.json", "{\n\t\"web\": {\"namespace\": \"apps\", \"templates\": [\"web.yaml\"]}\n}\n"),
		"with a byte order mark":     files("services.yaml", "\ufeff"+bare),
		"with the line ends of DOS":  files("services.yaml", "web:\r\n  namespace: apps\r\n  templates: [web.yaml]\r\n"),
		"from an included file":      files("services.yaml", "include: [teams/*/services.yaml]\n", "teams/a/services.yaml", bare),
		"with an alias for its list": files("services.yaml", "web:\n  namespace: apps\n  templates: &t [web.yaml]\nweb-canary:\n  templates: *t\n"),
	} {
		t.Run(name, func(t *testing.T) {
			catalog := read(t, tree)
			if diff := cmp.Diff([]render.ServiceName{"web"}, catalog.Names()); diff != "" {
				t.Fatal(diff)
			}
			if got := catalog.Entries["web"].Namespace; got != "apps" {
				t.Errorf("namespace %q", got)
			}
		})
	}
}

func TestServicesYAMLComesBeforeJSON(t *testing.T) {
	tree := files("services.yaml", "a: {namespace: x, templates: [t]}", "services.json", `{"b": {"namespace": "x", "templates": ["t"]}}`)
	if catalog := read(t, tree); catalog.Path != "services.yaml" || catalog.Names()[0] != "a" {
		t.Errorf("read %s with %v", catalog.Path, catalog.Names())
	}
	catalog, err := render.ReadCatalog(tree, "services.json")
	if err != nil || catalog.Names()[0] != "b" {
		t.Errorf("read %v, %v", catalog, err)
	}
}

func TestACanaryIsFoldedIntoItsService(t *testing.T) {
	const service = "web:\n  namespace: apps\n  templates: [web.yaml]\n"
	for name, c := range map[string]struct {
		catalog string
		canary  render.ServiceName
		names   []render.ServiceName
	}{
		"by its name":               {service + "web-canary:\n  templates: [c.yaml]\n", "web-canary", []render.ServiceName{"web"}},
		"by canaryOf":               {service + "early:\n  canaryOf: web\n  templates: [c.yaml]\n", "early", []render.ServiceName{"web"}},
		"by its size":               {service + "  canary: {replicas: 2}\n", "web-canary", []render.ServiceName{"web"}},
		"not at all":                {service, "", []render.ServiceName{"web"}},
		"unless the service is not": {service + "api-canary:\n  namespace: apps\n  templates: [c.yaml]\n", "", []render.ServiceName{"api-canary", "web"}},
	} {
		t.Run(name, func(t *testing.T) {
			catalog := read(t, files("services.yaml", c.catalog))
			if got := catalog.Entries["web"].CanaryName; got != c.canary {
				t.Errorf("canary %q, want %q", got, c.canary)
			}
			if !slices.Equal(catalog.Names(), c.names) {
				t.Errorf("names %v, want %v", catalog.Names(), c.names)
			}
		})
	}
}

func TestPipelinesAreReadAndTheirDefaultsFilledIn(t *testing.T) {
	for name, c := range map[string]struct {
		catalog string
		want    render.Pipeline
	}{
		"defaults": {
			"web: {namespace: apps, templates: [w]}\nweb-canary: {templates: [c]}\n",
			render.Pipeline{
				Canary: []render.Step{apply(10 * time.Minute)},
				Full:   []render.Step{approval(approvals.Policy{Any: 1}), apply(10 * time.Minute)},
			},
		},
		"no canary": {
			"web: {namespace: apps, templates: [w]}\n",
			render.Pipeline{Full: []render.Step{approval(approvals.Policy{Any: 1}), apply(10 * time.Minute)}},
		},
		"a canary without an entry of its own, with its own steps": {
			`services:
  web: {namespace: apps, templates: [w], canary: {replicas: 1, pipeline: c}}
pipelines:
  c: [apply, {bake: 5m}]
`,
			render.Pipeline{
				Canary: []render.Step{apply(10 * time.Minute), {Kind: render.StepBake, Bake: 5 * time.Minute}},
				Full:   []render.Step{approval(approvals.Policy{Any: 1}), apply(10 * time.Minute)},
			},
		},
		"every way to write a step": {
			`web: {namespace: apps, templates: [w], pipeline: f}
web-canary: {templates: [c], pipeline: 1e3}
pipelines:
  1e3: [{apply: {timeout: 90s}}, bake: 1h30m]
  f:
    - approval: {any: 2}
    - apply:
`,
			render.Pipeline{
				ID:     "f",
				Canary: []render.Step{apply(90 * time.Second), bake(90 * time.Minute)},
				Full:   []render.Step{approval(approvals.Policy{Any: 2}), apply(10 * time.Minute)},
			},
		},
		"an explicit pipeline is taken as it is": {
			"web: {namespace: apps, templates: [w], pipeline: f}\npipelines: {f: [apply]}\n",
			render.Pipeline{ID: "f", Full: []render.Step{apply(10 * time.Minute)}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := read(t, files("services.yaml", c.catalog)).Entries["web"].Pipeline
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheRulesDigestChangesWithWhatGovernsADelivery(t *testing.T) {
	entry := func(keys, pipeline string) render.Digest {
		return read(t, files("services.yaml",
			"web: {namespace: apps, templates: [w], pipeline: f"+keys+"}\npipelines: {f: "+pipeline+"}\n")).Entries["web"].RulesDigest()
	}
	base := entry("", "[approval, apply]")
	for name, other := range map[string]render.Digest{
		"a default written out": entry(", onRemoval: orphan", "[approval: {any: 1}, apply: {timeout: 10m}]"),
		"a dashboard":           entry(", dashboard: 'https://d.example/{service}'", "[approval, apply]"),
		"how drift is met":      entry(", drift: warn", "[approval, apply]"),
	} {
		if other != base {
			t.Errorf("%s changes the rules", name)
		}
	}
	for name, other := range map[string]render.Digest{
		"no approval":    entry("", "[apply]"),
		"more approvals": entry("", "[approval: {any: 2}, apply]"),
		"other people":   entry("", "[approval: {any: 1, teams: [a]}, apply]"),
		"a timeout":      entry("", "[approval, apply: {timeout: 1m}]"),
		"onRemoval":      entry(", onRemoval: delete", "[approval, apply]"),
	} {
		if other == base {
			t.Errorf("%s does not change the rules", name)
		}
	}
}

func TestADashboardNamesServiceAndRevision(t *testing.T) {
	entry := read(t, files("services.yaml",
		"web: {namespace: a, templates: [t], dashboard: 'https://d.example/{service}?r={revision}'}\n")).Entries["web"]
	if got, want := entry.DashboardURL("1a2b&c"), "https://d.example/web?r=1a2b%26c"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
