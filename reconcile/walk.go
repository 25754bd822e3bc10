package reconcile

import (
	"errors"
	"fmt"

	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// walked is a piece of the branch's first-parent history, oldest first. Its
// first point is the base that the others are compared with.
type walked struct {
	points []point
	base   gitsrc.SHA // "" for the beginning of history
	lost   string     // why no base was found; then points is the newest commit alone
}

// mostCommits bounds a walk. A base further back than this is not found, and
// the branch counts as rewritten.
const mostCommits = 2000

// bases are the commits at which a walk may end: everything up to them counts
// as approved. None means the beginning of history.
//
// What an operator trusts or answers for counts only if it is not older than
// what is promoted: a walk that comes by it without having come by what is
// promoted has found a rewritten history.
func (l *Loop) bases(r Record, orders Orders) []gitsrc.SHA {
	var found []gitsrc.SHA
	if r.Promoted != nil {
		found = append(found, r.Promoted.Commit)
	}
	if r.Settled != "" {
		found = append(found, r.Settled)
	}
	for _, c := range []gitsrc.SHA{orders.Acknowledge, l.Trust} {
		if c != "" && (r.Promoted == nil || !l.isOlder(c, r.Promoted.Commit) || l.answersForHead(r, c, orders)) {
			found = append(found, c)
		}
	}
	return found
}

// answersForHead: the operator named the present head after what is promoted was
// promoted. So a history that was rewritten to something older is answered for.
func (l *Loop) answersForHead(r Record, c gitsrc.SHA, orders Orders) bool {
	if c != orders.Acknowledge || c != l.head {
		return false
	}
	if r.AcknowledgeUsed != c || r.Promoted == nil {
		return true
	}
	for _, h := range r.History {
		if h.Outcome == OutcomeAcknowledged && h.Commit == c {
			return !h.At.Before(r.Promoted.Since)
		}
	}
	return false
}

// isOlder says whether a commit lies in the history of another one.
func (l *Loop) isOlder(c, than gitsrc.SHA) bool {
	if c == than {
		return false
	}
	key := [2]gitsrc.SHA{c, than}
	older, known := l.older[key]
	if !known {
		var err error
		if older, err = l.Source.IsAncestor(c, than); err != nil {
			return true // the other one is not in the local repository: nothing can be said to be newer
		}
		l.older[key] = older
	}
	return older
}

// isNowhere: the local repository does not hold a commit, so that the branch does
// not lead to it.
func (l *Loop) isNowhere(c gitsrc.SHA) bool {
	_, err := l.Source.Commit(c)
	return errors.Is(err, gitsrc.ErrUnknownCommit)
}

func (l *Loop) walk(name render.ServiceName, from gitsrc.SHA, bases []gitsrc.SHA) (walked, error) {
	var base gitsrc.SHA
	commits, err := l.Source.FirstParents(from, mostCommits, func(c gitsrc.Commit) bool {
		for _, b := range bases {
			if c.SHA == b {
				base = b
				return true
			}
		}
		return false
	})
	switch {
	case errors.Is(err, gitsrc.ErrWalkTooLong) || err == nil && base == "" && len(bases) > 0:
		newest, err := l.content.point(l, name, from)
		return walked{points: []point{newest}, lost: l.lost(bases)}, err
	case err != nil:
		return walked{}, fmt.Errorf("walk the history of %s: %w", l.Branch, err)
	}
	w := walked{base: base, points: []point{{}}}
	if base != "" {
		if w.points[0], err = l.content.point(l, name, base); err != nil {
			return w, err
		}
	}
	for i := len(commits) - 1; i >= 0; i-- {
		p, err := l.content.point(l, name, commits[i].SHA)
		if err != nil {
			return w, err
		}
		w.points = append(w.points, p)
	}
	return w, nil
}

// lost says which commit a walk did not come to.
func (l *Loop) lost(bases []gitsrc.SHA) string {
	if len(bases) == 0 {
		return fmt.Sprintf("the history of %s is longer than the %d commits that are looked at; name a trusted commit", l.Branch, mostCommits)
	}
	if len(bases) == 1 && bases[0] == l.Trust {
		return fmt.Sprintf("%s does not contain the trusted commit %s; check --trust", l.Branch, l.Trust.Short())
	}
	return fmt.Sprintf("%s no longer contains %s, which was approved: its history was rewritten", l.Branch, bases[0].Short())
}
