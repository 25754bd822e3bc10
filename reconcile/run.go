package reconcile

import (
	"context"
	"sync"
	"time"

	"banksman.dev/render"
)

// Run polls and reconciles until the context ends; what has begun to be written
// then is written. The branch is fetched beside the passes, so that a Git server
// that hangs delays no repair, and the forge is asked and told beside both, so
// that one that hangs delays no rollback.
func (l *Loop) Run(ctx context.Context) error {
	l.begin()
	l.isRunning, l.life = true, ctx
	work, stop := l.untilWritten(ctx)
	defer stop()
	var beside sync.WaitGroup
	defer beside.Wait()
	r := &run{
		Loop: l, ctx: ctx, work: work, beside: &beside, tick: time.NewTicker(l.Interval),
		fetching: newErrand[fetched](), looking: newErrand[pullsLook](), hearing: newErrand[[]pullAnswer](), saying: newErrand[error](),
	}
	defer r.tick.Stop()
	r.fetch()
	for wait := time.Duration(0); ; {
		happened := r.next(wait)
		l.mu.Lock()
		if happened == nil {
			l.passes.closed = true
			l.mu.Unlock()
			return nil
		}
		l.advance(work, happened())
		r.hear()
		r.say()
		wait = l.untilNextWake()
		l.mu.Unlock()
	}
}

// grace is how long what is being written may take once the process is to end.
const grace = 10 * time.Second

// untilWritten is the context of what must not stop halfway. It ends a while
// after the given one; stop waits for the passes and ends it.
func (l *Loop) untilWritten(ctx context.Context) (work context.Context, stop func()) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	late := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(grace, cancel)
		context.AfterFunc(work, func() { timer.Stop() })
	})
	return work, func() {
		l.passes.all.Wait()
		late()
		cancel()
	}
}

// A run is one life of the loop: what is asked and told beside the passes.
type run struct {
	*Loop
	ctx, work context.Context
	beside    *sync.WaitGroup
	tick      *time.Ticker
	fetching  *errand[fetched]
	looking   *errand[pullsLook]
	hearing   *errand[[]pullAnswer]
	saying    *errand[error]
	// fetchAgain: somebody ordered a look after the fetch began that is under way.
	fetchAgain bool
	// tried are the orders to look now that stood when the last fetch began.
	tried map[render.ServiceName]string
}

// next waits for something to happen, and says what is to be done about it:
// that names the services that are due. nil: it is time to end.
func (r *run) next(wait time.Duration) func() []render.ServiceName {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-r.ctx.Done():
		return nil
	default:
	}
	select {
	case <-r.ctx.Done():
		return nil
	case <-r.passes.signal:
		return func() []render.ServiceName { r.end(r.work); return nil }
	case <-r.tick.C:
		return func() []render.ServiceName { r.fetch(); return nil }
	case f := <-r.fetching.back:
		return r.outer(func() []render.ServiceName {
			r.fetching.out = false
			due := r.poll(f)
			r.look()
			if r.fetchAgain {
				r.fetchAgain = false
				r.fetch()
			}
			return due
		})
	case k := <-r.looking.back:
		return r.outer(func() []render.ServiceName { r.looking.out = false; r.propose(k); return nil })
	case a := <-r.hearing.back:
		return r.outer(func() []render.ServiceName { r.hearing.out = false; r.take(a); return nil })
	case err := <-r.saying.back:
		return func() []render.ServiceName { r.saying.out = false; r.noteSaid(err); return nil }
	case name := <-r.Wake:
		return r.outer(func() []render.ServiceName {
			due := append(r.woken(), name)
			r.passes.hurry(due)
			r.hurryFetch(due)
			return due
		})
	case <-timer.C:
		return r.outer(func() []render.ServiceName {
			due := r.overdue()
			r.passes.hurry(due)
			return due
		})
	}
}

// outer marks something that came from outside: slots may be given anew.
func (r *run) outer(do func() []render.ServiceName) func() []render.ServiceName {
	return func() []render.ServiceName { r.passes.rounds = 0; return do() }
}

func (r *run) fetch() {
	if !r.fetching.out {
		orders := r.lookOrders()
		r.tried = orders
		r.fetching.send(r.beside, func() fetched {
			f := r.Loop.fetch(r.ctx)
			f.orders = orders
			return f
		})
	}
}

func (r *run) look() {
	if !r.looking.out && r.fetchErr == nil && r.head != "" {
		head, faults := r.head, r.proposals.faults
		r.looking.send(r.beside, func() pullsLook { return r.lookAtPulls(r.ctx, head, faults) })
	}
}

func (r *run) hear() {
	if r.hearing.out || !r.isTime(&r.heardAt) {
		return
	}
	if ask := r.questions(); len(ask) > 0 {
		r.hearing.send(r.beside, func() []pullAnswer { return r.Loop.hear(r.ctx, ask) })
	}
}

// say brings the commit statuses up to date. What could not be written is tried
// again after the next poll.
func (r *run) say() {
	due := r.unposted || r.proposals.unsaid || r.unsaid != nil
	failed := r.unsaid != nil && r.unsaidPoll == r.polls // the forge takes no more now
	if r.saying.out || !due || failed || r.polls == 0 || r.head == "" || !r.isTime(&r.saidAt) {
		return
	}
	r.unposted, r.unsaidPoll = false, r.polls
	r.saying.send(r.beside, func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.postAll(r.work)
	})
}
