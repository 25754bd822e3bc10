package gitsrc

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

const (
	// MaxFileSize bounds one file, in bytes.
	MaxFileSize = 4 << 20
	// MaxFolderEntries bounds one folder.
	MaxFolderEntries = 10_000

	maxTreeSize = 8 << 20
)

// Tree is the files of one commit or Merge: an fs.FS, fs.ReadFileFS, fs.ReadDirFS and
// fs.StatFS. Only regular files can be opened. A folder is listed with everything
// in it or not at all. Safe for concurrent use.
type Tree struct {
	repository *Repository
	root       plumbing.Hash
	merged     map[plumbing.Hash]*folder // those in no commit; never changed once readable
}

// Tree returns ErrUnknownCommit for a commit that is not here.
func (r *Repository) Tree(sha SHA) (*Tree, error) {
	c, err := r.Commit(sha)
	if err != nil {
		return nil, err
	}
	t := &Tree{repository: r, root: c.tree}
	if _, err := t.folder(c.tree); err != nil {
		return nil, fmt.Errorf("tree of commit %s: %w", sha, err)
	}
	return t, nil
}

// folder is one decoded tree object.
type folder struct {
	entries []object.TreeEntry // sorted by name
}

func (f *folder) find(name string) (object.TreeEntry, bool) {
	i, found := slices.BinarySearchFunc(f.entries, name, func(e object.TreeEntry, n string) int { return strings.Compare(e.Name, n) })
	if !found {
		return object.TreeEntry{}, false
	}
	return f.entries[i], true
}

var errDuplicateEntry = errors.New("a tree lists a name twice")

func decodeTree(content []byte) ([]object.TreeEntry, error) {
	raw := &plumbing.MemoryObject{}
	raw.SetType(plumbing.TreeObject)
	if _, err := raw.Write(content); err != nil {
		return nil, err
	}
	var tree object.Tree
	if err := tree.Decode(raw); err != nil {
		return nil, err
	}
	return tree.Entries, nil
}

func (t *Tree) folder(h plumbing.Hash) (*folder, error) {
	if f, ok := t.merged[h]; ok {
		return f, nil
	}
	if f, ok := t.repository.folders.get(h); ok {
		return f, nil
	}
	content, err := t.repository.store.read(plumbing.TreeObject, h, maxTreeSize, true)
	if err != nil {
		return nil, err
	}
	entries, err := decodeTree(content)
	if err != nil {
		return nil, err
	}
	if len(entries) > MaxFolderEntries {
		return nil, fmt.Errorf("%w: %d entries, the limit is %d", ErrTooLarge, len(entries), MaxFolderEntries)
	}
	slices.SortFunc(entries, func(a, b object.TreeEntry) int { return strings.Compare(a.Name, b.Name) })
	for i := range entries[:max(len(entries)-1, 0)] {
		if entries[i].Name == entries[i+1].Name {
			return nil, fmt.Errorf("%w: %s", errDuplicateEntry, clip(entries[i].Name))
		}
	}
	f := &folder{entries: entries}
	t.repository.folders.put(h, f)
	return f, nil
}

// lookup follows a checked path. No element but the last can be anything but a folder.
func (t *Tree) lookup(op, name string) (object.TreeEntry, error) {
	if err := checkPath(op, name); err != nil {
		return object.TreeEntry{}, err
	}
	at := object.TreeEntry{Name: ".", Mode: filemode.Dir, Hash: t.root}
	if name == "." {
		return at, nil
	}
	for i, element := range strings.Split(name, "/") {
		if at.Mode != filemode.Dir {
			if err := irregular(at.Mode); i > 0 && err != nil {
				return object.TreeEntry{}, &fs.PathError{Op: op, Path: name, Err: err}
			}
			return object.TreeEntry{}, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
		}
		f, err := t.folder(at.Hash)
		if err != nil {
			return object.TreeEntry{}, &fs.PathError{Op: op, Path: name, Err: err}
		}
		next, ok := f.find(element)
		if !ok {
			return object.TreeEntry{}, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
		}
		at = next
	}
	return at, nil
}

// irregular is nil for files and folders.
func irregular(mode filemode.FileMode) error {
	switch mode {
	case filemode.Dir, filemode.Regular, filemode.Executable:
		return nil
	case filemode.Symlink:
		return ErrSymlink
	case filemode.Submodule:
		return ErrSubmodule
	case filemode.Empty:
		return ErrConflict
	default:
		return ErrNotRegular
	}
}

// Open opens a regular file or a folder.
func (t *Tree) Open(name string) (fs.File, error) {
	e, err := t.lookup("open", name)
	if err != nil {
		return nil, err
	}
	if e.Mode == filemode.Dir {
		listed, err := t.list("open", name, e.Hash)
		if err != nil {
			return nil, err
		}
		return &openFolder{info: fileInfo{name: path.Base(name), mode: e.Mode}, entries: listed}, nil
	}
	content, err := t.content("open", name, e)
	if err != nil {
		return nil, err
	}
	return &openFile{
		info:   fileInfo{name: path.Base(name), mode: e.Mode, size: int64(len(content))},
		Reader: bytes.NewReader(content),
	}, nil
}

// ReadFile returns the verified content of a regular file of at most MaxFileSize.
func (t *Tree) ReadFile(name string) ([]byte, error) {
	e, err := t.lookup("read", name)
	if err != nil {
		return nil, err
	}
	if e.Mode == filemode.Dir {
		return nil, &fs.PathError{Op: "read", Path: name, Err: ErrNotRegular}
	}
	return t.content("read", name, e)
}

func (t *Tree) content(op, name string, e object.TreeEntry) ([]byte, error) {
	err := irregular(e.Mode)
	var content []byte
	if err == nil {
		content, err = t.repository.store.read(plumbing.BlobObject, e.Hash, MaxFileSize, true)
	}
	if err == nil && lfsPointer(content) {
		err = ErrLFSPointer
	}
	if err != nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return content, nil
}

// lfsPointer follows the Git LFS specification: pointers are smaller than 1024
// bytes and start with this line.
func lfsPointer(content []byte) bool {
	return len(content) < 1024 && bytes.HasPrefix(content, []byte("version https://git-lfs.github.com/spec/"))
}

// ReadDir lists a folder, sorted by name. Symbolic links and submodules are listed
// with their type; a hostile name makes the folder unreadable.
func (t *Tree) ReadDir(name string) ([]fs.DirEntry, error) {
	e, err := t.lookup("readdir", name)
	if err != nil {
		return nil, err
	}
	if e.Mode != filemode.Dir {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errors.New("not a folder")}
	}
	return t.list("readdir", name, e.Hash)
}

func (t *Tree) list(op, name string, h plumbing.Hash) ([]fs.DirEntry, error) {
	f, err := t.folder(h)
	if err != nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	listed := make([]fs.DirEntry, 0, len(f.entries))
	for _, e := range f.entries {
		if hostileName(e.Name) {
			return nil, &fs.PathError{Op: op, Path: name, Err: fmt.Errorf("%w: %q", ErrHostileName, clip(e.Name))}
		}
		listed = append(listed, dirEntry{tree: t, entry: e})
	}
	return listed, nil
}

// Stat describes any entry, also those that cannot be opened.
func (t *Tree) Stat(name string) (fs.FileInfo, error) {
	e, err := t.lookup("stat", name)
	if err != nil {
		return nil, err
	}
	return t.describe("stat", name, e)
}

func (t *Tree) describe(op, name string, e object.TreeEntry) (fs.FileInfo, error) {
	info := fileInfo{name: path.Base(name), mode: e.Mode}
	sized := e.Mode != filemode.Dir && irregular(e.Mode) == nil
	if !sized {
		return info, nil
	}
	size, err := t.repository.store.size(e.Hash)
	if err != nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	info.size = size
	return info, nil
}
