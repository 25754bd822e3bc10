package config

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
)

// A Forge is where a manifest repository lives: its address for Git, and the
// API that knows its reviews.
type Forge struct {
	URL         string
	API         string // ends with a slash
	Owner, Name string
}

// An AddressError is why an address of a forge cannot be used. It repeats no
// secret of it.
type AddressError struct {
	OfAPI   bool   // it is the API's, not the repository's
	Problem string // a clause to follow the name of the setting: "carries a user or a token"
	Try     string // where it is another value: what to write, after the setting's name; may be empty
}

func (e *AddressError) Error() string { return e.Problem }

const (
	likeRepository = "https://github.com/owner/name"
	likeAPI        = "https://host/api/v3/"
)

// What GitHub calls owners and repositories. Managed users of GitHub Enterprise
// have an underscore in their login.
var (
	ownerForm      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$`)
	repositoryForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
)

// ForgeOf reads the address of a repository, and that of the API, "" for the
// one that belongs to it. Its errors are *AddressError.
func ForgeOf(repository, api string) (Forge, error) {
	u, err := url.Parse(repository)
	switch {
	case err != nil || u.Host == "":
		return Forge{}, &AddressError{Problem: "is not the address of a repository", Try: likeRepository}
	case u.User != nil:
		return Forge{}, &AddressError{Problem: "carries a user or a token"}
	case !encrypts(u):
		return Forge{}, &AddressError{Problem: fmt.Sprintf("%s: %s would send the token unencrypted", u.Redacted(), u.Scheme)}
	case u.RawQuery != "" || u.Fragment != "":
		return Forge{}, &AddressError{Problem: fmt.Sprintf("%s://%s%s: it has a query or a fragment", u.Scheme, u.Host, u.Path), Try: likeRepository}
	}
	owner, name, ok := strings.Cut(strings.Trim(u.Path, "/"), "/")
	name = strings.TrimSuffix(name, ".git")
	if !ok || !ownerForm.MatchString(owner) || !repositoryForm.MatchString(name) || strings.Trim(name, ".") == "" {
		return Forge{}, &AddressError{Problem: fmt.Sprintf("%s: its path is not owner/name", u), Try: likeRepository}
	}
	f := Forge{URL: u.String(), Owner: owner, Name: name}
	if f.API, err = apiOf(u, api); err != nil {
		return Forge{}, err
	}
	return f, nil
}

// apiOf is GitHub's own API for github.com, and the one of an Enterprise
// Server for any other host.
func apiOf(repository *url.URL, api string) (string, error) {
	if api == "" {
		if strings.EqualFold(repository.Hostname(), "github.com") {
			return "https://api.github.com/", nil
		}
		return repository.Scheme + "://" + repository.Host + "/api/v3/", nil
	}
	u, err := url.Parse(api)
	switch {
	case err != nil || u.Host == "":
		return "", &AddressError{OfAPI: true, Problem: "is not the address of an API", Try: likeAPI}
	case u.User != nil:
		return "", &AddressError{OfAPI: true, Problem: "carries a user or a token", Try: likeAPI}
	case !encrypts(u):
		return "", &AddressError{OfAPI: true, Problem: fmt.Sprintf("%s: %s would send the token unencrypted", u, u.Scheme), Try: likeAPI}
	}
	u.Path = strings.TrimRight(u.Path, "/") + "/"
	return u.String(), nil
}

// encrypts: a token may be sent there; what goes to this machine is not seen on the way.
func encrypts(u *url.URL) bool {
	if u.Scheme == "https" {
		return true
	}
	return u.Scheme == "http" && IsLoopback(u.Hostname())
}

// IsLoopback says whether the host is this machine.
func IsLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
