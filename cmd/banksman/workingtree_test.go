package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"banksman.dev/gitsrc"
)

// folderWith makes a folder with these files and opens it as a working tree.
func folderWith(t *testing.T, files ...string) (string, *workingTree) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := openWorkingTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tree.Close(); err != nil {
			t.Error(err)
		}
	})
	return dir, tree
}

func TestAWorkingTreeIsAFileSystem(t *testing.T) {
	_, tree := folderWith(t, "services.yaml", "dora/jjh/a.yaml", "dora/jjh/b.yaml")
	if err := fstest.TestFS(tree, "services.yaml", "dora/jjh/a.yaml", "dora/jjh/b.yaml"); err != nil {
		t.Error(err)
	}
}

func TestAWorkingTreeRefusesSymbolicLinksWhereverTheyStand(t *testing.T) {
	dir, tree := folderWith(t, "real/a.yaml")
	outside := t.TempDir()
	for name, target := range map[string]string{"file": "real/a.yaml", "folder": "real", "outside": outside} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"file", "folder/a.yaml", "outside/a.yaml", "folder"} {
		if _, err := fs.Stat(tree, name); !errors.Is(err, gitsrc.ErrSymlink) {
			t.Errorf("Stat(%q): %v, want ErrSymlink", name, err)
		}
		if _, err := fs.ReadFile(tree, name); !errors.Is(err, gitsrc.ErrSymlink) {
			t.Errorf("ReadFile(%q): %v, want ErrSymlink", name, err)
		}
	}
	if _, err := fs.ReadDir(tree, "folder"); !errors.Is(err, gitsrc.ErrSymlink) {
		t.Errorf("ReadDir of a linked folder: %v, want ErrSymlink", err)
	}
}

func TestAWorkingTreeHidesGit(t *testing.T) {
	_, tree := folderWith(t, ".git/config", "sub/.git/config", "a.yaml")
	for _, name := range []string{".git/config", "sub/.git/config", ".git"} {
		if _, err := fs.Stat(tree, name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Stat(%q): %v, want ErrNotExist", name, err)
		}
	}
	entries, err := fs.ReadDir(tree, ".")
	if err != nil || len(entries) != 2 || entries[0].Name() != "a.yaml" || entries[1].Name() != "sub" {
		t.Errorf("ReadDir = %v, %v; want a.yaml and sub", entries, err)
	}
}

func TestAWorkingTreeEndsAtItsFolder(t *testing.T) {
	_, tree := folderWith(t, "a.yaml")
	for _, name := range []string{"../a.yaml", "/etc/passwd", "", "a.yaml/..", "./a.yaml"} {
		if _, err := tree.Open(name); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("Open(%q): %v, want ErrInvalid", name, err)
		}
	}
}
