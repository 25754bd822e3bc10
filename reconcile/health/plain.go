package health

import (
	"regexp"
	"strings"
	"unicode"
)

// longest is how much of somebody else's text is repeated, in characters.
const longest = 100

// What differs between two tellings of one fact, or should not be told.
var (
	urlSecrets  = regexp.MustCompile(`(://)[^/@\s"]*@`)
	urlQueries  = regexp.MustCompile(`(://[^\s"?]*)\?[^\s"]*`)
	namedSecret = regexp.MustCompile(`(?i)\b((?:[a-z0-9]+[_-])*(?:password|passwd|pwd|token|secret|api[_-]?key|authorization|credentials?)[a-z0-9_-]*)["']?\s*[=:]\s*(?:(?:bearer|basic)\s+)?(?:"[^"]*"?|'[^']*'?|[^\s"']+)`)
	bearer      = regexp.MustCompile(`(?i)\b(bearer|basic)\s+[a-z0-9+/=._~-]{8,}`)
	podMention  = regexp.MustCompile(`\s*\(pod: "[^"]*"(, container: [^)]*)?\)`)
	moments     = regexp.MustCompile(`\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\s?[+-]\d\d:?\d\d)?`)
	durations   = regexp.MustCompile(`\b(?:\d+h)?(?:\d+m)?\d+(?:\.\d+)?(?:s|ms|µs|us|ns)\b|\b\d+h\d+m\b`)
	uids        = regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`)
	longHashes  = regexp.MustCompile(`\b[0-9a-f]{12,}\b`)
	addresses   = regexp.MustCompile(`\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b|\[[0-9a-fA-F:]*:[0-9a-fA-F:]+\](?::\d+)?`)
	// The alphabet is that of Kubernetes' generated names.
	podNames    = regexp.MustCompile(`\b([a-z0-9][a-z0-9.-]*)-[bcdfghjklmnpqrstvwxz2456789]{6,10}-[bcdfghjklmnpqrstvwxz2456789]{5}\b`)
	podPrefixes = regexp.MustCompile(`\b([a-z0-9][a-z0-9.-]*)-[bcdfghjklmnpqrstvwxz2456789]{6,10}-("|'|:|,|\s|$)`)
)

// plain makes one line of a text from the cluster, without what differs from
// Pod to Pod or from minute to minute, and without what may be a secret.
func plain(text string) string {
	s := oneLine(text)
	s = urlSecrets.ReplaceAllString(s, "$1")
	s = urlQueries.ReplaceAllString(s, "$1")
	s = namedSecret.ReplaceAllString(s, "$1=…")
	s = bearer.ReplaceAllString(s, "$1 …")
	s = podMention.ReplaceAllString(s, "")
	s = moments.ReplaceAllString(s, "…")
	s = uids.ReplaceAllString(s, "…")
	s = podNames.ReplaceAllString(s, "$1")
	s = podPrefixes.ReplaceAllString(s, "$1$2")
	s = longHashes.ReplaceAllString(s, "…")
	s = addresses.ReplaceAllString(s, "…")
	s = durations.ReplaceAllString(s, "…")
	return cut(strings.TrimRight(s, " .,:;"), longest)
}

func oneLine(text string) string {
	// A message is read up to here: what follows never fits into a sentence.
	const enough = 4096
	if len(text) > enough {
		text = text[:enough]
	}
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "�"), func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
}

// cut shortens a line to so many characters, between two words where it can.
func cut(s string, most int) string {
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	s = string(runes[:most-1])
	if i := strings.LastIndexByte(s, ' '); i > 0 {
		s = s[:i]
	}
	return strings.TrimRight(s, " .,:;") + "…"
}
