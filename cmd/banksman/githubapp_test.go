package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"banksman.dev/cmd/banksman/config"
	github "banksman.dev/fixtures/github"
)

// appKey is a private key and its public part, in PEM.
func appKey(t *testing.T) (private, public string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	open, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: open}))
}

// An appWorld is a GitHub that knows one App, and the file with its key.
type appWorld struct {
	forge *github.Server
	url   string
	file  string
	asked atomic.Int64 // for tokens
}

func newAppWorld(t *testing.T, life time.Duration) *appWorld {
	t.Helper()
	w := &appWorld{file: filepath.Join(t.TempDir(), "private-key.pem")}
	var err error
	if w.forge, err = github.New(github.Options{Dir: t.TempDir(), Check: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.forge.AddAccount(github.Account{Login: "banksman[bot]", Type: "Bot"}); err != nil {
		t.Fatal(err)
	}
	w.newKey(t, life)
	web := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.asked.Add(1)
		}
		w.forge.ServeHTTP(rw, r)
	}))
	t.Cleanup(func() {
		web.Close()
		for _, v := range w.forge.Violations() {
			t.Errorf("against GitHub's description: %s", v)
		}
	})
	w.url = web.URL
	return w
}

// newKey puts another key in the file and at GitHub.
func (w *appWorld) newKey(t *testing.T, life time.Duration) {
	t.Helper()
	private, public := appKey(t)
	if err := w.forge.AddApp(github.App{ID: 7, Installation: 42, Login: "banksman[bot]", PublicKey: public, TokenLife: int(life.Seconds())}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.file, []byte(private), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (w *appWorld) tokens(t *testing.T, id, installation int64) tokens {
	t.Helper()
	source := tokensOf(config.Source{
		Forge:       config.Forge{API: w.url + "/api/v3/"},
		Credentials: config.Credentials{App: &config.App{ID: id, Installation: installation, PrivateKeyFile: w.file}},
	}, func(string) string { return "from-the-environment" })
	t.Cleanup(source.app.close)
	return source
}

// login is who acts with the token.
func (w *appWorld) login(t *testing.T, token string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/api/v3/user", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestATokenOfAnAppIsUsedUntilShortlyBeforeItExpires(t *testing.T) {
	for name, c := range map[string]struct {
		life  time.Duration
		asked int64
	}{
		"for an hour":                         {time.Hour, 1},
		"and one that is about to expire not": {30 * time.Second, 3},
	} {
		t.Run(name, func(t *testing.T) {
			w := newAppWorld(t, c.life)
			source := w.tokens(t, 7, 42)
			for range 3 {
				token, err := source.Token(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if user := w.login(t, token); !strings.Contains(user, `"login":"banksman[bot]"`) {
					t.Errorf("it acts as %s", user)
				}
			}
			if n := w.asked.Load(); n != c.asked {
				t.Errorf("%d tokens for three requests, want %d", n, c.asked)
			}
		})
	}
}

func TestANewKeyOfAnAppIsUsedFromThenOn(t *testing.T) {
	w := newAppWorld(t, time.Hour)
	source := w.tokens(t, 7, 42)
	for range 2 {
		if _, err := source.Token(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.newKey(t, time.Hour)
	}
	if n := w.asked.Load(); n != 2 {
		t.Errorf("%d tokens for two keys", n)
	}
}

func TestWhyAnAppHasNoTokenIsSaidWithoutItsKey(t *testing.T) {
	for _, c := range []struct {
		name             string
		id, installation int64
		change           func(t *testing.T, w *appWorld)
		want             string
	}{
		{"the key of another App", 7, 42, func(t *testing.T, w *appWorld) {
			t.Helper()
			private, _ := appKey(t)
			write(t, w.file, private)
		}, "no token for installation 42 of GitHub App 7: GitHub does not accept the App's id with this private key (401); is KEY a key of this App, and this machine's clock right?"},
		{"another installation", 7, 43, nil, "no token for installation 43 of GitHub App 7: GitHub knows no such installation of this App (404); its number is at the end of the installation's address"},
		{"a suspended installation", 7, 42, func(_ *testing.T, w *appWorld) {
			w.forge.Fail(github.Fault{Path: "/app/", Status: http.StatusForbidden})
		}, "no token for installation 42 of GitHub App 7: GitHub refuses (403); was the installation suspended?"},
		{"GitHub fails", 7, 42, func(_ *testing.T, w *appWorld) {
			w.forge.Fail(github.Fault{Path: "/app/", Status: http.StatusBadGateway})
		}, "no token for installation 42 of GitHub App 7: GitHub answers 502"},
		{"a file that is no key", 7, 42, func(t *testing.T, w *appWorld) {
			t.Helper()
			write(t, w.file, "-----BEGIN RSA PRIVATE KEY-----\ns3cret\n-----END RSA PRIVATE KEY-----\n")
		}, "KEY holds no private key of a GitHub App: want one in PEM, from the App's settings"},
		{"a file that is far too large", 7, 42, func(t *testing.T, w *appWorld) {
			t.Helper()
			write(t, w.file, strings.Repeat("s3cret", 1<<15))
		}, "read the App's private key: KEY has 196608 bytes, which is no key"},
		{"no file", 7, 42, func(_ *testing.T, w *appWorld) { w.file += "x" }, "read the App's private key: stat KEY: no such file or directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newAppWorld(t, time.Hour)
			if c.change != nil {
				c.change(t, w)
			}
			token, err := w.tokens(t, c.id, c.installation).Token(t.Context())
			if want := strings.ReplaceAll(c.want, "KEY", w.file); err == nil || err.Error() != want {
				t.Errorf("got %q, %v\nwant %s", token, err, want)
			}
		})
	}
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAnAnswerThatIsNoneOfGitHubsIsNoToken(t *testing.T) {
	private, _ := appKey(t)
	file := filepath.Join(t.TempDir(), "key")
	write(t, file, private)
	for name, body := range map[string]string{
		"null": "null", "nothing": "", "a page": "<html>s3cret</html>", "no token": "{}", "another shape": `{"token":["s3cret"]}`,
		"half": `{"token":"s3cret`, "a token with a line break": `{"token":"s3cret\ns3cret","expires_at":"2999-01-01T00:00:00Z"}`,
	} {
		t.Run(name, func(t *testing.T) {
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusCreated)
				_, _ = io.WriteString(w, body)
			}))
			defer web.Close()
			app := newGithubApp(config.App{ID: 7, Installation: 42, PrivateKeyFile: file}, web.URL+"/")
			defer app.close()
			token, err := app.Token(t.Context())
			if err == nil || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("got %q, %v", token, err)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	app := newGithubApp(config.App{ID: 7, Installation: 42, PrivateKeyFile: file}, "http://127.0.0.1:1/")
	defer app.close()
	if _, err := app.Token(ctx); err == nil {
		t.Error("a request that was ended gave a token")
	}
}
