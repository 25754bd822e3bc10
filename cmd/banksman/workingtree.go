package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"banksman.dev/gitsrc"
)

// A workingTree shows a folder as the files that a commit of it would have:
// symbolic links are refused, wherever in a path they stand, and .git is not
// there. Nothing outside the folder can be reached.
type workingTree struct{ root *os.Root }

// openWorkingTree opens a folder, which the caller closes.
func openWorkingTree(dir string) (*workingTree, error) {
	about, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, failed(fmt.Errorf("%s does not exist", dir), "give the folder of the manifest repository")
	case err != nil:
		return nil, failed(err, "")
	case !about.IsDir():
		return nil, misused("give the folder of the manifest repository; --catalog names the file in it", "%s is not a folder", dir)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, failed(err, "")
	}
	return &workingTree{root}, nil
}

func (t *workingTree) Close() error { return t.root.Close() }

// look checks each element of a path and tells about the last one.
func (t *workingTree) look(op, name string) (fs.FileInfo, error) {
	fail := func(err error) (fs.FileInfo, error) { return nil, &fs.PathError{Op: op, Path: name, Err: err} }
	if !fs.ValidPath(name) {
		return fail(fs.ErrInvalid)
	}
	var about fs.FileInfo
	for end := 0; end < len(name); {
		if i := strings.IndexByte(name[end+1:], '/'); i >= 0 {
			end += 1 + i
		} else {
			end = len(name)
		}
		path := name[:end]
		if isGit(path[strings.LastIndexByte(path, '/')+1:]) {
			return fail(fs.ErrNotExist)
		}
		var err error
		if about, err = t.root.Lstat(path); err != nil {
			return fail(bare(err))
		}
		if about.Mode()&fs.ModeSymlink != 0 {
			return fail(gitsrc.ErrSymlink)
		}
	}
	return about, nil
}

func (t *workingTree) Open(name string) (fs.File, error) {
	about, err := t.look("open", name)
	if err != nil {
		return nil, err
	}
	if !about.IsDir() && !about.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: gitsrc.ErrNotRegular}
	}
	return t.root.Open(name)
}

func (t *workingTree) Stat(name string) (fs.FileInfo, error) { return t.look("stat", name) }

func (t *workingTree) ReadDir(name string) ([]fs.DirEntry, error) {
	if _, err := t.look("readdir", name); err != nil {
		return nil, err
	}
	entries, err := fs.ReadDir(t.root.FS(), name)
	if err != nil {
		return nil, err
	}
	kept := entries[:0]
	for _, e := range entries {
		if !isGit(e.Name()) {
			kept = append(kept, e)
		}
	}
	return kept, nil
}

func isGit(name string) bool { return strings.EqualFold(name, ".git") }

// bare takes the path out of an error that gets another one.
func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
