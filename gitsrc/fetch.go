package gitsrc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
)

// Fetch brings the branch up to date and returns its head; nothing new costs one
// request. The branch may have been rewritten. On any error, which is a
// *FetchError, the old head stays. A damaged local copy is cloned again, once per
// head.
func (r *Repository) Fetch(ctx context.Context) (SHA, error) {
	r.fetching.Lock()
	defer r.fetching.Unlock()
	if err := r.remake(); err != nil {
		return "", r.explain(ctx, err, nil, "", nil)
	}
	h, err := r.fetch(ctx, false)
	if errors.Is(err, ErrDamaged) && !errors.Is(err, errIncomplete) {
		h, err = r.fetch(ctx, true)
	}
	if err != nil {
		return "", err
	}
	return shaOf(h), nil
}

// remake makes the directory anew when somebody has taken it away. One that still
// has objects is no reason to empty it.
func (r *Repository) remake() error {
	for _, name := range []string{filepath.Join(r.layout.dir, configFile), r.layout.packDir()} {
		if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			return nil
		}
	}
	return r.store.replace(func() error {
		_, err := openLayout(r.layout.dir, r.address.String(), r.branch)
		return err
	})
}

func (r *Repository) fetch(ctx context.Context, afresh bool) (want plumbing.Hash, err error) {
	err = r.converse(ctx, nil, func(c conversation) error {
		var ok bool
		if want, ok = c.advertised.References["refs/heads/"+r.branch]; !ok {
			return ErrBranchMissing
		}
		return r.advance(ctx, c, want, afresh)
	})
	return want, err
}

// advance makes want the head: downloads what is missing, checks it, moves the ref.
func (r *Repository) advance(ctx context.Context, c conversation, want plumbing.Hash, afresh bool) error {
	old, err := r.layout.head()
	if err != nil && !errors.Is(err, ErrNoHead) {
		return err
	}
	suspect := r.store.damaged()
	if afresh || suspect {
		if r.cloned.again(want, r.store.corrupted()) {
			return r.clone(ctx, c, want)
		}
		if afresh {
			return errIncomplete
		}
	}
	here, err := r.store.has(want)
	if err != nil {
		return err
	}
	if here && want == old && !suspect {
		_, err := r.readCommit(want, true)
		return err
	}
	if !here {
		if err := r.download(ctx, c, []plumbing.Hash{want}, r.haves(old), old); err != nil {
			return err
		}
	}
	if suspect { // and a clone did not help: what is missing may belong to an older commit
		if err := checkConnected(r.store, everything{}, []plumbing.Hash{want}, plumbing.ZeroHash); err != nil {
			return err
		}
		r.store.sound()
	}
	return r.layout.setHead(want)
}

// download gets what the wanted commits have more than those we have, and keeps it
// only when it is complete. The trees are compared with that of old, the branch's head.
func (r *Repository) download(ctx context.Context, c conversation, want, have []plumbing.Hash, old plumbing.Hash) error {
	staging, index, err := r.receive(ctx, c, want, have)
	defer func() { _ = os.RemoveAll(staging) }() // what stays is removed by the next Open
	if err != nil {
		return err
	}
	known := r.knownTree(old)
	return r.store.try(staging, index, func() error { return checkConnected(r.store, index, want, known) })
}

// receive writes a pack into a new folder, which the caller removes, on errors too.
func (r *Repository) receive(ctx context.Context, c conversation, want, have []plumbing.Hash) (dir string, _ *idxfile.MemoryIndex, _ error) {
	dir, err := os.MkdirTemp(r.layout.dir, unfinished+"packs_")
	if err != nil {
		return "", nil, err
	}
	stream, err := c.request(ctx, want, have)
	if err != nil {
		return dir, nil, err
	}
	index, err := receivePack(dir, stream)
	return dir, index, errors.Join(err, stream.Close())
}

// knownTree is the tree of the old head, or zero.
func (r *Repository) knownTree(old plumbing.Hash) plumbing.Hash {
	c, err := r.readCommit(old, false)
	if err != nil {
		return plumbing.ZeroHash
	}
	return c.tree
}

// clone downloads the branch into a folder of its own, and takes the place of what
// was here only when it is complete. Pull requests are left to the next FetchPulls.
func (r *Repository) clone(ctx context.Context, c conversation, want plumbing.Hash) error {
	heads := []plumbing.Hash{want}
	packs, index, err := r.receive(ctx, c, heads, nil)
	defer func() { _ = os.RemoveAll(packs) }() // what stays is removed by the next Open
	if err != nil {
		return err
	}
	r.cloned.count++
	staged := newObjectStore(packs)
	err = checkConnected(staged, index, heads, plumbing.ZeroHash)
	staged.close()
	if err != nil {
		return fmt.Errorf("%w: %w", errIncomplete, err)
	}
	// First the refs: none may name what the new packs do not hold.
	if err := r.layout.dropPulls(nil); err != nil {
		return err
	}
	err = r.store.replace(func() error { return replaceFiles(r.layout.packDir(), packs) })
	if err != nil {
		return err
	}
	r.commits.clear()
	r.folders.clear()
	return r.layout.setHead(want)
}

// errIncomplete: even a fresh clone lacks objects.
var errIncomplete = errors.New("objects are missing on the server, run git fsck there")

// clones counts the full clones of one head, so that a repository which is broken
// on its server, or a broken disk, does not mean a clone per poll.
type clones struct {
	head  plumbing.Hash
	count int
}

func (c *clones) again(want plumbing.Hash, corrupted bool) bool {
	const mostPerHead = 3
	if c.head != want {
		*c = clones{head: want}
	}
	return c.count == 0 || corrupted && c.count < mostPerHead
}

// everything is an index that calls every object fresh, so that all are checked.
type everything struct{ *idxfile.MemoryIndex }

func (everything) Contains(plumbing.Hash) (bool, error) { return true, nil }

func replaceFiles(dir, by string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.Rename(by, dir); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(dir))
}

// haves is how many commits are offered: enough for the server to find common
// ground with a rewritten branch. go-git negotiates in one round.
const haves = 64

func (r *Repository) haves(old plumbing.Hash) []plumbing.Hash {
	if old.IsZero() {
		return nil
	}
	commits, _ := r.FirstParents(shaOf(old), haves, nil) // whatever is readable helps
	hashes := make([]plumbing.Hash, 0, len(commits))
	for _, c := range commits {
		hashes = append(hashes, c.SHA.hash())
	}
	return hashes
}
