package reconcile

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"

	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// contents remembers what commits hold. A commit never changes, so an answer
// never ages; only what could not be read is not kept, because the next try may
// succeed.
type contents struct {
	catalogs map[gitsrc.SHA]catalogAt
	releases map[releaseKey]releaseAt
	unpacked map[releaseKey]*render.Release // of the services that are looked at now
	// newest are the commits that were looked at last: mostly the next one is much
	// like them.
	newest        map[render.ServiceName]gitsrc.SHA
	newestCatalog gitsrc.SHA
	moves         map[[2]gitsrc.SHA]near
	// overlaps are services that render an object of another one: at the head, and
	// at a few commits before it.
	overlaps map[gitsrc.SHA]map[render.ServiceName]error
	// owners is about one commit, too: whose each object is.
	owners       map[render.ObjectID]render.ServiceName
	ownersCommit gitsrc.SHA
}

type releaseKey struct {
	service render.ServiceName
	commit  gitsrc.SHA
}

type catalogAt struct {
	catalog *render.Catalog
	tree    *gitsrc.Tree
	inputs  []string // paths that reading the catalog looked at: included files, folders, misses
	err     error    // a fault of the commit's content
	unread  error    // the local repository failed us
}

type releaseAt struct {
	release render.Packed
	entry   render.Entry
	inputs  []string // paths that the rendering read, without the catalog's own
	problem Problem
	err     error // a fault of the commit's content
	unread  error // the local repository failed us
}

// Bounds of the cache: past them only the newest are kept.
const (
	mostCatalogs = 256
	mostReleases = 16384
	mostUnpacked = 256
	mostOverlaps = 8
)

func newContents() contents {
	return contents{
		catalogs: map[gitsrc.SHA]catalogAt{}, releases: map[releaseKey]releaseAt{},
		unpacked: map[releaseKey]*render.Release{},
		overlaps: map[gitsrc.SHA]map[render.ServiceName]error{},
		newest:   map[render.ServiceName]gitsrc.SHA{}, moves: map[[2]gitsrc.SHA]near{},
	}
}

func (c *contents) catalog(l *Loop, commit gitsrc.SHA) catalogAt {
	if at, ok := c.catalogs[commit]; ok {
		return at
	}
	tree, err := l.Source.Tree(commit)
	if err != nil {
		return catalogAt{unread: fmt.Errorf("read commit %s: %w", commit.Short(), err)}
	}
	at, same := c.sameCatalog(l, commit)
	if at.tree = tree; !same {
		looked := &readTree{tree: tree, read: map[string]bool{}}
		at.catalog, at.err = render.ReadCatalog(looked, l.CatalogPath)
		if isUnread(at.err) {
			return catalogAt{unread: fmt.Errorf("read the catalog of commit %s: %w", commit.Short(), at.err)}
		}
		at.inputs = looked.paths()
	}
	if len(c.catalogs) >= mostCatalogs {
		maps.DeleteFunc(c.catalogs, func(commit gitsrc.SHA, _ catalogAt) bool { return commit != c.newestCatalog })
	}
	c.catalogs[commit], c.newestCatalog = at, commit
	return at
}

// release renders one service at one commit, once.
func (c *contents) release(l *Loop, name render.ServiceName, commit gitsrc.SHA) releaseAt {
	key := releaseKey{name, commit}
	if at, ok := c.releases[key]; ok {
		return at
	}
	in := c.catalog(l, commit)
	if in.unread != nil {
		return releaseAt{unread: in.unread}
	}
	at := releaseAt{problem: ProblemUnreadable, err: in.err}
	if in.err == nil {
		var same bool
		if at, same = c.sameRelease(l, in, name, commit); !same {
			at = l.renderAt(in, name, commit)
		}
	}
	c.keep(key, at)
	return at
}

func (c *contents) keep(key releaseKey, at releaseAt) {
	if at.unread != nil {
		return
	}
	if len(c.releases) >= mostReleases {
		maps.DeleteFunc(c.releases, func(k releaseKey, _ releaseAt) bool { return k.commit != c.newest[k.service] })
	}
	c.releases[key], c.newest[key.service] = at, key.commit
}

// renderAll renders all services of a commit that are not remembered, several at
// a time.
func (c *contents) renderAll(l *Loop, commit gitsrc.SHA) {
	in := c.catalog(l, commit)
	if in.catalog == nil || in.err != nil {
		return
	}
	var changed []render.ServiceName
	for _, name := range in.catalog.Names() {
		key := releaseKey{name, commit}
		if _, ok := c.releases[key]; ok {
			continue
		}
		if at, same := c.sameRelease(l, in, name, commit); same {
			c.keep(key, at)
			continue
		}
		changed = append(changed, name)
	}
	rendered := make([]releaseAt, len(changed))
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(changed)) {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(changed)); i = next.Add(1) - 1 {
				rendered[i] = l.renderAt(in, changed[i], commit)
			}
		})
	}
	all.Wait()
	for i, name := range changed {
		c.keep(releaseKey{name, commit}, rendered[i])
	}
}

// overlap is why a service must not be applied beside the others at a commit.
func (c *contents) overlap(l *Loop, name render.ServiceName, commit gitsrc.SHA) error {
	in := c.catalog(l, commit)
	if in.catalog == nil {
		return nil // said of the catalog itself
	}
	found, known := c.overlaps[commit]
	if !known {
		c.renderAll(l, commit)
		var all []render.Packed
		for _, other := range in.catalog.Names() {
			if at := c.release(l, other, commit); at.err == nil && at.unread == nil {
				all = append(all, at.release)
			}
		}
		if len(c.overlaps) >= mostOverlaps {
			clear(c.overlaps)
		}
		found = render.Overlaps(all)
		c.overlaps[commit] = found
	}
	return found[name]
}

func (l *Loop) renderAt(in catalogAt, name render.ServiceName, commit gitsrc.SHA) releaseAt {
	entry, ok := in.catalog.Entries[name]
	if !ok {
		return releaseAt{problem: ProblemGone, err: errors.New("the catalog does not name this service")}
	}
	release, at := l.renderTree(in, name, commit)
	if at.entry = entry; release != nil {
		at.release = release.Pack()
	}
	return at
}

// renderTree renders a service that the catalog names. There is no release when
// there is an error.
func (l *Loop) renderTree(in catalogAt, name render.ServiceName, commit gitsrc.SHA) (*render.Release, releaseAt) {
	tree := &readTree{tree: in.tree, read: map[string]bool{}}
	release, err := l.Renderer.Release(tree, in.catalog, name, commit)
	if isUnread(err) {
		return nil, releaseAt{unread: fmt.Errorf("render %s at %s: %w", name, commit.Short(), err)}
	}
	if err != nil {
		return nil, releaseAt{inputs: tree.paths(), problem: ProblemUnrenderable, err: err}
	}
	return &release, releaseAt{inputs: tree.paths()}
}

// whole is a release with its objects.
func (c *contents) whole(packed render.Packed) (*render.Release, error) {
	key := releaseKey{packed.Service, packed.Commit}
	if r, ok := c.unpacked[key]; ok {
		return r, nil
	}
	r, err := packed.Release()
	if err != nil {
		return nil, err
	}
	if len(c.unpacked) >= mostUnpacked {
		clear(c.unpacked)
	}
	c.unpacked[key] = &r
	return &r, nil
}

// isUnread tells a failing disk or a damaged repository from bad content. Bad
// content is a person's to mend and ends a commit's story; this is not.
func isUnread(err error) bool {
	var errno syscall.Errno
	return errors.Is(err, gitsrc.ErrDamaged) || errors.Is(err, gitsrc.ErrUnknownCommit) || errors.As(err, &errno)
}

// point says what a service was at a commit.
func (c *contents) point(l *Loop, name render.ServiceName, commit gitsrc.SHA) (point, error) {
	at := c.release(l, name, commit)
	if at.unread != nil {
		return point{}, at.unread
	}
	p := point{commit: commit}
	if at.err != nil {
		p.fault, p.absent = at.err.Error(), at.problem == ProblemGone
	} else {
		p.digest = at.release.Digest
	}
	if at.entry.Name != "" {
		p.rules = at.entry.RulesDigest()
	}
	return p, nil
}

// touches says whether a commit changed, against the one before it, any of the
// inputs of the newest rendering, its catalog's files included. Where neither
// commit names the service, their catalogs do not count.
func (l *Loop) touches(newest releaseInputs, before, after point) bool {
	was, is := l.content.catalog(l, before.commit), l.content.catalog(l, after.commit)
	if was.tree == nil || is.tree == nil {
		return true
	}
	inputs := slices.Clone(newest.templates)
	if !before.absent || !after.absent {
		inputs = slices.Concat(inputs, newest.catalog, was.inputs, is.inputs)
	}
	slices.Sort(inputs)
	inputs = slices.Compact(inputs)
	a, errA := inputsSum(was.tree, inputs)
	b, errB := inputsSum(is.tree, inputs)
	return errA != nil || errB != nil || a != b
}

// releaseInputs are the paths that one release was made from.
type releaseInputs struct{ templates, catalog []string }
