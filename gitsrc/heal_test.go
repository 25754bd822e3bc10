package gitsrc_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"banksman.dev/gitsrc"
)

// A flipped byte anywhere in a pack or its index never shows another content:
// reading gives the right bytes or an error, and the next fetch clones again.
func TestAFlippedByteIsNeverAWrongTreeAndIsHealed(t *testing.T) {
	s := newRemote(t)
	for i := range 5 {
		s.commit("c"+strconv.Itoa(i), "a.yaml", strings.Repeat("line of a\n", 50)+strconv.Itoa(i), "d/b.yaml", "b: "+strconv.Itoa(i))
	}
	head := sha(t, s.git(s.work, "rev-parse", "HEAD"))
	want := strings.Repeat("line of a\n", 50) + "4"
	pristine := t.TempDir()
	fetch(t, open(t, gitsrc.Options{URL: s.url(), Dir: pristine}))
	pack := filepath.Base(packs(t, pristine)[0])
	healed := 0
	for _, name := range []string{pack, strings.TrimSuffix(pack, "pack") + "idx"} {
		content, err := os.ReadFile(filepath.Join(pristine, "objects", "pack", name))
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(content); at += 149 {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(pristine)); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(dir, "objects", "pack", name)
			flipped := append([]byte(nil), content...)
			flipped[at] ^= 0x11
			write(t, file, string(flipped))
			r := open(t, gitsrc.Options{URL: s.url(), Dir: dir})
			bad := readAll(t, r, head, want)
			s.since()
			if bad {
				equal(t, "head", fetch(t, r), head)
				equal(t, name+" flipped at "+strconv.Itoa(at)+": healing", lines(s.since()), lines([]string{advertisement, download}))
				healed++
			}
			if readAll(t, r, head, want) {
				t.Fatalf("%s flipped at %d: still damaged", name, at)
			}
		}
	}
	if healed < 5 {
		t.Fatalf("only %d flips were noticed", healed)
	}
}

func TestADirectoryThatIsTakenAwayIsMadeAgain(t *testing.T) {
	s := newRemote(t)
	head := s.commit("first", "a.yaml", "a: 1")
	dir := filepath.Join(t.TempDir(), "git")
	r := open(t, gitsrc.Options{URL: s.url(), Dir: dir})
	fetch(t, r)
	for _, what := range []string{"nothing is new", "a commit is new"} {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if what == "a commit is new" {
			head = s.commit("second", "a.yaml", "a: 2")
		}
		equal(t, what+": head", fetch(t, r), head)
		here, err := r.Head()
		if err != nil {
			t.Fatal(err)
		}
		equal(t, what+": kept head", here, head)
		fresh := open(t, gitsrc.Options{URL: s.url(), Dir: dir})
		equal(t, what+": on disk", mustFile(t, fresh, head, "a.yaml"), mustFile(t, r, head, "a.yaml"))
	}
}

func TestWhatIsMissingIsNoReasonToEmptyTheRestBeforeTheServerAnswers(t *testing.T) {
	s := newRemote(t)
	head := s.commit("first", "a.yaml", "a: 1")
	dir := filepath.Join(t.TempDir(), "git")
	r := open(t, gitsrc.Options{URL: s.url(), Dir: dir})
	fetch(t, r)
	if err := os.Remove(filepath.Join(dir, "config")); err != nil {
		t.Fatal(err)
	}
	s.answer(func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	if _, err := r.Fetch(t.Context()); err == nil {
		t.Fatal("the server is down")
	}
	equal(t, "content", mustFile(t, r, head, "a.yaml"), "a: 1")
	here, err := r.Head()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "head", here, head)
}

// readAll reports damage, and fails on wrong content.
func readAll(t *testing.T, r *gitsrc.Repository, head gitsrc.SHA, want string) (damaged bool) {
	t.Helper()
	tree, err := r.Tree(head)
	if err == nil {
		var got []byte
		got, err = tree.ReadFile("a.yaml")
		if err == nil && string(got) != want {
			t.Fatalf("wrong content %q", got)
		}
	}
	if err == nil {
		var got []byte
		got, err = tree.ReadFile("d/b.yaml")
		if err == nil && string(got) != "b: 4" {
			t.Fatalf("wrong content %q", got)
		}
	}
	if err == nil {
		_, err = r.FirstParents(head, 10, nil)
	}
	if err != nil && !errors.Is(err, gitsrc.ErrDamaged) && !errors.Is(err, gitsrc.ErrUnknownCommit) {
		t.Fatalf("not called damage: %v", err)
	}
	return err != nil
}

func TestDamageIsHealedWithinTheFetchThatMeetsIt(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, dir string){
		"the packs are gone": func(t *testing.T, dir string) {
			for _, f := range packs(t, dir) {
				if err := os.Remove(f); err != nil {
					t.Fatal(err)
				}
			}
		},
		"the index is cut": func(t *testing.T, dir string) {
			for _, f := range packs(t, dir) {
				if err := os.Truncate(strings.TrimSuffix(f, "pack")+"idx", 40); err != nil {
					t.Fatal(err)
				}
			}
		},
		"the pack is cut": func(t *testing.T, dir string) {
			for _, f := range packs(t, dir) {
				if err := os.Truncate(f, 20); err != nil {
					t.Fatal(err)
				}
			}
		},
		"the index is gone": func(t *testing.T, dir string) {
			for _, f := range packs(t, dir) {
				if err := os.Remove(strings.TrimSuffix(f, "pack") + "idx"); err != nil {
					t.Fatal(err)
				}
			}
		},
		"the kept head is empty": func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "refs/remotes/origin/main"), "")
		},
		"the kept head names nothing": func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "refs/remotes/origin/main"), strings.Repeat("1", 40)+"\n")
		},
		"the directory is half emptied": func(t *testing.T, dir string) {
			if err := errors.Join(os.RemoveAll(filepath.Join(dir, "objects")), os.Remove(filepath.Join(dir, "HEAD"))); err != nil {
				t.Fatal(err)
			}
		},
		"the config is cut": func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "config"), "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newRemote(t)
			first := s.commit("first", "a.yaml", "a: 1")
			dir := t.TempDir()
			fetch(t, open(t, gitsrc.Options{URL: s.url(), Dir: dir}))
			spoil(t, dir)
			r := open(t, gitsrc.Options{URL: s.url(), Dir: dir})
			s.since()
			equal(t, "head", fetch(t, r), first)
			if n := len(s.since()); n > 3 {
				t.Fatalf("%d requests", n)
			}
			equal(t, "content", mustFile(t, r, first, "a.yaml"), "a: 1")
			equal(t, "head", fetch(t, r), first)
			equal(t, "requests when healed", lines(s.since()), advertisement)
		})
	}
}

func TestDamageWaitsForTheServerAndKeepsTheHead(t *testing.T) {
	s := newRemote(t)
	first := s.commit("first", "a.yaml", "a: 1")
	dir := t.TempDir()
	r := open(t, gitsrc.Options{URL: s.url(), Dir: dir})
	fetch(t, r)
	for _, f := range packs(t, dir) {
		write(t, f, "PACK")
	}
	r = open(t, gitsrc.Options{URL: s.url(), Dir: dir})
	s.answer(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost {
			return false
		}
		w.WriteHeader(http.StatusBadGateway)
		return true
	})
	for range 3 {
		if _, err := r.Fetch(t.Context()); err == nil {
			t.Fatal("no error")
		}
		head, err := r.Head()
		if err != nil || head != first {
			t.Fatalf("head %v, %v", head, err)
		}
	}
	s.answer(nil)
	equal(t, "head", fetch(t, r), first)
	equal(t, "content", mustFile(t, r, first, "a.yaml"), "a: 1")
}

// The server sends a sound pack that lacks a file of the new commit.
func TestAnIncompleteHeadIsNotShown(t *testing.T) {
	s := newRemote(t)
	first := s.commit("first", "a.yaml", "a: 1")
	r := open(t, gitsrc.Options{URL: s.url()})
	fetch(t, r)
	second := s.commit("second", "a.yaml", "a: 2")
	partial := s.gitRaw(s.dir, s.git(s.dir, "rev-parse", "main")+"\n"+s.git(s.dir, "rev-parse", "main^{tree}")+"\n", "pack-objects", "--stdout", "-q")
	s.answer(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost {
			return false
		}
		w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
		_, err := fmt.Fprintf(w, "0008NAK\n%04x\x01%s0000", len(partial)+5, partial)
		return err == nil
	})
	s.since()
	for range 2 {
		_, err := r.Fetch(t.Context())
		if err == nil || !strings.Contains(err.Error(), "objects are missing on the server, run git fsck there") {
			t.Fatalf("got %v", err)
		}
		head, err := r.Head()
		if err != nil || head != first {
			t.Fatalf("head %v, %v", head, err)
		}
		equal(t, "content", mustFile(t, r, first, "a.yaml"), "a: 1")
	}
	s.answer(nil)
	equal(t, "head", fetch(t, r), second)
	equal(t, "content", mustFile(t, r, second, "a.yaml"), "a: 2")
}
