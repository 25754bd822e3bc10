package bump

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"banksman.dev/render"
)

// A Place is some bytes of a file, and what is to stand there instead.
type Place struct {
	File     string
	Line     int // from 1
	At       int // offset of the first byte
	Old, New string
	// Changes are the images that become others, "Deployment shop/gate, container
	// gate: reg/gate:1 becomes reg/gate:2", sorted.
	Changes []string

	images map[container]string
}

// An Edit is what is to be written: the places, and the files with them.
type Edit struct {
	Places []Place
	Files  map[string][]byte
}

// An AmbiguousError lists the places of which somebody must choose.
type AmbiguousError struct {
	What   string
	Places []Place
}

func (e *AmbiguousError) Error() string { return e.What }

// Errors of Find that a person may mend.
var (
	ErrNoContainer = errors.New("no container")
	ErrSame        = errors.New("is what it runs already")
	ErrNoPlace     = errors.New("no place says so in so many words")
)

// mostTries bounds how often a service is rendered.
const mostTries = 400

// Options narrow a search.
type Options struct {
	Catalog string // the catalog's path; "" as ever
	File    string // only places in this file; "" for all
	All     bool   // change all places, where each is a part of it
}

// Find finds the places that make a service run the image that is wished for. One
// place is an answer; several are, if All says so, and none of them is enough alone.
func Find(tree fs.FS, service render.ServiceName, w Wish, o Options) (Edit, error) {
	seen := noted{tree, map[string]bool{}}
	before, err := imagesOf(seen, o.Catalog, service)
	if err != nil {
		return Edit{}, err
	}
	f := finder{tree: tree, service: service, catalog: o.Catalog, before: before}
	if err := f.aim(w); err != nil {
		return Edit{}, err
	}
	var files []string
	for name := range seen.read {
		if o.File == "" || name == o.File {
			files = append(files, name)
		}
	}
	slices.Sort(files)
	if o.File != "" && len(files) == 0 {
		return Edit{}, fmt.Errorf("%s is not rendered from %s", service, o.File)
	}
	var parts []Place
	for _, name := range files {
		found, err := f.inFile(name)
		if err != nil {
			return Edit{}, err
		}
		parts = append(parts, found...)
	}
	slices.SortFunc(parts, func(a, b Place) int { return cmp.Or(cmp.Compare(a.File, b.File), a.At-b.At) })
	return f.choose(parts, o.All)
}

// A finder is one search.
type finder struct {
	tree    fs.FS
	service render.ServiceName
	catalog string
	before  map[container]string
	wanted  map[container]string // what the containers that are meant are to run
	words   []replacement
	tries   int
}

// A replacement is words that may stand in a file, and those that may do it instead.
type replacement struct{ old, is string }

// aim says which containers are meant, and what of their image changes.
func (f *finder) aim(w Wish) error {
	f.wanted = map[container]string{}
	repositories := map[string]bool{}
	for _, c := range sorted(f.before) {
		old := parseImage(f.before[c])
		if w.Name != "" && c.name != w.Name && old.word() != w.Name {
			continue
		}
		is, err := w.on(old)
		if err != nil {
			return fmt.Errorf("container %s of %s: %w", c.name, c.object, err)
		}
		repositories[old.repository] = true
		if is == old {
			continue
		}
		f.wanted[c] = is.String()
		for _, r := range replacements(old, is) {
			if !slices.Contains(f.words, r) {
				f.words = append(f.words, r)
			}
		}
	}
	switch {
	case len(repositories) == 0:
		return fmt.Errorf("%w of %s is named %s: it has %s", ErrNoContainer, f.service, w.Name, f.names())
	case len(repositories) > 1:
		return &AmbiguousError{What: fmt.Sprintf("%s runs several images: %s", f.service, f.names())}
	case len(f.wanted) == 0:
		return fmt.Errorf("%s %w", w, ErrSame)
	}
	return nil
}

func (w Wish) String() string {
	return strings.TrimPrefix(image{w.Repository, w.Tag, w.Digest}.String(), ":")
}

// names are the containers with their images, each once.
func (f *finder) names() string {
	var names []string
	for _, c := range sorted(f.before) {
		if name := c.name + "=" + f.before[c]; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// replacements are the words that can make one image another: the part that
// differs, wherever it stands, or all of it.
func replacements(old, is image) []replacement {
	var all []replacement
	add := func(o, i string) {
		if o != "" && o != i {
			all = append(all, replacement{o, i})
		}
	}
	if old.repository == is.repository {
		if old.digest == is.digest || old.digest == "" && is.digest == "" {
			add(old.tag, is.tag)
		}
		if old.tag == is.tag {
			add(old.digest, is.digest)
		}
		if old.digest == "" && is.digest != "" {
			add(old.tag, strings.TrimPrefix(is.tag+"@"+is.digest, ":"))
		}
	}
	add(old.String(), is.String())
	return all
}

// inFile are the places of a file each of which brings some of the containers to
// what is wanted, and none to anything else.
func (f *finder) inFile(name string) ([]Place, error) {
	content, err := fs.ReadFile(f.tree, name)
	if err != nil {
		return nil, err
	}
	var found []Place
	for _, r := range f.words {
		for at := range occurrences(content, r.old) {
			if slices.ContainsFunc(found, func(p Place) bool { return p.At < at+len(r.old) && at < p.At+len(p.Old) }) {
				continue // it, or a part of it, was found
			}
			for _, is := range []string{r.is, `"` + r.is + `"`} {
				if f.tries++; f.tries > mostTries {
					return nil, fmt.Errorf("%q stands in too many places", r.old)
				}
				p := Place{File: name, Line: 1 + bytes.Count(content[:at], []byte("\n")), At: at, Old: r.old, New: is}
				if f.does(&p, content) {
					found = append(found, p)
					break
				}
			}
		}
	}
	return found, nil
}

// does says whether a place brings some of the containers where they are to be, and
// no other that is meant elsewhere.
func (f *finder) does(p *Place, content []byte) bool {
	after, err := imagesOf(patched{f.tree, map[string][]byte{p.File: with(content, *p)}}, f.catalog, f.service)
	if err != nil || len(after) != len(f.before) {
		return false
	}
	p.images = map[container]string{}
	for _, c := range sorted(f.before) {
		is, there := after[c]
		switch {
		case !there:
			return false
		case is == f.before[c]:
			continue
		case f.wanted[c] != "" && is != f.wanted[c]:
			return false
		case f.wanted[c] != "":
			p.images[c] = is
		}
		p.Changes = append(p.Changes, change(c, f.before[c], is))
	}
	return len(p.images) > 0
}

// choose takes the one place that is enough.
func (f *finder) choose(parts []Place, all bool) (Edit, error) {
	whole := slices.DeleteFunc(slices.Clone(parts), func(p Place) bool { return len(p.images) < len(f.wanted) })
	switch {
	case len(whole) == 1:
		return f.edit(whole)
	case len(whole) > 1:
		return Edit{}, &AmbiguousError{What: "each of several places does it", Places: whole}
	case len(parts) == 0:
		return Edit{}, fmt.Errorf("%w: %q of %s", ErrNoPlace, f.words[0].old, f.service)
	case !all:
		return Edit{}, &AmbiguousError{What: "it takes several places", Places: parts}
	}
	return f.edit(parts)
}

// edit puts the places together, and looks whether they do it.
func (f *finder) edit(places []Place) (Edit, error) {
	e := Edit{Places: places, Files: map[string][]byte{}}
	for _, p := range slices.Backward(places) { // so that offsets stay true
		content, known := e.Files[p.File]
		if !known {
			read, err := fs.ReadFile(f.tree, p.File)
			if err != nil {
				return Edit{}, err
			}
			content = read
		}
		e.Files[p.File] = with(content, p)
	}
	after, err := imagesOf(patched{f.tree, e.Files}, f.catalog, f.service)
	if err != nil {
		return Edit{}, err
	}
	for _, c := range sorted(f.wanted) {
		if after[c] != f.wanted[c] {
			return Edit{}, fmt.Errorf("%w: container %s of %s would run %s, not %s", ErrNoPlace, c.name, c.object, after[c], f.wanted[c])
		}
	}
	last := &e.Places[len(e.Places)-1]
	last.Changes = slices.Concat(last.Changes, f.elsewhere(e))
	return e, nil
}

// elsewhere are the images that change with it in other services, which read the
// same files.
func (f *finder) elsewhere(e Edit) (changes []string) {
	catalog, err := render.ReadCatalog(f.tree, f.catalog)
	if err != nil {
		return nil // the service itself was rendered with it
	}
	for _, name := range catalog.Names() {
		if name == f.service {
			continue
		}
		before, err := imagesOf(f.tree, f.catalog, name)
		after, errAfter := imagesOf(patched{f.tree, e.Files}, f.catalog, name)
		if err != nil || errAfter != nil {
			continue // it runs what it runs
		}
		for _, c := range sorted(before) {
			if is := after[c]; is != before[c] {
				changes = append(changes, change(c, before[c], is))
			}
		}
	}
	return changes
}

func change(c container, before, after string) string {
	return fmt.Sprintf("%s, container %s: %s becomes %s", c.object, c.name, before, after)
}

// with is a content with a place changed.
func with(content []byte, p Place) []byte {
	return slices.Concat(content[:p.At], []byte(p.New), content[p.At+len(p.Old):])
}

// occurrences are the offsets of words that stand alone.
func occurrences(content []byte, words string) func(yield func(int) bool) {
	isPart := func(b byte) bool {
		return b == '_' || b == '-' || b == '.' || '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
	}
	return func(yield func(int) bool) {
		for from := 0; ; {
			i := bytes.Index(content[from:], []byte(words))
			if i < 0 {
				return
			}
			at := from + i
			end := at + len(words)
			if (at == 0 || !isPart(content[at-1])) && (end == len(content) || !isPart(content[end])) && !yield(at) {
				return
			}
			from = at + 1
		}
	}
}
