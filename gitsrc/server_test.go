package gitsrc_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"banksman.dev/gitsrc"
)

// remote is a repository made with the git command line and served by git
// http-backend, with a log of every request.
type remote struct {
	t    testing.TB
	dir  string // the bare repository
	work string // a working copy to commit in
	http *httptest.Server

	mu       sync.Mutex
	requests []*http.Request
	refuse   func(http.ResponseWriter, *http.Request) bool // answers instead of git when it returns true
}

func newRemote(t testing.TB) *remote {
	t.Helper()
	root := t.TempDir()
	s := &remote{t: t, dir: filepath.Join(root, "owner", "name.git"), work: filepath.Join(root, "work")}
	s.git("", "init", "-q", "--bare", "-b", "main", s.dir)
	s.git("", "init", "-q", "-b", "main", s.work)
	s.git(s.work, "remote", "add", "origin", s.dir)
	s.git(s.dir, "config", "http.uploadpack", "true")
	backend := &cgi.Handler{
		Path: filepath.Join(s.git("", "--exec-path"), "git-http-backend"),
		Env: []string{
			"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_GLOBAL=/dev/null",
			"GIT_CONFIG_SYSTEM=/dev/null", "PATH=" + os.Getenv("PATH"),
		},
	}
	s.http = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r.Clone(t.Context()))
		refuse := s.refuse
		s.mu.Unlock()
		if refuse == nil || !refuse(w, r) {
			backend.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.http.Close)
	return s
}

func (s *remote) url() string { return s.http.URL + "/owner/name.git" }

func (s *remote) git(dir string, args ...string) string { return s.gitInput(dir, "", args...) }

func (s *remote) gitInput(dir, input string, args ...string) string {
	s.t.Helper()
	return strings.TrimSpace(s.gitRaw(dir, input, args...))
}

func (s *remote) gitRaw(dir, input string, args ...string) string {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(input)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=alice", "GIT_AUTHOR_EMAIL=alice@example.org", "GIT_AUTHOR_DATE=2019-02-18T21:05:38+08:00",
		"GIT_COMMITTER_NAME=bob", "GIT_COMMITTER_EMAIL=bob@example.org", "GIT_COMMITTER_DATE=2019-02-18T21:06:00+08:00")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

// commit writes files (name, content pairs) in one commit and pushes it.
func (s *remote) commit(message string, files ...string) gitsrc.SHA {
	s.t.Helper()
	s.files(files...)
	s.git(s.work, "add", "-A")
	s.git(s.work, "commit", "-q", "--allow-empty", "-m", message)
	return s.push()
}

// files writes them into the working copy.
func (s *remote) files(files ...string) {
	s.t.Helper()
	for i := 0; i < len(files); i += 2 {
		name := filepath.Join(s.work, filepath.FromSlash(files[i]))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			s.t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(files[i+1]), 0o644); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *remote) push() gitsrc.SHA {
	s.t.Helper()
	s.git(s.work, "push", "-q", "--force", "origin", "HEAD:main")
	return sha(s.t, s.git(s.work, "rev-parse", "HEAD"))
}

// commitTree makes main a commit of a hand-made tree, given as git mktree input.
func (s *remote) commitTree(mktree string) gitsrc.SHA {
	s.t.Helper()
	tree := s.gitInput(s.dir, mktree, "mktree", "--missing")
	commit := s.git(s.dir, "commit-tree", "-m", "hand-made", tree)
	s.git(s.dir, "update-ref", "refs/heads/main", commit)
	return sha(s.t, commit)
}

func (s *remote) blob(content string) string {
	s.t.Helper()
	return s.gitInput(s.dir, content, "hash-object", "-w", "--stdin")
}

// answer makes the server answer itself; nil goes back to git.
func (s *remote) answer(f func(http.ResponseWriter, *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = f
}

// since returns and forgets the requests so far, as "GET /path".
func (s *remote) since() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []string
	for _, r := range s.requests {
		lines = append(lines, r.Method+" "+strings.TrimPrefix(r.URL.Path, "/owner/name.git"))
	}
	s.requests = nil
	return lines
}

func sha(t testing.TB, s string) gitsrc.SHA {
	t.Helper()
	parsed, err := gitsrc.ParseSHA(s)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func open(t testing.TB, o gitsrc.Options) *gitsrc.Repository {
	t.Helper()
	if o.Branch == "" {
		o.Branch = "main"
	}
	if o.Dir == "" {
		o.Dir = filepath.Join(t.TempDir(), "source")
	}
	r, err := gitsrc.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func fetch(t testing.TB, r *gitsrc.Repository) gitsrc.SHA {
	t.Helper()
	head, err := r.Fetch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return head
}

func mustFile(t testing.TB, r *gitsrc.Repository, at gitsrc.SHA, name string) string {
	t.Helper()
	tree, err := r.Tree(at)
	if err != nil {
		t.Fatal(err)
	}
	content, err := tree.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func equal[V comparable](t testing.TB, what string, got, want V) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

func lines(s []string) string { return strings.Join(s, "\n") }

const (
	advertisement = "GET /info/refs"
	download      = "POST /git-upload-pack"
)

func packs(t testing.TB, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "objects", "pack", "*.pack"))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Fatal(fmt.Errorf("no packs in %s", dir))
	}
	return found
}

// commitTreeRaw makes main a commit of a tree that git mktree would refuse.
func (s *remote) commitTreeRaw(names ...string) gitsrc.SHA {
	s.t.Helper()
	blob, err := hex.DecodeString(s.blob("a: 1"))
	if err != nil {
		s.t.Fatal(err)
	}
	var raw bytes.Buffer
	for _, n := range names {
		fmt.Fprintf(&raw, "100644 %s\x00%s", n, blob)
	}
	tree := s.gitInput(s.dir, raw.String(), "hash-object", "-t", "tree", "-w", "--literally", "--stdin")
	commit := s.git(s.dir, "commit-tree", "-m", "hand-made", tree)
	s.git(s.dir, "update-ref", "refs/heads/main", commit)
	return sha(s.t, commit)
}
