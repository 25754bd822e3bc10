package gitsrc

import (
	"errors"
	"fmt"
	"strings"
)

// Errors about the source as a whole.
var (
	// ErrNoHead: no Fetch has succeeded yet in this directory.
	ErrNoHead = errors.New("nothing has been fetched yet")
	// ErrBranchMissing: the server has no branch of this name (any more).
	ErrBranchMissing = errors.New("the branch does not exist")
	// ErrEmptyRepository: the server has no commit at all.
	ErrEmptyRepository = errors.New("the repository is empty")
	// ErrUnauthorized is HTTP 401, ErrForbidden 403, ErrRepositoryNotFound 404.
	ErrUnauthorized       = errors.New("not authenticated (401)")
	ErrForbidden          = errors.New("access denied (403)")
	ErrRepositoryNotFound = errors.New("repository not found (404)")
	// ErrDamaged: an object is missing or is not what its name says. The next
	// Fetch clones again.
	ErrDamaged = errors.New("the local copy of the repository is damaged")
)

// Errors about commits.
var (
	// ErrUnknownCommit: the commit is not in the local repository.
	ErrUnknownCommit = errors.New("unknown commit")
	// ErrWalkTooLong: history goes on beyond the limit of a walk.
	ErrWalkTooLong = errors.New("the history walk is too long")
	// ErrUnrelated: two commits have no common ancestor.
	ErrUnrelated = errors.New("unrelated histories")
	// ErrTooManyChanges: two commits differ in more than MaxChangedPaths paths, or
	// finding out would take too long.
	ErrTooManyChanges = errors.New("too many changes")
)

// Errors about files; they arrive wrapped in *fs.PathError. Symbolic links,
// submodules and LFS pointers are all ErrNotRegular too.
var (
	ErrNotRegular  = errors.New("not a regular file")
	ErrSymlink     = fmt.Errorf("a symbolic link is %w", ErrNotRegular)
	ErrSubmodule   = fmt.Errorf("a submodule is %w", ErrNotRegular)
	ErrLFSPointer  = fmt.Errorf("a Git LFS pointer is %w; commit the content itself", ErrNotRegular)
	ErrHostileName = errors.New("a name that no repository may contain")
	ErrTooLarge    = errors.New("too large")
	// ErrConflict: both sides of a merge changed this path.
	ErrConflict = errors.New("changed on the branch and in the pull request; update the branch of the pull request")
)

// FetchError says why a fetch failed, where, and what to try. Error holds no
// credential: the URL carries none, the token is cut out of what a server says, and
// the bodies of refusals are not quoted. Err is for errors.Is, not for printing.
// Pulls, sorted, is set when pull requests and not the branch were asked for.
type FetchError struct {
	URL, Branch string
	Pulls       []int
	Problem     string
	Try         string
	Err         error
}

func (e *FetchError) Error() string {
	return fmt.Sprintf("fetch %s of %s: %s; %s", e.what(), e.URL, e.Problem, e.Try)
}

func (e *FetchError) what() string {
	const named = 5
	switch n := len(e.Pulls); {
	case n == 0:
		return e.Branch
	case n == 1:
		return fmt.Sprintf("pull request #%d", e.Pulls[0])
	case n <= named:
		numbers := make([]string, n)
		for i, pull := range e.Pulls {
			numbers[i] = fmt.Sprintf("#%d", pull)
		}
		return "pull requests " + strings.Join(numbers, ", ")
	default:
		return fmt.Sprintf("%d pull requests", n)
	}
}

func (e *FetchError) Unwrap() error { return e.Err }
