package gitsrc

import (
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
)

// SHA names a commit: 40 lower-case hex digits.
type SHA string

const shaLength = 40

// ParseSHA accepts a full commit name and nothing else: abbreviations are
// ambiguous, and upper case would make two names of one commit.
func ParseSHA(s string) (SHA, error) {
	if len(s) != shaLength {
		return "", fmt.Errorf("commit %q: want 40 hex digits, got %d characters; git rev-parse prints the full name", clip(s), len(s))
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return "", fmt.Errorf("commit %q: character %d is not a lower-case hex digit", s, i+1)
		}
	}
	return SHA(s), nil
}

// Short is the first seven digits, for people.
func (s SHA) Short() string {
	const digits = 7
	if len(s) < digits {
		return string(s)
	}
	return string(s[:digits])
}

// hash is the zero hash for anything but a valid SHA, which no object has.
func (s SHA) hash() plumbing.Hash {
	if _, err := ParseSHA(string(s)); err != nil {
		return plumbing.ZeroHash
	}
	return plumbing.NewHash(string(s))
}

func shaOf(h plumbing.Hash) SHA { return SHA(h.String()) }

// clip keeps hostile or mistaken input from flooding a message.
func clip(s string) string {
	const longest = 64
	if len(s) <= longest {
		return s
	}
	return s[:longest] + "…"
}
