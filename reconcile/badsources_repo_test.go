package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"pgregory.net/rapid"
)

// goodFiles are a repository in which everything is well: four services, one of
// them from an included catalog, one that goes with its objects when it is
// removed, and templates that leave out documents when their values say so.
func goodFiles() map[string]string {
	const (
		deployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{.system.SERVICE}}"}
spec:
  replicas: {{if eq .system.VARIANT "canary"}}1{{else}}{{.values.replicas}}{{end}}
  selector: {matchLabels: {app: "{{.system.BASE}}"}}
  template:
    metadata: {labels: {app: "{{.system.BASE}}"}}
    spec: {containers: [{name: app, image: "app:{{.values.image}}"}]}
`
		configs = `{{range .values.configs}}apiVersion: v1
kind: ConfigMap
metadata: {name: "{{$.system.BASE}}-{{.}}"}
data: {text: "{{.}}"}
---
{{end}}{{if .values.service}}apiVersion: v1
kind: Service
metadata: {name: "{{.system.BASE}}"}
spec: {selector: {app: "{{.system.BASE}}"}, ports: [{port: 80}]}
{{end}}`
		values = `image: 1
replicas: 3
service: true
configs:
  - one
  - two
  - three
  - four
  - five
  - six
  - seven
  - eight
  - nine
`
	)
	files := map[string]string{
		"services.yaml": `include: [teams/*/services.yaml]
services:
  web:
    namespace: shop
    templates: [web/deployment.yaml, web/configs.yaml]
    valuesFile: web/values.yaml
    pipeline: review
  web-canary:
    namespace: shop
    templates: [web/deployment.yaml, web/configs.yaml]
    valuesFile: web/values.yaml
    pipeline: bake
  api:
    namespace: shop
    templates: [api/*.yaml]
    values: {image: 1, replicas: 2, service: true, configs: [one, two]}
    canary: {replicas: 1}
  jobs:
    namespace: shop
    templates: [jobs/deployment.yaml, jobs/configs.yaml]
    valuesFile: jobs/values.yaml
    onRemoval: delete
pipelines:
  bake:
    - apply: {timeout: 10m}
    - bake: 5m
  review:
    - approval: {any: 1}
    - apply: {timeout: 30m}
`,
		"teams/ops/services.yaml": "services:\n  ops: {namespace: shop, templates: [teams/ops/app.yaml], values: {image: 1, replicas: 1}, canary: {replicas: 1}}\n",
		"teams/ops/app.yaml":      deployment,
		"README.md":               "Manifests.\n",
	}
	for _, name := range []string{"web", "api", "jobs"} {
		files[name+"/deployment.yaml"] = deployment
		files[name+"/configs.yaml"] = configs
	}
	files["web/values.yaml"], files["jobs/values.yaml"] = values, values
	return files
}

// A spoiling is one way in which a repository becomes bad. It names the paths
// that it spoils.
type spoiling struct {
	name string
	do   func(t *rapid.T, files map[string]gitFile) []string
}

// ofAnyFile spoils one file, whichever.
func ofAnyFile(name string, do func(t *rapid.T, f gitFile) gitFile) spoiling {
	return spoiling{name, func(t *rapid.T, files map[string]gitFile) []string {
		path := anyFile(t, files)
		if path != "" {
			files[path] = do(t, files[path])
		}
		return []string{path}
	}}
}

func anyFile(t *rapid.T, files map[string]gitFile) string {
	paths := slices.Sorted(maps.Keys(files))
	if len(paths) == 0 {
		return ""
	}
	return rapid.SampledFrom(paths).Draw(t, "file")
}

func ofCatalog(name string, do func(t *rapid.T, text string) string) spoiling {
	return spoiling{name, func(t *rapid.T, files map[string]gitFile) []string {
		path := rapid.SampledFrom([]string{"services.yaml", "services.yaml", "teams/ops/services.yaml"}).Draw(t, "catalog")
		files[path] = gitFile{content: do(t, files[path].content)}
		return []string{path}
	}}
}

func becomes(name string, f gitFile) spoiling {
	return ofAnyFile(name, func(*rapid.T, gitFile) gitFile { return f })
}

// hugeText is more than a file may have, and packs well.
var hugeText = strings.Repeat("# nothing\n", 500_000)

const deepest = 20_000

var spoilings = []spoiling{
	becomes("empty", gitFile{}),
	becomes("blank", gitFile{content: "\n\n"}),
	becomes("comment only", gitFile{content: "# later\n"}),
	becomes("binary", gitFile{content: "\x00\x01\x02\xff\xfe\x00"}),
	becomes("symlink", gitFile{content: "/etc/passwd", mode: filemode.Symlink}),
	becomes("submodule", gitFile{mode: filemode.Submodule, hash: plumbing.NewHash("1234567890123456789012345678901234567890")}),
	becomes("LFS pointer", gitFile{content: "version https://git-lfs.github.com/spec/v1\noid sha256:" + strings.Repeat("ab", 32) + "\nsize 12345\n"}),
	becomes("huge", gitFile{content: hugeText}),
	becomes("deep", gitFile{content: strings.Repeat("[", deepest) + strings.Repeat("]", deepest)}),
	becomes("alias bomb", gitFile{content: "a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]\n" +
		"d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c]\ne: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d]\nf: &f [*e, *e, *e, *e, *e, *e, *e, *e, *e]\ng: [*f, *f, *f, *f, *f, *f, *f, *f, *f]\n"}),
	becomes("another manifest", gitFile{content: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: stray}\ndata: {text: stray}\n"}),
	becomes("conflict markers", gitFile{content: "<<<<<<< HEAD\na: 1\n=======\na: 2\n>>>>>>> topic\n"}),
	ofAnyFile("truncated", func(t *rapid.T, f gitFile) gitFile {
		f.content = f.content[:rapid.IntRange(0, len(f.content)).Draw(t, "bytes")]
		return f
	}),
	ofAnyFile("truncated at a line", func(t *rapid.T, f gitFile) gitFile { f.content = cutAtLine(t, f.content); return f }),
	ofAnyFile("one line lost", func(t *rapid.T, f gitFile) gitFile {
		lines := strings.SplitAfter(f.content, "\n")
		at := rapid.IntRange(0, len(lines)-1).Draw(t, "line")
		f.content = strings.Join(slices.Delete(lines, at, at+1), "")
		return f
	}),
	ofAnyFile("one byte changed", func(t *rapid.T, f gitFile) gitFile {
		if f.content != "" {
			b := []byte(f.content)
			b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 6).Draw(t, "bit")
			f.content = string(b)
		}
		return f
	}),
	ofAnyFile("doubled", func(_ *rapid.T, f gitFile) gitFile { f.content += f.content; return f }),
	ofAnyFile("UTF-16", func(_ *rapid.T, f gitFile) gitFile {
		f.content = "\xff\xfe" + strings.Join(strings.Split(f.content, ""), "\x00") + "\x00"
		return f
	}),
	ofAnyFile("line ends of Windows", func(_ *rapid.T, f gitFile) gitFile {
		f.content = "\ufeff" + strings.ReplaceAll(f.content, "\n", "\r\n")
		return f
	}),
	ofAnyFile("template cut off", func(_ *rapid.T, f gitFile) gitFile {
		f.content = strings.Replace(f.content, "{{end}}", "", 1)
		return f
	}),
	ofAnyFile("value missing", func(_ *rapid.T, f gitFile) gitFile {
		f.content = strings.NewReplacer("configs", "konfigs", "service: true", "").Replace(f.content)
		return f
	}),
	ofAnyFile("documents dropped by a condition", func(_ *rapid.T, f gitFile) gitFile {
		f.content = strings.NewReplacer("service: true", "service: false", "{{range .values.configs}}", "{{range .values.configs}}{{if eq . \"one\"}}", "---\n{{end}}", "---\n{{end}}{{end}}").Replace(f.content)
		return f
	}),
	ofAnyFile("list emptied", func(_ *rapid.T, f gitFile) gitFile {
		at := strings.Index(f.content, "configs:\n")
		if at >= 0 {
			f.content = f.content[:at] + "configs: []\n"
		}
		f.content = strings.ReplaceAll(f.content, "configs: [one, two]", "configs: []")
		return f
	}),
	{"lost", func(t *rapid.T, files map[string]gitFile) []string {
		path := anyFile(t, files)
		delete(files, path)
		return []string{path}
	}},
	{"renamed", func(t *rapid.T, files map[string]gitFile) []string {
		path := anyFile(t, files)
		if path == "" {
			return nil
		}
		f := files[path]
		delete(files, path)
		files[path+".bak"] = f
		return []string{path}
	}},
	{"folder lost", func(t *rapid.T, files map[string]gitFile) []string {
		folder := rapid.SampledFrom([]string{"web/", "api/", "jobs/", "teams/"}).Draw(t, "folder")
		maps.DeleteFunc(files, func(path string, _ gitFile) bool { return strings.HasPrefix(path, folder) })
		return []string{folder}
	}},
	{"a folder for a file", func(t *rapid.T, files map[string]gitFile) []string {
		path := anyFile(t, files)
		if path == "" {
			return nil
		}
		f := files[path]
		delete(files, path)
		files[path+"/inside"] = f
		return []string{path}
	}},
	{"everything lost", func(_ *rapid.T, files map[string]gitFile) []string { clear(files); return nil }},
	{"hostile name", func(_ *rapid.T, files map[string]gitFile) []string {
		files["web/.GIT"] = gitFile{content: "x"}
		files["api/git~1"] = gitFile{content: "x"}
		return []string{"web/.GIT", "api/git~1"}
	}},
	{"objects of another service", func(_ *rapid.T, files map[string]gitFile) []string {
		files["api/stray.yaml"] = gitFile{content: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web-one}\ndata: {text: mine}\n"}
		return []string{"api/stray.yaml"}
	}},
	ofCatalog("catalog empty", func(*rapid.T, string) string { return "" }),
	ofCatalog("catalog null", func(*rapid.T, string) string { return "null\n" }),
	ofCatalog("catalog without services", func(*rapid.T, string) string { return "services: {}\n" }),
	ofCatalog("catalog is a list", func(*rapid.T, string) string { return "- services\n" }),
	ofCatalog("catalog is another manifest", func(*rapid.T, string) string { return "apiVersion: v1\nkind: List\nitems: []\n" }),
	ofCatalog("catalog cut", func(t *rapid.T, text string) string { return cutAtLine(t, text) }),
	ofCatalog("catalog cut", func(t *rapid.T, text string) string { return cutAtLine(t, text) }),
	ofCatalog("key of the catalog renamed", func(t *rapid.T, text string) string {
		key := rapid.SampledFrom([]string{"services:", "templates:", "pipelines:", "web:", "web-canary:", "api:", "jobs:", "ops:", "include:", "canary:", "namespace:", "onRemoval:"}).Draw(t, "key")
		return strings.Replace(text, key, "x"+key, 1)
	}),
	ofCatalog("key of the catalog lost", func(t *rapid.T, text string) string {
		lines := strings.SplitAfter(text, "\n")
		at := rapid.IntRange(0, len(lines)-1).Draw(t, "line")
		return strings.Join(slices.Delete(lines, at, at+1), "")
	}),
	ofCatalog("key of the catalog doubled", func(t *rapid.T, text string) string {
		lines := strings.SplitAfter(text, "\n")
		at := rapid.IntRange(0, len(lines)-1).Draw(t, "line")
		return strings.Join(slices.Insert(lines, at, lines[at]), "")
	}),
	ofCatalog("entry lost", func(t *rapid.T, text string) string {
		name := rapid.SampledFrom([]string{"web", "web-canary", "api", "jobs", "ops"}).Draw(t, "entry")
		return withoutEntry(text, name)
	}),
}

func cutAtLine(t *rapid.T, text string) string {
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(lines[:rapid.IntRange(0, len(lines)).Draw(t, "lines")], "")
}

// withoutEntry takes a service out of the text of a catalog.
func withoutEntry(text, name string) string {
	var left []string
	skipping := false
	for _, line := range strings.SplitAfter(text, "\n") {
		switch {
		case strings.HasPrefix(line, fmt.Sprintf("  %s:", name)):
			skipping = true
			continue
		case !strings.HasPrefix(line, "    "):
			skipping = false
		}
		if !skipping {
			left = append(left, line)
		}
	}
	return strings.Join(left, "")
}
