package gitsrc_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"banksman.dev/gitsrc"
)

// fork is a branch and a pull request with one commit each after a base, and the
// repository that has them.
func fork(t *testing.T, base, branch, head []string) (*gitsrc.Repository, *gitsrc.Merge) {
	t.Helper()
	s := newRemote(t)
	from := s.commit("base", base...)
	pull := s.pull(1, from, head...)
	main := s.commit("branch", branch...)
	return merged(t, s, main, pull)
}

func merged(t *testing.T, s *remote, main, pull gitsrc.SHA) (*gitsrc.Repository, *gitsrc.Merge) {
	t.Helper()
	r := open(t, gitsrc.Options{URL: s.url()})
	fetch(t, r)
	fetchPulls(t, r, pulls{1: pull})
	m, err := r.Merged(main, pull)
	if err != nil {
		t.Fatal(err)
	}
	return r, m
}

func TestAMergeTakesEachPathFromTheSideThatChangedIt(t *testing.T) {
	for name, c := range map[string]struct {
		base, branch, head []string
		file, want         string
		changed            string
	}{
		"changed by the pull request": {
			base: []string{"a", "1", "b", "1"}, head: []string{"a", "2"}, branch: []string{"b", "2"},
			file: "a", want: "2", changed: "a",
		},
		"changed by the branch": {
			base: []string{"a", "1", "b", "1"}, head: []string{"a", "2"}, branch: []string{"b", "2"},
			file: "b", want: "2", changed: "a",
		},
		"changed by both to the same": {
			base: []string{"a", "1"}, head: []string{"a", "2"}, branch: []string{"a", "2"},
			file: "a", want: "2",
		},
		"added by the pull request in a folder that the branch changed": {
			base: []string{"d/a", "1"}, head: []string{"d/e/b", "2"}, branch: []string{"d/a", "2"},
			file: "d/e/b", want: "2", changed: "d/e/b",
		},
		"a folder beside a file that sorts between": {
			base: []string{"d/a", "1", "d.b", "1", "d-c", "1"}, head: []string{"d/b", "2"}, branch: []string{"d/c", "2", "d.b", "2"},
			file: "d/b", want: "2", changed: "d/b",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, m := fork(t, c.base, c.branch, c.head)
			equal(t, "conflicts", lines(m.Conflicts), "")
			equal(t, "changed", lines(m.Changed), c.changed)
			got, err := fs.ReadFile(m.Tree(), c.file)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, c.file, string(got), c.want)
		})
	}
}

func TestTwoEditsOfOneFileConflictWhereverTheyAre(t *testing.T) {
	long := strings.Repeat("line\n", 50)
	_, m := fork(t,
		[]string{"d/a", long, "d/b", "1", "d/c", "1"},
		[]string{"d/a", "top\n" + long, "d/b", "2"},
		[]string{"d/a", long + "bottom\n", "d/c", "2"})
	equal(t, "conflicts", lines(m.Conflicts), "d/a")
	equal(t, "changed", lines(m.Changed), "d/c")
	tree := m.Tree()
	var path *fs.PathError
	for _, name := range []string{"d/a", "d/a/below"} {
		if _, err := tree.ReadFile(name); !errors.Is(err, gitsrc.ErrConflict) || !errors.As(err, &path) {
			t.Errorf("%s: got %v", name, err)
		}
		if _, err := tree.Open(name); !errors.Is(err, gitsrc.ErrConflict) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	info, err := tree.Stat("d/a")
	if err != nil || info.Mode().Type() != fs.ModeIrregular {
		t.Errorf("%v, %v", info, err)
	}
	listed, err := tree.ReadDir("d")
	if err != nil || len(listed) != 3 || listed[0].Type() != fs.ModeIrregular {
		t.Errorf("%v, %v", listed, err)
	}
	for name, want := range map[string]string{"d/b": "2", "d/c": "2"} {
		got, err := tree.ReadFile(name)
		if err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// shape is a tree in the words of git mktree: "100644 a=1" is a file with content 1,
// "100644 d/a=1" one in a folder.
func (s *remote) shape(parent string, files ...string) gitsrc.SHA {
	s.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "commit refs/heads/shape\ncommitter bob <b@example.org> 1550495138 +0000\ndata 0\n")
	if parent != "" {
		fmt.Fprintf(&b, "from %s\n", parent)
	}
	b.WriteString("deleteall\n")
	for _, f := range files {
		mode, rest, _ := strings.Cut(f, " ")
		name, content, _ := strings.Cut(rest, "=")
		fmt.Fprintf(&b, "M %s inline %s\ndata %d\n%s\n", mode, name, len(content), content)
	}
	s.gitInput(s.dir, b.String(), "fast-import", "--quiet", "--force")
	return sha(s.t, s.git(s.dir, "rev-parse", "shape"))
}

func TestDoubtsAreConflicts(t *testing.T) {
	for name, c := range map[string]struct {
		base, branch, head []string
		conflicts, changed string
	}{
		"deleted by the pull request, changed by the branch": {
			base: []string{"100644 a=1", "100644 b=1"}, branch: []string{"100644 a=2", "100644 b=1"}, head: []string{"100644 b=1"},
			conflicts: "a",
		},
		"deleted by the branch, changed by the pull request": {
			base: []string{"100644 a=1", "100644 b=1"}, branch: []string{"100644 b=1"}, head: []string{"100644 a=2", "100644 b=1"},
			conflicts: "a",
		},
		"a folder deleted by the branch, one file of it changed by the pull request": {
			base: []string{"100644 d/a=1", "100644 d/b=1"}, branch: []string{"100644 c=1"}, head: []string{"100644 d/a=1", "100644 d/b=2"},
			conflicts: "d/b",
		},
		"added by both, differently": {
			base: []string{"100644 x=1"}, branch: []string{"100644 x=1", "100644 a=1"}, head: []string{"100644 x=1", "100644 a=2"},
			conflicts: "a",
		},
		"content by one side, mode by the other": {
			base: []string{"100644 a=1"}, branch: []string{"100755 a=1"}, head: []string{"100644 a=2"},
			conflicts: "a",
		},
		"a mode by one side alone is no conflict": {
			base: []string{"100644 a=1", "100644 b=1"}, branch: []string{"100644 a=1", "100644 b=2"}, head: []string{"100755 a=1", "100644 b=1"},
			changed: "a",
		},
		"a file added by the branch where the pull request adds a folder": {
			base: []string{"100644 x=1"}, branch: []string{"100644 x=1", "100644 p=1"}, head: []string{"100644 x=2", "100644 p/a=1"},
			conflicts: "p", changed: "x",
		},
		"a folder of the branch where the pull request changes the file": {
			base: []string{"100644 p=1"}, branch: []string{"100644 p/a=1"}, head: []string{"100644 p=2"},
			conflicts: "p",
		},
		"a file becomes a folder by the pull request alone": {
			base: []string{"100644 p=1", "100644 x=1"}, branch: []string{"100644 p=1", "100644 x=2"}, head: []string{"100644 p/a=1", "100644 x=1"},
			changed: "p\np/a",
		},
		"everything deleted, half by each": {
			base: []string{"100644 a=1", "100644 d/b=1"}, branch: []string{"100644 a=1"}, head: []string{"100644 d/b=1"},
			changed: "a",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newRemote(t)
			base := s.shape("", c.base...)
			pull := s.shape(string(base), c.head...)
			main := s.shape(string(base), c.branch...)
			s.git(s.dir, "update-ref", "refs/heads/main", string(main))
			s.git(s.dir, "update-ref", "refs/pull/1/head", string(pull))
			_, m := merged(t, s, main, pull)
			equal(t, "base", m.Base, base)
			equal(t, "conflicts", lines(m.Conflicts), c.conflicts)
			equal(t, "changed", lines(m.Changed), c.changed)
			if _, err := m.Tree().ReadDir("."); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestAMergeIsAFileSystemUnderTheSameRules(t *testing.T) {
	s := newRemote(t)
	base := s.shape("", "100644 d/a=1", "100644 d/b=1", "100644 e/f/g=1")
	link := s.shape(string(base), "100644 d/a=2", "100644 d/b=1", "120000 d/link=/etc/passwd", "100644 d/lfs=version https://git-lfs.github.com/spec/v1\n", "100644 e/f/g=1")
	clean := s.shape(string(base), "100644 d/a=2", "100644 d/b=1", "100755 d/new=3", "100644 e/f/g=1")
	main := s.shape(string(base), "100644 d/a=1", "100644 d/b=2", "100644 e/f/g=2")
	s.git(s.dir, "update-ref", "refs/heads/main", string(main))
	s.git(s.dir, "update-ref", "refs/pull/1/head", string(clean))
	r, m := merged(t, s, main, clean)
	if err := fstest.TestFS(m.Tree(), "d/a", "d/b", "d/new", "e/f/g"); err != nil {
		t.Fatal(err)
	}
	info, err := m.Tree().Stat("d/new")
	if err != nil || info.Mode() != 0o555 || info.Size() != 1 {
		t.Fatalf("%v, %v", info, err)
	}
	again, err := r.Merged(main, clean)
	if err != nil || again.Root() != m.Root() {
		t.Fatalf("a second merge is %v, %v, not %s", again, err, m.Root())
	}

	s.git(s.dir, "update-ref", "refs/pull/1/head", string(link))
	_, m = merged(t, s, main, link)
	equal(t, "changed", lines(m.Changed), lines([]string{"d/a", "d/lfs", "d/link"}))
	for name, want := range map[string]error{
		"d/link": gitsrc.ErrSymlink, "d/link/x": gitsrc.ErrSymlink, "d/lfs": gitsrc.ErrLFSPointer,
		"d/../d/a": fs.ErrInvalid, ".git/config": gitsrc.ErrHostileName, "d": gitsrc.ErrNotRegular, "d/none": fs.ErrNotExist,
	} {
		if _, err := m.Tree().ReadFile(name); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", name, err, want)
		}
	}
}

func TestAHostileNameOfAPullRequestIsToldAndNotListed(t *testing.T) {
	s := newRemote(t)
	main := s.commit("first", "a.yaml", "a: 1")
	tree := s.gitInput(s.dir, "100644 blob "+s.blob("a: 1")+"\ta.yaml\n100644 blob "+s.blob("x")+"\ta\u200c.yaml\n", "mktree")
	pull := sha(t, s.git(s.dir, "commit-tree", "-p", string(main), "-m", "look-alike", tree))
	s.git(s.dir, "update-ref", "refs/pull/1/head", string(pull))
	_, m := merged(t, s, main, pull)
	equal(t, "changed", lines(m.Changed), "a\u200c.yaml")
	if _, err := m.Tree().ReadDir("."); !errors.Is(err, gitsrc.ErrHostileName) {
		t.Errorf("got %v", err)
	}
	if _, err := m.Tree().ReadFile("a\u200c.yaml"); !errors.Is(err, gitsrc.ErrHostileName) {
		t.Errorf("got %v", err)
	}
}

func TestAPullRequestOnTopOfTheBranchIsItself(t *testing.T) {
	s := newRemote(t)
	main := s.commit("first", "a.yaml", "a: 1")
	pull := s.pull(1, main, "a.yaml", "a: 2")
	r, m := merged(t, s, main, pull)
	equal(t, "base", m.Base, main)
	equal(t, "tree", m.Root(), s.git(s.dir, "rev-parse", string(pull)+"^{tree}"))
	equal(t, "changed", lines(m.Changed), "a.yaml")
	back, err := r.Merged(pull, main) // the branch has taken it in
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "base", back.Base, main)
	equal(t, "tree", back.Root(), m.Root())
	equal(t, "changed", lines(back.Changed)+lines(back.Conflicts), "")
	paths, err := r.ChangedPaths(main, pull)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "paths", lines(paths), "a.yaml")
	unknown := sha(t, strings.Repeat("1", 40))
	for _, pair := range [][2]gitsrc.SHA{{main, unknown}, {unknown, main}} {
		if _, err := r.Merged(pair[0], pair[1]); !errors.Is(err, gitsrc.ErrUnknownCommit) {
			t.Errorf("got %v", err)
		}
		if _, err := r.ChangedPaths(pair[0], pair[1]); !errors.Is(err, gitsrc.ErrUnknownCommit) {
			t.Errorf("got %v", err)
		}
		if _, err := r.MergeBase(pair[0], pair[1]); !errors.Is(err, gitsrc.ErrUnknownCommit) {
			t.Errorf("got %v", err)
		}
	}
}

// Two best common ancestors hold x=0 and x=1. The branch has gone back to 0 after
// the merge, the pull request still has 1: seen from the first it is the pull request
// that changed x, seen from the second the branch did.
func TestAMergeDoesNotChooseBetweenTwoBases(t *testing.T) {
	s := newRemote(t)
	base := s.shape("", "100644 x=0", "100644 y=0", "100644 z=0")
	one := s.shape(string(base), "100644 x=0", "100644 y=1", "100644 z=0")
	two := s.shape(string(base), "100644 x=1", "100644 y=0", "100644 z=0")
	commit := func(shape gitsrc.SHA, parents ...gitsrc.SHA) gitsrc.SHA {
		args := []string{"commit-tree", "-m", "merge", string(shape) + "^{tree}"}
		for _, p := range parents {
			args = append(args, "-p", string(p))
		}
		return sha(t, s.git(s.dir, args...))
	}
	main := commit(s.shape("", "100644 x=0", "100644 y=1", "100644 z=0"), one, two)
	pull := commit(s.shape("", "100644 x=1", "100644 y=1", "100644 z=2"), two, one)
	s.git(s.dir, "update-ref", "refs/heads/main", string(main))
	s.git(s.dir, "update-ref", "refs/pull/1/head", string(pull))
	_, m := merged(t, s, main, pull)
	equal(t, "the smaller of two bases of one date", m.Base, min(one, two))
	equal(t, "conflicts", lines(m.Conflicts), "x")
	equal(t, "changed", lines(m.Changed), "z")
}
