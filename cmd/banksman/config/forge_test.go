package config

import (
	"errors"
	"testing"
)

func TestTheAddressOfARepositoryGivesItsApi(t *testing.T) {
	for _, c := range []struct{ repository, api, want string }{
		{"https://github.com/dora/manifests", "", "https://api.github.com/"},
		{"https://GitHub.com/dora/manifests.git", "", "https://api.github.com/"},
		{"https://github.example.com/dora/manifests", "", "https://github.example.com/api/v3/"},
		{"http://127.0.0.1:8080/dora/manifests", "", "http://127.0.0.1:8080/api/v3/"},
		{"https://github.com/dora/manifests", "https://proxy.example.com/github", "https://proxy.example.com/github/"},
	} {
		got, err := ForgeOf(c.repository, c.api)
		if err != nil || got.API != c.want || got.Owner != "dora" || got.Name != "manifests" || got.URL != c.repository {
			t.Errorf("%s, %q: got %+v, %v; want the API %s", c.repository, c.api, got, err, c.want)
		}
	}
}

func TestAnAddressThatCannotBeUsedSaysWhichOne(t *testing.T) {
	const good = "https://github.com/dora/manifests"
	for _, c := range []struct {
		name, repository, api string
		ofAPI                 bool
	}{
		{"no host", "dora/manifests", "", false},
		{"a deeper path", good + "/tree/main", "", false},
		{"a query", good + "?ref=main", "", false},
		{"another scheme", "ssh://github.com/dora/manifests", "", false},
		{"an API without a host", good, "api", true},
		{"an unencrypted API", good, "http://api.example.com/", true},
	} {
		_, err := ForgeOf(c.repository, c.api)
		var wrong *AddressError
		if !errors.As(err, &wrong) || wrong.OfAPI != c.ofAPI {
			t.Errorf("%s: got %v, of the API %t; want %t", c.name, err, wrong != nil && wrong.OfAPI, c.ofAPI)
		}
	}
}
