package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
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
	// Peek is Load for whoever will not Save: what was loaded stays what a pass
	// that runs meanwhile decides on. nil: Load does.
	Peek func(render.ServiceName) (Record, Orders, bool)
	// What is there.
	Live func(context.Context, Set) (Live, error)
	// What the live objects of a service whose record is lost say of themselves.
	// nil: nothing.
	Recall func(ctx context.Context, name render.ServiceName, namespace string) ([]Recalled, error)
	// What is kept of what is promoted, and whether anything is. nil: nothing.
	Kept func(ctx context.Context, name render.ServiceName, namespace string) (Kept, bool, error)
	// Which of these objects stand in the cluster, whoever made them, except for
	// what came with the service's canary. nil: none.
	Standing func(context.Context, render.ServiceName, []render.Object) ([]render.ObjectID, error)
	// What the reviews say of one commit.
	Facts func(ctx context.Context, commit gitsrc.SHA, following []gitsrc.SHA, teams []string, fresh bool) (approvals.Facts, error)
	// What is proposed: the open pull requests into the branch, one of them as it
	// is now, its reviews, and the merge queue. nil: they are not looked at.
	Pulls     func(context.Context) ([]approvals.Proposal, error)
	Pull      func(ctx context.Context, number int) (approvals.Proposal, error)
	PullFacts func(ctx context.Context, number int, teams []string) (approvals.Facts, error)
	Groups    func(context.Context) ([]approvals.MergeGroup, error)
	// Effects, in the order in which they happen.
	Save   func(context.Context, Record, View) error
	Keep   func(ctx context.Context, name render.ServiceName, namespace string, k Kept) error // nil: nothing is kept
	Apply  func(context.Context, Set) (Applied, error)
	Pause  func(ctx context.Context, s Set, paused bool) error // the rollout of a set's Deployments
	Prune  func(context.Context, render.ServiceName, []Entry) ([]Entry, error)
	Posted func(context.Context, gitsrc.SHA) ([]approvals.Status, error)
	Post   func(context.Context, gitsrc.SHA, approvals.Status) error
	// Tell hears of each transition once, after the record that says so is saved.
	// It must not block. nil: nobody hears.
	Tell func(Transition)
	// Fetching hears that a fetch of the branch begins, and what it returns how that
	// ended; Passes hears how many looks at services are under way, and how many
	// wait. They must not block. nil: nobody hears.
	Fetching func() (ended func(error))
	Passes   func(running, waiting int)
	// Wake delivers the services that something happened to.
	Wake <-chan render.ServiceName
	Now  func() time.Time
	Log  *slog.Logger

	Settings

	mu sync.Mutex // of all that follows: held by whoever thinks
	state
	settled atomic.Bool // the first look at all services has ended
}

// Settings are what the operator of banksman chose.
type Settings struct {
	Branch      string
	CatalogPath string     // in the repository; "" for services.yaml
	Environment string     // part of the status contexts; may be ""
	Namespace   string     // of Deliveries whose service names none
	Trust       gitsrc.SHA // everything reachable from it counts as approved; "" trusts nothing
	Floor       approvals.Policy
	Scope                     // what the repository may touch in the cluster
	Parallel    int           // passes at a time; 0 is one
	Interval    time.Duration // between two polls of the branch and of the reviews
	Audit       time.Duration // how often a service's objects are checked without trusting the watches; 0: never

	CanaryFrom approvals.CanaryFrom
	Authors    []string      // logins that may propose without write permission
	SlotTime   time.Duration // how long a passed canary keeps its slot while another waits
}

// state is what the loop keeps in memory. Losing it costs requests, never
// correctness.
type state struct {
	head       gitsrc.SHA
	fetchErr   error
	isOnce     bool            // the process ends after this look
	life       context.Context // the process'; nil: nothing is cut off when it ends
	movedFrom  gitsrc.SHA      // a last look before full found another head than this one
	polls      int             // counts the polls: what was read from the forge counts for one of them
	content    contents
	proposals  proposals
	verdicts   map[verdictKey]heard
	troubles   map[render.ServiceName]trouble
	refused    map[refusedKey]refusal
	wakeAt     map[render.ServiceName]time.Time
	older      map[[2]gitsrc.SHA]bool
	unrendered map[render.ServiceName]string // why full's release cannot be rendered
	unread     map[render.ServiceName]error  // why the branch cannot be read for a service, though it has a head
	keeping    keeping
	earlier    map[render.ServiceName]earlierLook
	fights     map[render.ServiceName]map[render.ObjectID]fight
	leaving    map[render.ServiceName][]Report // ended and out of the record, perhaps not said yet
	said       map[gitsrc.SHA]map[string]approvals.Status
	lastView   map[render.ServiceName]View
	unsaid     error // why a status could not be written
	unsaidPoll int   // when that was
	quiet      map[render.ServiceName]rest
	saved      map[render.ServiceName]saving
	untold     map[render.ServiceName][][]Transition // what the record may say was told
	unpaused   map[render.ServiceName]bool           // no rollout of it is paused
	unsavedAt  map[render.ServiceName]time.Time      // since when
	unsaved    map[render.ServiceName]*Record        // what is worth a write, but not one of its own
	isRunning  bool                                  // time passes by itself
	auditAt    map[render.ServiceName]time.Time
	looked     map[render.ServiceName]string // the orders to look now that a fetch has followed
	unposted   bool                          // something changed that the branch's statuses hang on
	passes     passes
	fetches    *shared[struct{}, fetched]
	asks       *shared[string, approvals.Facts]
	gate       chan struct{} // of questions about reviews
	facts      map[string]polledFacts
	assignedAt time.Time
	heardAt    time.Time
	saidAt     time.Time
}

// Once polls one time and goes as far as it can without waiting for time or
// people. It returns what failed.
func (l *Loop) Once(ctx context.Context) error {
	l.begin()
	l.isOnce = true
	orders := l.lookOrders()
	f := l.fetch(ctx)
	f.orders = orders
	due := l.poll(f)
	if l.fetchErr != nil {
		return l.fetchErr
	}
	if l.head != "" {
		l.propose(l.lookAtPulls(ctx, l.head, nil))
	}
	l.reconcileAll(ctx, due)
	l.converse(ctx)
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(l.troubles)) {
		errs = append(errs, fmt.Errorf("%s: %w", name, l.troubles[name].err))
	}
	if unread := l.proposals.unread; unread != "" {
		errs = append(errs, errors.New("the open pull requests cannot be read: "+unread))
	}
	return errors.Join(append(errs, l.unsaid)...)
}

// Ready says that the first look at all services has ended. It may be asked from
// any goroutine.
func (l *Loop) Ready() bool { return l.settled.Load() }

// converse asks and goes on until there is nothing more to ask.
func (l *Loop) converse(ctx context.Context) {
	for range mostRounds {
		ask := l.questions()
		if len(ask) == 0 {
			return
		}
		l.take(l.hear(ctx, ask))
		l.reconcileAll(ctx, nil)
	}
}

func (l *Loop) begin() {
	l.state = state{
		content:    newContents(),
		proposals:  newProposals(),
		verdicts:   map[verdictKey]heard{},
		troubles:   map[render.ServiceName]trouble{},
		refused:    map[refusedKey]refusal{},
		wakeAt:     map[render.ServiceName]time.Time{},
		older:      map[[2]gitsrc.SHA]bool{},
		earlier:    map[render.ServiceName]earlierLook{},
		fights:     map[render.ServiceName]map[render.ObjectID]fight{},
		unrendered: map[render.ServiceName]string{},
		unread:     map[render.ServiceName]error{},
		keeping:    newKeeping(),
		leaving:    map[render.ServiceName][]Report{},
		said:       map[gitsrc.SHA]map[string]approvals.Status{},
		lastView:   map[render.ServiceName]View{},
		passes:     newPasses(),
		fetches:    newShared[struct{}, fetched](),
		asks:       newShared[string, approvals.Facts](),
		gate:       make(chan struct{}, mostQuestions),
		facts:      map[string]polledFacts{},
		auditAt:    map[render.ServiceName]time.Time{},
		quiet:      map[render.ServiceName]rest{},
		saved:      map[render.ServiceName]saving{},
		unsaved:    map[render.ServiceName]*Record{},
		untold:     map[render.ServiceName][][]Transition{},
		unpaused:   map[render.ServiceName]bool{},
		looked:     map[render.ServiceName]string{},
		unsavedAt:  map[render.ServiceName]time.Time{},
		unposted:   true,
	}
	l.settled.Store(false)
	if head, err := l.Source.Head(); err == nil {
		l.head = head
	}
}

func (l *Loop) peek(name render.ServiceName) (Record, Orders, bool) {
	if l.Peek != nil {
		return l.Peek(name)
	}
	return l.Load(name)
}

// mostQuestions is how many questions about reviews are asked at a time: GitHub
// wants few requests beside each other.
const mostQuestions = 8

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
			delete(l.wakeAt, name) // it is due now, and no reason to wake up again
		}
	}
	return names
}

// untilNextWake is never more than a poll away: the ticker is the heartbeat.
func (l *Loop) untilNextWake() time.Duration {
	wait, now := l.Interval, l.Now()
	for _, at := range l.wakeAt {
		wait = min(wait, max(at.Sub(now), 0))
	}
	return wait
}

// reconcileAll looks at each service until nothing more follows, then brings
// the commit statuses up to date.
func (l *Loop) reconcileAll(ctx context.Context, names []render.ServiceName) {
	if l.polls == 0 || len(names) == 0 && l.unsaid == nil && !l.proposals.dirty {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.finish(ctx, names); l.head == "" {
		return // there is nothing to say of a branch that was not read
	}
	err := l.postAll(ctx)
	if ctx.Err() == nil {
		l.noteSaid(err)
	}
	l.unsaid = err
}

// noteSaid remembers whether statuses can be written, and says so once.
func (l *Loop) noteSaid(err error) {
	if err != nil && l.unsaid == nil {
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
	if l.isForgotten(name) {
		return nil
	}
	delete(l.quiet, name)
	fresh := false
	known := l.takeUnsaved(name) // as the pass before left it
	for range mostPasses {
		if l.isEnding() {
			return nil
		}
		o, err := l.observe(ctx, name, known, fresh)
		if l.isEnding() {
			return nil
		}
		if err != nil {
			return err
		}
		d := Decide(o)
		if fresh = d.WantsFreshVerdict && !o.VerdictFresh; fresh {
			if err := l.refetch(ctx); err != nil {
				return err
			}
			continue
		}
		record, more, err := l.act(ctx, o, d)
		if err != nil {
			return err
		}
		if known = &record; !more {
			l.noteQuiet(o, d)
			if d.Again > 0 {
				l.wake(name, d.Again)
			}
			l.wakeForFights(name)
			if at, ok := l.auditAt[name]; ok {
				l.wake(name, at.Sub(l.Now()))
			}
			l.wakeToKeep(name)
			return l.unread[name]
		}
	}
	l.wakeAt[name] = l.Now().Add(time.Second)
	return nil
}

// wake looks at a service again after a while, or earlier if that was asked for.
func (l *Loop) wake(name render.ServiceName, after time.Duration) {
	at := l.Now().Add(after)
	if earlier, ok := l.wakeAt[name]; !ok || at.Before(earlier) {
		l.wakeAt[name] = at
	}
}

// isForgotten: the Delivery of a service that left the catalog was deleted. It
// is not made anew.
func (l *Loop) isForgotten(name render.ServiceName) bool {
	if _, _, remembered := l.peek(name); remembered {
		return false
	}
	in := l.content.catalog(l, l.head)
	if in.catalog == nil {
		return false
	}
	_, named := in.catalog.Entries[name]
	return !named
}
