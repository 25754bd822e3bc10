package reconcile

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"banksman.dev/gitsrc"
)

// An origin is a Git repository that tests write commits into, object by
// object: no program is started, and what was written once is not written again.
type origin struct {
	dir     string
	storage *filesystem.Storage
	here    map[plumbing.Hash]bool
	made    int
}

// quickDir is a folder that ends with the test, in memory where the system has
// such a place.
func quickDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "banksman-test-") //nolint:usetesting // t.TempDir is on the disk, where thousands of small files are slow
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func newOrigin(t testing.TB, dir string) *origin {
	t.Helper()
	for _, sub := range []string{"objects", "refs/heads"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	r := &origin{dir: dir, here: map[plumbing.Hash]bool{}}
	r.storage = filesystem.NewStorage(osfs.New(dir), cache.NewObjectLRUDefault())
	r.must(r.storage.SetReference(plumbing.NewSymbolicReference(plumbing.HEAD, "refs/heads/main")))
	return r
}

func (r *origin) must(err error) {
	if err != nil {
		panic(fmt.Sprintf("write to the test's own repository: %v", err))
	}
}

func (r *origin) write(kind plumbing.ObjectType, content []byte) plumbing.Hash {
	h := plumbing.ComputeHash(kind, content)
	if r.here[h] {
		return h
	}
	o := r.storage.NewEncodedObject()
	o.SetType(kind)
	w, err := o.Writer()
	r.must(err)
	_, err = w.Write(content)
	r.must(err)
	r.must(w.Close())
	_, err = r.storage.SetEncodedObject(o)
	r.must(err)
	r.here[h] = true
	return h
}

// A gitFile is what stands at a path: content and a mode, or another object by
// its hash.
type gitFile struct {
	content string
	mode    filemode.FileMode // 0: a regular file
	hash    plumbing.Hash     // of what is not content: a submodule's commit
}

func regular(files map[string]string) map[string]gitFile {
	all := map[string]gitFile{}
	for name, content := range files {
		all[name] = gitFile{content: content}
	}
	return all
}

// tree writes the files of a folder.
func (r *origin) tree(files map[string]gitFile) plumbing.Hash {
	var entries []object.TreeEntry
	folders := map[string]map[string]gitFile{}
	for name, f := range files {
		if folder, rest, nested := strings.Cut(name, "/"); nested {
			if folders[folder] == nil {
				folders[folder] = map[string]gitFile{}
			}
			folders[folder][rest] = f
			continue
		}
		e := object.TreeEntry{Name: path.Base(name), Mode: f.mode, Hash: f.hash}
		if e.Mode == 0 {
			e.Mode = filemode.Regular
		}
		if e.Hash.IsZero() {
			e.Hash = r.write(plumbing.BlobObject, []byte(f.content))
		}
		entries = append(entries, e)
	}
	for name, sub := range folders {
		entries = append(entries, object.TreeEntry{Name: name, Mode: filemode.Dir, Hash: r.tree(sub)})
	}
	slices.SortFunc(entries, func(a, b object.TreeEntry) int { return strings.Compare(sortName(a), sortName(b)) })
	var b strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&b, "%o %s\x00%s", uint32(e.Mode), e.Name, e.Hash[:])
	}
	return r.write(plumbing.TreeObject, []byte(b.String()))
}

// sortName: Git sorts folders as if their names ended in a slash.
func sortName(e object.TreeEntry) string {
	if e.Mode == filemode.Dir {
		return e.Name + "/"
	}
	return e.Name
}

// commit writes a commit. No two are the same: each has a time of its own.
func (r *origin) commit(files map[string]gitFile, parents ...gitsrc.SHA) gitsrc.SHA {
	r.made++
	var b strings.Builder
	fmt.Fprintf(&b, "tree %s\n", r.tree(files))
	for _, p := range parents {
		fmt.Fprintf(&b, "parent %s\n", p)
	}
	when := noon.Add(time.Duration(r.made) * time.Second).Unix()
	fmt.Fprintf(&b, "author bob <bob@example.com> %[1]d +0000\ncommitter bob <bob@example.com> %[1]d +0000\n\nx\n", when)
	return gitsrc.SHA(r.write(plumbing.CommitObject, []byte(b.String())).String())
}

func (r *origin) point(ref string, at gitsrc.SHA) {
	r.must(r.storage.SetReference(plumbing.NewHashReference(plumbing.ReferenceName(ref), plumbing.NewHash(string(at)))))
}
