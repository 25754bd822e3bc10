package gitsrc

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/transport"
)

// address is a repository URL that passed the rules below. It holds no credential.
type address struct {
	url   *url.URL
	local string // absolute path of a file: repository, else ""
}

func (a address) String() string {
	if a.local != "" {
		return "file://" + a.local
	}
	return a.url.String()
}

// endpoint is made anew for each fetch because go-git changes it on a redirect.
func (a address) endpoint() (*transport.Endpoint, error) {
	if a.local != "" {
		return &transport.Endpoint{Protocol: "file", Path: a.local}, nil
	}
	return transport.NewEndpoint(a.url.String())
}

// parseAddress lets through https, http to this machine only, and file when
// allowed. Whatever else Git understands (ssh, git, ext) could run programs or
// send data unencrypted. The URL is quoted in no error before it is known to hold no password.
func parseAddress(raw string, allowFile bool) (address, error) {
	if path.IsAbs(raw) {
		return fileAddress(raw, allowFile)
	}
	u, err := url.Parse(raw)
	if err != nil {
		return address{}, errors.New("repository URL: cannot be parsed; write it as https://host/owner/name")
	}
	if u.User != nil {
		return address{}, errors.New("repository URL: it carries a user or token; remove it from the URL and use the token option")
	}
	switch u.Scheme {
	case "https":
	case "http":
		if !loopback(u.Hostname()) {
			return address{}, fmt.Errorf("repository URL %s: http would send the token unencrypted; use https (http is accepted for this machine only)", u.Redacted())
		}
	case "file":
		if u.Host != "" && u.Host != "localhost" {
			return address{}, errors.New("repository URL: a file URL names no host; write file:///path")
		}
		return fileAddress(u.Path, allowFile)
	case "":
		return address{}, errors.New("repository URL: no scheme; write it as https://host/owner/name")
	default:
		return address{}, fmt.Errorf("repository URL: scheme %q is not supported; use https", clip(u.Scheme))
	}
	switch {
	case u.Hostname() == "" || strings.HasPrefix(u.Hostname(), "-"):
		return address{}, errors.New("repository URL: no valid host; write it as https://host/owner/name")
	case strings.Trim(u.Path, "/") == "":
		return address{}, fmt.Errorf("repository URL %s: names no repository; write it as https://host/owner/name", u.Redacted())
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return address{}, errors.New("repository URL: it has a query or fragment; remove everything from ? or # on")
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = ""
	return address{url: u}, nil
}

func fileAddress(p string, allow bool) (address, error) {
	if !allow {
		return address{}, errors.New("repository URL: local repositories are not allowed here; use https")
	}
	if !filepath.IsAbs(p) || strings.ContainsRune(p, 0) {
		return address{}, errors.New("repository URL: a local repository needs an absolute path")
	}
	return address{local: filepath.Clean(p)}, nil
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// CheckBranch holds the rules of git check-ref-format, because the name becomes a path.
func CheckBranch(name string) error {
	bad := func(why string) error {
		return fmt.Errorf("branch %q: %s; give a branch name such as main", clip(name), why)
	}
	if name == "" {
		return bad("empty name")
	}
	if len(name) > 200 {
		return bad("too long")
	}
	for _, part := range strings.Split(name, "/") {
		if part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock") || strings.HasSuffix(part, ".") {
			return bad("not a valid ref name")
		}
	}
	if strings.HasPrefix(name, "-") || strings.Contains(name, "..") || strings.Contains(name, "@{") || name == "@" {
		return bad("not a valid ref name")
	}
	for _, r := range name {
		if r <= ' ' || r == 0x7f || strings.ContainsRune("~^:?*[\\", r) || invisible(r) {
			return bad("not a valid ref name")
		}
	}
	return nil
}
