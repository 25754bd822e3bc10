package notify

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// longestProblem is how much of a library's error is kept.
const longestProblem = 300

var (
	address = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s"'<>]*[^\s"'<>:.,;]`)
	word    = regexp.MustCompile(`[\pL\pN]+`)
)

// scrub takes out of an error's text what its URL holds beside the scheme and the
// host: the library quotes URLs, and makes others of their parts. What is left of
// an address in it is the scheme and the host; every word that stands in the URL's
// secret part, or has a word of it inside, becomes an ellipsis.
func scrub(text, raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "its URL cannot be parsed"
	}
	text = address.ReplaceAllStringFunc(text, func(found string) string {
		scheme, rest, _ := strings.Cut(found, "://")
		rest = rest[strings.LastIndex(rest, "@")+1:]
		host, _, _ := strings.Cut(rest, "/")
		host, _, _ = strings.Cut(host, "?")
		return scheme + "://" + host + "/…"
	})
	secret := secretParts(u)
	for _, part := range secret {
		text = strings.ReplaceAll(text, part, "…")
	}
	all := strings.ToLower(strings.Join(secret, "\n"))
	pieces := word.FindAllString(all, -1)
	text = word.ReplaceAllStringFunc(text, func(w string) string {
		lower := strings.ToLower(w)
		if len(w) >= shortestPiece && strings.Contains(all, lower) || slices.ContainsFunc(pieces, func(p string) bool {
			return len(p) >= shortestPiece && strings.Contains(lower, p)
		}) {
			return "…"
		}
		return w
	})
	return shorten(text)
}

// shortestPiece of a secret that is worth hiding by itself: shorter ones are in
// every word.
const shortestPiece = 4

// secretParts are the user, the password, the path and the values of the query, as
// they are written and as they are meant; the longest first, so that none is left
// half.
func secretParts(u *url.URL) []string {
	var parts []string
	add := func(s string) {
		if decoded, err := url.PathUnescape(s); err == nil && decoded != s {
			parts = append(parts, decoded)
		}
		parts = append(parts, s, url.QueryEscape(s), url.PathEscape(s))
	}
	if u.User != nil {
		add(u.User.String())
		add(u.User.Username())
		password, _ := u.User.Password()
		add(password)
	}
	if !hasServer(u) {
		add(u.Host)
	}
	add(u.Opaque)
	for _, segment := range strings.Split(u.EscapedPath(), "/") {
		add(segment)
	}
	for _, values := range u.Query() {
		for _, v := range values {
			add(v)
		}
	}
	add(u.RawQuery)
	add(u.Fragment)
	parts = slices.DeleteFunc(parts, func(p string) bool { return len(p) < 2 })
	slices.SortFunc(parts, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(parts)
}

func shorten(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > longestProblem {
		return string(r[:longestProblem-1]) + "…"
	}
	return text
}

// hasServer: what stands in the place of the host is one. For the other kinds it
// may be the token itself.
func hasServer(u *url.URL) bool {
	switch chatKind(u) {
	case "generic", "gotify", "ntfy", "mattermost", "rocketchat", "matrix", "smtp", "bark", "opsgenie", "signal", "zulip":
		return true
	}
	return false
}
