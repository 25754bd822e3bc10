package gitsrc

import (
	"fmt"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
)

// Merge is a pull request merged onto the branch path by path: no file is ever
// merged inside. It exists in memory only.
type Merge struct {
	// Branch and Head were merged.
	Branch, Head SHA
	// Base is their MergeBase. With several best common ancestors a side has changed
	// a path when it differs from one of them, so that a doubt is a conflict.
	Base SHA
	// Conflicts are the paths that both sides changed differently, that one deleted
	// and the other changed, and that are a file on one side and a folder on the
	// other. Sorted.
	Conflicts []string
	// Changed are the paths that differ between the branch and the merge, without
	// those in conflict: files only, also deleted ones, sorted. Names are as the
	// commits give them, also such as Tree refuses to read: quote them before showing.
	Changed []string

	tree *Tree
}

// Tree is the merged content, read under the same rules as that of a commit. A path
// in conflict is listed as irregular, and reading it is ErrConflict.
func (m *Merge) Tree() *Tree { return m.tree }

// Merged merges head, of a pull request, onto branch. A path, its mode included, that
// only one side changed since the merge base is taken from that side. Only folders
// that differ are opened, and the answer depends on the two commits alone.
// ErrUnknownCommit, ErrUnrelated and ErrWalkTooLong as for MergeBase;
// ErrTooManyChanges; ErrTooLarge as for ChangedPaths.
func (r *Repository) Merged(branch, head SHA) (*Merge, error) {
	bases, err := r.mergeBases(branch, head, maxAncestryWalk)
	if err != nil {
		return nil, err
	}
	m := &Merge{Branch: branch, Head: head, Base: bases[0]}
	if err := m.fill(r, bases); err != nil {
		return nil, fmt.Errorf("merge %s onto %s: %w", head, branch, err)
	}
	return m, nil
}

func (m *Merge) fill(r *Repository, bases []SHA) error {
	var roots []entry
	for _, sha := range append([]SHA{m.Branch, m.Head}, bases...) {
		tree, err := r.Tree(sha)
		if err != nil {
			return err
		}
		roots = append(roots, entry{mode: filemode.Dir, hash: tree.root})
	}
	m.tree = &Tree{repository: r, merged: map[plumbing.Hash]*folder{}}
	work := merger{tree: m.tree}
	root, err := work.folder("", 0, versions{branch: roots[0], head: roots[1], bases: roots[2:]})
	if err != nil {
		return err
	}
	if root == (entry{}) {
		root = m.tree.overlay(nil)
	}
	m.tree.root = root.hash
	slices.Sort(work.conflicts)
	m.Conflicts = work.conflicts
	m.Changed, err = changes(m.tree, roots[0], root)
	return err
}
