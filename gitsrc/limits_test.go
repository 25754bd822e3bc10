package gitsrc_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"banksman.dev/gitsrc"
)

// against makes tree pull request 1, on top of main, and fetches it.
func (s *remote) against(main gitsrc.SHA, tree string) (*gitsrc.Repository, gitsrc.SHA) {
	s.t.Helper()
	pull := sha(s.t, s.git(s.dir, "commit-tree", "-p", string(main), "-m", "pull", tree))
	s.git(s.dir, "update-ref", "refs/pull/1/head", string(pull))
	r := open(s.t, gitsrc.Options{URL: s.url()})
	fetch(s.t, r)
	fetchPulls(s.t, r, pulls{1: pull})
	return r, pull
}

// refusesToCompare: both ways of comparing must end at the limit, whichever side is the large one.
func refusesToCompare(t *testing.T, r *gitsrc.Repository, main, pull gitsrc.SHA) {
	t.Helper()
	for _, c := range [][2]gitsrc.SHA{{main, pull}, {pull, main}} {
		if _, err := r.ChangedPaths(c[0], c[1]); !errors.Is(err, gitsrc.ErrTooManyChanges) {
			t.Errorf("changed paths: got %v", err)
		}
	}
	if _, err := r.Merged(main, pull); !errors.Is(err, gitsrc.ErrTooManyChanges) {
		t.Errorf("merged: got %v", err)
	}
}

func TestAFewObjectsThatMakeAVeryLargeTreeAreRefused(t *testing.T) {
	for name, leaf := range map[string]string{
		"of files":         "100644 blob %s\tf",
		"of empty folders": "040000 tree %s\tf",
	} {
		t.Run(name, func(t *testing.T) {
			s := newRemote(t)
			main := s.commit("first", "a.yaml", "a: 1")
			object := s.blob("x")
			if strings.Contains(leaf, "tree") {
				object = s.gitInput(s.dir, "", "mktree")
			}
			tree := s.gitInput(s.dir, fmt.Sprintf(leaf, object)+"\n", "mktree")
			for range 30 { // 8 entries each: 8^30 files
				var b strings.Builder
				for n := range 8 {
					fmt.Fprintf(&b, "040000 tree %s\td%d\n", tree, n)
				}
				tree = s.gitInput(s.dir, b.String(), "mktree")
			}
			r, pull := s.against(main, tree)
			refusesToCompare(t, r, main, pull)
		})
	}
}

func TestTooManyChangedPathsAreNotListed(t *testing.T) {
	s := newRemote(t)
	main := s.commit("first", "a.yaml", "a: 1")
	blob := s.blob("x")
	var folder, root strings.Builder
	for n := range gitsrc.MaxFolderEntries {
		fmt.Fprintf(&folder, "100644 blob %s\tf%05d\n", blob, n)
	}
	tree := s.gitInput(s.dir, folder.String(), "mktree")
	for n := range gitsrc.MaxChangedPaths/gitsrc.MaxFolderEntries + 1 {
		fmt.Fprintf(&root, "040000 tree %s\td%d\n", tree, n)
	}
	r, pull := s.against(main, s.gitInput(s.dir, root.String(), "mktree"))
	refusesToCompare(t, r, main, pull)
}

func TestALongPathIsNotListed(t *testing.T) {
	s := newRemote(t)
	main := s.commit("first", "a.yaml", "a: 1")
	blob := s.blob("x")
	for length, want := range map[int]error{gitsrc.MaxPathLength: nil, gitsrc.MaxPathLength + 1: gitsrc.ErrTooLarge} {
		inner := s.gitInput(s.dir, "100644 blob "+blob+"\tf\n", "mktree")
		r, pull := s.against(main, s.gitInput(s.dir, "040000 tree "+inner+"\t"+strings.Repeat("n", length-len("/f"))+"\n", "mktree"))
		if _, err := r.ChangedPaths(main, pull); !errors.Is(err, want) {
			t.Errorf("%d bytes: got %v", length, err)
		}
		if _, err := r.Merged(main, pull); !errors.Is(err, want) {
			t.Errorf("%d bytes: got %v", length, err)
		}
	}
	var folder strings.Builder
	for n := range 2000 {
		fmt.Fprintf(&folder, "100644 blob %s\tf%04d\n", blob, n)
	}
	inner := s.gitInput(s.dir, folder.String(), "mktree")
	r, pull := s.against(main, s.gitInput(s.dir, "040000 tree "+inner+"\t"+strings.Repeat("n", 4000)+"\n", "mktree"))
	refusesToCompare(t, r, main, pull)
}

func TestWhatLiesTooDeepToBeReadIsNotOpened(t *testing.T) {
	s := newRemote(t)
	deep := func(content string) string {
		tree := s.gitInput(s.dir, "100644 blob "+s.blob(content)+"\tf\n", "mktree")
		for range 2 * gitsrc.MaxDepth {
			tree = s.gitInput(s.dir, "040000 tree "+tree+"\td\n", "mktree")
		}
		return tree
	}
	commit := func(tree string, parent ...string) gitsrc.SHA {
		return sha(t, s.git(s.dir, append(append([]string{"commit-tree", "-m", "deep"}, parent...), tree)...))
	}
	base := commit(deep("base"))
	main := commit(deep("main"), "-p", string(base))
	s.git(s.dir, "update-ref", "refs/heads/main", string(main))
	pull := commit(deep("pull"), "-p", string(base))
	s.git(s.dir, "update-ref", "refs/pull/1/head", string(pull))
	r, m := merged(t, s, main, pull)
	equal(t, "conflicts", lines(m.Conflicts), strings.Repeat("d/", gitsrc.MaxDepth)+"d")
	paths, err := r.ChangedPaths(base, main)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "changed", lines(paths), strings.Repeat("d/", gitsrc.MaxDepth)+"d")
}

func TestAMergedFolderHasTheLimitOfAnyFolder(t *testing.T) {
	s := newRemote(t)
	blob := s.blob("x")
	folder := func(from, to int) string {
		var b strings.Builder
		for n := range to - from {
			fmt.Fprintf(&b, "100644 blob %s\tf%05d\n", blob, from+n)
		}
		return s.gitInput(s.dir, b.String(), "mktree")
	}
	commit := func(tree string, parent ...string) gitsrc.SHA {
		return sha(t, s.git(s.dir, append(append([]string{"commit-tree", "-m", "wide"}, parent...), tree)...))
	}
	base := commit(folder(0, 1))
	main := commit(folder(0, gitsrc.MaxFolderEntries/2+1), "-p", string(base))
	s.git(s.dir, "update-ref", "refs/heads/main", string(main))
	wide := commit(folder(gitsrc.MaxFolderEntries/2, gitsrc.MaxFolderEntries+5), "-p", string(base))
	s.git(s.dir, "update-ref", "refs/pull/1/head", string(wide))
	r := open(t, gitsrc.Options{URL: s.url()})
	fetch(t, r)
	fetchPulls(t, r, pulls{1: wide})
	if _, err := r.Merged(main, wide); !errors.Is(err, gitsrc.ErrTooLarge) {
		t.Fatalf("got %v", err)
	}
}

func TestTheWalkToAMergeBaseIsBounded(t *testing.T) {
	s := newRemote(t)
	var stream strings.Builder
	commit := func(n int, ref, from string) {
		fmt.Fprintf(&stream, "commit %s\ncommitter bob <b@example.org> %d +0000\ndata 0\n%sM 644 inline a%d\ndata 0\n\n", ref, 1550495138+n, from, n)
	}
	for n := range 5 { // what lies before the base costs nothing
		commit(n, "refs/heads/main", "")
	}
	commit(5, "refs/pull/1/head", "from refs/heads/main\n")
	for n := range 9 {
		commit(6+n, "refs/pull/1/head", "")
	}
	commit(15, "refs/heads/main", "")
	s.gitInput(s.dir, stream.String(), "fast-import", "--quiet")
	main, pull := sha(t, s.git(s.dir, "rev-parse", "main")), sha(t, s.git(s.dir, "rev-parse", "refs/pull/1/head"))
	base := sha(t, s.git(s.dir, "rev-parse", "main~1"))
	r, _ := merged(t, s, main, pull)
	const needed = 13 // ten of the pull request, main, base and its parent
	got, err := r.MergeBasesWithin(needed, main, pull)
	if err != nil || len(got) != 1 || got[0] != base {
		t.Fatalf("%v, %v", got, err)
	}
	if _, err := r.MergeBasesWithin(needed-1, main, pull); !errors.Is(err, gitsrc.ErrWalkTooLong) {
		t.Fatalf("got %v", err)
	}
	same, err := r.MergeBase(pull, pull)
	if err != nil || same != pull {
		t.Fatalf("%v, %v", same, err)
	}
	onto, err := r.MergeBase(base, pull)
	if err != nil || onto != base {
		t.Fatalf("%v, %v", onto, err)
	}
}
