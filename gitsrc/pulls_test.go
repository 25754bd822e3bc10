package gitsrc_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"banksman.dev/gitsrc"
)

// pull makes refs/pull/N/head a new commit on top of from.
func (s *remote) pull(number int, from gitsrc.SHA, files ...string) gitsrc.SHA {
	s.t.Helper()
	s.git(s.work, "checkout", "-q", "--detach", string(from))
	s.files(files...)
	s.git(s.work, "add", "-A")
	s.git(s.work, "commit", "-q", "--allow-empty", "-m", "pull "+strconv.Itoa(number))
	s.git(s.work, "push", "-q", "--force", "origin", fmt.Sprintf("HEAD:refs/pull/%d/head", number))
	head := sha(s.t, s.git(s.work, "rev-parse", "HEAD"))
	s.git(s.work, "checkout", "-q", "main")
	return head
}

type pulls = map[int]gitsrc.SHA

func fetchPulls(t testing.TB, r *gitsrc.Repository, want pulls) pulls {
	t.Helper()
	heads, err := r.FetchPulls(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	return heads
}

// kept are the refs of pull requests that git sees in the kept repository, which
// must be sound for git too.
func kept(t testing.TB, s *remote, dir string) string {
	t.Helper()
	s.git(dir, "fsck", "--full", "--strict")
	return s.git(dir, "for-each-ref", "--format=%(refname) %(objectname)", "refs/banksman")
}

func ref(number int, head gitsrc.SHA) string {
	return fmt.Sprintf("refs/banksman/pull/%d %s", number, head)
}

func sameHeads(t testing.TB, got, want pulls) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Fatalf("heads: got %v, want %v", got, want)
	}
}

func TestPullRequestsAreBroughtInOneDownload(t *testing.T) {
	s := newRemote(t)
	main := s.commit("first", "a.yaml", "a: 1")
	want := pulls{7: s.pull(7, main, "a.yaml", "a: 7"), 8: s.pull(8, main, "b.yaml", "b: 8"), 12: s.pull(12, main, "a.yaml", "a: 12")}
	dir := t.TempDir()
	r := open(t, gitsrc.Options{URL: s.url(), Dir: dir})
	fetch(t, r)
	s.since()
	sameHeads(t, fetchPulls(t, r, want), want)
	equal(t, "requests", lines(s.since()), lines([]string{advertisement, download}))
	equal(t, "packs", len(packs(t, dir)), 2)
	equal(t, "#7", mustFile(t, r, want[7], "a.yaml"), "a: 7")
	equal(t, "#8", mustFile(t, r, want[8], "b.yaml"), "b: 8")
	equal(t, "#12", mustFile(t, r, want[12], "a.yaml"), "a: 12")
	equal(t, "refs", kept(t, s, dir), lines([]string{ref(12, want[12]), ref(7, want[7]), ref(8, want[8])}))

	sameHeads(t, fetchPulls(t, r, want), want)
	again := open(t, gitsrc.Options{URL: s.url(), Dir: dir})
	sameHeads(t, fetchPulls(t, again, want), want)
	equal(t, "content after a restart", mustFile(t, again, want[7], "a.yaml"), "a: 7")
	equal(t, "requests when all is here, also after a restart", lines(s.since()), "")
	equal(t, "head", fetch(t, again), main)
	equal(t, "requests of a poll", lines(s.since()), advertisement)
}

func TestOnlyWhatTheServerAdvertisesCounts(t *testing.T) {
	s := newRemote(t)
	main := s.commit("first", "a.yaml", "a: 1")
	old := s.pull(1, main, "a.yaml", "a: 2")
	pushed := s.pull(1, old, "a.yaml", "a: 3")
	two := s.pull(2, main, "b.yaml", "b: 2")
	r := open(t, gitsrc.Options{URL: s.url()})
	fetch(t, r)
	unknown := sha(t, strings.Repeat("1", 40))
	sameHeads(t, fetchPulls(t, r, pulls{1: unknown, 2: "", 3: unknown, -4: unknown}), pulls{1: pushed, 2: two})
	sameHeads(t, fetchPulls(t, r, nil), pulls{})

	s.since()
	sameHeads(t, fetchPulls(t, r, pulls{1: old}), pulls{1: old})
	equal(t, "requests for an older head that is here", lines(s.since()), "")
	sameHeads(t, fetchPulls(t, r, pulls{5: unknown}), pulls{})
	equal(t, "requests for a number that nobody has", lines(s.since()), advertisement)
}

func TestAPushToAPullRequestBringsTheDifference(t *testing.T) {
	s := newRemote(t)
	main := s.commit("first", "a.yaml", "a: 1")
	first := s.pull(1, main, "big.bin", strings.Repeat("0123456789abcdef", 1<<13), "a.yaml", "a: 2")
	dir := t.TempDir()
	r := open(t, gitsrc.Options{URL: s.url(), Dir: dir})
	fetch(t, r)
	sameHeads(t, fetchPulls(t, r, pulls{1: first}), pulls{1: first})
	before := packs(t, dir)
	second := s.pull(1, first, "a.yaml", "a: 3")
	sameHeads(t, fetchPulls(t, r, pulls{1: second}), pulls{1: second})
	equal(t, "content", mustFile(t, r, second, "a.yaml"), "a: 3")
	for _, f := range packs(t, dir) {
		if slices.Contains(before, f) {
			continue
		}
		index := s.gitRaw(dir, "", "verify-pack", "-v", strings.TrimSuffix(f, "pack")+"idx")
		if strings.Contains(index, s.git(s.work, "rev-parse", string(second)+":big.bin")) {
			t.Errorf("the large file was downloaded again:\n%s", index)
		}
	}
	forced := s.pull(1, main, "c.yaml", "c: 1")
	sameHeads(t, fetchPulls(t, r, pulls{1: forced}), pulls{1: forced})
	equal(t, "refs", kept(t, s, dir), ref(1, forced))
	equal(t, "content before the force push", mustFile(t, r, second, "a.yaml"), "a: 3")
}

func TestForgottenPullRequestsLoseTheirRefs(t *testing.T) {
	s := newRemote(t)
	main := s.commit("first", "a.yaml", "a: 1")
	want := pulls{1: s.pull(1, main, "a.yaml", "a: 2"), 2: s.pull(2, main, "a.yaml", "a: 3")}
	dir := t.TempDir()
	r := open(t, gitsrc.Options{URL: s.url(), Dir: dir})
	if err := r.ForgetPulls(nil); err != nil {
		t.Fatal(err)
	}
	fetch(t, r)
	fetchPulls(t, r, want)
	if err := r.ForgetPulls(map[int]bool{2: true, 9: true}); err != nil {
		t.Fatal(err)
	}
	equal(t, "refs", kept(t, s, dir), ref(2, want[2]))
	if err := r.ForgetPulls(nil); err != nil {
		t.Fatal(err)
	}
	equal(t, "refs", kept(t, s, dir), "")
	equal(t, "head", fetch(t, r), main)
}

func TestACloneDropsPullRequestsAndTheNextFetchBringsThemBack(t *testing.T) {
	s := newRemote(t)
	main := s.commit("first", "a.yaml", "a: 1")
	want := pulls{1: s.pull(1, main, "a.yaml", "a: 2")}
	dir := t.TempDir()
	r := open(t, gitsrc.Options{URL: s.url(), Dir: dir})
	fetch(t, r)
	fetchPulls(t, r, want)
	for _, f := range packs(t, dir) {
		write(t, f, "PACK")
	}
	r = open(t, gitsrc.Options{URL: s.url(), Dir: dir})
	s.since()
	if _, err := r.FetchPulls(t.Context(), want); !errors.Is(err, gitsrc.ErrDamaged) {
		t.Fatalf("got %v", err)
	}
	equal(t, "requests for pull requests on a damaged copy", lines(s.since()), "")
	equal(t, "head", fetch(t, r), main)
	equal(t, "refs after the clone", kept(t, s, dir), "")
	if _, err := r.Tree(want[1]); !errors.Is(err, gitsrc.ErrUnknownCommit) {
		t.Fatalf("got %v", err)
	}
	sameHeads(t, fetchPulls(t, r, want), want)
	equal(t, "content", mustFile(t, r, want[1], "a.yaml"), "a: 2")
	equal(t, "refs", kept(t, s, dir), ref(1, want[1]))
}

func TestPullRequestsNeedAHead(t *testing.T) {
	s := newRemote(t)
	main := s.commit("first", "a.yaml", "a: 1")
	r := open(t, gitsrc.Options{URL: s.url()})
	_, err := r.FetchPulls(t.Context(), pulls{1: main})
	want := "fetch pull request #1 of " + s.url() + ": nothing has been fetched yet; banksman keeps running what it has and tries again"
	if !errors.Is(err, gitsrc.ErrNoHead) || err.Error() != want {
		t.Fatalf("got  %v\nwant %s", err, want)
	}
	equal(t, "requests", lines(s.since()), "")
}

func TestAFailedFetchOfPullRequestsChangesNothing(t *testing.T) {
	cut := func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost {
			return false
		}
		w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
		_, err := w.Write([]byte("0008NAK\n0014\x01PACK\x00\x00\x00\x02\x00\x00\x00\x03"))
		return err == nil
	}
	for name, c := range map[string]struct {
		spoil func(*remote)
		is    error
		says  string
	}{
		"401": {spoil: answers(401), is: gitsrc.ErrUnauthorized, says: "the server asks for authentication (401)"},
		"404": {spoil: answers(404), is: gitsrc.ErrRepositoryNotFound, says: "repository not found (404)"},
		"500": {spoil: answers(500), says: "the server answered 500"},
		"the download is cut": {
			spoil: func(s *remote) { s.answer(cut) }, says: "receive: unexpected EOF",
		},
		"the download is refused": {
			spoil: func(s *remote) {
				s.answer(func(w http.ResponseWriter, r *http.Request) bool {
					if r.Method == http.MethodPost {
						http.Error(w, "no", http.StatusBadGateway)
					}
					return r.Method == http.MethodPost
				})
			}, says: "the server answered 502",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newRemote(t)
			main := s.commit("first", "a.yaml", "a: 1")
			one := s.pull(1, main, "a.yaml", "a: 2")
			dir := t.TempDir()
			r := open(t, gitsrc.Options{URL: s.url(), Dir: dir})
			fetch(t, r)
			fetchPulls(t, r, pulls{1: one})
			two := s.pull(2, main, "a.yaml", "a: 3")
			c.spoil(s)
			_, err := r.FetchPulls(t.Context(), pulls{1: one, 2: two})
			var told *gitsrc.FetchError
			if !errors.As(err, &told) || c.is != nil && !errors.Is(err, c.is) ||
				!strings.HasPrefix(err.Error(), "fetch pull requests #1, #2 of "+s.url()+": "+c.says) {
				t.Fatalf("got %v, want it to say %q", err, c.says)
			}
			s.answer(nil)
			s.since()
			equal(t, "head", fetch(t, r), main)
			equal(t, "requests of the branch", lines(s.since()), advertisement)
			equal(t, "refs", kept(t, s, dir), ref(1, one))
			equal(t, "content", mustFile(t, r, one, "a.yaml"), "a: 2")
			sameHeads(t, fetchPulls(t, r, pulls{1: one, 2: two}), pulls{1: one, 2: two})
		})
	}
}

// The server sends sound packs that lack a file, first of one pull request only.
func TestAnIncompletePullRequestIsAskedForOnceMoreInFull(t *testing.T) {
	s := newRemote(t)
	main := s.commit("first", "a.yaml", "a: 1")
	one := s.pull(1, main, "a.yaml", "a: 2")
	dir := t.TempDir()
	r := open(t, gitsrc.Options{URL: s.url(), Dir: dir})
	fetch(t, r)
	partial := s.gitRaw(s.dir, string(one)+"\n"+s.git(s.dir, "rev-parse", string(one)+"^{tree}")+"\n", "pack-objects", "--stdout", "-q")
	s.answer(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost {
			return false
		}
		w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
		_, err := fmt.Fprintf(w, "0008NAK\n%04x\x01%s0000", len(partial)+5, partial)
		return err == nil
	})
	s.since()
	for attempt, requests := range [][]string{{advertisement, download}, {advertisement, download}, {advertisement}, {advertisement}} {
		_, err := r.FetchPulls(t.Context(), pulls{1: one})
		if err == nil || errors.Is(err, gitsrc.ErrDamaged) || !strings.Contains(err.Error(), "objects are missing on the server, run git fsck there") {
			t.Fatalf("got %v", err)
		}
		equal(t, "requests of attempt "+strconv.Itoa(attempt), lines(s.since()), lines(requests))
		if _, err := r.Tree(one); !errors.Is(err, gitsrc.ErrUnknownCommit) {
			t.Fatalf("got %v", err)
		}
		equal(t, "head", fetch(t, r), main)
		equal(t, "requests of the branch", lines(s.since()), advertisement)
	}
	equal(t, "refs", kept(t, s, dir), "")
	s.answer(nil)
	pushed := s.pull(1, one, "a.yaml", "a: 3")
	sameHeads(t, fetchPulls(t, r, pulls{1: pushed}), pulls{1: pushed})
	equal(t, "content", mustFile(t, r, pushed, "a.yaml"), "a: 3")
}

func TestTheTokenForPullRequestsStaysWithItsHost(t *testing.T) {
	s := newRemote(t)
	main := s.commit("first", "a.yaml", "a: 1")
	one := s.pull(1, main, "a.yaml", "a: 2")
	reached := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ }))
	defer other.Close()
	r := open(t, gitsrc.Options{URL: s.url(), Token: func(context.Context) (string, error) { return "secret-token", nil }})
	fetch(t, r)
	s.answer(func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, other.URL+r.URL.String(), http.StatusFound)
		return true
	})
	_, err := r.FetchPulls(t.Context(), pulls{1: one})
	if err == nil || !strings.Contains(err.Error(), "redirects to "+other.URL) || strings.Contains(err.Error(), "secret") {
		t.Fatalf("got %v", err)
	}
	equal(t, "requests to the other host", reached, 0)
	s.answer(nil)
	sameHeads(t, fetchPulls(t, r, pulls{1: one}), pulls{1: one})
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range s.requests {
		_, password, _ := q.BasicAuth()
		equal(t, "password", password, "secret-token")
	}
}

func TestPullRequestsOfALocalRepositoryAreReadInProcess(t *testing.T) {
	s := newRemote(t)
	main := s.commit("first", "a.yaml", "a: 1")
	one := s.pull(1, main, "a.yaml", "a: 2")
	t.Setenv("PATH", "") // no program is run
	r := open(t, gitsrc.Options{URL: s.dir, AllowFile: true})
	fetch(t, r)
	sameHeads(t, fetchPulls(t, r, pulls{1: one}), pulls{1: one})
	equal(t, "content", mustFile(t, r, one, "a.yaml"), "a: 2")
}

func TestThePullRequestsOfAnotherBranchAreNotKept(t *testing.T) {
	s := newRemote(t)
	main := s.commit("first", "a.yaml", "a: 1")
	s.git(s.dir, "update-ref", "refs/heads/other", string(main))
	one := s.pull(1, main, "a.yaml", "a: 2")
	dir := t.TempDir()
	r := open(t, gitsrc.Options{URL: s.url(), Dir: dir})
	fetch(t, r)
	fetchPulls(t, r, pulls{1: one})
	write(t, filepath.Join(dir, "refs/banksman/pull/tmp_1"), "half")
	r = open(t, gitsrc.Options{URL: s.url(), Dir: dir})
	if _, err := os.Stat(filepath.Join(dir, "refs/banksman/pull/tmp_1")); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("what a killed fetch left is still there: %v", err)
	}
	write(t, filepath.Join(dir, "refs/banksman/pull/1"), "") // a broken ref is written again
	sameHeads(t, fetchPulls(t, r, pulls{1: one}), pulls{1: one})
	equal(t, "refs", kept(t, s, dir), ref(1, one))
	r = open(t, gitsrc.Options{URL: s.url(), Dir: dir, Branch: "other"})
	equal(t, "head", fetch(t, r), main)
	equal(t, "refs", kept(t, s, dir), "")
}

func TestPullRequestsAreFetchedBesideTheBranch(t *testing.T) {
	s := newRemote(t)
	main := s.commit("first", "a.yaml", "a: 1")
	want := pulls{}
	for n := range 5 {
		want[n+1] = s.pull(n+1, main, "a.yaml", strconv.Itoa(n))
	}
	head := s.commit("next", "c.yaml", "c: 1")
	r := open(t, gitsrc.Options{URL: s.url()})
	fetch(t, r)
	var all sync.WaitGroup
	for number, commit := range want {
		all.Go(func() {
			if _, err := r.FetchPulls(t.Context(), pulls{number: commit}); err != nil {
				t.Error(err)
				return
			}
			m, err := r.Merged(head, commit)
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := m.Tree().ReadFile("a.yaml"); err != nil || string(got) != strconv.Itoa(number-1) {
				t.Errorf("%q, %v", got, err)
			}
		})
		all.Go(func() {
			if _, err := r.Fetch(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	equal(t, "head", fetch(t, r), head)
}
