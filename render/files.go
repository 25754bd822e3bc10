package render

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"unicode/utf8"
)

const lfsPointer = "version https://git-lfs.github.com/spec/"

// readText reads a file of the repository as text: without a byte order mark, with plain line ends. at is where the
// file was named.
func readText(tree fs.FS, at located) (string, error) {
	content, err := ReadFile(tree, at.text)
	if err != nil {
		fault := at.fault("", err.Error(), tryFile(err))
		fault.Err = err
		return "", fault
	}
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	switch {
	case bytes.HasPrefix(content, []byte(lfsPointer)):
		return "", at.fault("", at.text+" is a Git LFS pointer, not the file itself", "commit the file without LFS")
	case bytes.IndexByte(content, 0) >= 0 || !utf8.Valid(content):
		return "", at.fault("", at.text+" is not UTF-8 text", "save it as UTF-8")
	}
	return strings.ReplaceAll(string(content), "\r\n", "\n"), nil
}

// ReadFile reads one regular file of the repository, within the cap on its size.
func ReadFile(tree fs.FS, name string) ([]byte, error) {
	if problem := badPath(name); problem != "" {
		return nil, errors.New(problem)
	}
	about, err := fs.Lstat(tree, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missingFileError(name)
	}
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", name, err)
	}
	switch {
	case about.IsDir():
		return nil, fmt.Errorf("%s is a folder, not a file", name)
	case !about.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file (a symbolic link or submodule)", name)
	case about.Size() > maxFileBytes:
		return nil, fmt.Errorf("%s has %d bytes, more than the %d allowed", name, about.Size(), maxFileBytes)
	}
	content, err := fs.ReadFile(tree, name)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", name, err)
	}
	if len(content) > maxFileBytes {
		return nil, fmt.Errorf("%s has %d bytes, more than the %d allowed", name, len(content), maxFileBytes)
	}
	return content, nil
}

// missingFileError is the path of a file that does not exist. It is an fs.ErrNotExist.
type missingFileError string

func (f missingFileError) Error() string { return string(f) + " does not exist" }

// Is makes errors.Is(err, fs.ErrNotExist) true.
func (missingFileError) Is(target error) bool { return target == fs.ErrNotExist }

// tryFile is what to do about an error of ReadFile, "" about one of the tree itself.
func tryFile(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "check the spelling, or commit the file; paths start at the root of the repository"
	case errors.Unwrap(err) != nil:
		return ""
	}
	return "name a regular file of the repository"
}

// badPath says why a path cannot be one of the repository's, "" if it can.
func badPath(name string) string {
	switch {
	case name == "":
		return "the path is empty"
	case strings.Contains(name, "://"):
		return name + " is a remote address; only files of this repository are read"
	case strings.HasPrefix(name, "/"):
		return name + " is an absolute path; paths start at the root of the repository"
	case strings.Contains(name, `\`):
		return name + ` contains a backslash; folders are separated by /`
	case path.Clean(name) == ".." || strings.HasPrefix(path.Clean(name), "../"):
		return name + " leads out of the repository"
	case !fs.ValidPath(name):
		return name + " is not a plain path: no empty, . or .. elements"
	}
	return ""
}

// expand gives the files that a list of paths and globs names, in order; the matches of one glob are sorted.
func expand(tree fs.FS, patterns []located) ([]located, error) {
	var files []located
	listed := map[string]place{}
	for _, pattern := range patterns {
		names, err := matches(tree, pattern)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if first, found := listed[name]; found {
				return nil, pattern.fault("", fmt.Sprintf("%s is listed twice, first on line %d", name, first.line),
					"remove one of them")
			}
			listed[name] = pattern.place
			files = append(files, located{pattern.place, name})
		}
		if len(files) > maxTemplates {
			return nil, pattern.fault("", fmt.Sprintf("more than %d files", maxTemplates), "split the service")
		}
	}
	return files, nil
}

// patternSigns make a name a pattern (path.Match). A backslash is refused before.
const patternSigns = "*?["

func matches(tree fs.FS, pattern located) ([]string, error) {
	if problem := badPath(pattern.text); problem != "" {
		return nil, pattern.fault("", problem, "name a file of the repository")
	}
	if !strings.ContainsAny(pattern.text, patternSigns) {
		return []string{pattern.text}, nil
	}
	if strings.Contains(pattern.text, "**") {
		return nil, pattern.fault("", fmt.Sprintf("%q: ** is not supported", pattern.text),
			"write one pattern for each folder")
	}
	if _, err := path.Match(pattern.text, ""); err != nil {
		return nil, pattern.fault("", fmt.Sprintf("%q is not a valid pattern", pattern.text),
			"use * and ? within one folder")
	}
	files, err := glob(tree, ".", strings.Split(pattern.text, "/"))
	if err != nil {
		fault := pattern.fault("", err.Error(), "")
		fault.Err = err
		return nil, fault
	}
	if len(files) == 0 {
		return nil, pattern.fault("", fmt.Sprintf("no file matches %q", pattern.text),
			"check the pattern: * does not cross folders")
	}
	return files, nil
}

// glob gives the regular files below dir that match the pattern's elements, sorted. Unlike fs.Glob it reports what
// cannot be read: a pattern that matched too little would take objects away.
//
// An element that is a plain name is not looked up in its folder's list, which
// may be long and is somebody else's.
func glob(tree fs.FS, dir string, elements []string) ([]string, error) {
	for len(elements) > 1 && !strings.ContainsAny(elements[0], patternSigns) {
		dir, elements = path.Join(dir, elements[0]), elements[1:]
	}
	found, err := fs.Stat(tree, dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && found.Mode().IsRegular() {
		return nil, nil
	}
	var entries []fs.DirEntry
	if err == nil {
		entries, err = fs.ReadDir(tree, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("%s cannot be listed: %w", dir, err)
	}
	var files []string
	for _, entry := range entries {
		matched, err := path.Match(elements[0], entry.Name())
		if err != nil {
			return nil, err
		}
		name := path.Join(dir, entry.Name())
		switch last := len(elements) == 1; {
		case !matched, last && entry.IsDir(), !last && entry.Type().IsRegular():
		case !entry.IsDir() && !entry.Type().IsRegular():
			return nil, fmt.Errorf("%s is not a regular file (a symbolic link or submodule)", name)
		case last:
			files = append(files, name)
		default:
			below, err := glob(tree, name, elements[1:])
			if err != nil {
				return nil, err
			}
			files = append(files, below...)
		}
	}
	return files, nil
}
