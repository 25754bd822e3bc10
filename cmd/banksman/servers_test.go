package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	github "banksman.dev/fixtures/github"
)

// startForge NAME FOLDER starts a stand-in for GitHub whose repository holds
// the folder as its one commit. $FORGE is its address, $HEAD the
// commit, $SHORT its first seven digits.
func startForge(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: forge OWNER/NAME FOLDER")
	}
	ctx, cancel := context.WithCancel(context.Background())
	ts.Defer(cancel)
	name, folder := args[0], ts.MkAbs(args[1])
	server, err := github.New(github.Options{Dir: ts.MkAbs(".forge")})
	ts.Check(err)
	web := httptest.NewServer(server)
	ts.Defer(web.Close)
	for _, login := range []string{"alice", "bob"} {
		_, err = server.AddAccount(github.Account{Login: login, Emails: []string{login + "@example.com"}})
		ts.Check(err)
	}
	ts.Check(server.AddRepository(ctx, github.NewRepository{
		Name: name, Private: true, Collaborators: map[string]github.Role{"alice": github.RoleWrite, "bob": github.RoleWrite},
	}))
	alice := github.Client{URL: web.URL, Token: "token-of-alice"}
	for _, variable := range []string{"GIT_AUTHOR", "GIT_COMMITTER"} {
		ts.Setenv(variable+"_NAME", "alice")
		ts.Setenv(variable+"_EMAIL", "alice@example.com")
		ts.Setenv(variable+"_DATE", "2026-11-21T09:00:00Z")
	}
	for _, command := range [][]string{
		{"init", "--quiet", "--initial-branch=main", folder},
		{"-C", folder, "add", "--all"},
		{"-C", folder, "commit", "--quiet", "--message", "the first release"},
		{"-C", folder, "push", "--quiet", alice.GitURL(name), "main"},
	} {
		ts.Check(ts.Exec("git", command...))
	}
	ts.Setenv("FORGE", web.URL)
	ts.Setenv("PUSH", alice.GitURL(name))
	head := strings.TrimSpace(ts.ReadFile(filepath.Join(folder, ".git", "refs", "heads", "main")))
	ts.Setenv("HEAD", head)
	ts.Setenv("SHORT", head[:7])
}

// push FOLDER commits what the folder holds now and pushes it to main, as alice
// may who goes around the review.
func push(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: push FOLDER")
	}
	for _, command := range [][]string{
		{"-C", args[0], "add", "--all"},
		{"-C", args[0], "commit", "--quiet", "--message", "another commit"},
		{"-C", args[0], "push", "--quiet", ts.Getenv("PUSH"), "HEAD:main"},
	} {
		ts.Check(ts.Exec("git", command...))
	}
}

// openPull OWNER/NAME BRANCH FOLDER [FORK] commits what the folder holds now to a
// branch, of a fork if one is named, opens a pull request for it, and goes back
// to what the folder held.
func openPull(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 || len(args) > 4 {
		ts.Fatalf("usage: pull OWNER/NAME BRANCH FOLDER [FORK]")
	}
	name, branch, folder := args[0], args[1], args[2]
	alice := github.Client{URL: ts.Getenv("FORGE"), Token: "token-of-alice"}
	to, head := name, branch
	if len(args) == 4 {
		to = args[3]
		owner, _, _ := strings.Cut(to, "/")
		head = owner + ":" + branch
		ts.Check(alice.AddRepository(context.Background(), github.NewRepository{
			Name: to, ForkOf: name, Private: true, Collaborators: map[string]github.Role{"alice": github.RoleWrite},
		}))
	}
	for _, command := range [][]string{
		{"-C", folder, "checkout", "--quiet", "-B", branch},
		{"-C", folder, "add", "--all"},
		{"-C", folder, "commit", "--quiet", "--message", "a proposal: " + branch},
		{"-C", folder, "push", "--quiet", alice.GitURL(to), branch},
		{"-C", folder, "checkout", "--quiet", "main"},
	} {
		ts.Check(ts.Exec("git", command...))
	}
	_, err := alice.OpenPull(context.Background(), name, github.NewPull{Title: "propose " + branch, Head: head, Base: "main"})
	ts.Check(err)
}

// startAPIServer [PREFIX=CODE…] starts what answers the paths with these
// prefixes, the first match first, with that code in an API server's words, and
// makes it the kubeconfig's cluster. Without any, nothing listens there.
// $APISERVER is its address.
func startAPIServer(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: apiserver [PREFIX=CODE…]")
	}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code := codeFor(r.URL.Path, args)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, kubernetesStatus(code))
	}))
	if len(args) == 0 {
		web.Close()
	} else {
		ts.Defer(web.Close)
	}
	ts.Setenv("APISERVER", web.URL)
	file := ts.MkAbs("kubeconfig")
	ts.Check(os.WriteFile(file, []byte(kubeconfigFor(web.URL)), 0o600))
	ts.Setenv("KUBECONFIG", file)
}

func codeFor(path string, routes []string) int {
	for _, route := range routes {
		prefix, code, _ := strings.Cut(route, "=")
		if n, err := strconv.Atoi(code); err == nil && strings.HasPrefix(path, prefix) {
			return n
		}
	}
	return http.StatusNotFound
}

func kubernetesStatus(code int) string {
	if code == http.StatusOK {
		return `{"major":"1","minor":"36","gitVersion":"v1.36.3"}`
	}
	reason := map[int]string{401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 500: "InternalError", 503: "ServiceUnavailable"}[code]
	message := map[int]string{
		403: `deliveries.banksman.dev is forbidden: User \"bob\" cannot list resource \"deliveries\" in API group \"banksman.dev\" at the cluster scope`,
		404: "the server could not find the requested resource",
		503: "the server is currently unable to handle the request",
	}[code]
	return fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"message":"%s","code":%d}`, reason, message, code)
}

func kubeconfigFor(server string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: test
contexts:
- name: test
  context: {cluster: test, user: test, namespace: dora-apps}
clusters:
- name: test
  cluster: {server: %q}
users:
- name: test
  user: {token: the-cluster-token}
`, server)
}
