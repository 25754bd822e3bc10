package reconcile

import (
	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// A rest is a service with nothing to do: what is promoted is what the branch
// says, healthy and whole. A new head that does not touch the service is no
// reason to look at it.
type rest struct {
	head   gitsrc.SHA    // the newest commit that was seen to change nothing
	digest render.Digest // of what is promoted
	heads  int           // how many passed by without a look
}

func (l *Loop) noteQuiet(o Observed, d Decision) {
	r := d.Record
	if !d.View.Ready || r.Rolling != nil || o.Head.Problem != ProblemNone || !r.runs(o.Head.Digest) ||
		r.Governing == nil || r.Governing.Digest != o.Head.Rules.Digest || o.Head.Branch != l.head || l.isRefused(r.Service) {
		return
	}
	l.quiet[r.Service] = rest{head: l.head, digest: o.Head.Digest}
}

// quietAt is the newest commit at which the service is what is promoted, as far
// as this process has seen; "" when it has not.
func (l *Loop) quietAt(r Record) gitsrc.SHA {
	if q, ok := l.quiet[r.Service]; ok && r.runs(q.digest) {
		return q.head
	}
	return ""
}

// affected are the services that the move of the branch from one commit to its
// new head may concern.
func (l *Loop) affected(from gitsrc.SHA) []render.ServiceName {
	known := l.known()
	if forward, err := l.Source.IsAncestor(from, l.head); err != nil || !forward {
		return known
	}
	var due []render.ServiceName
	for _, name := range known {
		q, quiet := l.quiet[name]
		if !quiet || q.head != from || q.heads >= mostUnsaved || l.passes.running[name] || !l.isUntouched(name, from) {
			due = append(due, name)
			continue
		}
		q.head, q.heads = l.head, q.heads+1
		l.quiet[name] = q
	}
	return due
}

// isUntouched: the service is at the head what it was at an earlier commit.
func (l *Loop) isUntouched(name render.ServiceName, from gitsrc.SHA) bool {
	was, is := l.content.release(l, name, from), l.content.release(l, name, l.head)
	return was.unread == nil && is.unread == nil && was.err == nil && is.err == nil &&
		was.release.Digest == is.release.Digest && was.entry.Equal(is.entry) &&
		l.content.overlap(l, name, l.head) == nil
}
