package main

import (
	"errors"
	"fmt"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"banksman.dev/gitsrc"
)

// A folder is a person's own: its files as they are, and, where it is the root
// of a clone, its commits. Nothing is written to it.
type folder struct{ dir string }

func (f *folder) close() {}

func (f *folder) files(revision string) (edition, error) {
	if revision == "" {
		tree, err := openWorkingTree(f.dir)
		if err != nil {
			return edition{}, err
		}
		return edition{tree: tree, name: "the working tree", done: func() { _ = tree.Close() }}, nil // it was only read
	}
	commit, err := f.commit(revision)
	if err != nil {
		return edition{}, err
	}
	root, err := commit.Tree()
	if err != nil {
		return edition{}, failed(fmt.Errorf("read commit %s: %w", commit.Hash, err), "git fsck")
	}
	sha := gitsrc.SHA(commit.Hash.String())
	return edition{tree: commitTree{root}, commit: sha, name: sha.Short()}, nil
}

func (f *folder) commit(revision string) (*object.Commit, error) {
	repository, err := git.PlainOpenWithOptions(f.dir, &git.PlainOpenOptions{EnableDotGitCommonDir: true})
	switch {
	case errors.Is(err, git.ErrRepositoryNotExists):
		return nil, failed(fmt.Errorf("%s is not the root of a clone: there is no commit %s", f.dir, revision), "give the root folder of the clone, or --repo")
	case err != nil:
		return nil, failed(fmt.Errorf("open the repository in %s: %w", f.dir, err), "git -C "+f.dir+" status")
	}
	hash, err := repository.ResolveRevision(plumbing.Revision(revision))
	if err == nil {
		var commit *object.Commit
		if commit, err = repository.CommitObject(*hash); err == nil {
			return commit, nil
		}
	}
	return nil, failed(fmt.Errorf("no revision %q in %s: %w", revision, f.dir, err), "git -C "+f.dir+" fetch")
}
