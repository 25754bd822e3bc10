package gitsrc_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"banksman.dev/gitsrc"
)

func treeOf(t *testing.T, s *remote, commit gitsrc.SHA) *gitsrc.Tree {
	t.Helper()
	r := open(t, gitsrc.Options{URL: s.url()})
	fetch(t, r)
	tree, err := r.Tree(commit)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestATreeIsAFileSystem(t *testing.T) {
	s := newRemote(t)
	head := s.commit("first", "services.yaml", "services: {}", "a/b/c.yaml", "c: 1", "a/empty.yaml", "", "ünï/x y.yaml", "x", "a.b/c", "sorts before a/")
	tree := treeOf(t, s, head)
	if err := fstest.TestFS(tree, "services.yaml", "a/b/c.yaml", "a/empty.yaml", "ünï/x y.yaml", "a.b/c"); err != nil {
		t.Fatal(err)
	}
	info, err := tree.Stat("a/b/c.yaml")
	if err != nil || info.Size() != 4 || info.Mode() != 0o444 || !info.ModTime().IsZero() {
		t.Fatalf("%v, %v", info, err)
	}
}

func TestOnlyRegularFilesAreReadable(t *testing.T) {
	s := newRemote(t)
	content := s.blob("a: 1")
	lfs := s.blob("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n")
	big := s.blob(strings.Repeat("x", gitsrc.MaxFileSize+1))
	inner := s.gitInput(s.dir, "100644 blob "+content+"\tf.yaml\n", "mktree")
	zero := s.gitInput(s.dir, "100644 blob "+content+"\t.g\u200cit\n", "mktree")
	head := s.commitTree(strings.Join([]string{
		"100644 blob " + content + "\tplain.yaml",
		"100755 blob " + content + "\trun.sh",
		"120000 blob " + s.blob("/etc/passwd") + "\tlink",
		"120000 blob " + s.blob("link2") + "\tlink2",
		"160000 commit " + strings.Repeat("2", 40) + "\tmodule",
		"100644 blob " + lfs + "\tlfs.yaml",
		"100644 blob " + big + "\tbig.yaml",
		"040000 tree " + inner + "\tfolder",
		"040000 tree " + zero + "\tzero",
		"",
	}, "\n"))
	tree := treeOf(t, s, head)
	for name, want := range map[string]error{
		"plain.yaml":      nil,
		"run.sh":          nil,
		"folder/f.yaml":   nil,
		"link":            gitsrc.ErrSymlink,
		"link/passwd":     gitsrc.ErrSymlink,
		"link2":           gitsrc.ErrSymlink,
		"module":          gitsrc.ErrSubmodule,
		"module/x":        gitsrc.ErrSubmodule,
		"lfs.yaml":        gitsrc.ErrLFSPointer,
		"big.yaml":        gitsrc.ErrTooLarge,
		"folder":          gitsrc.ErrNotRegular,
		"missing":         fs.ErrNotExist,
		"plain.yaml/more": fs.ErrNotExist,
		"../x":            fs.ErrInvalid,
		"/etc/passwd":     fs.ErrInvalid,
		"a//b":            fs.ErrInvalid,
		".git/config":     gitsrc.ErrHostileName,
		"a/.GIT":          gitsrc.ErrHostileName,
		"git~1":           gitsrc.ErrHostileName,
		"zero/.g\u200cit": gitsrc.ErrHostileName,
		`..\x`:            gitsrc.ErrHostileName,
		strings.Repeat("a/", gitsrc.MaxDepth+1) + "b": gitsrc.ErrTooLarge,
	} {
		got, err := tree.ReadFile(name)
		var path *fs.PathError
		switch {
		case want == nil && (err != nil || string(got) != "a: 1"):
			t.Errorf("%s: %q, %v", name, got, err)
		case want != nil && (!errors.Is(err, want) || !errors.As(err, &path)):
			t.Errorf("%s: got %v, want %v", name, err, want)
		}
		if _, err := tree.Open(name); want != nil && name != "folder" && !errors.Is(err, want) {
			t.Errorf("open %s: got %v, want %v", name, err, want)
		}
	}
	for _, named := range []error{gitsrc.ErrSymlink, gitsrc.ErrSubmodule, gitsrc.ErrLFSPointer} {
		if !errors.Is(named, gitsrc.ErrNotRegular) {
			t.Errorf("%v is not ErrNotRegular", named)
		}
	}
	if _, err := tree.ReadDir("zero"); !errors.Is(err, gitsrc.ErrHostileName) {
		t.Errorf("got %v", err)
	}
	listed, err := tree.ReadDir(".")
	if err != nil || len(listed) != 9 {
		t.Fatalf("%v, %v", listed, err)
	}
	if info, err := tree.Stat("link"); err != nil || info.Mode().Type() != fs.ModeSymlink {
		t.Errorf("%v, %v", info, err)
	}
}

func TestAFolderWithAHostileNameIsNotListed(t *testing.T) {
	for _, name := range []string{".git", ".GIT", ".Git ", ".git.", "git~1", "GIT~1", ".git::$INDEX_ALLOCATION", "..", ".", `a\b`, "a\x01b", "a\tb", "x\u200b", "\u202efdp.exe", "\xff"} {
		s := newRemote(t)
		head := s.commitTreeRaw(name)
		r := open(t, gitsrc.Options{URL: s.url()})
		fetch(t, r)
		tree, err := r.Tree(head)
		if err == nil {
			_, err = tree.ReadDir(".")
		}
		if !errors.Is(err, gitsrc.ErrHostileName) {
			t.Errorf("%q: got %v", name, err)
		}
	}
}

func TestATreeThatListsANameTwiceIsRefused(t *testing.T) {
	s := newRemote(t)
	head := s.commitTreeRaw("same", "other", "same")
	r := open(t, gitsrc.Options{URL: s.url()})
	fetch(t, r)
	if _, err := r.Tree(head); err == nil || !strings.Contains(err.Error(), "lists a name twice: same") {
		t.Fatalf("got %v", err)
	}
}

func TestAnEmptyTreeIsEmpty(t *testing.T) {
	s := newRemote(t)
	tree := treeOf(t, s, s.commit("nothing"))
	listed, err := tree.ReadDir(".")
	if err != nil || len(listed) != 0 {
		t.Fatalf("%v, %v", listed, err)
	}
}
