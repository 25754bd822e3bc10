package gitsrc

import (
	"io/fs"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of a path inside a tree.
const (
	MaxPathLength = 4096 // bytes
	MaxDepth      = 64   // elements
)

// checkPath accepts what fs.ValidPath accepts, within the limits.
func checkPath(op, name string) error {
	fail := func(err error) error { return &fs.PathError{Op: op, Path: clip(name), Err: err} }
	if !fs.ValidPath(name) {
		return fail(fs.ErrInvalid)
	}
	if len(name) > MaxPathLength || strings.Count(name, "/") >= MaxDepth {
		return fail(ErrTooLarge)
	}
	if name == "." {
		return nil
	}
	for _, element := range strings.Split(name, "/") {
		if hostileName(element) {
			return fail(ErrHostileName)
		}
	}
	return nil
}

// hostileName reports names that some file system takes for something else:
// another directory, .git, or a name that looks the same and is not.
func hostileName(name string) bool {
	if name == "" || name == "." || name == ".." || !utf8.ValidString(name) {
		return true
	}
	visible := strings.Map(func(r rune) rune {
		if invisible(r) {
			return -1
		}
		return r
	}, name)
	if visible != name || strings.ContainsAny(name, "/\\") {
		return true
	}
	// NTFS drops trailing dots and spaces and everything from a colon on; its
	// short name of .git is git~1.
	folded, _, _ := strings.Cut(strings.ToLower(name), ":")
	folded = strings.TrimRight(folded, ". ")
	return folded == ".git" || folded == "git~1" || folded == ""
}

// invisible covers control characters and format characters such as the
// zero-width joiners and direction marks.
func invisible(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' || r == '\u034f' ||
		(r >= 0xfe00 && r <= 0xfe0f) || r == '\u115f' || r == '\u1160' || r == '\u3164' || r == '\uffa0'
}
