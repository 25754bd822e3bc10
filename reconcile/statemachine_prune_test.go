package reconcile

import (
	"fmt"
	"slices"

	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// checkPrune: what is to be deleted stands in the inventory, belongs to nothing
// that full runs or is on its way to, follows an apply of the whole, and is not
// more than may go unasked.
func (w *world) checkPrune(name render.ServiceName, entries []Entry) {
	g, record := w.ghost(name), w.records[name]
	if w.orders[name].Suspend.holds(w.now) {
		w.breaks("%s: deletes while it is suspended", name)
	}
	removed := w.isRemoved(name, record)
	runs, stable, all := w.fullRuns(name), 0, 0
	for _, e := range record.Inventory {
		if e.Track == TrackStable {
			all++
		}
	}
	for _, e := range entries {
		if !slices.ContainsFunc(record.Inventory, func(o Entry) bool { return o.ID() == e.ID() }) {
			w.breaks("%s: %s is to be deleted and stands in no inventory", name, e.ID())
		}
		if runs[e.ID()] != nil && !removed {
			w.breaks("%s: %s is to be deleted, and full needs it", name, e.ID())
		}
		if e.Track == TrackStable {
			stable++
		}
	}
	switch {
	case g.failed:
		w.breaks("%s: something is to be deleted after an apply that failed", name)
	case stable == 0 || removed:
	case !g.applied[false]:
		w.breaks("%s: full's objects are to be deleted and full was not applied", name)
	case g.rolling != nil:
		w.breaks("%s: full's objects are to be deleted while something rolls out", name)
	case g.promoted == nil:
		w.breaks("%s: full's objects are to be deleted and nothing is promoted", name)
	case w.notThere(name, *g.promoted) != "":
		w.breaks("%s: full's objects are to be deleted and full is not well: %s", name, w.notThere(name, *g.promoted))
	}
	if stable > max(5, all/5) && !w.isAcknowledged(name) {
		w.breaks("%s: %d of full's %d objects are to be deleted at once, and nobody answers for it", name, stable, all)
	}
}

// checkDelete counts what full loses from one promotion to the next.
func (w *world) checkDelete(name render.ServiceName, e Entry, deleted bool) {
	g := w.ghost(name)
	if !deleted || e.Track != TrackStable {
		return
	}
	g.deleted++
	w.counts.count("objects of full deleted")
	if most := max(5, g.had/5); g.deleted > most && !w.isAcknowledged(name) {
		w.breaks("%s: %d of full's %d objects are deleted bit by bit, and nobody answers for it", name, g.deleted, g.had)
	}
}

// isAcknowledged: somebody answers for the commit that the deletions come from.
func (w *world) isAcknowledged(name render.ServiceName) bool {
	ack, commit := w.orders[name].Acknowledge, w.head
	if g := w.ghost(name); g.promoted != nil && !w.isRemoved(name, w.records[name]) {
		commit = g.promoted.Commit
	}
	return ack != "" && w.isAncestor(commit, ack)
}

// isRemoved: the branch took the service out of its catalog, what governs says
// that its objects go with it, and whoever may approve that has.
func (w *world) isRemoved(name render.ServiceName, r Record) bool {
	i := serviceIndex(name)
	if tip := w.tip().catalog; tip.broken || tip.entries[i].there || r.Governing == nil || r.Governing.OnRemoval != render.OnRemovalDelete {
		return false
	}
	chain := w.chain(w.head)
	base := slices.IndexFunc(chain, func(c gitsrc.SHA) bool {
		return w.countsAsApproved(name, w.ghost(name).promoted, c)
	})
	return base >= 0 && w.unapprovedSince(chain[:base+1], w.neededOf(name), func(s site) (string, string) {
		there := fmt.Sprint(s.catalog.entries[i].there)
		return there, there
	}) == ""
}

// look holds the world after a tick against what must always be true of it.
func (w *world) look() {
	for i, name := range siteNames {
		r, exists := w.records[name]
		if !exists {
			continue
		}
		if len(r.Withheld) > 0 {
			w.counts.count("looks with deletions withheld")
		}
		if !r.Frozen.IsZero() {
			w.counts.count("looks at a frozen rollout")
		}
		if r.Proposed != nil {
			w.counts.count("looks with a pull request in the slot")
		}
		known := map[render.ObjectID]bool{}
		for _, e := range r.Inventory {
			known[e.ID()] = true
		}
		for _, id := range w.cluster.ids() {
			t := w.cluster.things[id]
			if t.service == name && t.ours && !known[id] && !w.ghosts[i].lost[id] {
				w.breaks("%s: %s was made by banksman and stands in no inventory", name, id)
			}
		}
		for id := range known {
			delete(w.ghosts[i].lost, id)
		}
	}
}
