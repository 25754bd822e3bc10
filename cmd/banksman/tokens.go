package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"banksman.dev/cmd/banksman/config"
)

// The variables that a token is taken from, first match first.
const (
	githubTokenVariable = "GITHUB_TOKEN" //nolint:gosec // a name, not a token
	ghTokenVariable     = "GH_TOKEN"
)

// longestToken is far above any token of GitHub.
const longestToken = 4096

// tokens is the one source of the forge's token, for Git and for the API. A
// file is read for each request, so that a rotated token (a mounted Secret,
// say) is used from then on.
type tokens struct {
	app    *githubApp // nil: none
	file   string     // --token-file
	getenv func(string) string
}

// tokensOf are those that a source proves itself with.
func tokensOf(s config.Source, getenv func(string) string) tokens {
	t := tokens{file: s.Credentials.TokenFile, getenv: getenv}
	if app := s.Credentials.App; app != nil {
		t.app = newGithubApp(*app, s.Forge.API)
	}
	return t
}

// errNoToken: none was given at all.
var errNoToken = errors.New("no GitHub token")

// Token never puts a token, or a part of one, into an error.
func (t tokens) Token(ctx context.Context) (string, error) {
	if t.app != nil {
		return t.app.Token(ctx)
	}
	if t.file != "" {
		return t.fromFile()
	}
	for _, name := range []string{githubTokenVariable, ghTokenVariable} {
		if v := t.getenv(name); v != "" {
			return clean(v, "$"+name)
		}
	}
	return "", errNoToken
}

func (t tokens) fromFile() (string, error) {
	about, err := os.Stat(t.file)
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	if about.Size() > longestToken {
		return "", fmt.Errorf("read the token: %s has %d bytes, which is no token", t.file, about.Size())
	}
	content, err := os.ReadFile(t.file)
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	return clean(string(content), t.file)
}

func clean(raw, from string) (string, error) {
	token := strings.TrimSpace(raw)
	if token == "" {
		return "", fmt.Errorf("%s holds no token: it is empty", from)
	}
	for _, r := range token {
		if r <= ' ' || r >= 0x7f {
			return "", fmt.Errorf("%s holds no token: it has spaces, line breaks or characters beyond ASCII in it", from)
		}
	}
	return token, nil
}
