package gitsrc

import (
	"fmt"
	"slices"

	"github.com/go-git/go-git/v5/plumbing/filemode"
)

const (
	// MaxChangedPaths bounds what ChangedPaths and Merged tell.
	MaxChangedPaths = 20_000
	// maxChangedBytes bounds the length of these paths together.
	maxChangedBytes = 4 << 20
	// maxEntriesCompared bounds the work: few objects can make very large trees.
	maxEntriesCompared = 500_000
)

// budget is what one comparison of trees may still cost; it is spent from zero.
type budget struct{ compared, changed, bytes int }

func (b *budget) look() error {
	if b.compared++; b.compared > maxEntriesCompared {
		return fmt.Errorf("%w: more than %d entries to compare", ErrTooManyChanges, maxEntriesCompared)
	}
	return nil
}

func (b *budget) change(name string) error {
	b.changed++
	b.bytes += len(name)
	if b.changed > MaxChangedPaths || b.bytes > maxChangedBytes {
		return fmt.Errorf("%w: more than %d paths or %d bytes of them", ErrTooManyChanges, MaxChangedPaths, maxChangedBytes)
	}
	return nil
}

// ChangedPaths lists the files that differ between two commits, in content, mode or
// existence, sorted; names as in Merge.Changed. Folders with the same tree are not
// opened. ErrUnknownCommit, ErrTooManyChanges; ErrTooLarge for a folder that Tree would not
// list either, or a path that is too long.
func (r *Repository) ChangedPaths(from, to SHA) ([]string, error) {
	before, err := r.Tree(from)
	if err != nil {
		return nil, err
	}
	after, err := r.Tree(to)
	if err != nil {
		return nil, err
	}
	paths, err := changes(before, entry{mode: filemode.Dir, hash: before.root}, entry{mode: filemode.Dir, hash: after.root})
	if err != nil {
		return nil, fmt.Errorf("compare %s with %s: %w", from, to, err)
	}
	return paths, nil
}

// changes compares two folders that t can open. Paths in conflict are left out.
func changes(t *Tree, from, to entry) ([]string, error) {
	c := comparison{tree: t}
	if err := c.folder("", 0, from, to); err != nil {
		return nil, err
	}
	slices.Sort(c.paths)
	return slices.Compact(c.paths), nil
}

type comparison struct {
	tree   *Tree
	budget budget
	paths  []string
}

func (c *comparison) folder(name string, depth int, from, to entry) error {
	if from == to {
		return nil
	}
	if depth > MaxDepth {
		return c.changed(name) // what is below cannot be read anyway
	}
	lists, err := c.tree.listings(name, from, to)
	if err != nil {
		return err
	}
	for {
		element, ok := lists.next()
		if !ok {
			return nil
		}
		if err := c.budget.look(); err != nil {
			return err
		}
		v := lists.take(element)
		if v.branch == v.head || v.head == conflicted {
			continue
		}
		inner, err := below(name, element)
		if err != nil {
			return err
		}
		if err := c.entry(inner, depth+1, v.branch, v.head); err != nil {
			return err
		}
	}
}

func (c *comparison) entry(name string, depth int, from, to entry) error {
	if from.leaf() != to.leaf() {
		if err := c.changed(name); err != nil {
			return err
		}
	}
	return c.folder(name, depth, from.folder(), to.folder())
}

func (c *comparison) changed(name string) error {
	if err := c.budget.change(name); err != nil {
		return err
	}
	c.paths = append(c.paths, name)
	return nil
}

// below does not clean the name: a hostile element stays what it is.
func below(folder, element string) (string, error) {
	name := element
	if folder != "" {
		name = folder + "/" + element
	}
	if len(name) > MaxPathLength {
		return "", fmt.Errorf("path %q: %w: %d bytes, the limit is %d", clip(name), ErrTooLarge, len(name), MaxPathLength)
	}
	return name, nil
}
