package bump

import (
	"bytes"
	"io/fs"
	"time"
)

// A noted tree remembers which files were read.
type noted struct {
	fs.FS
	read map[string]bool
}

func (t noted) Open(name string) (fs.File, error) {
	f, err := t.FS.Open(name)
	if err == nil {
		if about, err := f.Stat(); err == nil && about.Mode().IsRegular() {
			t.read[name] = true
		}
	}
	return f, err
}

// A patched tree has other contents in some files.
type patched struct {
	fs.FS
	files map[string][]byte
}

func (t patched) Open(name string) (fs.File, error) {
	content, ok := t.files[name]
	if !ok {
		return t.FS.Open(name)
	}
	about, err := fs.Stat(t.FS, name)
	if err != nil {
		return nil, err
	}
	return &patchedFile{bytes.NewReader(content), patchedInfo{about, int64(len(content))}}, nil
}

type patchedFile struct {
	*bytes.Reader
	about fs.FileInfo
}

func (f *patchedFile) Stat() (fs.FileInfo, error) { return f.about, nil }
func (f *patchedFile) Close() error               { return nil }

type patchedInfo struct {
	fs.FileInfo
	size int64
}

func (i patchedInfo) Size() int64        { return i.size }
func (i patchedInfo) ModTime() time.Time { return time.Time{} }
