package gitsrc_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"banksman.dev/gitsrc"
)

func TestAPollWithNothingNewIsOneRequest(t *testing.T) {
	s := newRemote(t)
	first := s.commit("first", "a.yaml", "a: 1")
	r := open(t, gitsrc.Options{URL: s.url()})
	equal(t, "head", fetch(t, r), first)
	equal(t, "first fetch", lines(s.since()), lines([]string{advertisement, download}))
	equal(t, "head", fetch(t, r), first)
	equal(t, "second fetch", lines(s.since()), advertisement)
}

func TestANewCommitIsFetchedAndTheOldOneStaysReadable(t *testing.T) {
	s := newRemote(t)
	first := s.commit("first", "a.yaml", "a: 1")
	dir := t.TempDir()
	r := open(t, gitsrc.Options{URL: s.url(), Dir: dir})
	fetch(t, r)
	second := s.commit("second", "a.yaml", "a: 2")
	equal(t, "head", fetch(t, r), second)
	equal(t, "new content", mustFile(t, r, second, "a.yaml"), "a: 2")
	equal(t, "old content", mustFile(t, r, first, "a.yaml"), "a: 1")
	equal(t, "packs: the second holds the difference", len(packs(t, dir)), 2)
	s.since()

	again := open(t, gitsrc.Options{URL: s.url(), Dir: dir})
	head, err := again.Head()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "head after a restart", head, second)
	equal(t, "content after a restart", mustFile(t, again, second, "a.yaml"), "a: 2")
	equal(t, "requests of a restart", lines(s.since()), "")
	s.git(dir, "fsck", "--full", "--strict")
}

func TestARewrittenBranchIsFollowed(t *testing.T) {
	s := newRemote(t)
	base := s.commit("base", "a.yaml", "a: 0")
	old := s.commit("old", "a.yaml", "a: 1")
	dir := t.TempDir()
	r := open(t, gitsrc.Options{URL: s.url(), Dir: dir})
	fetch(t, r)
	s.git(s.work, "reset", "-q", "--hard", string(base))
	rewritten := s.commit("new", "a.yaml", "a: 2")
	equal(t, "head", fetch(t, r), rewritten)
	equal(t, "old content", mustFile(t, r, old, "a.yaml"), "a: 1")
	for _, c := range []struct {
		ancestor, of gitsrc.SHA
		want         bool
	}{{base, rewritten, true}, {old, rewritten, false}, {rewritten, rewritten, true}, {sha(t, strings.Repeat("1", 40)), rewritten, false}} {
		got, err := r.IsAncestor(c.ancestor, c.of)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "is ancestor", got, c.want)
	}
	s.since()
	s.git(s.work, "reset", "-q", "--hard", string(old))
	s.push()
	equal(t, "head after going back", fetch(t, r), old)
	equal(t, "going back downloads nothing", lines(s.since()), advertisement)
}

func TestErrorsKeepTheOldHead(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*remote)
		is    error
		says  string
		mend  func(*remote)
	}{
		"the branch is deleted": {
			spoil: func(s *remote) {
				s.git(s.dir, "update-ref", "refs/heads/other", "main")
				s.git(s.dir, "update-ref", "-d", "refs/heads/main")
			},
			mend: func(s *remote) { s.push() },
			is:   gitsrc.ErrBranchMissing,
			says: "the branch does not exist on the server; check its name, or push it; banksman keeps running what it has and tries again",
		},
		"the repository is emptied": {
			spoil: func(s *remote) { s.git(s.dir, "update-ref", "-d", "refs/heads/main") },
			mend:  func(s *remote) { s.push() },
			is:    gitsrc.ErrEmptyRepository,
			says:  "the repository is empty; push a first commit",
		},
		"401": {spoil: answers(401), is: gitsrc.ErrUnauthorized, says: "asks for authentication (401); give a token"},
		"403": {spoil: answers(403), is: gitsrc.ErrForbidden, says: "access denied (403); check that the token"},
		"404": {spoil: answers(404), is: gitsrc.ErrRepositoryNotFound, says: "repository not found (404); check the URL"},
		"500": {spoil: answers(500), says: "the server answered 500 Internal Server Error; banksman keeps running"},
		"the server lies about its answer": {
			spoil: func(s *remote) {
				s.answer(func(w http.ResponseWriter, _ *http.Request) bool {
					_, err := w.Write([]byte("<html>login</html>"))
					return err == nil
				})
			},
			says: "fetch main of ",
		},
		"the download is cut": {
			spoil: func(s *remote) {
				s.commit("unseen", "b.yaml", strings.Repeat("b", 100_000))
				s.answer(func(w http.ResponseWriter, r *http.Request) bool {
					if r.Method != http.MethodPost {
						return false
					}
					w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
					_, err := w.Write([]byte("0008NAK\n0014\x01PACK\x00\x00\x00\x02\x00\x00\x00\x03"))
					return err == nil
				})
			},
			says: "fetch main of ",
			mend: func(s *remote) {
				s.answer(nil)
				s.git(s.work, "reset", "-q", "--hard", "HEAD~1")
				s.push()
			},
		},
		"the server is down": {
			spoil: func(s *remote) {
				s.answer(func(w http.ResponseWriter, _ *http.Request) bool {
					c, _, err := w.(http.Hijacker).Hijack()
					return err == nil && c.Close() == nil
				})
			},
			says: "EOF; banksman keeps running what it has and tries again",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newRemote(t)
			first := s.commit("first", "a.yaml", "a: 1")
			r := open(t, gitsrc.Options{URL: s.url()})
			fetch(t, r)
			c.spoil(s)
			_, err := r.Fetch(t.Context())
			var told *gitsrc.FetchError
			if !errors.As(err, &told) || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v, want it to say %q", err, c.says)
			}
			t.Log(err)
			head, err := r.Head()
			if err != nil || head != first {
				t.Fatalf("head: %v, %v", head, err)
			}
			equal(t, "content", mustFile(t, r, first, "a.yaml"), "a: 1")
			if c.mend == nil {
				c.mend = func(s *remote) { s.answer(nil) }
			}
			c.mend(s)
			equal(t, "head after the fault", fetch(t, r), first)
		})
	}
}

func answers(code int) func(*remote) {
	return func(s *remote) {
		s.answer(func(w http.ResponseWriter, _ *http.Request) bool {
			http.Error(w, "server says secret-token", code)
			return true
		})
	}
}

func TestARefusedConnectionIsSaidPlainly(t *testing.T) {
	s := newRemote(t)
	s.commit("first", "a.yaml", "a: 1")
	r := open(t, gitsrc.Options{URL: s.url()})
	s.http.Close()
	_, err := r.Fetch(t.Context())
	want := "fetch main of " + s.url() + ": connection refused; banksman keeps running what it has and tries again"
	if err == nil || err.Error() != want {
		t.Fatalf("got  %v\nwant %s", err, want)
	}
	if _, err := r.Head(); !errors.Is(err, gitsrc.ErrNoHead) {
		t.Fatalf("got %v", err)
	}
}

func TestTheContextEndsAFetch(t *testing.T) {
	s := newRemote(t)
	s.commit("first", "a.yaml", "a: 1")
	ctx, cancel := context.WithCancel(t.Context())
	s.answer(func(_ http.ResponseWriter, r *http.Request) bool {
		cancel()
		<-r.Context().Done()
		return true
	})
	r := open(t, gitsrc.Options{URL: s.url()})
	if _, err := r.Fetch(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}

func TestATokenGoesToTheConfiguredHostOnly(t *testing.T) {
	s := newRemote(t)
	s.commit("first", "a.yaml", "a: 1")
	var elsewhere []string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		elsewhere = append(elsewhere, r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusNotFound)
	}))
	defer other.Close()
	token := func(context.Context) (string, error) { return "secret-token", nil }
	r := open(t, gitsrc.Options{URL: s.url(), Token: token})
	fetch(t, r)
	s.mu.Lock()
	for _, q := range s.requests {
		user, password, _ := q.BasicAuth()
		equal(t, "user", user, "x-access-token")
		equal(t, "password", password, "secret-token")
	}
	s.mu.Unlock()

	s.answer(func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, other.URL+r.URL.String(), http.StatusFound)
		return true
	})
	_, err := r.Fetch(t.Context())
	if err == nil || !strings.Contains(err.Error(), "redirects to "+other.URL) {
		t.Fatalf("got %v", err)
	}
	equal(t, "requests to the other host", len(elsewhere), 0)

	answers(401)(s)
	_, err = r.Fetch(t.Context())
	if !errors.Is(err, gitsrc.ErrUnauthorized) || strings.Contains(err.Error(), "secret") ||
		!strings.Contains(err.Error(), "does not accept the token (401)") {
		t.Fatalf("got %v", err)
	}
}

func TestARenamedRepositoryOnTheSameHostIsFollowed(t *testing.T) {
	s := newRemote(t)
	first := s.commit("first", "a.yaml", "a: 1")
	s.answer(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/old.git") {
			return false
		}
		http.Redirect(w, r, "/owner/name.git"+strings.TrimPrefix(r.URL.String(), "/old.git"), http.StatusMovedPermanently)
		return true
	})
	r := open(t, gitsrc.Options{URL: s.http.URL + "/old.git"})
	equal(t, "head", fetch(t, r), first)
}

func TestAnotherURLOrBranchStartsOver(t *testing.T) {
	one, two := newRemote(t), newRemote(t)
	one.commit("one", "a.yaml", "a: 1")
	second := two.commit("two", "b.yaml", "b: 1")
	dir := t.TempDir()
	fetch(t, open(t, gitsrc.Options{URL: one.url(), Dir: dir}))
	r := open(t, gitsrc.Options{URL: two.url(), Dir: dir})
	if _, err := r.Head(); !errors.Is(err, gitsrc.ErrNoHead) {
		t.Fatalf("got %v", err)
	}
	equal(t, "head", fetch(t, r), second)
	equal(t, "packs", len(packs(t, dir)), 1)
	if _, err := open(t, gitsrc.Options{URL: two.url(), Dir: dir, Branch: "other/branch"}).Head(); !errors.Is(err, gitsrc.ErrNoHead) {
		t.Fatalf("got %v", err)
	}
}

func TestAForeignDirectoryIsLeftAlone(t *testing.T) {
	s := newRemote(t)
	before := s.commit("first", "a.yaml", "a: 1")
	for _, dir := range []string{s.dir, s.work} {
		if _, err := gitsrc.Open(gitsrc.Options{URL: s.url(), Branch: "main", Dir: dir}); err == nil {
			t.Fatalf("%s was taken", dir)
		}
	}
	equal(t, "head", sha(t, s.git(s.dir, "rev-parse", "main")), before)
}

func TestALocalRepositoryIsReadOnlyWhenAllowed(t *testing.T) {
	s := newRemote(t)
	s.commit("first", "a.yaml", "a: 1")
	if _, err := gitsrc.Open(gitsrc.Options{URL: s.work, Branch: "main", Dir: t.TempDir()}); err == nil {
		t.Fatal("a path was accepted")
	}
	t.Setenv("PATH", "")
	for _, url := range []string{s.work, "file://" + s.dir} {
		t.Setenv("PATH", "/usr/bin:/bin")
		first := s.commit("again " + url)
		t.Setenv("PATH", "") // no program is run
		r := open(t, gitsrc.Options{URL: url, AllowFile: true})
		equal(t, "head", fetch(t, r), first)
		t.Setenv("PATH", "/usr/bin:/bin")
		next := s.commit("next", "a.yaml", url)
		t.Setenv("PATH", "")
		equal(t, "head", fetch(t, r), next)
		equal(t, "content", mustFile(t, r, next, "a.yaml"), url)
	}
	_, err := open(t, gitsrc.Options{URL: "/nowhere", AllowFile: true}).Fetch(t.Context())
	if !errors.Is(err, gitsrc.ErrRepositoryNotFound) {
		t.Fatalf("got %v", err)
	}
}

func TestReadsRunInParallelWithFetches(t *testing.T) {
	s := newRemote(t)
	var files []string
	for i := range 50 {
		files = append(files, "d/"+strconv.Itoa(i)+".yaml", "n: "+strconv.Itoa(i))
	}
	first := s.commit("first", files...)
	r := open(t, gitsrc.Options{URL: s.url()})
	fetch(t, r)
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				tree, err := r.Tree(first)
				if err != nil {
					t.Error(err)
					return
				}
				got, err := tree.ReadFile("d/" + strconv.Itoa(i%50) + ".yaml")
				if err != nil || string(got) != "n: "+strconv.Itoa(i%50) {
					t.Errorf("%q, %v", got, err)
					return
				}
			}
		})
	}
	for i := range 5 {
		want := s.commit("next", "a.yaml", strconv.Itoa(i))
		equal(t, "head", fetch(t, r), want)
	}
	close(done)
	readers.Wait()
}

func TestUnfinishedFilesOfAKilledFetchAreRemoved(t *testing.T) {
	s := newRemote(t)
	first := s.commit("first", "a.yaml", "a: 1")
	dir := t.TempDir()
	fetch(t, open(t, gitsrc.Options{URL: s.url(), Dir: dir}))
	left := []string{"objects/pack/tmp_pack_1", "objects/pack/tmp_2", "tmp_3", "tmp_clone_4/objects/pack/tmp_pack_5"}
	for _, f := range left {
		write(t, filepath.Join(dir, f), "PACK\x00\x00")
	}
	write(t, filepath.Join(dir, "objects/pack/pack-"+strings.Repeat("1", 40)+".idx"), "trunc") // index without its pack
	r := open(t, gitsrc.Options{URL: s.url(), Dir: dir})
	for _, f := range left {
		if _, err := os.Stat(filepath.Join(dir, f)); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("%s is still there: %v", f, err)
		}
	}
	s.since()
	equal(t, "head", fetch(t, r), first)
	equal(t, "requests", lines(s.since()), advertisement)
}

func write(t testing.TB, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTheTokenSourceCanFail(t *testing.T) {
	s := newRemote(t)
	s.commit("first", "a.yaml", "a: 1")
	broken := errors.New("the token file is empty")
	r := open(t, gitsrc.Options{URL: s.url(), Token: func(context.Context) (string, error) { return "", broken }})
	if _, err := r.Fetch(t.Context()); !errors.Is(err, broken) || !strings.Contains(err.Error(), "no token: the token file is empty") {
		t.Fatalf("got %v", err)
	}
	equal(t, "requests", lines(s.since()), "")
}
