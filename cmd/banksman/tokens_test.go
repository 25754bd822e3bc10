package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheFileOfATokenIsReadAnewForEachRequest(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	source := tokens{file: file, getenv: func(string) string { return "from-the-environment" }}
	for _, want := range []string{"first", "second"} {
		if err := os.WriteFile(file, []byte("  "+want+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := source.Token(t.Context())
		if err != nil || got != want {
			t.Errorf("Token() = %q, %v; want %q", got, err, want)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if got, err := source.Token(t.Context()); err == nil {
		t.Errorf("Token() = %q without its file, want an error", got)
	}
}

func TestTheEnvironmentGivesTheTokenInItsOrder(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string
		want string
	}{
		"GITHUB_TOKEN comes first":            {map[string]string{"GITHUB_TOKEN": "a", "GH_TOKEN": "b"}, "a"},
		"GH_TOKEN is the second choice":       {map[string]string{"GH_TOKEN": "b"}, "b"},
		"an empty variable counts as not set": {map[string]string{"GITHUB_TOKEN": "", "GH_TOKEN": "b"}, "b"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := tokens{getenv: func(key string) string { return c.env[key] }}.Token(t.Context())
			if err != nil || got != c.want {
				t.Errorf("Token() = %q, %v; want %q", got, err, c.want)
			}
		})
	}
	if _, err := (tokens{getenv: func(string) string { return "" }}).Token(t.Context()); !errors.Is(err, errNoToken) {
		t.Errorf("without any: %v, want errNoToken", err)
	}
}

func TestNoErrorQuotesAToken(t *testing.T) {
	const secret = "ghp_verysecret"
	file := filepath.Join(t.TempDir(), "token")
	for name, content := range map[string]string{
		"two lines":            secret + "\n" + secret,
		"a control character":  secret + "\x00",
		"a letter of Unicode":  secret + "é",
		"far too much content": strings.Repeat(secret, 1000),
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, source := range []tokens{{file: file}, {getenv: func(string) string { return content }}} {
				got, err := source.Token(t.Context())
				if err == nil && len(content) <= longestToken {
					t.Errorf("Token() = %q, want an error", got)
				}
				if err != nil && strings.Contains(err.Error(), secret) {
					t.Errorf("the error quotes the token: %v", err)
				}
			}
		})
	}
}
