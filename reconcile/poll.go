package reconcile

import (
	"context"
	"fmt"
	"slices"

	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// fetched is what a fetch of the branch came to.
type fetched struct {
	head   gitsrc.SHA
	err    error
	orders map[render.ServiceName]string // to look now, given before it began
}

func (l *Loop) fetch(ctx context.Context) fetched {
	ended := func(error) {}
	if l.Fetching != nil {
		ended = l.Fetching()
	}
	head, err := l.Source.Fetch(ctx)
	if ctx.Err() != nil {
		return fetched{head: head} // the process is ending; that is not the server's fault
	}
	ended(err)
	return fetched{head: head, err: err}
}

// poll takes the outcome of a fetch and names the services to look at: all of
// them at a new head, else the ones that wait for something outside the
// cluster. Nothing is looked at before the first fetch has ended: the head of
// an earlier process may have been taken back since. If it failed and there is no
// head, what runs is kept in repair.
func (l *Loop) poll(f fetched) []render.ServiceName {
	l.polls++
	l.noteFetch(f.err)
	asked := l.followed(f)
	moved, before := false, l.head
	if f.err == nil && f.head != "" {
		// A last look may have fetched a newer head since this fetch began.
		if head, err := l.Source.Head(); err == nil {
			moved = l.moveTo(head)
		}
	}
	switch {
	case l.head == "":
		return append(l.remembered(), asked...)
	case l.polls == 1 || l.passes.first == nil:
		known := l.known()
		l.passes.first = map[render.ServiceName]bool{}
		for _, name := range known {
			l.passes.first[name] = true
		}
		l.settled.Store(len(known) == 0)
		return known
	case moved:
		return slices.Concat(l.affected(before), l.waiting(), asked)
	}
	return append(l.waiting(), asked...)
}

// noteFetch remembers whether fetching works, and says so when that changes.
func (l *Loop) noteFetch(err error) {
	was := l.fetchErr
	l.fetchErr = err
	switch {
	case err == nil && was != nil:
		l.Log.Info("fetching works again", "branch", l.Branch)
	case err != nil && (was == nil || was.Error() != err.Error()):
		l.Log.Error("cannot fetch; what runs is kept", "branch", l.Branch, "error", err)
	}
}

// moveTo makes another commit the head.
func (l *Loop) moveTo(head gitsrc.SHA) bool {
	if head == l.head {
		return false
	}
	l.Log.Info("new head", "branch", l.Branch, "commit", head, "before", l.head)
	l.head = head
	if in := l.content.catalog(l, head); in.err != nil {
		l.Log.Error("the catalog cannot be read; what runs is kept", "commit", head, "error", in.err)
	}
	return true
}

// refetch is part of the last look before the first full write: the branch
// must answer, and what it says now is what counts.
func (l *Loop) refetch(ctx context.Context) error {
	var f fetched
	l.ask(func() {
		f = l.fetches.do(struct{}{}, func() fetched {
			ctx, end := l.reading(ctx)
			defer end()
			return l.fetch(ctx)
		})
	})
	if f.err != nil {
		return fmt.Errorf("look at %s once more before full: %w", l.Branch, f.err)
	}
	if f.head == "" {
		return nil
	}
	// A later fetch may have ended before this one is heard.
	head, err := l.Source.Head()
	if err != nil {
		return fmt.Errorf("look at %s once more before full: %w", l.Branch, err)
	}
	if from := l.head; l.moveTo(head) && l.movedFrom == "" {
		l.movedFrom = from
	}
	return nil
}
