package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"banksman.dev/reconcile"
)

// check looks at each object for claims, and dry-runs it. All objects are
// asked, so that what is refused is the same each time.
func (a *application) check(ctx context.Context, send []*todo) []*reconcile.ApplyError {
	return each(send, func(t *todo) error { return a.checkOne(ctx, t) })
}

// each does something with all objects, several at a time. The errors have the
// order of the objects.
func each(send []*todo, do func(*todo) error) []*reconcile.ApplyError {
	errs := make([]error, len(send))
	slots := make(chan struct{}, concurrency)
	var running sync.WaitGroup
	for i, t := range send {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			errs[i] = do(t)
		})
	}
	running.Wait()
	var refusals []*reconcile.ApplyError
	for i, err := range errs {
		if err != nil {
			refusals = append(refusals, refusal(send[i].id, err))
		}
	}
	return refusals
}

func (a *application) checkOne(ctx context.Context, t *todo) error {
	if t.absent && !t.single {
		if made, err := a.session.dryCreate(ctx, t.wanted); made || err != nil {
			return err
		}
	}
	live, err := a.session.look(ctx, t.wanted)
	if err != nil {
		return err
	}
	if live != nil {
		if claimed := a.sourceClaim(live, t.wanted); claimed != nil {
			return claimed.refuse(t.wanted)
		}
	}
	if live != nil && a.session.proposed {
		if err := checkIsCanary(live, t.wanted); err != nil {
			return err
		}
	}
	if live != nil && a.set.Unapproved && isFulls(live, a.set) {
		return &reconcile.ApplyError{
			Object: t.id, Permanent: true, Try: "give the canary's object a name of its own",
			Err: errors.New("it is full's, and nobody has approved this canary"),
		}
	}
	if live != nil && !a.adopt {
		if claimed := claimOn(live, t.wanted); claimed != nil {
			return claimed.refuse(t.wanted)
		}
	}
	if scaled, err := a.isAutoscaled(ctx, t.recipe); err != nil {
		return err
	} else if scaled {
		if err := t.leaveReplicas(live); err != nil {
			return err
		}
	}
	t.keepCommit(live)
	if live != nil {
		if err := a.session.checkOwners(ctx, t.wanted, live, a.adopt); err != nil {
			return err
		}
	}
	if t.unchecked = t.single && t.isChange(live); t.unchecked {
		return nil
	}
	return a.session.dryRun(ctx, t.wanted)
}

// mostNamed is how many more refused objects an error names.
const mostNamed = 3

// joined is the first refusal that lasts, else the first; it names the others
// that last.
func joined(refusals []*reconcile.ApplyError) error {
	var first *reconcile.ApplyError
	var others []string
	for _, r := range refusals {
		switch {
		case first == nil, r.Permanent && !first.Permanent:
			first = r
		case r.Permanent:
			others = append(others, r.Object.String())
		}
	}
	if first == nil {
		return nil
	}
	if len(others) == 0 {
		return first
	}
	more := ""
	if n := len(others) - mostNamed; n > 0 {
		others, more = others[:mostNamed], fmt.Sprintf(" and %d more", n)
	}
	all := *first
	all.Err = fmt.Errorf("%w (refused too: %s%s)", first.Err, strings.Join(others, ", "), more)
	return &all
}
