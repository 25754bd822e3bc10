package main

import (
	"net"
	"net/url"
	"strings"
)

// A forge is where the manifest repository lives: its address for Git, and the
// API that knows its reviews.
type forge struct {
	URL         string
	API         string
	Owner, Name string
}

const tryRepo = "write it as --repo https://github.com/owner/name"

// forgeOf reads --repo and --github-api.
func forgeOf(repo, api string) (forge, error) {
	if repo == "" {
		return forge{}, misused("banksman run --repo https://github.com/owner/name", "no manifest repository: --repo is missing")
	}
	u, err := url.Parse(repo)
	switch {
	case err != nil || u.Host == "":
		return forge{}, misused(tryRepo, "--repo is not the address of a repository")
	case u.User != nil:
		return forge{}, misused("remove it from --repo, and give the token by --token-file or $"+githubTokenVariable,
			"--repo carries a user or a token")
	case !safe(u):
		return forge{}, misused("use https; http is for this machine only", "--repo %s: %s would send the token unencrypted", u.Redacted(), u.Scheme)
	case u.RawQuery != "" || u.Fragment != "":
		return forge{}, misused(tryRepo, "--repo %s://%s%s: it has a query or a fragment", u.Scheme, u.Host, u.Path)
	}
	owner, name, ok := strings.Cut(strings.Trim(u.Path, "/"), "/")
	name = strings.TrimSuffix(name, ".git")
	if !ok || owner == "" || name == "" || strings.Contains(name, "/") {
		return forge{}, misused(tryRepo, "--repo %s: its path is not owner/name", u)
	}
	f := forge{URL: u.String(), Owner: owner, Name: name}
	if f.API, err = apiOf(u, api); err != nil {
		return forge{}, err
	}
	return f, nil
}

// apiOf is GitHub's own API for github.com, and the one of an Enterprise
// Server for any other host.
func apiOf(repo *url.URL, api string) (string, error) {
	if api == "" {
		if strings.EqualFold(repo.Hostname(), "github.com") {
			return "https://api.github.com/", nil
		}
		return repo.Scheme + "://" + repo.Host + "/api/v3/", nil
	}
	const try = "write it as --github-api https://host/api/v3/"
	u, err := url.Parse(api)
	switch {
	case err != nil || u.Host == "":
		return "", misused(try, "--github-api is not the address of an API")
	case u.User != nil:
		return "", misused(try, "--github-api carries a user or a token")
	case !safe(u):
		return "", misused(try, "--github-api %s: %s would send the token unencrypted", u, u.Scheme)
	}
	u.Path = strings.TrimRight(u.Path, "/") + "/"
	return u.String(), nil
}

// safe: a token may be sent there.
func safe(u *url.URL) bool {
	if u.Scheme == "https" {
		return true
	}
	return u.Scheme == "http" && isLoopback(u.Hostname())
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
