package reconcile

import (
	"slices"

	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// A rest is a service with nothing to do: what is promoted is what the branch
// says, healthy and whole. A new head that does not touch the service is no
// reason to look at it.
type rest struct {
	head    gitsrc.SHA // the newest commit that was seen to change nothing
	commits int        // how many passed by without a look
}

func (l *Loop) noteQuiet(o Observed, d Decision) {
	r := d.Record
	if !d.View.Ready || r.Rolling != nil || o.Head.Problem != ProblemNone || !r.runs(o.Head.Digest) ||
		r.Governing == nil || r.Governing.Digest != o.Head.Rules.Digest || o.Head.Branch != l.head || l.isRefused(r.Service) {
		return
	}
	l.quiet[r.Service] = rest{head: l.head}
}

// affected are the services that the move of the branch from one commit to its
// new head may concern.
func (l *Loop) affected(from gitsrc.SHA) []render.ServiceName {
	known := l.known()
	commits, err := l.Source.FirstParents(l.head, mostPassed, func(c gitsrc.Commit) bool { return c.SHA == from })
	if err != nil || len(commits) == 0 {
		return known // far away
	}
	slices.Reverse(commits)
	if parents := commits[0].Parents; len(parents) == 0 || parents[0] != from {
		return known // rewritten
	}
	for _, c := range commits {
		l.content.renderAll(l, c.SHA)
	}
	var due []render.ServiceName
	for _, name := range known {
		q, quiet := l.quiet[name]
		if !quiet || q.head != from || q.commits >= mostUnsaved || l.passes.running[name] || !l.isUntouched(name, from, commits) {
			due = append(due, name)
			continue
		}
		q.head, q.commits = l.head, q.commits+len(commits)
		l.quiet[name] = q
	}
	return due
}

// mostPassed bounds the commits of one move of the branch that are told apart.
const mostPassed = 20

// isUntouched: the service is at each of these commits what it was before them.
func (l *Loop) isUntouched(name render.ServiceName, from gitsrc.SHA, commits []gitsrc.Commit) bool {
	was := l.content.release(l, name, from)
	for _, c := range commits {
		is := l.content.release(l, name, c.SHA)
		if was.unread != nil || is.unread != nil || was.err != nil || is.err != nil ||
			was.release.Digest != is.release.Digest || !was.entry.Equal(is.entry) {
			return false
		}
	}
	return l.content.admissible(l, name, l.head) == nil
}
