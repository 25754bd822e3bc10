package gitsrc

import (
	"fmt"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
)

// connection checks that heads may be shown: what is new and reachable from them
// refers only to what is here. Objects that were here before are already connected.
type connection struct {
	store *objectStore
	fresh idxfile.Index // the pack that was just received
	seen  map[plumbing.Hash]bool
}

// checkConnected follows new commits and their trees. known is a tree that is
// connected already: what it lists is not looked up again. Without one, for a whole
// clone, the trees of older commits are left to the moment they are read.
func checkConnected(store *objectStore, fresh idxfile.Index, heads []plumbing.Hash, known plumbing.Hash) error {
	c := connection{store: store, fresh: fresh, seen: map[plumbing.Hash]bool{}}
	for queue := slices.Clone(heads); len(queue) > 0; {
		h := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		isNew, err := c.visit(h)
		if err != nil {
			return err
		}
		if !isNew {
			continue
		}
		commit, err := loadCommit(store, h, true)
		if err != nil {
			return err
		}
		if !known.IsZero() || slices.Contains(heads, h) {
			if err := c.tree(commit.tree, known, 0); err != nil {
				return fmt.Errorf("commit %s: %w", h, err)
			}
		}
		for _, p := range commit.Parents {
			queue = append(queue, p.hash())
		}
	}
	return nil
}

func (c connection) tree(h, known plumbing.Hash, depth int) error {
	if isNew, err := c.visit(h); err != nil || !isNew {
		return err
	}
	if depth > MaxDepth {
		return nil // such a path cannot be read later either
	}
	content, err := c.store.read(plumbing.TreeObject, h, maxTreeSize, true)
	if err != nil {
		return err
	}
	tree, err := decodeTree(content)
	if err != nil {
		return nil //nolint:nilerr // sound as an object; reading this folder reports it
	}
	before := c.listed(known)
	for _, e := range tree {
		if e.Hash == before[e.Name] {
			continue
		}
		switch e.Mode {
		case filemode.Submodule:
		case filemode.Dir:
			err = c.tree(e.Hash, before[e.Name], depth+1)
		default:
			_, err = c.visit(e.Hash)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// listed is what a connected tree names; nothing for the zero hash or another object.
func (c connection) listed(h plumbing.Hash) map[string]plumbing.Hash {
	if h.IsZero() {
		return nil
	}
	content, err := c.store.read(plumbing.TreeObject, h, maxTreeSize, true)
	if err != nil {
		return nil
	}
	entries, err := decodeTree(content)
	if err != nil {
		return nil
	}
	names := make(map[string]plumbing.Hash, len(entries))
	for _, e := range entries {
		if e.Mode != filemode.Submodule {
			names[e.Name] = e.Hash
		}
	}
	return names
}

// visit reports whether the object is in the fresh pack and was not visited; an
// object that is nowhere is damage.
func (c connection) visit(h plumbing.Hash) (isNew bool, err error) {
	if c.seen[h] {
		return false, nil
	}
	c.seen[h] = true
	if isNew, err := c.fresh.Contains(h); err != nil || isNew {
		return isNew, err
	}
	found, err := c.store.has(h)
	if err == nil && !found {
		err = damaged(h, errMissing)
	}
	return false, err
}
