package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"banksman.dev/render"
)

// Begin starts the life of a lasting process: it remembers nothing yet.
func (l *Loop) Begin() { l.begin() }

// Tick is what Run does from one tick of its clock to the next, one thing after
// the other: it fetches, looks at the services that are due or that something
// happened to, and then at the open pull requests. It returns what failed.
func (l *Loop) Tick(ctx context.Context, woken []render.ServiceName) error {
	due := l.poll(l.fetch(ctx))
	l.reconcileAll(ctx, slices.Concat(due, woken, l.overdue()))
	if l.fetchErr != nil {
		return l.fetchErr
	}
	if l.head != "" {
		l.propose(l.lookAtPulls(ctx, l.head, l.proposals.faults))
		l.reconcileAll(ctx, nil)
		l.converse(ctx)
	}
	errs := []error{l.unsaid}
	for _, name := range slices.Sorted(maps.Keys(l.troubles)) {
		errs = append(errs, fmt.Errorf("%s: %w", name, l.troubles[name].err))
	}
	if l.proposals.unread != "" {
		errs = append(errs, errors.New(l.proposals.unread))
	}
	return errors.Join(errs...)
}
