package reconcile

import (
	"fmt"
	"reflect"
	"slices"

	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// A ghost is what a service is owed, as the world keeps count of it without the
// code under test.
type ghost struct {
	promoted *Ref            // what full should run
	rolling  *Ref            // what full is on its way to
	needs    int             // approvals, when that began
	recent   []render.Digest // promoted and not gone back from, newest first
	ever     []render.Digest // were promoted once
	begun    []render.Digest // were rolled out once, be it in part

	answered      []gitsrc.SHA // acknowledged by an operator
	answeredSince gitsrc.SHA   // the newest of these since something was promoted

	digests  map[string]render.Digest // of contents
	contents map[render.Digest]string

	applied map[bool]bool // canary or not, since the record was saved last
	failed  bool          // an apply failed since then
	deleted int           // of full's objects, since something was promoted last
	had     int           // objects in the inventory, when that was promoted
	lost    map[render.ObjectID]bool
}

func (w *world) ghost(name render.ServiceName) *ghost { return &w.ghosts[serviceIndex(name)] }

func (w *world) breaks(format string, args ...any) {
	w.broken = append(w.broken, fmt.Sprintf(format, args...))
}

// checkSave follows the record from one state to the next: every way to full
// goes through one of these, and is written ahead.
func (w *world) checkSave(r Record, _ View) {
	name, g := r.Service, w.ghost(r.Service)
	was, existed := w.records[name]
	g.applied, g.failed = map[bool]bool{}, false
	w.checkGoverning(was, r)
	for _, ref := range []*Ref{r.Promoted, r.Rolling, canaryRef(r)} {
		if ref != nil && ref.Pull == 0 {
			w.checkDigest(name, *ref)
		}
	}
	begins := r.Rolling != nil && (g.rolling == nil || g.rolling.Digest != r.Rolling.Digest)
	if begins {
		w.checkBegin(was, r)
	}
	switch {
	case r.Promoted == nil && g.promoted == nil:
	case r.Promoted == nil:
		w.breaks("%s: the record forgets what is promoted", name)
	case g.promoted != nil && g.promoted.Digest == r.Promoted.Digest:
		if g.rolling != nil && r.Rolling == nil {
			w.checkDropped(name, *g.rolling)
		}
		g.promoted = copied(r.Promoted)
	case !existed || was.Promoted == nil && g.rolling == nil:
		w.checkRecalled(r)
	case g.rolling != nil && g.rolling.Digest == r.Promoted.Digest && r.Rolling == nil:
		w.checkPromoted(r)
	case slices.Contains(g.recent, r.Promoted.Digest):
		w.checkRollback(r)
	default:
		w.breaks("%s: %s is promoted and never rolled out", name, w.say(*r.Promoted, name))
	}
	g.rolling = copied(r.Rolling)
}

func (g *ghost) promote(r Ref, inventory int) {
	g.promoted, g.answeredSince = &r, ""
	g.recent = slices.DeleteFunc(g.recent, func(d render.Digest) bool { return d == r.Digest })
	g.recent = keep(append([]render.Digest{r.Digest}, g.recent...), keepRecent)
	g.ever = append(g.ever, r.Digest)
	g.deleted, g.had = 0, inventory
}

func (g *ghost) strike(d render.Digest) {
	g.recent = slices.DeleteFunc(g.recent, func(o render.Digest) bool { return o == d })
}

// checkBegin: new content begins its way to full only if it is the branch's, if
// everything since the last approved content is approved at this moment, and if
// its canary is well.
func (w *world) checkBegin(was, r Record) {
	name, i := r.Service, serviceIndex(r.Service)
	c, known := w.commits[r.Rolling.Commit]
	g := w.ghost(name)
	switch {
	case r.Rolling.Pull != 0 || !known || !c.branch:
		w.breaks("%s: full begins what the branch never had: %s", name, w.say(*r.Rolling, name))
		return
	case c.site.content(i) == "":
		w.breaks("%s: full begins what cannot be rendered: %s", name, w.say(*r.Rolling, name))
		return
	}
	g.begun, g.needs = append(g.begun, r.Rolling.Digest), w.neededOf(name)
	w.counts.count("rollouts begun")
	if why := w.unapproved(name, r.Rolling.Commit); why != "" {
		w.breaks("%s: full begins %s and %s", name, w.say(*r.Rolling, name), why)
	}
	if !c.site.catalog.entries[i].alone {
		w.checkCanaryIsWell(name, c.site)
	}
	if was.Promoted == nil && g.promoted != nil {
		w.breaks("%s: the record forgot what is promoted", name)
	}
}

func (w *world) checkCanaryIsWell(name render.ServiceName, s site) {
	_, canary := s.objects(serviceIndex(name))
	for id, word := range canary {
		t := w.cluster.things[id]
		if t == nil || t.drifted || wordOf(t.object) != word || id.Kind == "Deployment" && w.cluster.health(t) != Healthy {
			w.breaks("%s: full begins and its canary is not well: %s", name, id)
			return
		}
	}
}

// checkDigest: the same content has the same digest, and another content another one.
func (w *world) checkDigest(name render.ServiceName, r Ref) {
	g, content := w.ghost(name), w.commits[r.Commit].site.content(serviceIndex(name))
	d, known := g.digests[content]
	c, seen := g.contents[r.Digest]
	if known && d != r.Digest || seen && c != content {
		w.breaks("%s: %s of %s does not name %q, but %q; that is %s", name, r.Digest.Short(), r.Commit.Short(), content, c, d.Short())
	}
	g.digests[content], g.contents[r.Digest] = r.Digest, content
}

func canaryRef(r Record) *Ref {
	if r.Canary == nil {
		return nil
	}
	return &r.Canary.Ref
}

func (w *world) checkPromoted(r Record) {
	w.counts.count("rollouts promoted")
	name, g := r.Service, w.ghost(r.Service)
	if why := w.notThere(name, *g.rolling); why != "" {
		w.breaks("%s: %s is promoted and %s", name, w.say(*g.rolling, name), why)
	}
	g.promote(*r.Promoted, len(r.Inventory))
}

func (w *world) checkRollback(r Record) {
	w.counts.count("rollbacks")
	g := w.ghost(r.Service)
	if g.promoted != nil {
		g.strike(g.promoted.Digest)
	}
	if g.rolling != nil {
		g.strike(g.rolling.Digest)
	}
	g.promote(*r.Promoted, len(r.Inventory))
}

// checkRecalled: a record that was lost is made anew from what runs, which went
// the right way to full.
func (w *world) checkRecalled(r Record) {
	w.counts.count("lost records recovered")
	g := w.ghost(r.Service)
	if !slices.Contains(g.begun, r.Promoted.Digest) {
		w.breaks("%s: a lost record comes back with what never went to full: %s", r.Service, w.say(*r.Promoted, r.Service))
	}
	g.recent = nil
	g.promote(*r.Promoted, len(r.Inventory))
}

// checkDropped: a rollout is given up only for a reason.
func (w *world) checkDropped(name render.ServiceName, r Ref) {
	w.counts.count("rollouts given up")
	i, g := serviceIndex(name), w.ghost(name)
	if content := w.tip().content(i); content != "" && g.digests[content] == g.promoted.Digest {
		g.strike(r.Digest)
	}
}

// checkGoverning: the steps change only to those of a commit whose way is
// approved under the steps before.
func (w *world) checkGoverning(was, r Record) {
	if was.Governing == nil || r.Governing == nil || was.Governing.Digest == r.Governing.Digest {
		return
	}
	w.counts.count("governing entries moved")
	if why := w.unapprovedRules(r.Service, *was.Governing, r.Governing.Commit); why != "" {
		w.breaks("%s: the steps of %s govern and %s", r.Service, r.Governing.Commit.Short(), why)
	}
}

// checkApply: only what is written ahead is sent to full, whole, and nothing of
// a pull request; a suspended service gets nothing.
func (w *world) checkApply(s Set) {
	name, g := s.Service, w.ghost(s.Service)
	record, exists := w.records[name]
	switch {
	case w.orders[name].Suspend.holds(w.now):
		w.breaks("%s: applied while it is suspended", name)
	case !exists:
		w.breaks("%s: applied before its record was saved", name)
	}
	for _, o := range s.Objects {
		if !slices.ContainsFunc(record.Inventory, func(e Entry) bool { return e.ID() == o.ID() }) {
			w.breaks("%s: %s is applied before it stands in the inventory", name, o)
		}
	}
	if s.Track == TrackCanary {
		w.checkCanarySet(s)
		return
	}
	switch {
	case s.Ref.Pull != 0 || s.Proposed || !w.commits[s.Ref.Commit].branch:
		w.breaks("%s: full gets what the branch never had: %s", name, w.say(s.Ref, name))
	case g.rolling != nil && g.rolling.Digest == s.Ref.Digest:
		if why := w.noLongerApproved(name, s.Ref.Commit); why != "" && !w.forgeFailed && !w.faults.forge {
			w.breaks("%s: full goes on with %s though %s", name, w.say(s.Ref, name), why)
		}
	case g.promoted == nil || g.promoted.Digest != s.Ref.Digest:
		w.breaks("%s: full gets %s, which is neither promoted nor rolling out", name, w.say(s.Ref, name))
	}
	full, _ := w.commits[s.Ref.Commit].site.objects(serviceIndex(name))
	if got := wordsOf(s.Objects); !reflect.DeepEqual(got, full) {
		w.breaks("%s: full gets %v instead of %v", name, got, full)
	}
}

// checkCanarySet: a pull request's set has the canary's own objects only, and a
// canary never takes an object that full runs with.
func (w *world) checkCanarySet(s Set) {
	name, i := s.Service, serviceIndex(s.Service)
	c := w.commits[s.Ref.Commit]
	own := map[render.ObjectID]bool{}
	for id := range w.ownCanary(i) {
		own[id] = true
	}
	full := w.fullRuns(name)
	for _, o := range s.Objects {
		switch {
		case s.Ref.Pull != 0 && !own[o.ID()]:
			w.breaks("%s: #%d brings %s, which is not the canary's own", name, s.Ref.Pull, o)
		case full[o.ID()] != nil:
			w.breaks("%s: the canary takes %s, which full runs with", name, o)
		}
	}
	if (s.Ref.Pull != 0) != s.Proposed {
		w.breaks("%s: the canary's set does not say whose it is", name)
	}
	if s.Ref.Pull == 0 && !c.branch {
		w.breaks("%s: the canary gets as the branch's what the branch never had", name)
	}
}

func (w *world) ownCanary(i int) map[render.ObjectID]string {
	s := firstSite()
	_, canary := s.objects(i)
	return canary
}

// fullRuns are the objects that full is made of now, and is on its way to.
func (w *world) fullRuns(name render.ServiceName) map[render.ObjectID]*Ref {
	all := map[render.ObjectID]*Ref{}
	g := w.ghost(name)
	for _, r := range []*Ref{g.promoted, g.rolling} {
		if r == nil {
			continue
		}
		full, _ := w.commits[r.Commit].site.objects(serviceIndex(name))
		for id := range full {
			all[id] = r
		}
	}
	return all
}

func wordsOf(objects []render.Object) map[render.ObjectID]string {
	words := map[render.ObjectID]string{}
	for _, o := range objects {
		words[o.ID()] = wordOf(o)
	}
	return words
}

// notThere says why full does not run a release; "" when it does, healthily.
func (w *world) notThere(name render.ServiceName, r Ref) string {
	full, _ := w.commits[r.Commit].site.objects(serviceIndex(name))
	for id, word := range full {
		t := w.cluster.things[id]
		switch {
		case t == nil:
			return id.String() + " is not there"
		case wordOf(t.object) != word:
			return fmt.Sprintf("%s says %q and not %q", id, wordOf(t.object), word)
		case id.Kind == "Deployment" && w.cluster.health(t) != Healthy:
			return id.String() + " is not well"
		}
	}
	return ""
}

func (w *world) say(r Ref, name render.ServiceName) string {
	return fmt.Sprintf("%s (%s)", r.Commit.Short(), w.commits[r.Commit].site.content(serviceIndex(name)))
}

func (w *world) isAncestor(c, of gitsrc.SHA) bool { return slices.Contains(w.chain(of), c) }
