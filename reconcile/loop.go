package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// A Loop brings every service of one branch to what Decide says. The function
// fields are the arrows to the outside, in the order in which facts flow in
// and effects flow out; cmd/banksman fills them.
type Loop struct {
	// What is wanted.
	Source   *gitsrc.Repository
	Renderer render.Renderer
	// What is remembered.
	Services func() []render.ServiceName
	Load     func(render.ServiceName) (Record, Orders, bool)
	// What is there.
	Live func(context.Context, Set) (Live, error)
	// What the reviews say of one commit.
	Facts func(ctx context.Context, commit gitsrc.SHA, following []gitsrc.SHA, teams []string, fresh bool) (approvals.Facts, error)
	// Effects, in the order in which they happen.
	Save   func(context.Context, Record, View) error
	Apply  func(context.Context, Set) ([]Entry, error)
	Prune  func(context.Context, render.ServiceName, []Entry) ([]Entry, error)
	Posted func(context.Context, gitsrc.SHA) ([]approvals.Status, error)
	Post   func(context.Context, gitsrc.SHA, approvals.Status) error
	// Wake delivers the services that something happened to.
	Wake <-chan render.ServiceName
	Now  func() time.Time
	Log  *slog.Logger

	Settings

	state
}

// Settings are what the operator of banksman chose.
type Settings struct {
	Branch      string
	CatalogPath string     // in the repository; "" for services.yaml
	Environment string     // part of the status contexts; may be ""
	Namespace   string     // of Deliveries whose service names none
	Trust       gitsrc.SHA // everything reachable from it counts as approved; "" trusts nothing
	Floor       approvals.Policy
	Interval    time.Duration // between two polls of the branch and of the reviews
}

// state is what the loop keeps in memory. Losing it costs requests, never
// correctness.
type state struct {
	head     gitsrc.SHA
	fetchErr error
	polls    int // counts the polls: what was read from the forge counts for one of them
	content  contents
	verdicts map[verdictKey]heard
	troubles map[render.ServiceName]trouble
	refused  map[refusedKey]refusal
	wakeAt   map[render.ServiceName]time.Time
	said     map[gitsrc.SHA]map[string]approvals.Status
	lastLog  map[render.ServiceName]View
	unsaid   error // why a status could not be written
}

// A trouble is an effect that failed and is to be tried again.
type trouble struct {
	err   error
	times int
}

// Run polls and reconciles until the context ends.
func (l *Loop) Run(ctx context.Context) error {
	l.begin()
	tick := time.NewTicker(l.Interval)
	defer tick.Stop()
	due := l.poll(ctx)
	for {
		l.reconcileAll(ctx, due)
		timer := time.NewTimer(l.untilNextWake())
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-tick.C:
			due = l.poll(ctx)
		case name := <-l.Wake:
			due = append(l.woken(), name)
		case <-timer.C:
			due = l.overdue()
		}
		timer.Stop()
	}
}

// Once polls one time and goes as far as it can without waiting for time or
// people. It returns what failed.
func (l *Loop) Once(ctx context.Context) error {
	l.begin()
	due := l.poll(ctx)
	if l.fetchErr != nil {
		return l.fetchErr
	}
	l.reconcileAll(ctx, due)
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(l.troubles)) {
		errs = append(errs, fmt.Errorf("%s: %w", name, l.troubles[name].err))
	}
	return errors.Join(append(errs, l.unsaid)...)
}

func (l *Loop) begin() {
	l.state = state{
		content:  newContents(),
		verdicts: map[verdictKey]heard{},
		troubles: map[render.ServiceName]trouble{},
		refused:  map[refusedKey]refusal{},
		wakeAt:   map[render.ServiceName]time.Time{},
		said:     map[gitsrc.SHA]map[string]approvals.Status{},
		lastLog:  map[render.ServiceName]View{},
	}
	if head, err := l.Source.Head(); err == nil {
		l.head = head
	}
}

// poll fetches the branch and names the services to look at: all of them at a
// new head, else the ones that wait for something outside the cluster.
func (l *Loop) poll(ctx context.Context) []render.ServiceName {
	l.polls++
	first := l.polls == 1
	head, err := l.Source.Fetch(ctx)
	switch {
	case err != nil && ctx.Err() == nil:
		if l.fetchErr == nil || l.fetchErr.Error() != err.Error() {
			l.Log.Error("cannot fetch; what runs is kept", "branch", l.Branch, "error", err)
		}
		l.fetchErr = err
	case err == nil:
		if l.fetchErr != nil {
			l.Log.Info("fetching works again", "branch", l.Branch)
		}
		l.fetchErr = nil
		if head != l.head {
			l.Log.Info("new head", "branch", l.Branch, "commit", head, "before", l.head)
			l.head, first = head, true
			if in := l.content.catalog(l, head); in.err != nil {
				l.Log.Error("the catalog cannot be read; what runs is kept", "commit", head, "error", in.err)
			}
		}
	}
	if l.head == "" {
		return nil
	}
	if first {
		return l.known()
	}
	return l.waiting()
}

// known are the services of the catalog at the head and of the records.
func (l *Loop) known() []render.ServiceName {
	names := l.Services()
	if c := l.content.catalog(l, l.head); c.catalog != nil {
		names = append(names, c.catalog.Names()...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// waiting are the services whose next step hangs on the forge, or whose last
// pass failed.
func (l *Loop) waiting() []render.ServiceName {
	var names []render.ServiceName
	for _, name := range l.known() {
		_, failed := l.troubles[name]
		if failed || l.asksForge(name) || l.isRefused(name) {
			names = append(names, name)
		}
	}
	return names
}

// woken drains what else has happened.
func (l *Loop) woken() []render.ServiceName {
	var names []render.ServiceName
	for {
		select {
		case name := <-l.Wake:
			names = append(names, name)
		default:
			return names
		}
	}
}

func (l *Loop) overdue() []render.ServiceName {
	var names []render.ServiceName
	now := l.Now()
	for name, at := range l.wakeAt {
		if !at.After(now) {
			names = append(names, name)
		}
	}
	return names
}

// untilNextWake is never more than a poll away: the ticker is the heartbeat.
func (l *Loop) untilNextWake() time.Duration {
	wait := l.Interval
	for _, at := range l.wakeAt {
		wait = min(wait, max(at.Sub(l.Now()), 0))
	}
	return wait
}

// reconcileAll looks at each service until nothing more follows, then brings
// the commit statuses up to date.
func (l *Loop) reconcileAll(ctx context.Context, names []render.ServiceName) {
	if l.head == "" || len(names) == 0 && l.unsaid == nil {
		return
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if ctx.Err() != nil {
			return
		}
		l.note(ctx, name, l.service(ctx, name))
	}
	err := l.postAll(ctx)
	if err != nil && l.unsaid == nil && ctx.Err() == nil {
		l.Log.Error("cannot write a commit status; it is tried again", "error", err)
	}
	l.unsaid = err
}

// mostPasses bounds what one event can set off. Each pass writes its record
// first, so stopping here loses nothing.
const mostPasses = 12

// service is the loop of the house: observe, decide, act, look again.
func (l *Loop) service(ctx context.Context, name render.ServiceName) error {
	delete(l.wakeAt, name)
	fresh := false
	for range mostPasses {
		o, err := l.observe(ctx, name, fresh)
		if err != nil {
			return err
		}
		d := Decide(o)
		if fresh = d.WantsFreshVerdict && !o.VerdictFresh; fresh {
			continue
		}
		more, err := l.act(ctx, o, d)
		if err != nil {
			return err
		}
		if !more {
			if d.Again > 0 {
				l.wakeAt[name] = l.Now().Add(d.Again)
			}
			return nil
		}
	}
	l.wakeAt[name] = l.Now().Add(time.Second)
	return nil
}

// note remembers a failed pass and says so once.
func (l *Loop) note(ctx context.Context, name render.ServiceName, err error) {
	if ctx.Err() != nil {
		return // the process is ending, and so does whatever it was doing
	}
	was, failed := l.troubles[name]
	if err == nil {
		delete(l.troubles, name)
		if failed {
			l.Log.Info("goes on", "service", name)
		}
		return
	}
	if !failed || was.err.Error() != err.Error() {
		l.Log.Error("pass failed; it is tried again", "service", name, "error", err)
	}
	now := trouble{err: err, times: was.times + 1}
	l.troubles[name] = now
	l.wakeAt[name] = l.Now().Add(backoff(now.times))
}

// backoff grows from a second to half a minute.
func backoff(times int) time.Duration {
	return min(time.Second<<min(times-1, 5), 30*time.Second)
}
