package reconcile

import (
	"context"
	"errors"
	"fmt"

	"banksman.dev/render"
)

// When neither the Git server nor the local copy gives the branch, what runs is
// kept in repair and nothing else is done.

// errNoBranch is for a process that has not read the branch yet.
var errNoBranch = errors.New("the branch was not read yet")

// lookAtBranch says what the branch holds of the service.
func (l *Loop) lookAtBranch(o *Observed) (walked, error) {
	if l.head == "" {
		return walked{}, errNoBranch
	}
	w, err := l.walk(o.Record.Service, l.head, l.bases(o.Record, o.Orders))
	if err != nil {
		return w, err
	}
	return w, l.lookAtHead(o, w)
}

// observeUnread is observe for a service whose branch cannot be read. That a
// head was read once is trouble of this service's: it is tried again.
func (l *Loop) observeUnread(ctx context.Context, o Observed, unread error) Observed {
	cause := unread
	if errors.Is(unread, errNoBranch) {
		if cause = l.fetchErr; cause == nil {
			cause = unread
		}
	} else {
		l.unread[o.Record.Service] = unread
	}
	o.Head = Head{Branch: o.Record.Observed, Problem: ProblemUnread, Cause: fmt.Sprintf("%s cannot be read: %s", l.Branch, oneLine(cause))}
	o.ProposedUnread = o.Head.Cause
	l.lookForKept(ctx, o.Record)
	o.WithoutCanary = l.withoutCanary(o)
	l.lookAtCluster(ctx, &o)
	return o
}

// remembered are the services that are looked at before the branch was read: those
// with a record.
func (l *Loop) remembered() []render.ServiceName {
	if l.polls > 1 {
		return l.waiting()
	}
	return l.Services()
}
