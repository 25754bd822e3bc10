package reconcile

import (
	"crypto/sha256"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"sync"
)

// A readTree notes every path that a rendering reads, lists or misses: its
// inputs.
type readTree struct {
	tree fs.FS
	mu   sync.Mutex
	read map[string]bool
}

func (t *readTree) note(path string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.read[path] = true
}

func (t *readTree) Open(path string) (fs.File, error) {
	t.note(path)
	return t.tree.Open(path)
}

func (t *readTree) ReadFile(path string) ([]byte, error) {
	t.note(path)
	return fs.ReadFile(t.tree, path)
}

func (t *readTree) ReadDir(path string) ([]fs.DirEntry, error) {
	t.note(path)
	return fs.ReadDir(t.tree, path)
}

func (t *readTree) Stat(path string) (fs.FileInfo, error) {
	t.note(path)
	return fs.Stat(t.tree, path)
}

func (t *readTree) paths() []string { return slices.Sorted(maps.Keys(t.read)) }

// inputsSum is the hash of what a tree holds at these paths.
func inputsSum(tree fs.FS, paths []string) ([sha256.Size]byte, error) {
	h := sha256.New()
	for _, path := range paths {
		b, err := inputAt(tree, path)
		if err != nil {
			return [sha256.Size]byte{}, err
		}
		sum := sha256.Sum256(b)
		_, _ = h.Write([]byte(path + "\x00")) // a hash never fails
		_, _ = h.Write(sum[:])
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}

// inputAt is a file's bytes, a folder's names, or that there is nothing.
func inputAt(tree fs.FS, path string) ([]byte, error) {
	found, err := fs.Stat(tree, path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return []byte("none\x00"), nil
	case err != nil:
		return nil, err
	case !found.IsDir():
		b, err := fs.ReadFile(tree, path)
		return append([]byte("file\x00"), b...), err
	}
	entries, err := fs.ReadDir(tree, path)
	out := []byte("folder\x00")
	for _, e := range entries {
		out = append(append(out, e.Name()...), 0)
	}
	return out, err
}
