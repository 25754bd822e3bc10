package reconcile

import (
	"slices"

	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// A point is what one service was at one first-parent commit of the branch.
type point struct {
	commit gitsrc.SHA
	digest render.Digest // "" when the service could not be rendered or was not in the catalog
	fault  string        // why there is no digest
	absent bool          // the catalog does not name the service
	rules  render.Digest // of the catalog's entry; "" without one
}

// sameContent: going from a to b changed nothing that a person would call the service.
func sameContent(a, b point) bool { return a.digest == b.digest && a.fault == b.fault }

// introduced is the index of the newest point that changed what the service
// renders to. The first point is the base that the others are compared with.
func introduced(points []point) int {
	return newestChange(points, func(int) bool { return false })
}

// newestChange is the same where touched says which points changed a template of
// the service while nobody could tell what it came to.
func newestChange(points []point, touched func(int) bool) int {
	for i := len(points) - 1; i > 0; i-- {
		if isChange(points, i, touched) {
			return i
		}
	}
	return 0
}

func isChange(points []point, i int, touched func(int) bool) bool {
	return !sameContent(points[i-1], points[i]) || points[i].fault != "" && !points[i].absent && touched(i)
}

// changesSince are the commits after seen that changed the service, oldest
// first. When seen is not among the points, only the newest counts.
func changesSince(points []point, seen gitsrc.SHA, touched func(int) bool) []gitsrc.SHA {
	from := slices.IndexFunc(points, func(p point) bool { return p.commit == seen })
	if from < 0 {
		return []gitsrc.SHA{points[newestChange(points, touched)].commit}
	}
	var changed []gitsrc.SHA
	for i := from + 1; i < len(points); i++ {
		if isChange(points, i, touched) {
			changed = append(changed, points[i].commit)
		}
	}
	return changed
}

// contentRange are the commits whose approval the newest point's content needs,
// oldest first: every one that changed the digest since the newest point whose
// digest is known to be approved. Equal digests cancel what lies between.
//
// A commit without a digest needs its approval too when it touches an input of
// the newest point: what it changed is part of what comes after it, and the
// review of the next commit did not show it.
func contentRange(points []point, known func(render.Digest) bool, touches func(before, after point) bool) []gitsrc.SHA {
	start := 0
	for i := len(points) - 1; i > 0; i-- {
		if points[i].digest != "" && known(points[i].digest) {
			start = i
			break
		}
	}
	return changedBetween(points[start:], func(p point) render.Digest { return p.digest }, touches)
}

// rulesRange are the commits that changed the service's steps, oldest first.
// One without a readable entry counts as a change: any doubt holds.
func rulesRange(points []point) []gitsrc.SHA {
	return changedBetween(points, func(p point) render.Digest { return p.rules },
		func(before, after point) bool { return !before.absent || !after.absent })
}

// changedBetween lists the commits after the first point whose key differs from
// the one before, leaving out what lies between two equal keys. Where one of
// the keys is missing, unkeyed says whether the commit counts.
func changedBetween(points []point, key func(point) render.Digest, unkeyed func(before, after point) bool) []gitsrc.SHA {
	var changed []gitsrc.SHA
	for i := len(points) - 1; i > 0; {
		k := key(points[i])
		if k != "" {
			if same := slices.IndexFunc(points, func(p point) bool { return key(p) == k }); same < i {
				i = same
				continue
			}
		}
		// Two keys differ here: equal ones were skipped above.
		if k != "" && key(points[i-1]) != "" || unkeyed(points[i-1], points[i]) || i == firstKeyed(points, key) {
			changed = append(changed, points[i].commit)
		}
		i--
	}
	slices.Reverse(changed)
	return changed
}

// firstKeyed is the oldest point with a key: the commit that brought the service.
func firstKeyed(points []point, key func(point) render.Digest) int {
	return slices.IndexFunc(points, func(p point) bool { return key(p) != "" })
}

// following are the commits after c, oldest first.
func following(points []point, c gitsrc.SHA) []gitsrc.SHA {
	at := slices.IndexFunc(points, func(p point) bool { return p.commit == c })
	var after []gitsrc.SHA
	for _, p := range points[at+1:] {
		after = append(after, p.commit)
	}
	return after
}
