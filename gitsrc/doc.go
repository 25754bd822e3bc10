// Package gitsrc keeps one bare Git repository per source and reads commits and
// trees from it. Nothing is ever checked out.
//
// The way in is Open, then Repository.Fetch, then Repository.Tree: Fetch brings
// the branch up to date and returns its head, Tree shows the files of a commit as
// an fs.FS. Repository.FetchPulls brings open pull requests beside the branch, and
// Repository.Merged shows one of them merged onto it; the merge is never written.
//
// What a server or a commit contains is hostile until checked: only regular files
// are readable, every object is verified against its name when it is read, sizes
// are capped, and a head counts only once everything it refers to is here. The
// package knows nothing about services, catalogs or Kubernetes. It runs no
// program: the git command line is not needed.
//
// One process uses a directory at a time.
package gitsrc
