package gitsrc

import (
	"cmp"
	"container/heap"
	"fmt"
	"slices"
)

// MergeBase is the best common ancestor of two commits: one that is no ancestor of
// another common one. Of several (criss-cross merges) it is the one with the newest
// committer date, then the smallest SHA. ErrUnrelated when there is none,
// ErrWalkTooLong after 50,000 commits.
func (r *Repository) MergeBase(a, b SHA) (SHA, error) {
	bases, err := r.mergeBases(a, b, maxAncestryWalk)
	if err != nil {
		return "", err
	}
	return bases[0], nil
}

// mergeBases lists all best common ancestors, at least one, in the order of MergeBase.
func (r *Repository) mergeBases(a, b SHA, limit int) ([]SHA, error) {
	walk := &ancestry{repository: r, left: limit}
	fail := func(err error) error { return fmt.Errorf("common ancestor of %s and %s: %w", a, b, err) }
	common, err := walk.common(a, []SHA{b})
	if err != nil {
		return nil, fail(err)
	}
	if len(common) == 0 {
		return nil, fail(ErrUnrelated)
	}
	slices.SortFunc(common, func(x, y Commit) int {
		return cmp.Or(y.Committer.When.Compare(x.Committer.When), cmp.Compare(x.SHA, y.SHA))
	})
	bases := make([]SHA, len(common))
	for i, c := range common {
		bases[i] = c.SHA
	}
	if len(bases) == 1 {
		return bases, nil
	}
	var best []SHA
	for i, base := range bases {
		others := slices.Delete(slices.Clone(bases), i, i+1)
		reached, err := walk.common(base, others)
		if err != nil {
			return nil, fail(err)
		}
		if !slices.ContainsFunc(reached, func(c Commit) bool { return c.SHA == base }) {
			best = append(best, base)
		}
	}
	return best, nil
}

// ancestry walks back from two sides until they meet.
type ancestry struct {
	repository *Repository
	left       int // commits that may still be visited
}

type side uint8

const (
	oneSide side = 1 << iota
	otherSide
	beyond    // an ancestor of a common ancestor
	bothSides = oneSide | otherSide
)

type visited struct {
	commit  Commit
	sides   side
	pending bool // in the queue
	met     bool
}

// common returns the common ancestors of a and any of others, each of them included.
// Every best one is among them; one that is an ancestor of another can be too when
// dates lie, because the walk ends as soon as nothing but ancestors of common
// ancestors is left. Dates only give the order, and so the length, of the walk.
func (w *ancestry) common(a SHA, others []SHA) ([]Commit, error) {
	p := &paint{ancestry: w, seen: map[SHA]*visited{}}
	if err := p.add(a, oneSide, false); err != nil {
		return nil, err
	}
	for _, other := range others {
		if err := p.add(other, otherSide, false); err != nil {
			return nil, err
		}
	}
	var met []*visited
	for p.open > 0 {
		v := p.pop()
		sides := v.sides
		if sides == bothSides {
			if !v.met {
				v.met = true
				met = append(met, v)
			}
			sides |= beyond
		}
		for _, parent := range v.commit.Parents {
			if err := p.add(parent, sides, true); err != nil {
				return nil, err
			}
		}
	}
	var common []Commit
	for _, v := range met {
		if v.sides&beyond == 0 {
			common = append(common, v.commit)
		}
	}
	return common, nil
}

// paint is the state of one walk: the commits seen, and a queue of those whose
// parents do not know yet, newest first.
type paint struct {
	*ancestry
	seen  map[SHA]*visited
	queue []*visited
	open  int // of the queue, those not beyond
}

func (p *paint) add(sha SHA, sides side, referred bool) error {
	v, ok := p.seen[sha]
	if !ok {
		if p.left--; p.left < 0 {
			return ErrWalkTooLong
		}
		c, err := p.commit(sha, referred)
		if err != nil {
			return err
		}
		v = &visited{commit: c}
		p.seen[sha] = v
	}
	if v.sides|sides == v.sides {
		return nil
	}
	if v.pending && v.sides&beyond == 0 {
		p.open--
	}
	v.sides |= sides
	if v.sides&beyond == 0 {
		p.open++
	}
	if !v.pending {
		v.pending = true
		heap.Push(p, v)
	}
	return nil
}

func (p *paint) commit(sha SHA, referred bool) (Commit, error) {
	if referred {
		return p.repository.readCommit(sha.hash(), true)
	}
	return p.repository.Commit(sha)
}

func (p *paint) pop() *visited {
	v := heap.Pop(p).(*visited) // only add pushes
	v.pending = false
	if v.sides&beyond == 0 {
		p.open--
	}
	return v
}

// The methods of heap.Interface.

func (p *paint) Len() int      { return len(p.queue) }
func (p *paint) Swap(i, j int) { p.queue[i], p.queue[j] = p.queue[j], p.queue[i] }
func (p *paint) Push(v any)    { p.queue = append(p.queue, v.(*visited)) }

func (p *paint) Less(i, j int) bool {
	a, b := p.queue[i].commit, p.queue[j].commit
	return cmp.Or(b.Committer.When.Compare(a.Committer.When), cmp.Compare(a.SHA, b.SHA)) < 0
}

func (p *paint) Pop() any {
	last := len(p.queue) - 1
	v := p.queue[last]
	p.queue = p.queue[:last]
	return v
}
