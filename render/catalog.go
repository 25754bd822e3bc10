package render

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"gopkg.in/yaml.v3"
)

// The names a catalog has when the caller names none.
const (
	catalogYAML = "services.yaml"
	catalogJSON = "services.json"
)

// ReadCatalog reads the catalog and what it includes. Without a path it is services.yaml at the root of the tree, else
// services.json. Decoding is strict: whatever is not understood is a fault. All faults that can be told at once are
// (*Error or Errors). That a template exists is seen when its service is rendered, so that one service's missing file
// does not hold up the others.
func ReadCatalog(tree fs.FS, name string) (*Catalog, error) {
	name, err := catalogPath(tree, name)
	if err != nil {
		return nil, err
	}
	r := &catalogReader{
		tree:      tree,
		services:  map[ServiceName]*service{},
		pipelines: map[string]*pipeline{},
	}
	if includes := r.file(located{place{file: name}, name}, true); len(r.faults) == 0 {
		r.include(includes)
	}
	if len(r.faults) > 0 {
		return nil, r.faults.Err()
	}
	c := &Catalog{Path: name, Entries: r.entries()}
	if len(r.faults) == 0 && len(c.Entries) == 0 {
		// Nobody runs banksman for nothing: it is a mistake, and would take every
		// service away at once.
		r.faults = append(r.faults, &Error{File: name, Problem: "the catalog names no service", Try: "add a service to it"})
	}
	if len(r.faults) > 0 {
		return nil, r.faults.Err()
	}
	return c, nil
}

// ErrNoCatalog is the cause where a repository has no catalog, and none was named.
var ErrNoCatalog = errors.New("no " + catalogYAML)

func catalogPath(tree fs.FS, name string) (string, error) {
	if name != "" {
		return name, nil
	}
	for _, name := range []string{catalogYAML, catalogJSON} {
		_, err := fs.Stat(tree, name)
		if err == nil {
			return name, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", &Error{File: name, Problem: "cannot be read", Err: err}
		}
	}
	return "", &Error{
		Problem: "the repository has no " + catalogYAML + " and no " + catalogJSON,
		Try:     "banksman init proposes one for its root; or name the file with --catalog",
		Err:     ErrNoCatalog,
	}
}

// catalogReader gathers what the catalog's files say.
type catalogReader struct {
	tree      fs.FS
	services  map[ServiceName]*service
	pipelines map[string]*pipeline
	faults    Errors
}

// file reads one file of the catalog and returns its include patterns. An included file includes nothing itself.
func (r *catalogReader) file(at located, mayInclude bool) (includes []located) {
	content, err := readText(r.tree, at)
	if err != nil {
		r.faults = append(r.faults, collect(err, "")...)
		return nil
	}
	root, err := catalogRoot(at.text, content)
	if err != nil {
		r.faults = append(r.faults, collect(err, "")...)
		return nil
	}
	in := &nodes{file: at.text}
	defer func() { r.faults = append(r.faults, in.faults...) }()

	sections := map[string]field{
		"pipelines": func(_, n *yaml.Node) { r.readPipelines(in, n) },
		"include": func(key, n *yaml.Node) {
			if !mayInclude {
				in.fault(key, "an included file cannot include others", "include them all from the first file")
				return
			}
			includes = in.words(n, "include")
		},
	}
	if has(root, "services") {
		sections["services"] = func(_, n *yaml.Node) { in.pairs(n, "services", r.service(in)) }
		in.fields(root, "the catalog", sections)
		return includes
	}
	// The bare form: every other key is a service.
	readService := r.service(in)
	in.pairs(root, "the catalog", func(key, n *yaml.Node) {
		if read, found := sections[key.Value]; found {
			read(key, n)
			return
		}
		if near := Nearest(key.Value, []string{"services", "pipelines", "include"}); near != "" && !looksLikeService(n) {
			in.fault(key, fmt.Sprintf("unknown key %q in the catalog", key.Value), fmt.Sprintf("did you mean %q?", near))
			return
		}
		readService(key, n)
	})
	return includes
}

func (r *catalogReader) include(patterns []located) {
	files, err := expand(r.tree, patterns)
	if err != nil {
		r.faults = append(r.faults, collect(err, "")...)
		return
	}
	if len(files) > maxCatalogFiles {
		r.faults = append(r.faults, patterns[0].fault("", fmt.Sprintf("includes more than %d files", maxCatalogFiles), ""))
		return
	}
	for _, file := range files {
		r.file(file, false)
	}
}

// catalogRoot parses a catalog file. JSON is read by the YAML parser too, which knows lines.
func catalogRoot(name, content string) (*yaml.Node, error) {
	if path.Ext(name) == ".json" {
		if err := checkJSON(name, content); err != nil {
			return nil, err
		}
	}
	documents, err := ScanYAML(name, []byte(content))
	switch {
	case err != nil:
		return nil, err
	case len(documents) == 0:
		return nil, &Error{File: name, Problem: "the catalog is empty", Try: "add a service to it"}
	case len(documents) > 1:
		return nil, &Error{
			File: name, Line: documents[1].Line, Problem: "a catalog has one YAML document",
			Try: "remove the --- line",
		}
	}
	return documents[0], nil
}

func checkJSON(name, content string) error {
	var ignored json.RawMessage
	err := json.Unmarshal([]byte(content), &ignored)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		before := content[:min(syntax.Offset, int64(len(content)))]
		line := 1 + strings.Count(before, "\n")
		return &Error{
			File: name, Line: line, Problem: "not valid JSON: " + syntax.Error(),
			Excerpt: excerpt(content, line),
		}
	}
	return nil
}

func has(root *yaml.Node, key string) bool {
	for i := 0; i+1 < len(root.Content); i += 2 {
		if root.Kind == yaml.MappingNode && root.Content[i].Value == key {
			return true
		}
	}
	return false
}

func looksLikeService(n *yaml.Node) bool { return has(n, "templates") || has(n, "kustomize") }
