package gitsrc

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// entry is what a path holds in one commit, its mode included; zero when nothing.
type entry struct {
	mode filemode.FileMode
	hash plumbing.Hash
}

// conflicted stands for a path in conflict; no object has this mode and name.
var conflicted = entry{mode: filemode.Empty, hash: plumbing.ComputeHash(plumbing.BlobObject, []byte("banksman: conflict"))}

func (e entry) folder() entry {
	if e.mode == filemode.Dir {
		return e
	}
	return entry{}
}

func (e entry) leaf() entry {
	if e.mode == filemode.Dir {
		return entry{}
	}
	return e
}

// versions are one path in the branch, the head, and every merge base.
type versions struct {
	branch, head entry
	bases        []entry
}

func (v versions) each(f func(entry) entry) versions {
	bases := make([]entry, len(v.bases))
	for i, b := range v.bases {
		bases[i] = f(b)
	}
	return versions{branch: f(v.branch), head: f(v.head), bases: bases}
}

// pick is the entry that the path has after the merge; not ok when both sides
// changed it differently. A side that differs from one of several bases has changed it.
func (v versions) pick() (_ entry, ok bool) {
	same := func(e entry) bool {
		return !slices.ContainsFunc(v.bases, func(b entry) bool { return b != e })
	}
	switch {
	case v.branch == v.head, same(v.head):
		return v.branch, true
	case same(v.branch):
		return v.head, true
	default:
		return entry{}, false
	}
}

// merger merges folders in memory, opening only those that differ.
type merger struct {
	tree      *Tree // the overlay under construction
	budget    budget
	conflicts []string
}

// entry merges what a path that no side can be picked for holds, as a file and as a
// folder.
func (m *merger) entry(name string, depth int, v versions) (entry, error) {
	leaf, ok := v.each(entry.leaf).pick()
	if !ok {
		return m.conflict(name)
	}
	if depth > MaxDepth { // such a path cannot be read anyway
		return m.conflict(name)
	}
	folder, err := m.folder(name, depth, v.each(entry.folder))
	switch {
	case err != nil:
		return entry{}, err
	case leaf == entry{}:
		return folder, nil
	case folder == entry{}:
		return leaf, nil
	default:
		return m.conflict(name)
	}
}

func (m *merger) conflict(name string) (entry, error) {
	if err := m.budget.change(name); err != nil {
		return entry{}, err
	}
	m.conflicts = append(m.conflicts, name)
	return conflicted, nil
}

// folder merges entries that are folders or nothing. A folder that ends up empty is
// nothing: Git knows no empty folders.
func (m *merger) folder(name string, depth int, v versions) (entry, error) {
	if e, ok := v.pick(); ok {
		return e, nil
	}
	lists, err := m.tree.listings(name, append([]entry{v.branch, v.head}, v.bases...)...)
	if err != nil {
		return entry{}, err
	}
	var merged []object.TreeEntry
	for {
		element, ok := lists.next()
		if !ok {
			break
		}
		if err := m.budget.look(); err != nil {
			return entry{}, err
		}
		v := lists.take(element)
		e, ok := v.pick()
		if !ok {
			inner, err := below(name, element)
			if err != nil {
				return entry{}, err
			}
			if e, err = m.entry(inner, depth+1, v); err != nil {
				return entry{}, err
			}
		}
		if e != (entry{}) {
			merged = append(merged, object.TreeEntry{Name: element, Mode: e.mode, Hash: e.hash})
		}
	}
	if len(merged) == 0 {
		return entry{}, nil
	}
	if len(merged) > MaxFolderEntries {
		return entry{}, fmt.Errorf("folder %q: %w: %d entries, the limit is %d", name, ErrTooLarge, len(merged), MaxFolderEntries)
	}
	return m.tree.overlay(merged), nil
}

// overlay adds a folder that only the merge has, under the name that Git would give it.
func (t *Tree) overlay(sorted []object.TreeEntry) entry {
	h := treeHash(sorted)
	t.merged[h] = &folder{entries: sorted}
	return entry{mode: filemode.Dir, hash: h}
}

// treeHash encodes a folder as Git does: sorted as if the names of folders ended in "/".
func treeHash(entries []object.TreeEntry) plumbing.Hash {
	gitName := func(e object.TreeEntry) string {
		if e.Mode == filemode.Dir {
			return e.Name + "/"
		}
		return e.Name
	}
	sorted := slices.Clone(entries)
	slices.SortFunc(sorted, func(a, b object.TreeEntry) int { return strings.Compare(gitName(a), gitName(b)) })
	var raw []byte
	for _, e := range sorted {
		raw = strconv.AppendUint(raw, uint64(e.Mode), 8)
		raw = append(append(append(raw, ' '), e.Name...), 0)
		raw = append(raw, e.Hash[:]...)
	}
	return plumbing.ComputeHash(plumbing.TreeObject, raw)
}

// listings are the entries of one folder in several versions, branch and head first.
type listings struct {
	left  [][]object.TreeEntry
	taken []entry
}

func (t *Tree) listings(name string, of ...entry) (listings, error) {
	l := listings{left: make([][]object.TreeEntry, len(of)), taken: make([]entry, len(of))}
	for i, e := range of {
		entries, err := t.entries(e)
		if err != nil {
			return listings{}, fmt.Errorf("folder %q: %w", name, err)
		}
		l.left[i] = entries
	}
	return l, nil
}

// entries are those of a folder, sorted; none for anything else.
func (t *Tree) entries(e entry) ([]object.TreeEntry, error) {
	if e.mode != filemode.Dir {
		return nil, nil
	}
	f, err := t.folder(e.hash)
	if err != nil {
		return nil, err
	}
	return f.entries, nil
}

// next is the smallest name that is left in any of them.
func (l listings) next() (name string, ok bool) {
	for _, entries := range l.left {
		if len(entries) > 0 && (!ok || entries[0].Name < name) {
			name, ok = entries[0].Name, true
		}
	}
	return name, ok
}

// take removes a name and returns what it is in each, good until the next take.
func (l listings) take(name string) versions {
	for i, entries := range l.left {
		l.taken[i] = entry{}
		if len(entries) > 0 && entries[0].Name == name {
			l.taken[i] = entry{mode: entries[0].Mode, hash: entries[0].Hash}
			l.left[i] = entries[1:]
		}
	}
	return versions{branch: l.taken[0], head: l.taken[1], bases: l.taken[2:]}
}
