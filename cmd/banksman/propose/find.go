package propose

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Limits: a repository is somebody else's.
const (
	largestFile = 1 << 20
	mostFiles   = 20_000
)

// A manifest is a file with Kubernetes objects in it.
type manifest struct {
	path    string
	objects []map[string]any
}

// found is what a tree holds.
type found struct {
	manifests []manifest
	// kustomizations are the folders with one, with the folders that it names.
	kustomizations map[string][]string
	// templated are the folders with a file that is a template already.
	templated map[string]bool
	skipped   []Skip
}

// errTooMany: nobody looks through so many files for fun.
var errTooMany = errors.New("too many files")

// find reads every YAML file of a tree that is not hidden.
func find(tree fs.FS) (found, error) {
	all := found{kustomizations: map[string][]string{}, templated: map[string]bool{}}
	charts := map[string]bool{}
	count := 0
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		switch base := path.Base(name); {
		case err != nil:
			return nil //nolint:nilerr // what cannot be read is not proposed
		case entry.IsDir() && strings.HasPrefix(base, ".") && name != ".":
			return fs.SkipDir
		case entry.IsDir():
			if _, err := fs.Stat(tree, path.Join(name, "Chart.yaml")); err == nil {
				charts[name] = true
				all.skipped = append(all.skipped, Skip{name, "a Helm chart; banksman takes what helm template prints"})
				return fs.SkipDir
			}
			return nil
		case !entry.Type().IsRegular():
			return nil
		case isKustomization(base):
			all.kustomization(tree, name)
			return nil
		}
		if ext := path.Ext(name); ext != ".yaml" && ext != ".yml" || name == file {
			return nil
		}
		if count++; count > mostFiles {
			return fmt.Errorf("%w: more than %d", errTooMany, mostFiles)
		}
		all.manifest(tree, name)
		return nil
	})
	if err != nil {
		return found{}, fmt.Errorf("look for manifests: %w", err)
	}
	for dir := range all.templated {
		all.skip(dir, "holds templates ({{), which nobody can guess the values of; name its files under templates: of a service")
	}
	return all, nil
}

func isKustomization(base string) bool {
	return base == "kustomization.yaml" || base == "kustomization.yml" || base == "Kustomization"
}

func read(tree fs.FS, name string) []byte {
	about, err := fs.Stat(tree, name)
	if err != nil || about.Size() > largestFile {
		return nil
	}
	content, err := fs.ReadFile(tree, name)
	if err != nil {
		return nil
	}
	return content
}

// manifest keeps a file that holds objects.
func (f *found) manifest(tree fs.FS, name string) {
	content := read(tree, name)
	looksLikeOne := bytes.Contains(content, []byte("apiVersion:")) && bytes.Contains(content, []byte("kind:"))
	if !looksLikeOne {
		return
	}
	if bytes.Contains(content, []byte("{{")) {
		f.templated[path.Dir(name)] = true
		return
	}
	objects, err := decode(content)
	if err != nil {
		f.skip(name, "it is no YAML: "+strings.TrimPrefix(err.Error(), "yaml: "))
		return
	}
	if len(objects) == 0 {
		return
	}
	for _, o := range objects {
		if why := notOurs(o); why != "" {
			f.skip(name, why)
			return
		}
	}
	f.manifests = append(f.manifests, manifest{name, objects})
}

func (f *found) skip(name, why string) { f.skipped = append(f.skipped, Skip{name, why}) }

// decode reads the objects of a file; documents of another kind make it none.
func decode(content []byte) (objects []map[string]any, err error) {
	d := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var o map[string]any
		switch err := d.Decode(&o); {
		case errors.Is(err, io.EOF):
			return objects, nil
		case err != nil:
			return nil, err
		}
		if o == nil {
			continue
		}
		if word(o, "apiVersion") == "" || word(o, "kind") == "" || word(o, "metadata", "name") == "" {
			return nil, nil
		}
		objects = append(objects, o)
	}
}

// notOurs is why an object is nobody's service.
func notOurs(o map[string]any) string {
	group, _, _ := strings.Cut(word(o, "apiVersion"), "/")
	switch {
	case strings.HasSuffix(group, ".fluxcd.io"):
		return "it is Flux's own " + word(o, "kind")
	case group == "argoproj.io" && slices.Contains([]string{"Application", "ApplicationSet", "AppProject"}, word(o, "kind")):
		return "it is Argo CD's own " + word(o, "kind")
	case group == "v1" && word(o, "kind") == "Namespace":
		return "a Namespace; those of the services must be there before"
	}
	return ""
}

// kustomization notes the folders that one builds on.
func (f *found) kustomization(tree fs.FS, name string) {
	var k struct {
		Resources, Bases, Components []string
	}
	if err := yaml.Unmarshal(read(tree, name), &k); err != nil {
		f.skip(name, "it is no YAML: "+strings.TrimPrefix(err.Error(), "yaml: "))
		return
	}
	dir := path.Dir(name)
	f.kustomizations[dir] = []string{}
	for _, r := range slices.Concat(k.Resources, k.Bases, k.Components) {
		f.kustomizations[dir] = append(f.kustomizations[dir], path.Join(dir, r))
	}
}

// word is a text in nested maps, "" where there is none.
func word(o map[string]any, keys ...string) string {
	for _, key := range keys[:len(keys)-1] {
		o, _ = o[key].(map[string]any)
	}
	s, _ := o[keys[len(keys)-1]].(string)
	return s
}
