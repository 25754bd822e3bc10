package reconcile

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"pgregory.net/rapid"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// An edit is what somebody changes in the files of one service.
type edit struct {
	name string
	do   func(w *world, s *site, i int)
}

var edits = []edit{
	{"image", func(w *world, s *site, i int) { s.work[i].image = w.newImage() }},
	{"image", func(w *world, s *site, i int) { s.work[i].image = w.newImage() }},
	{"bad image", func(w *world, s *site, i int) {
		s.work[i].image = w.newImage()
		w.cluster.ill[TrackCanary][fmt.Sprintf("app:%d", s.work[i].image)] = true
	}},
	{"image that full cannot run", func(w *world, s *site, i int) {
		s.work[i].image = w.newImage()
		w.cluster.ill[TrackStable][fmt.Sprintf("app:%d", s.work[i].image)] = true
	}},
	{"break a template", func(w *world, s *site, i int) { s.work[i] = siteWork{image: w.newImage(), broken: true} }},
	{"mend a template", func(_ *world, s *site, i int) { s.work[i].broken = false }},
	{"add an object", func(_ *world, s *site, i int) { s.extras[i] |= (s.extras[i] + 1) & (1<<mostExtras - 1) }},
	{"add objects", func(_ *world, s *site, i int) { s.extras[i] = 1<<mostExtras - 1 }},
	{"drop an object", func(_ *world, s *site, i int) { s.extras[i] &= s.extras[i] - 1 }},
	{"drop most objects", func(_ *world, s *site, i int) { s.extras[i] &= 1 }},
	{"change the steps", func(_ *world, s *site, i int) {
		s.catalog.entries[i].steps = (s.catalog.entries[i].steps + 1) % len(siteSteps)
	}},
	{"take the canary away or back", func(_ *world, s *site, i int) { s.catalog.entries[i].alone = !s.catalog.entries[i].alone }},
	{"objects go with the service, or stay", func(_ *world, s *site, i int) { s.catalog.entries[i].deletes = !s.catalog.entries[i].deletes }},
	{"warn of drift, or repair", func(_ *world, s *site, i int) { s.catalog.entries[i].warns = !s.catalog.entries[i].warns }},
	{"remove the service or bring it back", func(_ *world, s *site, i int) { s.catalog.entries[i].there = !s.catalog.entries[i].there }},
	{"break the catalog or mend it", func(_ *world, s *site, _ int) { s.catalog.broken = !s.catalog.broken }},
}

func (w *world) newImage() int {
	w.images++
	return w.images
}

// A walk is a world in the hands of rapid.
type walk struct {
	*world
	ctx   context.Context // of the test, for the ticks
	steps int
}

func (w *walk) tells(format string, args ...any) {
	w.trace = append(w.trace, fmt.Sprintf(format, args...))
}

func (w *walk) edited(t *rapid.T, s site) site {
	for range rapid.SampledFrom([]int{1, 1, 1, 2}).Draw(t, "edits") {
		e, i := rapid.SampledFrom(edits).Draw(t, "edit"), rapid.IntRange(0, 1).Draw(t, "service")
		e.do(w.world, &s, i)
		w.tells("  %s: %s", siteNames[i], e.name)
	}
	return s
}

// land brings a site onto the branch: as a push, or as a pull request that was
// merged, approved or not.
func (w *walk) land(t *rapid.T, s site) {
	switch rapid.SampledFrom([]string{"approved", "approved", "approved", "not approved", "pushed"}).Draw(t, "way") {
	case "pushed":
		w.push(s, w.head, 0)
		w.tells("%s is pushed", w.head.Short())
	case "not approved":
		p := w.offer(s, w.head)
		w.merge(p)
		w.tells("%s is merged from #%d", w.head.Short(), p.number)
	case "approved":
		p := w.offer(s, w.head)
		w.approve(p)
		w.merge(p)
		w.tells("%s is merged from #%d, which two approved", w.head.Short(), p.number)
	}
}

func (w *world) offer(s site, onto gitsrc.SHA) *smallPull {
	p := &smallPull{number: len(w.forge.pulls) + 1, base: w.commits[onto].site, site: s, open: true}
	p.head = w.write(s, onto)
	w.forge.pulls[p.number] = p
	w.origin.point(fmt.Sprintf("refs/pull/%d/head", p.number), p.head)
	return p
}

func (w *world) approve(p *smallPull) {
	w.forge.review(p, reviewers[0], approvals.ReviewApproved)
	w.forge.review(p, reviewers[1], approvals.ReviewApproved)
}

func (w *world) merge(p *smallPull) bool {
	s, clean := p.site.merged(p.base, w.tip())
	if !clean {
		return false
	}
	p.merged, p.open, p.mergedAt = w.push(s, w.head, p.number), false, w.now
	return true
}

// pick draws one of the pull requests.
func (w *walk) pick(t *rapid.T, which func(*smallPull) bool) *smallPull {
	numbers := w.forge.numbers(which)
	if len(numbers) == 0 {
		t.Skip("there is no such pull request")
	}
	if len(numbers) > 4 {
		numbers = numbers[len(numbers)-4:]
	}
	return w.forge.pulls[rapid.SampledFrom(numbers).Draw(t, "pull")]
}

func (w *walk) service(t *rapid.T) render.ServiceName {
	return rapid.SampledFrom(siteNames[:]).Draw(t, "service")
}

func (w *walk) ancestor(t *rapid.T, most int) gitsrc.SHA {
	chain := w.chain(w.head)
	if len(chain) < 2 {
		t.Skip("there is one commit")
	}
	return chain[rapid.IntRange(1, min(most, len(chain)-1)).Draw(t, "back")]
}

// actions are what people, the cluster and chance do.
func (w *walk) actions() map[string]func(*rapid.T) {
	all := map[string]func(*rapid.T){
		"commit":       func(t *rapid.T) { w.land(t, w.edited(t, w.tip())) },
		"commit again": func(t *rapid.T) { w.land(t, w.edited(t, w.tip())) },
		"revert":       func(t *rapid.T) { w.land(t, w.commits[w.ancestor(t, 1)].site) },
		"revert several": func(t *rapid.T) {
			w.land(t, w.commits[w.ancestor(t, 5)].site)
		},
		"force push": func(t *rapid.T) {
			onto := w.ancestor(t, 4)
			w.push(w.edited(t, w.commits[onto].site), onto, 0)
			w.tells("%s is forced onto %s", w.head.Short(), onto.Short())
		},
		"force back": func(t *rapid.T) {
			w.head = w.ancestor(t, 4)
			w.origin.point("refs/heads/main", w.head)
			w.tells("the branch is forced back to %s", w.head.Short())
		},
	}
	for _, more := range []map[string]func(*rapid.T){w.pullActions(), w.orderActions(), w.clusterActions()} {
		maps.Copy(all, more)
	}
	for name, act := range all {
		all[name] = func(t *rapid.T) {
			w.tells("%s", name)
			act(t)
			if rapid.IntRange(0, 4).Draw(t, "looks") > 0 {
				w.lookOnce(t)
			}
			w.steps++
		}
	}
	return all
}

func (w *walk) pullActions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"open": func(t *rapid.T) {
			if len(w.forge.numbers(isOpen)) > 3 {
				t.Skip("enough are open")
			}
			p := w.offer(w.edited(t, w.tip()), w.head)
			w.tells("#%d at %s", p.number, p.head.Short())
		},
		"push": func(t *rapid.T) {
			p := w.pick(t, isOpen)
			p.site = w.edited(t, p.site)
			p.head = w.write(p.site, p.head)
			w.origin.point(fmt.Sprintf("refs/pull/%d/head", p.number), p.head)
		},
		"close": func(t *rapid.T) { w.pick(t, isOpen).open = false },
		"reopen": func(t *rapid.T) {
			w.pick(t, func(p *smallPull) bool { return !p.open && !isMerged(p) }).open = true
		},
		"merge": func(t *rapid.T) {
			if p := w.pick(t, isOpen); !w.merge(p) {
				t.Skip("it conflicts")
			}
		},
		"approve": func(t *rapid.T) {
			p := w.pick(t, func(p *smallPull) bool { return p.open || isMerged(p) })
			w.forge.review(p, rapid.SampledFrom(reviewers).Draw(t, "by"), approvals.ReviewApproved)
		},
		"approve by all": func(t *rapid.T) {
			w.approve(w.pick(t, func(p *smallPull) bool { return p.open || isMerged(p) }))
		},
		"dismiss": func(t *rapid.T) {
			w.pick(t, func(p *smallPull) bool { return len(p.reviews) > 0 }).dismiss(rapid.SampledFrom(reviewers).Draw(t, "by"))
		},
		"request changes": func(t *rapid.T) {
			w.forge.review(w.pick(t, func(p *smallPull) bool { return p.open || isMerged(p) }), rapid.SampledFrom(reviewers).Draw(t, "by"), approvals.ReviewChangesRequested)
		},
	}
}

func (w *world) acknowledge(name render.ServiceName, c gitsrc.SHA) {
	w.order(name, func(o *Orders) {
		o.Acknowledge, o.AcknowledgedBy = c, "carol"
		g := w.ghost(name)
		g.answered, g.answeredSince = append(g.answered, c), c
	})
}

// order writes into a Delivery, if there is one.
func (w *world) order(name render.ServiceName, give func(*Orders)) {
	if _, exists := w.records[name]; !exists {
		return
	}
	o := w.orders[name]
	give(&o)
	w.orders[name] = o
}

func (w *walk) orderActions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"suspend": func(t *rapid.T) {
			until := rapid.SampledFrom([]time.Duration{0, 10 * time.Minute}).Draw(t, "for")
			w.order(w.service(t), func(o *Orders) {
				o.Suspend = &Suspend{Reason: "a fire", By: "carol"}
				if until > 0 {
					o.Suspend.Until = w.now.Add(until)
				}
			})
		},
		"resume": func(t *rapid.T) { w.order(w.service(t), func(o *Orders) { o.Suspend = nil }) },
		"retry":  func(t *rapid.T) { w.order(w.service(t), func(o *Orders) { o.Retry += "again" }) },
		"abort":  func(t *rapid.T) { w.abort(t, w.service(t)) },
		"retry what was aborted": func(t *rapid.T) {
			w.order(w.service(t), func(o *Orders) { o.Retry, o.Abort = o.Retry+"again", "" })
		},
		"acknowledge": func(t *rapid.T) {
			c := rapid.SampledFrom(w.chain(w.head)[:min(3, len(w.chain(w.head)))]).Draw(t, "commit")
			w.acknowledge(w.service(t), c)
		},
	}
}

// abort names something that is on its way, or was.
func (w *walk) abort(t *rapid.T, name render.ServiceName) {
	r := w.records[name]
	commits := []gitsrc.SHA{w.head}
	for _, ref := range []*Ref{r.Rolling, canaryRef(r), r.Proposed, r.Promoted} {
		if ref != nil {
			commits = append(commits, ref.Commit)
		}
	}
	c := rapid.SampledFrom(commits).Draw(t, "commit")
	w.order(name, func(o *Orders) { o.Abort, o.AbortedBy, o.AbortReason = c, "carol", "it is wrong" })
	w.tells("%s of %s", c.Short(), name)
}

func (w *walk) clusterActions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"settle":       func(*rapid.T) { w.cluster.settle() },
		"settle again": func(*rapid.T) { w.cluster.settle() },
		"time": func(t *rapid.T) {
			d := rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 6 * time.Minute, 31 * time.Minute}).Draw(t, "passes")
			w.now = w.now.Add(d)
			w.tells("%s", d)
		},
		"bake": func(*rapid.T) {
			w.cluster.settle()
			w.now = w.now.Add(6 * time.Minute)
		},
		"illness": func(t *rapid.T) {
			where := rapid.SampledFrom([]map[Track]map[string]bool{w.cluster.ill, w.cluster.slow}).Draw(t, "kind")
			track := rapid.SampledFrom([]Track{TrackStable, TrackCanary}).Draw(t, "track")
			where[track][wordOf(w.drawThing(t, w.cluster.deployments()).object)] = true
		},
		"recovery": func(*rapid.T) {
			for _, sick := range []map[Track]map[string]bool{w.cluster.ill, w.cluster.slow} {
				for _, words := range sick {
					clear(words)
				}
			}
		},
		"drift": func(t *rapid.T) { w.drawThing(t, w.cluster.ids()).drifted = true },
		"delete by hand": func(t *rapid.T) {
			id := rapid.SampledFrom(w.some(t, w.cluster.ids())).Draw(t, "object")
			delete(w.cluster.things, id)
			w.tells("%s", id)
		},
		"make by hand": func(t *rapid.T) {
			name, n := w.service(t), rapid.IntRange(0, 3).Draw(t, "number")
			o := render.Object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": fmt.Sprintf("%s-%d", name, n), "namespace": "shop"}}
			if w.cluster.things[o.ID()] != nil {
				t.Skip("it is there")
			}
			w.cluster.uids++
			w.cluster.things[o.ID()] = &thing{object: o, uid: fmt.Sprintf("uid-%d", w.cluster.uids)}
		},
		"delete the Delivery": func(t *rapid.T) { w.forget(w.service(t)) },
		"make the cluster anew": func(t *rapid.T) {
			if rapid.IntRange(0, 3).Draw(t, "really") > 0 {
				t.Skip("it stays")
			}
			w.anew()
		},
		"restart": func(*rapid.T) { w.restart() },
	}
}

// forget: somebody deletes the Delivery of a service, and with it the record.
func (w *world) forget(name render.ServiceName) {
	delete(w.records, name)
	delete(w.orders, name)
	delete(w.kept, name) // it belongs to the Delivery
	w.forgetTold(name)
	g := w.ghost(name)
	g.promoted, g.rolling, g.recent = nil, nil, nil
	g.lost = map[render.ObjectID]bool{}
	for id, t := range w.cluster.things {
		g.lost[id] = t.service == name
	}
	for c := range w.statuses { // who would know that they were to end
		w.excused[c] = true
	}
}

// anew: the cluster is made anew, with no record and no object in it.
func (w *world) anew() {
	for _, name := range siteNames {
		w.forget(name)
		w.ghost(name).lost = map[render.ObjectID]bool{}
	}
	clear(w.cluster.things)
	w.restart()
	w.counts.count("clusters made anew")
}

func (w *walk) some(t *rapid.T, ids []render.ObjectID) []render.ObjectID {
	if len(ids) == 0 {
		t.Skip("there is nothing")
	}
	return ids
}

func (w *walk) drawThing(t *rapid.T, ids []render.ObjectID) *thing {
	id := rapid.SampledFrom(w.some(t, ids)).Draw(t, "object")
	w.tells("%s", id)
	return w.cluster.things[id]
}

// lookOnce is one tick of the loop, in which something may fail.
func (w *walk) lookOnce(t *rapid.T) {
	var f faults
	at := func() int { return rapid.IntRange(1, 24).Draw(t, "effect") }
	switch kind := rapid.SampledFrom([]string{"", "", "", "", "", "forge", "git", "git and the copy", "api", "an effect fails", "all effects fail", "crash", "crash"}).Draw(t, "fault"); kind {
	case "forge":
		f.forge = true
	case "git":
		f.git = true
	case "git and the copy":
		f.git, f.copy = true, w.isAllOnTheBranch()
	case "api":
		f.api = true
	case "an effect fails":
		f.failOnce = at()
	case "all effects fail":
		f.failFrom = at()
	case "crash":
		f.crashAt, f.carriedOut = at(), rapid.Bool().Draw(t, "carried out")
	}
	if f != (faults{}) {
		w.tells("  with %+v", f)
	}
	w.tick(w.ctx, f)
	if f.copy {
		w.tells("  %s", w.summary())
		w.tick(w.ctx, faults{}) // before anybody can rewrite what the copy had
	}
	w.tells("  %s", w.summary())
}

// isAllOnTheBranch: another copy has what is promoted and governs, too. What an
// operator answers for then is not what these promises are about.
func (w *world) isAllOnTheBranch() bool {
	for _, r := range w.records {
		if r.Promoted != nil && !w.isAncestor(r.Promoted.Commit, w.head) ||
			r.Governing != nil && r.Governing.Commit != "" && !w.isAncestor(r.Governing.Commit, w.head) {
			return false
		}
	}
	return true
}

func (w *world) summary() string {
	var all []string
	for _, name := range siteNames {
		r := w.records[name]
		of := func(p *Ref) string {
			if p == nil {
				return "-"
			}
			return p.Commit.Short()
		}
		canary := "-"
		if r.Canary != nil {
			canary = r.Canary.Commit.Short()
		}
		all = append(all, fmt.Sprintf("%s: promoted %s rolling %s canary %s step %q", name, of(r.Promoted), of(r.Rolling), canary, w.views[name].Step))
	}
	return strings.Join(all, ", ")
}
