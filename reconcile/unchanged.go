package reconcile

import (
	"io/fs"
	"path"

	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// Only what changed is rendered: what was made from inputs that a commit leaves
// as they are is the same at that commit.

// near are the paths that differ between two commits, and the folders that list
// something else; nil when they are not known.
type near map[string]bool

// mostMoves bounds the pairs of commits that are remembered.
const mostMoves = 256

// between compares two commits, once.
func (c *contents) between(l *Loop, from, to gitsrc.SHA) near {
	key := [2]gitsrc.SHA{from, to}
	if n, ok := c.moves[key]; ok {
		return n
	}
	if len(c.moves) >= mostMoves {
		clear(c.moves)
	}
	c.moves[key] = l.near(from, to)
	return c.moves[key]
}

func (l *Loop) near(from, to gitsrc.SHA) near {
	changed, err := l.Source.ChangedPaths(from, to)
	was, errWas := l.Source.Tree(from)
	is, errIs := l.Source.Tree(to)
	if err != nil || errWas != nil || errIs != nil {
		return nil
	}
	return nearOf(changed, was, is)
}

// nearOf is what lies near these paths, which differ between two trees.
func nearOf(changed []string, was, is fs.FS) near {
	n := near{}
	for _, p := range changed {
		p = path.Clean(p)
		n[p] = true
		if isFile(was, p) && isFile(is, p) {
			continue // no folder lists anything else than before
		}
		for p = path.Dir(p); !n[p]; p = path.Dir(p) {
			n[p] = true
		}
	}
	return n
}

func isFile(tree fs.FS, name string) bool {
	found, err := fs.Stat(tree, name)
	return err == nil && found.Mode().IsRegular()
}

func (n near) touches(inputs []string) bool {
	if n == nil {
		return true
	}
	for _, p := range inputs {
		if n[path.Clean(p)] {
			return true
		}
	}
	return false
}

// sameCatalog is the catalog that was read last, if nothing that it was read
// from differs at this commit.
func (c *contents) sameCatalog(l *Loop, commit gitsrc.SHA) (catalogAt, bool) {
	was, ok := c.catalogs[c.newestCatalog]
	if !ok || was.err != nil || c.between(l, c.newestCatalog, commit).touches(was.inputs) {
		return catalogAt{}, false
	}
	return was, true
}

// sameRelease is the release that was rendered last, if neither its entry nor
// anything that it was rendered from differs at this commit.
func (c *contents) sameRelease(l *Loop, in catalogAt, name render.ServiceName, commit gitsrc.SHA) (releaseAt, bool) {
	last := c.newest[name]
	was, ok := c.releases[releaseKey{name, last}]
	before, read := c.catalogs[last]
	if !ok || !read || was.err != nil || before.catalog == nil {
		return releaseAt{}, false
	}
	is, named := in.catalog.Entries[name]
	if !named || before.catalog != in.catalog && !was.entry.Equal(is) || c.between(l, last, commit).touches(was.inputs) {
		return releaseAt{}, false
	}
	was.entry, was.release.Commit = is, commit
	return was, true
}
