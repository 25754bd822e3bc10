package main

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/go-git/go-git/v5"

	"banksman.dev/cmd/banksman/config"
)

const tryRepoInstead = "name the repository: --repo https://github.com/owner/name"

// originOf is where the clone in a folder came from, as an address for https,
// also where the clone itself uses SSH.
func originOf(dir string) (forge, error) {
	clone, err := git.PlainOpenWithOptions(dir, &git.PlainOpenOptions{EnableDotGitCommonDir: true})
	switch {
	case errors.Is(err, git.ErrRepositoryNotExists):
		return forge{}, failed(fmt.Errorf("%s is not the root of a clone: its pull requests are not known", dir), tryRepoInstead)
	case err != nil:
		return forge{}, failed(fmt.Errorf("open the repository in %s: %w", dir, err), "git -C "+dir+" status")
	}
	origin, err := clone.Remote(git.DefaultRemoteName)
	if err != nil || len(origin.Config().URLs) == 0 {
		return forge{}, failed(fmt.Errorf("the clone in %s has no remote named origin: its pull requests are not known", dir), tryRepoInstead)
	}
	address, ok := webAddress(origin.Config().URLs[0])
	if !ok {
		return forge{}, failed(fmt.Errorf("the origin of the clone in %s is no address on a server: its pull requests are not known", dir), tryRepoInstead)
	}
	where, err := forgeOf(address, "")
	if err != nil {
		return forge{}, failed(fmt.Errorf("the origin of the clone in %s cannot be asked: %s", dir, strings.TrimPrefix(err.Error(), "--repo ")), tryRepoInstead)
	}
	return where, nil
}

// webAddress turns what git clone takes into an address without user, token and
// ".git": git@github.com:dora/manifests.git is https://github.com/dora/manifests.
func webAddress(origin string) (string, bool) {
	if host, path, ok := strings.Cut(origin, ":"); ok && !strings.Contains(origin, "://") && !strings.Contains(host, "/") {
		origin = "ssh://" + host + "/" + strings.TrimPrefix(path, "/")
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return "", false
	}
	switch u.Scheme {
	case "http", "https":
	case "ssh", "git+ssh":
		u.Scheme, u.Host = "https", u.Hostname() // the port is that of SSH
	default:
		return "", false
	}
	u.User, u.Path = nil, strings.TrimSuffix(strings.TrimRight(u.Path, "/"), ".git")
	return u.String(), true
}

// mayHaveToken: a token of the environment goes to the host of a clone's origin
// only where it can be meant for it. Whoever made the folder chose the host.
func mayHaveToken(where forge, f manifestFlags) error {
	u, err := url.Parse(where.URL)
	if err != nil {
		return err
	}
	if f.tokenFile != "" || strings.EqualFold(u.Hostname(), "github.com") || config.IsLoopback(u.Hostname()) {
		return nil
	}
	return misused("say that it may: --repo "+where.URL+", or --token-file FILE",
		"the clone's origin is on %s: the token of the environment is not sent there unasked", u.Host)
}
