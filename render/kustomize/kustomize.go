// Package kustomize builds a kustomization of a repository's tree: the folder's own, its bases and its components.
//
// The builder of sigs.k8s.io/kustomize fetches over the network, starts git and reads whatever file it is told to, even
// with its restrictions on. So the kustomizations are read here first: every path in them must name a file or folder
// of the same tree, every field that could reach further is refused, and the builder then sees an in-memory file system
// that holds nothing but the files found so. It knows nothing of catalogs, services or commits.
//
// Entry point: Build.
package kustomize

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"banksman.dev/render"
)

// building is held during a build: kustomize keeps its OpenAPI schema in variables of its own process, and
// reading it for the first time races with its use.
var building sync.Mutex

// Build renders the kustomization in the folder dir of tree. Faults are *render.Error.
func Build(tree fs.FS, dir string) ([]render.Object, error) {
	files, err := closure(tree, dir)
	if err != nil {
		return nil, err
	}
	memory := filesys.MakeFsInMemory()
	for name, content := range files {
		if err := memory.WriteFile("/"+name, content); err != nil {
			return nil, fmt.Errorf("kustomize: %s: %w", name, err)
		}
	}
	text, err := run(memory, "/"+dir)
	if err != nil {
		return nil, &render.Error{File: dir, Problem: "kustomize: " + readable(err), Try: "kustomize build " + dir + " shows the same"}
	}
	objects, err := render.Objects(dir, text)
	var fault *render.Error
	if errors.As(err, &fault) && fault.Line > 0 {
		fault.Problem += fmt.Sprintf(" (line %d of what kustomize builds)", fault.Line)
		fault.Line, fault.Column = 0, 0
	}
	return objects, err
}

// run builds on the file system. Malformed input makes kustomize panic in places; that is an error like others.
func run(memory filesys.FileSystem, dir string) (text string, err error) {
	building.Lock()
	defer building.Unlock()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("it cannot cope with this input (%v)", r)
		}
	}()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(memory, dir)
	if err != nil {
		return "", err
	}
	encoded, err := resources.AsYaml()
	if err != nil {
		return "", err
	}
	if len(encoded) > maxOutputBytes {
		return "", errors.New("its output is too long")
	}
	return string(encoded), nil
}

// readable takes the in-memory file system's root out of kustomize's message and cuts it to one line.
func readable(err error) string {
	message := strings.Join(strings.Fields(err.Error()), " ")
	message = strings.ReplaceAll(message, "'/", "'")
	message = strings.ReplaceAll(message, `"/`, `"`)
	if len(message) > 400 {
		message = message[:400] + "…"
	}
	return message
}
