package reconcile

import (
	"context"
	"fmt"
	"slices"
	"time"

	"banksman.dev/approvals"
	"banksman.dev/render"
)

// mostQuietTicks bounds how long a world may take until it is what the branch
// says, once nothing fails any more.
const mostQuietTicks = 40

// comeToRest ends all faults and lets people act sensibly: they mend what is
// broken, approve what was merged and answer for what was not. It says what is
// wrong with the world in which nothing moves any more.
func (w *world) comeToRest(ctx context.Context) string {
	w.quietTick(ctx, time.Minute) // whoever acts looks at a Delivery first
	w.actSensibly()
	wrong := ""
	for n := range mostQuietTicks {
		w.quietTick(ctx, 2*time.Minute)
		if wrong = w.unfinished(); wrong == "" {
			break
		}
		if n%10 == 9 {
			w.actSensibly() // what ended meanwhile may need another word
		}
	}
	if wrong != "" {
		return wrong
	}
	for range 4 + len(w.forge.numbers(isOpen)) { // every pull request has had its turn
		w.quietTick(ctx, 31*time.Minute)
		w.quietTick(ctx, 6*time.Minute)
	}
	writes, saves, posts := w.cluster.writes, w.saves, w.posts
	for range 3 {
		w.quietTick(ctx, 31*time.Minute)
	}
	switch {
	case w.cluster.writes != writes:
		return fmt.Sprintf("nothing changes and %d objects are written", w.cluster.writes-writes)
	case w.saves != saves:
		return fmt.Sprintf("nothing changes and %d records are written: %s", w.saves-saves, w.saved)
	case w.posts != posts:
		return fmt.Sprintf("nothing changes and %d statuses are written", w.posts-posts)
	}
	if wrong = w.unfinished(); wrong != "" {
		return wrong
	}
	return w.untrue()
}

func (w *world) quietTick(ctx context.Context, d time.Duration) {
	w.cluster.settle()
	w.now = w.now.Add(d)
	w.tick(ctx, faults{})
}

func (w *world) actSensibly() {
	for _, sick := range []map[Track]map[string]bool{w.cluster.ill, w.cluster.slow} {
		for _, words := range sick {
			clear(words)
		}
	}
	s := w.tip()
	s.catalog.broken = false
	for i := range s.work {
		s.catalog.entries[i].there = true
		s.catalog.entries[i].warns = false
		s.work[i].broken = false
		if p := w.ghosts[i].promoted; s.work[i] != w.tip().work[i] || w.isHeld(i) || p != nil && p.Commit != w.head && w.isAncestor(w.head, p.Commit) {
			s.work[i].image = w.newImage()
		}
	}
	if s != w.tip() {
		w.merge(w.offer(s, w.head))
	}
	blocked := false
	for _, c := range w.chain(w.head) {
		blocked = blocked || w.commits[c].pull == 0 && c != w.trust
	}
	for _, n := range w.forge.numbers(isMerged) {
		p := w.forge.pulls[n]
		for _, u := range reviewers {
			p.dismiss(u)
		}
		w.approve(p)
	}
	for i, name := range siteNames {
		w.order(name, func(o *Orders) { o.Suspend = nil })
		if blocked || w.ghosts[i].promoted == nil || !w.isAncestor(w.ghosts[i].promoted.Commit, w.head) || len(w.records[name].Withheld) > 0 {
			w.acknowledge(name, w.head)
		}
	}
}

func (w *world) isHeld(i int) bool {
	r := w.records[siteNames[i]]
	d, known := w.ghosts[i].digests[w.tip().content(i)]
	return len(r.Holds) > 0 && (!known || slices.ContainsFunc(r.Holds, func(h Hold) bool { return h.Digest == d }))
}

// unfinished says what is not yet as the branch says.
func (w *world) unfinished() string {
	for i, name := range siteNames {
		r, content := w.records[name], w.tip().content(i)
		v := w.views[name]
		switch {
		case r.Rolling != nil:
			return fmt.Sprintf("%s: a rollout never ends: %s: %s", name, v.Step, v.Reason)
		case r.Promoted == nil || w.commits[r.Promoted.Commit].site.content(i) != content:
			return fmt.Sprintf("%s: full never becomes what the branch says: %s: %s", name, v.Step, v.Reason)
		case w.notThere(name, *r.Promoted) != "":
			return fmt.Sprintf("%s: full is never well: %s", name, w.notThere(name, *r.Promoted))
		case !v.Ready:
			return fmt.Sprintf("%s: it is never shown ready: %s: %s", name, v.Step, v.Reason)
		}
		if more := w.leftOver(name, *r.Promoted); more != "" && len(r.Withheld) == 0 && len(w.forge.numbers(isOpen)) == 0 {
			return more
		}
	}
	return ""
}

// leftOver finds an object in the inventory that nothing wants any more.
func (w *world) leftOver(name render.ServiceName, r Ref) string {
	full, canary := w.commits[r.Commit].site.objects(serviceIndex(name))
	for _, e := range w.records[name].Inventory {
		if t := w.cluster.things[e.ID()]; t == nil || t.service != name {
			continue
		}
		_, wanted := full[e.ID()]
		_, beside := canary[e.ID()]
		if !wanted && !beside {
			return fmt.Sprintf("%s: %s is never deleted", name, e.ID())
		}
	}
	return ""
}

// untrue finds a status that is not true at rest.
func (w *world) untrue() string {
	for c, statuses := range w.statuses {
		if !w.commits[c].branch || w.excused[c] {
			continue
		}
		for _, s := range statuses {
			if s.State == approvals.Pending {
				return fmt.Sprintf("%s of %s stays pending: %s", s.Context, c.Short(), s.Description)
			}
		}
	}
	for i, name := range siteNames {
		r := w.records[name]
		if k := w.kept[name]; k.Digest != r.Promoted.Digest {
			return fmt.Sprintf("%s: full runs %s, and %s is kept", name, r.Promoted.Digest.Short(), k.Digest.Short())
		}
		s, said := w.statuses[r.Promoted.Commit][statusContext("", name, StageFull)]
		if said && s.State != approvals.Success {
			return fmt.Sprintf("%s: full runs %s and its status says %s: %s", name, w.say(*r.Promoted, name), s.State, s.Description)
		}
		for c, statuses := range w.statuses {
			s := statuses[statusContext("", name, StageFull)]
			content := w.commits[c].site.content(i)
			if d := w.ghosts[i].digests[content]; s.State == approvals.Success && content != "" && !slices.Contains(w.ghosts[i].ever, d) {
				return fmt.Sprintf("%s: full of %s is said to be a success and never ran: %s", name, c.Short(), s.Description)
			}
		}
	}
	return ""
}
