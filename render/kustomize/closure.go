package kustomize

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"gopkg.in/yaml.v3"

	"banksman.dev/render"
)

// Caps on what one build may read. A base or file counts as often as it is named, because it is built as often.
const (
	maxVisits      = 200
	maxNesting     = 20
	maxReads       = 2000
	maxInputBytes  = 16 << 20
	maxOutputBytes = 16 << 20
)

var kustomizationNames = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

// closure gives the files that a build of dir reads, and refuses what would lead it out of the tree.
func closure(tree fs.FS, dir string) (map[string][]byte, error) {
	w := &walk{tree: tree, files: map[string][]byte{}}
	if err := w.kustomization(dir, nil, place{file: dir}); err != nil {
		return nil, err
	}
	return w.files, nil
}

type walk struct {
	tree   fs.FS
	files  map[string][]byte
	bytes  int
	reads  int
	visits int
}

// place is where the repository names something.
type place struct {
	file         string
	line, column int
}

func (p place) fault(problem, try string) error {
	return &render.Error{File: p.file, Line: p.line, Column: p.column, Problem: problem, Try: try}
}

// kustomization reads the kustomization of a folder; inside are the folders that led to it.
func (w *walk) kustomization(dir string, inside []string, from place) error {
	for _, outer := range inside {
		if outer == dir || strings.HasPrefix(outer, dir+"/") || dir == "." {
			return from.fault(fmt.Sprintf("%s contains itself: %s", dir, strings.Join(append(inside, dir), " → ")),
				"break the circle; a base cannot be a folder above")
		}
	}
	if w.visits++; w.visits > maxVisits {
		return from.fault(fmt.Sprintf("reaches more than %d kustomizations", maxVisits), "flatten the bases")
	}
	if len(inside) >= maxNesting {
		return from.fault(fmt.Sprintf("kustomizations nested deeper than %d", maxNesting), "flatten the bases")
	}
	name, err := w.find(dir, from)
	if err != nil {
		return err
	}
	root, err := w.readYAML(name, from)
	if err != nil {
		return err
	}
	if len(root) != 1 || root[0].Kind != yaml.MappingNode {
		return place{file: name}.fault("is not one YAML map", "write one kustomization to a file")
	}
	r := &reader{walk: w, dir: dir, file: name, inside: append(inside[:len(inside):len(inside)], dir)}
	return r.fields(root[0], kustomizationFields())
}

// find is the folder's one kustomization file.
func (w *walk) find(dir string, from place) (string, error) {
	var found []string
	for _, name := range kustomizationNames {
		about, err := fs.Lstat(w.tree, path.Join(dir, name))
		if err == nil && about.Mode().IsRegular() {
			found = append(found, path.Join(dir, name))
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", &render.Error{
				File: from.file, Line: from.line, Column: from.column,
				Problem: path.Join(dir, name) + " cannot be read", Err: err,
			}
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", from.fault(dir+" has no kustomization.yaml", "add one, or name a folder that has one")
	}
	return "", from.fault(fmt.Sprintf("%s has %s", dir, strings.Join(found, " and ")), "keep one of them")
}

// read takes a file of the tree into the build.
func (w *walk) read(name string, from place) ([]byte, error) {
	content, found := w.files[name]
	var err error
	if !found {
		content, err = render.ReadFile(w.tree, name)
	}
	if err != nil {
		fault := &render.Error{File: from.file, Line: from.line, Column: from.column, Problem: err.Error(), Err: err}
		if errors.Is(err, fs.ErrNotExist) {
			fault.Try = "check the spelling, or commit the file; paths start at the kustomization's folder"
		}
		return nil, fault
	}
	w.reads++
	w.bytes += len(content)
	if w.reads > maxReads || w.bytes > maxInputBytes {
		return nil, from.fault(fmt.Sprintf("reads more than %d files or %d bytes", maxReads, maxInputBytes), "split the service")
	}
	w.files[name] = content
	return content, nil
}

// readYAML takes a YAML file into the build after the scan for hostile YAML: kustomize expands aliases without limit.
func (w *walk) readYAML(name string, from place) ([]*yaml.Node, error) {
	content, err := w.read(name, from)
	if err != nil {
		return nil, err
	}
	return render.ScanYAML(name, content)
}
