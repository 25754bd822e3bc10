package main

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"banksman.dev/gitsrc"
)

// A commitTree shows the files of one commit of a clone: regular files only, as
// banksman run reads them.
type commitTree struct{ root *object.Tree }

func (t commitTree) Open(name string) (fs.File, error) {
	file, err := t.open(name)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return file, nil
}

func (t commitTree) Stat(name string) (fs.FileInfo, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrInvalid}
	}
	entry, err := t.entry(name)
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	return entry, nil
}

func (t commitTree) entry(name string) (treeEntry, error) {
	if name == "." {
		return treeEntry{name: ".", mode: filemode.Dir}, nil
	}
	if slices.ContainsFunc(strings.Split(name, "/"), isGit) {
		return treeEntry{}, fs.ErrNotExist
	}
	// What lies below a file is not there, which is not what the library says.
	if above, err := t.entry(path.Dir(name)); err != nil || above.mode != filemode.Dir {
		return treeEntry{}, cmp.Or(err, fs.ErrNotExist)
	}
	found, err := t.root.FindEntry(name)
	switch {
	case errors.Is(err, object.ErrEntryNotFound), errors.Is(err, object.ErrDirectoryNotFound):
		return treeEntry{}, fs.ErrNotExist
	case err != nil:
		return treeEntry{}, err
	}
	e := treeEntry{name: path.Base(name), mode: found.Mode}
	if found.Mode.IsFile() {
		if e.size, err = t.root.Size(name); err != nil {
			return treeEntry{}, err
		}
	}
	return e, nil
}

func (t commitTree) open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, fs.ErrInvalid
	}
	entry, err := t.entry(name)
	switch {
	case err != nil:
		return nil, err
	case entry.mode == filemode.Dir:
		return t.folder(name, entry)
	case entry.mode == filemode.Symlink:
		return nil, gitsrc.ErrSymlink
	case entry.mode == filemode.Submodule:
		return nil, gitsrc.ErrSubmodule
	case entry.size > gitsrc.MaxFileSize:
		return nil, gitsrc.ErrTooLarge
	}
	file, err := t.root.File(name)
	if err != nil {
		return nil, err
	}
	content, err := file.Contents()
	if err != nil {
		return nil, err
	}
	return &openFile{treeEntry: entry, content: bytes.NewReader([]byte(content))}, nil
}

func (t commitTree) folder(name string, about treeEntry) (fs.File, error) {
	tree := t.root
	if name != "." {
		var err error
		if tree, err = t.root.Tree(name); err != nil {
			return nil, err
		}
	}
	entries := make([]fs.DirEntry, len(tree.Entries))
	for i, e := range tree.Entries {
		listed := treeEntry{name: e.Name, mode: e.Mode}
		if e.Mode.IsFile() {
			var err error
			if listed.size, err = tree.Size(e.Name); err != nil {
				return nil, err
			}
		}
		entries[i] = fs.FileInfoToDirEntry(listed)
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return &openFolder{treeEntry: about, entries: entries}, nil
}

// A treeEntry is what a commit says of a file or folder.
type treeEntry struct {
	name string
	mode filemode.FileMode
	size int64
}

func (e treeEntry) Name() string               { return e.name }
func (e treeEntry) Size() int64                { return e.size }
func (e treeEntry) ModTime() time.Time         { return time.Time{} }
func (e treeEntry) IsDir() bool                { return e.mode == filemode.Dir }
func (e treeEntry) Sys() any                   { return nil }
func (e treeEntry) Stat() (fs.FileInfo, error) { return e, nil }
func (e treeEntry) Close() error               { return nil }

func (e treeEntry) Mode() fs.FileMode {
	mode, err := e.mode.ToOSFileMode()
	if err != nil || e.mode == filemode.Submodule {
		return fs.ModeIrregular
	}
	return mode
}

type openFile struct {
	treeEntry
	content *bytes.Reader
}

func (f *openFile) Read(p []byte) (int, error) { return f.content.Read(p) }

type openFolder struct {
	treeEntry
	entries []fs.DirEntry
}

func (f *openFolder) Read([]byte) (int, error) { return 0, errors.New("it is a folder") }

func (f *openFolder) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		all := f.entries
		f.entries = nil
		return all, nil
	}
	if len(f.entries) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(f.entries))
	some := f.entries[:n]
	f.entries = f.entries[n:]
	return some, nil
}
