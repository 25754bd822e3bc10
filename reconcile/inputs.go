package reconcile

import (
	"crypto/sha256"
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
func inputsSum(tree fs.FS, paths []string) [sha256.Size]byte {
	h := sha256.New()
	for _, path := range paths {
		sum := sha256.Sum256(inputAt(tree, path))
		_, _ = h.Write([]byte(path + "\x00")) // a hash never fails
		_, _ = h.Write(sum[:])
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// inputAt is a file's bytes, a folder's names, or why there is neither.
func inputAt(tree fs.FS, path string) []byte {
	if b, err := fs.ReadFile(tree, path); err == nil {
		return append([]byte("file\x00"), b...)
	}
	entries, err := fs.ReadDir(tree, path)
	if err != nil {
		return []byte("none\x00")
	}
	out := []byte("folder\x00")
	for _, e := range entries {
		out = append(append(out, e.Name()...), 0)
	}
	return out
}
