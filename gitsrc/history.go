package gitsrc

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// Signature is who and when, as the commit claims it.
type Signature struct {
	Name, Email string
	When        time.Time
}

// Commit is one commit. Everything in it but SHA and Parents is free text of its author.
type Commit struct {
	SHA               SHA
	Parents           []SHA // first parent first
	Subject           string
	Author, Committer Signature

	tree plumbing.Hash
}

const (
	maxCommitSize = 1 << 20
	// maxAncestryWalk bounds IsAncestor.
	maxAncestryWalk = 50_000
)

// Commit returns ErrUnknownCommit for a commit that is not here.
func (r *Repository) Commit(sha SHA) (Commit, error) {
	c, err := r.readCommit(sha.hash(), false)
	if errors.Is(err, errMissing) && !errors.Is(err, ErrDamaged) {
		err = fmt.Errorf("%w %s", ErrUnknownCommit, clip(string(sha)))
	}
	return c, err
}

// readCommit with referred: a commit here names this one as its parent.
func (r *Repository) readCommit(h plumbing.Hash, referred bool) (Commit, error) {
	if c, ok := r.commits.get(h); ok {
		return c.clone(), nil
	}
	c, err := loadCommit(r.store, h, referred)
	if err != nil {
		return Commit{}, err
	}
	r.commits.put(h, c)
	return c.clone(), nil
}

func loadCommit(store *objectStore, h plumbing.Hash, referred bool) (Commit, error) {
	content, err := store.read(plumbing.CommitObject, h, maxCommitSize, referred)
	var kind *kindError
	if errors.As(err, &kind) {
		return Commit{}, fmt.Errorf("%w: %w", ErrUnknownCommit, err)
	}
	if err != nil {
		return Commit{}, fmt.Errorf("commit %s: %w", h, err)
	}
	c, err := decodeCommit(content)
	if err != nil {
		return Commit{}, fmt.Errorf("commit %s: %w", h, err)
	}
	return c, nil
}

func decodeCommit(content []byte) (Commit, error) {
	raw := &plumbing.MemoryObject{}
	raw.SetType(plumbing.CommitObject)
	if _, err := raw.Write(content); err != nil {
		return Commit{}, err
	}
	decoded, err := object.DecodeCommit(nil, raw)
	if err != nil {
		return Commit{}, err
	}
	c := Commit{
		SHA: shaOf(raw.Hash()), Subject: subject(decoded.Message), tree: decoded.TreeHash,
		Author: signature(decoded.Author), Committer: signature(decoded.Committer),
	}
	for _, p := range decoded.ParentHashes {
		c.Parents = append(c.Parents, shaOf(p))
	}
	return c, nil
}

func (c Commit) clone() Commit {
	c.Parents = slices.Clone(c.Parents)
	return c
}

func signature(s object.Signature) Signature {
	return Signature{Name: printable(s.Name), Email: printable(s.Email), When: s.When}
}

// subject is the first paragraph on one line, as git log --format=%s shows it.
func subject(message string) string {
	paragraph, _, _ := strings.Cut(strings.TrimLeft(strings.ReplaceAll(message, "\r\n", "\n"), "\n"), "\n\n")
	return printable(strings.Join(strings.Fields(paragraph), " "))
}

// printable keeps a commit's text from moving somebody's cursor.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if invisible(r) {
			return '\ufffd'
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
}

// FirstParents walks from a commit along first parents: newest first, from
// included, ending before the commit stop says true for (nil never stops) or at
// the root. When more than limit commits would be returned, it returns the first
// limit ones and ErrWalkTooLong.
func (r *Repository) FirstParents(from SHA, limit int, stop func(Commit) bool) ([]Commit, error) {
	var walked []Commit
	c, err := r.Commit(from)
	for {
		if err != nil {
			return walked, err
		}
		if stop != nil && stop(c) {
			return walked, nil
		}
		if len(walked) >= limit {
			return walked, fmt.Errorf("%w: more than %d commits before %s", ErrWalkTooLong, limit, from)
		}
		walked = append(walked, c)
		if len(c.Parents) == 0 {
			return walked, nil
		}
		c, err = r.readCommit(c.Parents[0].hash(), true)
	}
}

// IsAncestor reports whether ancestor is of or reachable from it. An ancestor that
// is not here is not one. ErrWalkTooLong after 50,000 commits.
func (r *Repository) IsAncestor(ancestor, of SHA) (bool, error) {
	start, err := r.Commit(of)
	if err != nil {
		return false, err
	}
	if ancestor == of {
		return true, nil
	}
	goal, err := r.Commit(ancestor)
	if errors.Is(err, ErrUnknownCommit) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	seen := map[SHA]bool{start.SHA: true}
	for queue := []Commit{start}; len(queue) > 0; queue = queue[1:] {
		for _, p := range queue[0].Parents {
			if p == goal.SHA {
				return true, nil
			}
			if seen[p] {
				continue
			}
			if len(seen) >= maxAncestryWalk {
				return false, fmt.Errorf("%w: %s not found within %d commits of %s", ErrWalkTooLong, ancestor, maxAncestryWalk, of)
			}
			seen[p] = true
			parent, err := r.readCommit(p.hash(), true)
			if err != nil {
				return false, err
			}
			queue = append(queue, parent)
		}
	}
	return false, nil
}
