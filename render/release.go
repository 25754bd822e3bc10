package render

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"banksman.dev/gitsrc"
)

// Release is one service at one commit: the objects of both variants, and their digest. Each object is in exactly
// one of the three lists, which are sorted by identity.
type Release struct {
	Service   ServiceName
	Commit    gitsrc.SHA
	Digest    Digest
	Namespace string // of the service: its entry's, else the one namespace of its objects
	HasCanary bool
	Full      []Object            // rendered by the full variant only
	Canary    []Object            // rendered by the canary variant only
	Shared    []Object            // rendered by both, with the same content
	Sources   map[ObjectID]string // the template or kustomize folder that each object comes from
}

// Renderer renders services. It is safe for concurrent use.
type Renderer struct {
	// Kustomize builds the kustomization in a folder of the tree. Without it services with kustomize: are a fault.
	Kustomize func(tree fs.FS, dir string) ([]Object, error)
}

// Release renders both variants of one service. Faults of the repository are *Error, and name the service.
func (r Renderer) Release(tree fs.FS, c *Catalog, name ServiceName, commit gitsrc.SHA) (Release, error) {
	entry, found := c.Entries[name]
	if !found {
		return Release{}, &Error{
			File: c.Path, Service: name, Problem: "is not a service of the catalog",
			Try: tryInstead(string(name), entryNames(c)),
		}
	}
	release, err := r.release(tree, entry)
	if err != nil {
		faults := collect(err, name)
		for _, e := range faults {
			if e.Service == "" {
				e.Service = name
			}
		}
		return Release{}, faults.Err()
	}
	release.Commit = commit
	return release, nil
}

// Check renders every service of the catalog and checks that no two of them render the same object. It tells all
// faults at once, and returns the releases that have none.
func (r Renderer) Check(tree fs.FS, c *Catalog, commit gitsrc.SHA) ([]Release, error) {
	var releases []Release
	var faults Errors
	for _, name := range c.Names() {
		release, err := r.Release(tree, c, name, commit)
		if err != nil {
			faults = append(faults, collect(err, name)...)
			continue
		}
		releases = append(releases, release)
	}
	faults = append(faults, collect(CheckOverlap(releases), "")...)
	return releases, faults.Err()
}

func entryNames(c *Catalog) map[string]Entry {
	names := make(map[string]Entry, len(c.Entries))
	for name, entry := range c.Entries {
		names[string(name)] = entry
	}
	return names
}

func (r Renderer) release(tree fs.FS, entry Entry) (Release, error) {
	work := &rendering{
		Renderer: r, tree: tree, entry: entry,
		parsed: map[string]*parsedTemplate{}, read: map[string][]rendered{},
	}
	full, err := work.variant(VariantFull, entry.full)
	if err != nil {
		return Release{}, err
	}
	release := Release{Service: entry.Name, HasCanary: entry.HasCanary(), Sources: map[ObjectID]string{}}
	var canary []rendered
	switch {
	case entry.replicas.set():
		canary, err = replicaCanary(entry, full)
	case release.HasCanary:
		canary, err = work.variant(VariantCanary, entry.canary)
	}
	if err != nil {
		return Release{}, err
	}
	if err := release.split(entry, full, canary); err != nil {
		return Release{}, err
	}
	if release.Namespace, err = namespaceOf(entry, full, canary); err != nil {
		return Release{}, err
	}
	release.Digest, err = release.digest()
	return release, err
}

// namespaceOf is the namespace that the service belongs to.
func namespaceOf(entry Entry, variants ...[]rendered) (string, error) {
	if entry.Namespace != "" {
		return entry.Namespace, nil
	}
	found := map[string]bool{}
	for _, objects := range variants {
		for _, o := range objects {
			if o.Namespace() != "" {
				found[o.Namespace()] = true
			}
		}
	}
	namespaces := keysOf(found)
	if len(namespaces) == 1 {
		return namespaces[0], nil
	}
	problem := "its objects are in no namespace"
	if len(namespaces) > 1 {
		problem = "its objects are in several namespaces: " + strings.Join(namespaces, ", ")
	}
	return "", entry.at.fault(entry.Name, problem+", so the service's own is unclear", "add namespace: to its entry")
}

// rendering is the work on one service; what both variants need is done once.
type rendering struct {
	Renderer
	tree   fs.FS
	entry  Entry
	parsed map[string]*parsedTemplate // by file
	read   map[string][]rendered      // by file and rendered text
}

// variant gives the objects of one variant, checked and in their namespaces.
func (w *rendering) variant(variant Variant, from source) ([]rendered, error) {
	objects, err := w.objects(variant, from)
	if err != nil {
		return nil, err
	}
	if len(objects) == 0 {
		return nil, w.entry.at.fault(from.name, "renders no object", "check the conditions in its templates")
	}
	if len(objects) > maxObjects {
		return nil, w.entry.at.fault(from.name, fmt.Sprintf("renders more than %d objects", maxObjects), "split the service")
	}
	if err := w.place(objects); err != nil {
		return nil, err
	}
	return objects, w.unique(from.name, objects)
}

func (w *rendering) objects(variant Variant, from source) ([]rendered, error) {
	if from.kustomize.text != "" {
		return w.kustomization(from)
	}
	files, err := expand(w.tree, from.templates)
	if err != nil {
		return nil, err
	}
	parsed := make([]*parsedTemplate, len(files))
	for i, file := range files {
		if parsed[i], err = w.parse(file); err != nil {
			return nil, err
		}
	}
	set, err := newTemplates(parsed)
	if err != nil {
		return nil, err
	}
	values, err := readValues(w.tree, from)
	if err != nil {
		return nil, err
	}
	var objects []rendered
	for _, file := range parsed {
		content, err := set.execute(file.file, w.templateValues(variant, from, values))
		if err != nil {
			return nil, err
		}
		read, err := w.readOnce(file, content)
		if err != nil {
			return nil, err
		}
		objects = append(objects, read...)
	}
	return objects, nil
}

func (w *rendering) parse(file located) (*parsedTemplate, error) {
	if p, found := w.parsed[file.text]; found {
		return p, nil
	}
	content, err := readText(w.tree, file)
	if err != nil {
		return nil, err
	}
	p, err := parseTemplate(file.text, content)
	w.parsed[file.text] = p
	return p, err
}

// templateValues are what a template sees. Each file gets its own copy, so that none can change another's.
func (w *rendering) templateValues(variant Variant, from source, values map[string]any) map[string]any {
	return map[string]any{
		"system": map[string]any{
			"SERVICE":   string(from.name),
			"VARIANT":   string(variant),
			"NAMESPACE": w.entry.Namespace,
			"BASE":      string(w.entry.Name),
		},
		"values": cloneValue(values),
	}
}

// readOnce reads the objects of a rendered template; most render the same text in both variants.
func (w *rendering) readOnce(file *parsedTemplate, content string) ([]rendered, error) {
	key := file.file + "\x00" + content
	if read, found := w.read[key]; found {
		copies := make([]rendered, len(read))
		for i, o := range read {
			copies[i] = rendered{o.clone(), o.place}
		}
		return copies, nil
	}
	read, err := readObjects(file.file, content)
	if err != nil {
		return nil, file.mapBack(err, content)
	}
	for i := range read {
		if read[i].line = file.original(read[i].line, content); read[i].line == 0 {
			read[i].column = 0
		}
	}
	w.read[key] = read
	return read, nil
}

func (w *rendering) kustomization(from source) ([]rendered, error) {
	if w.Kustomize == nil {
		return nil, from.kustomize.fault(from.name, "kustomize: is not available here", "use templates")
	}
	if problem := badPath(from.kustomize.text); problem != "" {
		return nil, from.kustomize.fault(from.name, problem, "name a folder of the repository")
	}
	objects, err := w.Kustomize(w.tree, from.kustomize.text)
	if err != nil {
		var fault *Error
		if errors.As(err, &fault) {
			return nil, err
		}
		return nil, from.kustomize.fault(from.name, err.Error(), "")
	}
	built := make([]rendered, len(objects))
	for i, o := range objects {
		built[i] = rendered{o, place{file: from.kustomize.text}}
		if err := checkObject(o, built[i].place); err != nil {
			return nil, err
		}
	}
	return built, nil
}
