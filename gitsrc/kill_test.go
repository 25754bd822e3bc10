package gitsrc_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"banksman.dev/gitsrc"
)

// fetchURL makes the test binary a process that fetches once, to be killed: the
// branch, or pull request 1 when fetchPull is its head.
const fetchURL, fetchDir, fetchPull = "GITSRC_TEST_URL", "GITSRC_TEST_DIR", "GITSRC_TEST_PULL"

func TestMain(m *testing.M) {
	if url := os.Getenv(fetchURL); url != "" {
		r, err := gitsrc.Open(gitsrc.Options{URL: url, Branch: "main", Dir: os.Getenv(fetchDir)})
		switch pull := os.Getenv(fetchPull); {
		case err != nil:
		case pull == "":
			_, err = r.Fetch(context.Background())
		default:
			_, err = r.FetchPulls(context.Background(), map[int]gitsrc.SHA{1: gitsrc.SHA(pull)})
		}
		if err != nil {
			panic(err)
		}
		return
	}
	os.Exit(m.Run())
}

func TestAProcessKilledInTheMiddleOfAFetchKeepsItsHead(t *testing.T) {
	s := newRemote(t)
	first := s.commit("first", "a.yaml", "a: 1")
	dir := t.TempDir()
	fetch(t, open(t, gitsrc.Options{URL: s.url(), Dir: dir}))
	second := s.commit("second", "a.yaml", "a: 2")
	killHalfway(t, s, dir, "")

	r := open(t, gitsrc.Options{URL: s.url(), Dir: dir})
	head, err := r.Head()
	if err != nil || head != first {
		t.Fatalf("head %v, %v", head, err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "objects", "pack", "tmp_*")); err != nil || len(left) != 0 {
		t.Fatalf("left behind: %v, %v", left, err)
	}
	equal(t, "content", mustFile(t, r, first, "a.yaml"), "a: 1")
	equal(t, "head", fetch(t, r), second)
	equal(t, "requests", lines(s.since()), lines([]string{advertisement, download}))
}

func TestAProcessKilledInTheMiddleOfAPullRequestKeepsWhatItHad(t *testing.T) {
	s := newRemote(t)
	main := s.commit("first", "a.yaml", "a: 1")
	old := s.pull(1, main, "a.yaml", "a: 2")
	dir := t.TempDir()
	r := open(t, gitsrc.Options{URL: s.url(), Dir: dir})
	fetch(t, r)
	fetchPulls(t, r, pulls{1: old})
	pushed := s.pull(1, old, "a.yaml", "a: 3")
	killHalfway(t, s, dir, pushed)

	r = open(t, gitsrc.Options{URL: s.url(), Dir: dir})
	equal(t, "refs", kept(t, s, dir), ref(1, old))
	sameHeads(t, fetchPulls(t, r, pulls{1: old}), pulls{1: old})
	equal(t, "requests", lines(s.since()), "")
	equal(t, "head", fetch(t, r), main)
	sameHeads(t, fetchPulls(t, r, pulls{1: pushed}), pulls{1: pushed})
	equal(t, "content", mustFile(t, r, pushed, "a.yaml"), "a: 3")
}

// killHalfway kills a process that has received the beginning of a pack.
func killHalfway(t *testing.T, s *remote, dir string, pull gitsrc.SHA) {
	t.Helper()
	half := make(chan struct{})
	s.answer(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost {
			return false
		}
		_, _ = w.Write([]byte("0008NAK\n0014\x01PACK\x00\x00\x00\x02\x00\x00\x00\x03"))
		_ = http.NewResponseController(w).Flush()
		close(half)
		<-r.Context().Done()
		return true
	})
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), fetchURL+"="+s.url(), fetchDir+"="+dir, fetchPull+"="+string(pull))
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	<-half
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	var ended *exec.ExitError
	if err := child.Wait(); !errors.As(err, &ended) || !strings.Contains(ended.String(), "killed") {
		t.Fatalf("got %v", err)
	}
	s.answer(nil)
	s.since()
}
