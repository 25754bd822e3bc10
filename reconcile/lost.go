package reconcile

import (
	"context"
	"fmt"

	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// lookForLost asks the live objects of full which release they are of, when
// nothing is remembered of a service: a new banksman on an old cluster, or a
// Delivery that was deleted. They are believed if they all name one commit of
// this branch that still renders to the digest that they name.
func (l *Loop) lookForLost(ctx context.Context, o *Observed) error {
	r := o.Record
	if r.Observed != "" || r.Promoted != nil || r.Rolling != nil {
		return nil
	}
	found, err := l.recall(ctx, r.Service, r.Namespace)
	if err != nil {
		return fmt.Errorf("look for what runs of %s: %w", r.Service, err)
	}
	if len(found) == 0 {
		l.unpaused[r.Service] = true // there is nothing to pause
		return nil
	}
	first := found[0]
	for _, f := range found[1:] {
		if f.Commit != first.Commit || f.Digest != first.Digest {
			return l.doubt(r.Service, fmt.Sprintf("%s is of %s and %s of %s", first.Object, first.Commit.Short(), f.Object, f.Commit.Short()))
		}
	}
	if _, err := gitsrc.ParseSHA(string(first.Commit)); err != nil {
		return l.doubt(r.Service, fmt.Sprintf("%s names no commit", first.Object))
	}
	if mine, err := l.Source.IsAncestor(first.Commit, l.head); err != nil || !mine {
		return l.doubt(r.Service, fmt.Sprintf("%s is of %s, which is not part of %s", first.Object, first.Commit.Short(), l.Branch))
	}
	at := l.content.release(l, r.Service, first.Commit)
	if at.unread != nil {
		return at.unread
	}
	if at.err != nil || at.release.Digest != first.Digest {
		return l.doubt(r.Service, fmt.Sprintf("%s names %s, which does not give its content", first.Object, first.Commit.Short()))
	}
	o.Recalled = &Ref{Commit: first.Commit, Digest: first.Digest}
	l.Log.Info("the record was lost; full still runs a release of this branch", "service", r.Service, "commit", first.Commit)
	return nil
}

func (l *Loop) doubt(name render.ServiceName, why string) error {
	l.Log.Warn("the record was lost, and what runs cannot be told; it is decided as for a new service, canary first",
		"service", name, "reason", why)
	return nil
}
