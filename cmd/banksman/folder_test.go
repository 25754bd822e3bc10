package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/object"

	"banksman.dev/gitsrc"
)

// cloneWith is a clone whose one commit holds files and a symbolic link.
func cloneWith(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	repository, err := git.PlainInit(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	work, err := repository.Worktree()
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "zz-link")); err != nil {
		t.Fatal(err)
	}
	if err := work.AddWithOptions(&git.AddOptions{All: true}); err != nil {
		t.Fatal(err)
	}
	who := &object.Signature{Name: "alice", Email: "alice@example.com", When: time.Unix(1, 0)}
	if _, err := work.Commit("one", &git.CommitOptions{Author: who}); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestACommitOfACloneIsAFileTree(t *testing.T) {
	dir := cloneWith(t, map[string]string{"services.yaml": "a", "deep/er/file": "b"})
	from := &folder{dir: dir}
	files, err := from.files("HEAD")
	if err != nil {
		t.Fatal(err)
	}
	inner, err := fs.Sub(files.tree, "deep") // without the link, which cannot be opened
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(inner, "er/file"); err != nil {
		t.Error(err)
	}
	if content, err := fs.ReadFile(files.tree, "services.yaml"); err != nil || string(content) != "a" {
		t.Errorf("services.yaml: %q, %v", content, err)
	}
}

func TestWhatIsNoRegularFileOfACommitCannotBeRead(t *testing.T) {
	dir := cloneWith(t, map[string]string{"big": string(make([]byte, gitsrc.MaxFileSize+1)), "f/x": "x"})
	files, err := (&folder{dir: dir}).files("HEAD")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]error{
		"zz-link": gitsrc.ErrSymlink, "big": gitsrc.ErrTooLarge, "nothing": fs.ErrNotExist, "no/where": fs.ErrNotExist,
		"f/x/y": fs.ErrNotExist, "../up": fs.ErrInvalid, "/abs": fs.ErrInvalid, ".git/config": fs.ErrNotExist,
	} {
		if _, err := fs.ReadFile(files.tree, name); !errors.Is(err, want) {
			t.Errorf("reading %s: %v, want %v", name, err, want)
		}
	}
}

func TestAFolderIsReadAsItIsAndItsCommitsAsTheyWere(t *testing.T) {
	dir := cloneWith(t, map[string]string{"services.yaml": "committed"})
	if err := os.WriteFile(filepath.Join(dir, "services.yaml"), []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	for revision, want := range map[string]string{"": "changed", "HEAD": "committed", "master": "committed"} {
		files, err := (&folder{dir: dir}).files(revision)
		if err != nil {
			t.Fatal(err)
		}
		content, err := fs.ReadFile(files.tree, "services.yaml")
		files.close()
		if err != nil || string(content) != want {
			t.Errorf("at %q: %q, %v, want %q", revision, content, err, want)
		}
	}
}
