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

// fetchURL makes the test binary a process that fetches once, to be killed.
const fetchURL, fetchDir = "GITSRC_TEST_URL", "GITSRC_TEST_DIR"

func TestMain(m *testing.M) {
	if url := os.Getenv(fetchURL); url != "" {
		r, err := gitsrc.Open(gitsrc.Options{URL: url, Branch: "main", Dir: os.Getenv(fetchDir)})
		if err == nil {
			_, err = r.Fetch(context.Background())
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
	child.Env = append(os.Environ(), fetchURL+"="+s.url(), fetchDir+"="+dir)
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
