package gitsrc

import (
	"bytes"
	"io"
	"io/fs"
	"time"

	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

var (
	_ fs.ReadFileFS = (*Tree)(nil)
	_ fs.ReadDirFS  = (*Tree)(nil)
	_ fs.StatFS     = (*Tree)(nil)
)

// fileInfo has no modification time: Git records none.
type fileInfo struct {
	name string
	mode filemode.FileMode
	size int64
}

func (i fileInfo) Name() string       { return i.name }
func (i fileInfo) Size() int64        { return i.size }
func (i fileInfo) ModTime() time.Time { return time.Time{} }
func (i fileInfo) IsDir() bool        { return i.mode == filemode.Dir }
func (i fileInfo) Sys() any           { return nil }

func (i fileInfo) Mode() fs.FileMode {
	const readable, runnable = 0o444, 0o555
	switch i.mode {
	case filemode.Dir:
		return fs.ModeDir | runnable
	case filemode.Executable:
		return runnable
	case filemode.Regular:
		return readable
	case filemode.Symlink:
		return fs.ModeSymlink | readable
	default:
		return fs.ModeIrregular | readable
	}
}

// dirEntry reads the size only when asked.
type dirEntry struct {
	tree  *Tree
	entry object.TreeEntry
}

func (d dirEntry) Name() string      { return d.entry.Name }
func (d dirEntry) IsDir() bool       { return d.entry.Mode == filemode.Dir }
func (d dirEntry) Type() fs.FileMode { return fileInfo{mode: d.entry.Mode}.Mode().Type() }
func (d dirEntry) String() string    { return fs.FormatDirEntry(d) }
func (d dirEntry) Info() (fs.FileInfo, error) {
	return d.tree.describe("stat", d.entry.Name, d.entry)
}

// openFile is a regular file, its content already read and verified.
type openFile struct {
	info fileInfo
	*bytes.Reader
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *openFile) Close() error               { return nil }

// openFolder hands out a listing piece by piece.
type openFolder struct {
	info    fileInfo
	entries []fs.DirEntry
}

func (f *openFolder) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *openFolder) Close() error               { return nil }

func (f *openFolder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: f.info.name, Err: ErrNotRegular}
}

func (f *openFolder) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		all := f.entries
		f.entries = nil
		return all, nil
	}
	if len(f.entries) == 0 {
		return nil, io.EOF
	}
	part := f.entries[:min(n, len(f.entries))]
	f.entries = f.entries[len(part):]
	return part, nil
}
