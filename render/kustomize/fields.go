package kustomize

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"banksman.dev/render"
)

// check looks at the value of one field.
type check func(r *reader, n *yaml.Node) error

// kustomizationFields are the fields of a kustomization that are understood. One that is not here is refused: it could
// be a way to reach outside.
func kustomizationFields() map[string]check {
	return map[string]check{
		"apiVersion": anything, "kind": anything, "metadata": anything,
		"namePrefix": anything, "nameSuffix": anything, "namespace": anything,
		"commonLabels": anything, "labels": anything, "commonAnnotations": anything,
		"images": anything, "replicas": anything, "vars": anything,
		"sortOptions": anything, "generatorOptions": anything, "buildMetadata": anything,

		"resources": each((*reader).resource), "bases": each((*reader).folder), "components": each((*reader).folder),
		"crds": each((*reader).yamlFile), "configurations": each((*reader).yamlFile),
		"patchesStrategicMerge": each((*reader).fileOrInline),
		"patches":               eachMap(patchFields), "patchesJson6902": eachMap(patchFields),
		"replacements":       eachMap(replacementFields),
		"configMapGenerator": eachMap(generatorFields), "secretGenerator": eachMap(generatorFields),

		"openapi":                     refuse("a schema of its own changes every later build of the process", "remove it"),
		"helmCharts":                  refuse(helmReason, helmTry),
		"helmGlobals":                 refuse(helmReason, helmTry),
		"helmChartInflationGenerator": refuse(helmReason, helmTry),
		"generators":                  refuse(pluginReason, "use configMapGenerator or secretGenerator"),
		"transformers":                refuse(pluginReason, "use labels, images, replicas, patches or replacements"),
		"validators":                  refuse(pluginReason, "remove it"),
		"imageTags":                   refuse("kustomize removed it", "use images"),
	}
}

const (
	helmReason   = "it starts helm"
	helmTry      = "commit what helm template prints"
	pluginReason = "its configuration can start programs and containers"
)

var patchFields = map[string]check{
	"path": (*reader).yamlFile, "patch": (*reader).inline, "target": anything, "options": anything,
}

var replacementFields = map[string]check{"path": (*reader).yamlFile, "source": anything, "targets": anything}

var generatorFields = map[string]check{
	"name": anything, "namespace": anything, "behavior": anything, "literals": anything, "options": anything, "type": anything,
	"files": each((*reader).keyedFile), "envs": each((*reader).plainFile), "env": (*reader).plainFile,
}

func anything(*reader, *yaml.Node) error { return nil }

func refuse(reason, try string) check {
	return func(r *reader, n *yaml.Node) error {
		return r.at(n).fault("not supported, because "+reason, try)
	}
}

func each(one check) check {
	return func(r *reader, n *yaml.Node) error {
		if n.Kind != yaml.SequenceNode {
			return r.at(n).fault("is not a list", "write it as a list")
		}
		for _, item := range n.Content {
			if err := one(r, resolve(item)); err != nil {
				return err
			}
		}
		return nil
	}
}

func eachMap(known map[string]check) check {
	return each(func(r *reader, n *yaml.Node) error { return r.fields(n, known) })
}

// reader checks one kustomization file and takes what it names into the build.
type reader struct {
	*walk
	dir, file string
	inside    []string
}

func (r *reader) at(n *yaml.Node) place { return place{r.file, n.Line, n.Column} }

func (r *reader) fields(n *yaml.Node, known map[string]check) error {
	if n.Kind != yaml.MappingNode {
		return r.at(n).fault("is not a map", "write it as key: value lines")
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		look, found := known[key.Value]
		if !found {
			return r.at(key).fault(fmt.Sprintf("unknown key %q in a kustomization", key.Value), "check the spelling")
		}
		if value := resolve(n.Content[i+1]); value.Tag != "!!null" {
			if err := look(r, value); err != nil {
				return r.named(err, key.Value)
			}
		}
	}
	return nil
}

// named puts the field's name before the problem of a fault in this file.
func (r *reader) named(err error, field string) error {
	var fault *render.Error
	if errors.As(err, &fault) && fault.File == r.file && !strings.HasPrefix(fault.Problem, field) {
		fault.Problem = field + ": " + fault.Problem
	}
	return err
}

// resource is a YAML file or a folder with a kustomization.
func (r *reader) resource(n *yaml.Node) error {
	name, err := r.localPath(n)
	if err != nil {
		return err
	}
	if about, err := fs.Lstat(r.tree, name); err == nil && about.IsDir() {
		return r.kustomization(name, r.inside, r.at(n))
	}
	return r.yamlFile(n)
}

func (r *reader) folder(n *yaml.Node) error {
	name, err := r.localPath(n)
	if err != nil {
		return err
	}
	return r.kustomization(name, r.inside, r.at(n))
}

func (r *reader) yamlFile(n *yaml.Node) error {
	name, err := r.localFile(n, n.Value)
	if err != nil {
		return err
	}
	_, err = r.readYAML(name, r.at(n))
	return err
}

func (r *reader) plainFile(n *yaml.Node) error {
	name, err := r.localFile(n, n.Value)
	if err != nil {
		return err
	}
	_, err = r.read(name, r.at(n))
	return err
}

// keyedFile is "file" or "key=file".
func (r *reader) keyedFile(n *yaml.Node) error {
	value := n.Value
	if _, file, keyed := strings.Cut(value, "="); keyed {
		value = file
	}
	name, err := r.localFile(n, value)
	if err != nil {
		return err
	}
	_, err = r.read(name, r.at(n))
	return err
}

// inline is YAML within a string. Its aliases are expanded like a file's.
func (r *reader) inline(n *yaml.Node) error {
	if _, err := render.ScanYAML(r.file, []byte(n.Value)); err != nil {
		var fault *render.Error
		if !errors.As(err, &fault) {
			return err
		}
		return r.at(n).fault("the patch is refused: "+fault.Problem, fault.Try)
	}
	return nil
}

// fileOrInline is a file, or YAML when it has several lines.
func (r *reader) fileOrInline(n *yaml.Node) error {
	if strings.Contains(n.Value, "\n") {
		return r.inline(n) // no address has a line end
	}
	if strings.HasPrefix(n.Value, "{") {
		return r.inline(n)
	}
	return r.yamlFile(n)
}

// localFile is a file in the kustomization's own folder or below it.
func (r *reader) localFile(n *yaml.Node, value string) (string, error) {
	name, err := r.local(n, value)
	if err != nil {
		return "", err
	}
	if r.dir != "." && !strings.HasPrefix(name, r.dir+"/") {
		return "", r.at(n).fault(fmt.Sprintf("%s is not below %s", value, r.dir),
			"move the file, or make its folder a base with a kustomization.yaml")
	}
	return name, nil
}

// localPath is a path that kustomize cannot take for an address of another repository.
func (r *reader) localPath(n *yaml.Node) (string, error) {
	if strings.ContainsAny(n.Value, ":?@") || strings.Contains(n.Value, "//") || strings.Contains(n.Value, "_git/") ||
		strings.HasPrefix(strings.ToLower(n.Value), "github.com") {
		return "", r.remote(n)
	}
	return r.local(n, n.Value)
}

func (r *reader) remote(n *yaml.Node) error {
	return r.at(n).fault(fmt.Sprintf("%q is a remote address; only files of this repository are read", n.Value),
		"commit what it holds into this repository")
}

func (r *reader) local(n *yaml.Node, value string) (string, error) {
	if n.Kind != yaml.ScalarNode || value == "" {
		return "", r.at(n).fault("is not a path", "write a path")
	}
	switch name := path.Join(r.dir, value); {
	case strings.Contains(value, "://"), hasScheme(value):
		return "", r.remote(n)
	case path.IsAbs(value), strings.Contains(value, `\`), strings.ContainsAny(value, "\n\x00"):
		return "", r.at(n).fault(fmt.Sprintf("%q is not a relative path", value), "write it relative to the kustomization")
	case name == "..", strings.HasPrefix(name, "../"), slices.Contains(strings.Split(name, "/"), ".git"):
		return "", r.at(n).fault(fmt.Sprintf("%q leads out of the repository", value), "name a path of the repository")
	default:
		return name, nil
	}
}

// hasScheme says whether kustomize would take a path for the address of a file to fetch.
func hasScheme(value string) bool {
	value = strings.ToLower(value)
	return strings.HasPrefix(value, "http:") || strings.HasPrefix(value, "https:")
}

func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}
