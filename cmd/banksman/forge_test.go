package main

import "testing"

func TestTheAPIFollowsFromTheRepository(t *testing.T) {
	for name, c := range map[string]struct {
		repo, api string
		want      forge
	}{
		"github.com has an API host of its own": {
			"https://github.com/dora/manifests", "",
			forge{URL: "https://github.com/dora/manifests", API: "https://api.github.com/", Owner: "dora", Name: "manifests"},
		},
		"a clone address ends in .git": {
			"https://GitHub.com/dora/manifests.git", "",
			forge{URL: "https://GitHub.com/dora/manifests.git", API: "https://api.github.com/", Owner: "dora", Name: "manifests"},
		},
		"an Enterprise Server has it below the same host": {
			"https://git.example.com:8443/dora/manifests/", "",
			forge{URL: "https://git.example.com:8443/dora/manifests/", API: "https://git.example.com:8443/api/v3/", Owner: "dora", Name: "manifests"},
		},
		"this machine may go without TLS": {
			"http://127.0.0.1:8080/dora/manifests", "",
			forge{URL: "http://127.0.0.1:8080/dora/manifests", API: "http://127.0.0.1:8080/api/v3/", Owner: "dora", Name: "manifests"},
		},
		"--github-api wins": {
			"https://github.com/dora/manifests", "https://proxy.example.com/github",
			forge{URL: "https://github.com/dora/manifests", API: "https://proxy.example.com/github/", Owner: "dora", Name: "manifests"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := forgeOf(c.repo, c.api)
			if err != nil || got != c.want {
				t.Errorf("forgeOf(%q, %q) = %+v, %v; want %+v", c.repo, c.api, got, err, c.want)
			}
		})
	}
}

func TestATokenNeverGoesUnencryptedToAnotherMachine(t *testing.T) {
	for _, c := range [][2]string{
		{"http://github.com/dora/manifests", ""},
		{"http://127.0.0.1.example.com/dora/manifests", ""},
		{"ssh://git@github.com/dora/manifests", ""},
		{"file:///dora/manifests", ""},
		{"https://github.com/dora/manifests", "http://api.github.com/"},
		{"https://github.com/dora/manifests", "https://token@api.github.com/"},
	} {
		if got, err := forgeOf(c[0], c[1]); err == nil {
			t.Errorf("forgeOf(%q, %q) = %+v, want an error", c[0], c[1], got)
		}
	}
}
