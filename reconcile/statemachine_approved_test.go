package reconcile

import (
	"slices"

	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// unapproved says, without the code under test, which commit keeps a release
// from full: every commit that changed the service since the newest one that
// counts as approved must be approved itself, unless what it did was taken back.
// "" when none does.
func (w *world) unapproved(name render.ServiceName, commit gitsrc.SHA) string {
	return w.unapprovedBut(name, commit, nil, w.neededOf(name))
}

// noLongerApproved is the same for what has begun: nobody takes an
// acknowledgement back by giving another one, nor an approval by asking for more.
func (w *world) noLongerApproved(name render.ServiceName, commit gitsrc.SHA) string {
	for _, ack := range w.ghost(name).answered {
		if w.isAncestor(commit, ack) {
			return ""
		}
	}
	return w.unapprovedBut(name, commit, w.ghost(name).answered, w.ghost(name).needs)
}

func (w *world) unapprovedBut(name render.ServiceName, commit gitsrc.SHA, answered []gitsrc.SHA, needed int) string {
	i, g := serviceIndex(name), w.ghost(name)
	chain := w.chain(commit)
	return w.unapprovedSinceAny(chain, func(c gitsrc.SHA) bool {
		content := w.commits[c].site.content(i)
		d := g.digests[content]
		return w.countsAsApproved(name, g.promoted, c) || slices.Contains(answered, c) || content != "" && d != "" && slices.Contains(g.recent, d)
	}, needed, func(s site) (string, string) { return s.content(i), s.matter(i) })
}

// unapprovedSinceAny tries each commit that counts as approved: over more
// commits more may have been taken back.
func (w *world) unapprovedSinceAny(chain []gitsrc.SHA, counts func(gitsrc.SHA) bool, needed int, key func(site) (is, would string)) string {
	why := "nothing before it was ever approved"
	for n, c := range chain {
		if !counts(c) {
			continue
		}
		if why = w.unapprovedSince(chain[:n+1], needed, key); why == "" {
			break
		}
	}
	return why
}

// countsAsApproved: somebody answers for everything up to this commit, and it is
// not older than what is promoted.
func (w *world) countsAsApproved(name render.ServiceName, promoted *Ref, c gitsrc.SHA) bool {
	if promoted != nil && c == promoted.Commit {
		return true
	}
	switch g := w.ghost(name); {
	case c == w.head && c == g.answeredSince:
		return true // also for what the branch went back to
	case c != w.trust && !w.isAncestor(c, w.orders[name].Acknowledge):
		return false
	}
	return promoted == nil || c == promoted.Commit || !w.isAncestor(c, promoted.Commit)
}

// unapprovedRules is the same for the steps of a service.
func (w *world) unapprovedRules(name render.ServiceName, governing Rules, to gitsrc.SHA) string {
	i := serviceIndex(name)
	chain := w.chain(to)
	return w.unapprovedSinceAny(chain, func(c gitsrc.SHA) bool {
		return c == governing.Commit || w.countsAsApproved(name, &Ref{Commit: governing.Commit}, c) || governing.Commit == "" && c == w.trust
	}, needed(governing), func(s site) (string, string) { return s.rules(i), s.rules(i) })
}

// neededOf is how many approvals the governing entry asks for.
func (w *world) neededOf(name render.ServiceName) int {
	r := w.records[name]
	if r.Governing == nil {
		return 1
	}
	return needed(*r.Governing)
}

func needed(r Rules) int {
	n := 1
	for _, s := range r.Pipeline.Full {
		n = max(n, s.Approval.Any)
	}
	return n
}

// unapprovedSince walks from the base, the last of the chain, to its first. Of
// each commit key says what it comes to, "" when that cannot be told, and what
// it would come to.
func (w *world) unapprovedSince(chain []gitsrc.SHA, needed int, key func(site) (is, would string)) string {
	for j := len(chain) - 2; j >= 0; j-- {
		c := w.commits[chain[j]]
		_, before := key(w.commits[chain[j+1]].site)
		if _, would := key(c.site); would == before {
			continue
		}
		if w.tookBack(chain, j, key) || c.pull != 0 && w.forge.pulls[c.pull].approvers() >= needed {
			continue
		}
		return chain[j].Short() + " is not approved"
	}
	return ""
}

// tookBack: what lies between two equal contents changed nothing.
func (w *world) tookBack(chain []gitsrc.SHA, j int, key func(site) (is, would string)) bool {
	for a := j + 1; a < len(chain); a++ {
		was, _ := key(w.commits[chain[a]].site)
		for b := j; was != "" && b >= 0; b-- {
			if is, _ := key(w.commits[chain[b]].site); is == was {
				return true
			}
		}
	}
	return false
}
