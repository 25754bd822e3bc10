package reconcile

import (
	"errors"
	"fmt"

	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// Every commit that changes a service gets an end, also one of which nobody can
// say what it came to.

// touched says of a point that cannot be rendered whether its commit changed a
// template of the service: one that was read when the service could be rendered
// last, or that is read at the newest point.
func (l *Loop) touched(name render.ServiceName, points []point) func(int) bool {
	return func(i int) bool {
		if points[i-1].commit == "" {
			return false
		}
		templates := l.content.release(l, name, points[len(points)-1].commit).inputs
		for j := i - 1; j >= 0; j-- {
			if points[j].digest != "" {
				templates = append(templates[:len(templates):len(templates)], l.content.release(l, name, points[j].commit).inputs...)
				break
			}
		}
		return l.content.between(l, points[i-1].commit, points[i].commit).touches(templates)
	}
}

// mostRewritten bounds how many commits of a new history get an end of their own.
const mostRewritten = 100

// changesOfRewritten are the commits that changed the service since the history
// that was seen last and the present one parted.
func (l *Loop) changesOfRewritten(name render.ServiceName, seen gitsrc.SHA) ([]gitsrc.SHA, error) {
	var fork gitsrc.SHA // "" for a history with another root
	var bases []gitsrc.SHA
	_, err := l.Source.FirstParents(l.head, mostRewritten, func(c gitsrc.Commit) bool {
		if c.SHA == seen || l.isOlder(c.SHA, seen) {
			fork, bases = c.SHA, []gitsrc.SHA{c.SHA}
		}
		return fork != ""
	})
	if seen == "" || errors.Is(err, gitsrc.ErrWalkTooLong) {
		return []gitsrc.SHA{l.head}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("walk the history of %s: %w", l.Branch, err)
	}
	w, err := l.walk(name, l.head, bases)
	if err != nil {
		return nil, err
	}
	return changesSince(w.points, fork, l.touched(name, w.points)), nil
}
