package bump

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// A Wish is which image another one is to be: of every container for Name "", or
// of those whose name, or whose image's last word, is Name.
type Wish struct {
	Name string
	// What of the image is said: all of it, or its tag, its digest, or both.
	Repository, Tag, Digest string
}

var (
	repositoryForm = regexp.MustCompile(`^[a-zA-Z0-9]([-a-zA-Z0-9._/]*[a-zA-Z0-9])?(:[0-9]+/[-a-zA-Z0-9._/]*[a-zA-Z0-9])?$`)
	tagForm        = regexp.MustCompile(`^[a-zA-Z0-9_][-a-zA-Z0-9._]{0,127}$`)
	digestForm     = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
)

// anyImage is the name that means whichever image there is.
const anyImage = "image"

var errNoWish = errors.New("want image=TAG, NAME=TAG, NAME=IMAGE:TAG or NAME=@sha256:DIGEST")

// ParseWish reads image=1.2, gate=reg.example.com/gate:1.2 or
// gate=@sha256:….
func ParseWish(text string) (Wish, error) {
	name, what, ok := strings.Cut(text, "=")
	if !ok || name == "" || what == "" {
		return Wish{}, fmt.Errorf("%q: %w", text, errNoWish)
	}
	var w Wish
	if name != anyImage {
		w.Name = name
	}
	rest, digest, pinned := strings.Cut(what, "@")
	switch {
	case pinned && !digestForm.MatchString(digest):
		return Wish{}, fmt.Errorf("%q: %q is no digest: want sha256: and 64 hex digits", text, digest)
	case rest == "":
	case tagForm.MatchString(rest) && !strings.Contains(rest, "/"):
		w.Tag = rest
	default:
		im := parseImage(rest)
		if !repositoryForm.MatchString(im.repository) || im.tag != "" && !tagForm.MatchString(im.tag) || im.tag == "" && !pinned {
			return Wish{}, fmt.Errorf("%q: %q is no image with a tag", text, rest)
		}
		w.Repository, w.Tag = im.repository, im.tag
	}
	w.Digest = digest
	return w, nil
}

// An image is the parts of a container's image.
type image struct{ repository, tag, digest string }

func parseImage(text string) image {
	rest, digest, _ := strings.Cut(text, "@")
	im := image{repository: rest, digest: digest}
	if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, '/') {
		im.repository, im.tag = rest[:i], rest[i+1:]
	}
	return im
}

func (i image) String() string {
	s := i.repository
	if i.tag != "" {
		s += ":" + i.tag
	}
	if i.digest != "" {
		s += "@" + i.digest
	}
	return s
}

// word is the last one of the repository: gate of reg.example.com/dora/gate.
func (i image) word() string { return i.repository[strings.LastIndexByte(i.repository, '/')+1:] }

var errPinned = errors.New("is pinned by its digest, so another tag would change nothing")

// on is what an image becomes.
func (w Wish) on(old image) (image, error) {
	is := old
	if w.Repository != "" {
		is = image{repository: w.Repository}
	}
	switch {
	case w.Tag != "" && w.Digest == "" && w.Repository == "" && old.digest != "":
		return image{}, fmt.Errorf("%s %w", old, errPinned)
	case w.Tag != "":
		is.tag = w.Tag
	}
	if w.Digest != "" {
		is.digest = w.Digest
	}
	return is, nil
}
