package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	github "banksman.dev/fixtures/github"
)

// addRepository OWNER/NAME FOLDER VARIABLE makes another repository on the
// forge whose one commit holds the folder. The variable is that commit.
func addRepository(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: repository OWNER/NAME FOLDER VARIABLE")
	}
	name, folder := args[0], ts.MkAbs(args[1])
	alice := github.Client{URL: ts.Getenv("FORGE"), Token: "token-of-alice"}
	ts.Check(alice.AddRepository(context.Background(), github.NewRepository{
		Name: name, Private: true, Collaborators: map[string]github.Role{"alice": github.RoleWrite, "bob": github.RoleWrite},
	}))
	for _, command := range [][]string{
		{"init", "--quiet", "--initial-branch=main", folder},
		{"-C", folder, "add", "--all"},
		{"-C", folder, "commit", "--quiet", "--message", "the first release"},
		{"-C", folder, "push", "--quiet", alice.GitURL(name), "main"},
	} {
		ts.Check(ts.Exec("git", command...))
	}
	ts.Setenv(args[2], strings.TrimSpace(ts.ReadFile(filepath.Join(folder, ".git", "refs", "heads", "main"))))
}

// installApp FILE OWNER/NAME… installs an App (id 7, installation 42) that may
// write to these repositories, and writes its private key.
func installApp(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: app FILE OWNER/NAME…")
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	ts.Check(err)
	open, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	ts.Check(err)
	const login = "banksman[bot]"
	forge := github.Client{URL: ts.Getenv("FORGE")}
	_, err = forge.AddAccount(context.Background(), github.Account{Login: login, Type: "Bot"})
	ts.Check(err)
	for _, name := range args[1:] {
		ts.Check(forge.Grant(context.Background(), name, login, github.RoleWrite))
	}
	ts.Check(forge.AddApp(context.Background(), github.App{
		ID: 7, Installation: 42, Login: login, PublicKey: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: open})),
	}))
	private := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), private, 0o600))
}

// expand FROM TO copies a file with the variables in it put in, by a rename, as
// the file of a mounted ConfigMap changes.
func expand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: expand FROM TO")
	}
	to := ts.MkAbs(args[1])
	ts.Check(os.WriteFile(to+".new", []byte(os.Expand(ts.ReadFile(args[0]), ts.Getenv)), 0o600))
	ts.Check(os.Rename(to+".new", to))
}

// freePort sets $LISTEN to an address that nothing listens on.
func freePort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: port")
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv("LISTEN", l.Addr().String())
	ts.Check(l.Close())
}

// probe CODE PATH PATTERN asks $LISTEN until it answers with that code and a
// text that matches.
func probe(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: probe CODE PATH PATTERN")
	}
	pattern, err := regexp.Compile("(?m)" + args[2])
	ts.Check(err)
	last := ""
	for deadline := time.Now().Add(rolloutTime); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		answer, err := http.Get("http://" + ts.Getenv("LISTEN") + args[1]) //nolint:noctx // it is this machine's, and bounded by the deadline
		if err != nil {
			last = err.Error()
			continue
		}
		text, err := io.ReadAll(answer.Body)
		ts.Check(err)
		ts.Check(answer.Body.Close())
		last = answer.Status + ": " + string(text)
		if strings.HasPrefix(answer.Status, args[0]) && pattern.Match(text) {
			return
		}
	}
	ts.Fatalf("%s never answered %s %s; the last was: %s", args[1], args[0], args[2], last)
}
