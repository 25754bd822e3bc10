package reconcile

import (
	"context"
	"slices"
	"sync"
	"time"

	"banksman.dev/render"
)

// passes are the looks at services that have begun or are due. Each runs in a
// goroutine of its own, one at a time for a service: one that is stuck delays
// no other.
//
// Whoever thinks holds the loop's lock; a pass lets go of it while it waits for
// an answer (outside). So all that the loop remembers is read and written by
// one at a time, and nobody waits for somebody else's request.
type passes struct {
	ahead   []render.ServiceName // due because of something that happened to them
	queue   []render.ServiceName // due after those
	running map[render.ServiceName]bool
	again   map[render.ServiceName]bool // something happened while it ran
	first   map[render.ServiceName]bool // was not looked at yet
	asking  int                         // how many wait for Git or the forge
	rounds  int                         // how often slots were given since something happened
	closed  bool                        // no pass begins or goes on any more
	ended   []passed
	signal  chan struct{} // there is something ended, or room for another
	all     sync.WaitGroup
}

// passed is how a pass came out.
type passed struct {
	service render.ServiceName
	err     error
}

func newPasses() passes {
	return passes{
		running: map[render.ServiceName]bool{}, again: map[render.ServiceName]bool{},
		signal: make(chan struct{}, 1),
	}
}

func (p *passes) tell() {
	select {
	case p.signal <- struct{}{}:
	default: // it was told already
	}
}

func (p *passes) busy() bool { return len(p.running)+p.waiting() > 0 }

func (p *passes) waiting() int { return len(p.ahead) + len(p.queue) }

// hurry makes services due before all that only have to be looked at, too: what
// has begun ends before more begins, and no repair waits for a long look around.
func (p *passes) hurry(names []render.ServiceName) {
	first := map[render.ServiceName]bool{}
	for _, name := range p.ahead {
		first[name] = true
	}
	for _, name := range names {
		if !p.running[name] && !first[name] {
			p.ahead = append(p.ahead, name)
			first[name] = true
		}
	}
	p.queue = slices.DeleteFunc(p.queue, func(name render.ServiceName) bool { return first[name] })
}

// want makes services due, in this order of their names.
func (p *passes) want(names []render.ServiceName) {
	slices.Sort(names)
	waits := map[render.ServiceName]bool{}
	for _, name := range slices.Concat(p.ahead, p.queue) {
		waits[name] = true
	}
	for _, name := range slices.Compact(names) {
		switch {
		case p.running[name]:
			p.again[name] = true
		case !waits[name]:
			p.queue = append(p.queue, name)
		}
	}
}

func (p *passes) next() (name render.ServiceName) {
	if len(p.ahead) > 0 {
		name, p.ahead = p.ahead[0], p.ahead[1:]
	} else {
		name, p.queue = p.queue[0], p.queue[1:]
	}
	return name
}

// outside lets the others think while a request is under way.
func (l *Loop) outside(request func()) {
	l.mu.Unlock()
	defer l.mu.Lock()
	request()
}

// ask is outside for a question to Git or to the forge. Whoever waits for them
// takes nobody's place: a forge that hangs must delay no repair.
func (l *Loop) ask(question func()) {
	if l.Parallel <= 1 {
		l.outside(question) // one at a time is one at a time
		return
	}
	l.passes.asking++
	l.passes.tell()
	l.outside(question)
	l.passes.asking--
}

// calm is for how long slots and statuses may wait while there is much to do:
// they are about all services, and looked at once for many passes.
const calm = time.Second

// advance makes services due and begins as many passes as there is room for.
func (l *Loop) advance(ctx context.Context, due []render.ServiceName) {
	p := &l.passes
	if l.polls == 0 || p.closed {
		return
	}
	p.want(due)
	if from := l.movedFrom; from != "" {
		l.movedFrom = ""
		p.want(l.affected(from))
	}
	if p.rounds < mostRounds && l.isTime(&l.assignedAt) {
		if told := l.assign(); len(told) > 0 {
			p.rounds++
			p.want(told)
		}
	}
	for p.waiting() > 0 && len(p.running)-p.asking < max(1, l.Parallel) {
		name := p.next()
		p.running[name] = true
		p.all.Go(func() { l.pass(ctx, name) })
	}
	if l.Passes != nil {
		l.Passes(len(p.running), p.waiting())
	}
}

// isTime: nothing is under way, or it is a while since the last time.
func (l *Loop) isTime(last *time.Time) bool {
	now := l.Now()
	if l.passes.busy() && now.Sub(*last) < calm {
		return false
	}
	*last = now
	return true
}

func (l *Loop) pass(ctx context.Context, name render.ServiceName) {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.service(ctx, name)
	l.passes.ended = append(l.passes.ended, passed{name, err})
	l.passes.tell()
}

// end takes in how passes came out. What happened to a service meanwhile makes it
// due again.
func (l *Loop) end(ctx context.Context) {
	p := &l.passes
	for _, e := range p.ended {
		delete(p.running, e.service)
		delete(p.first, e.service)
		l.note(ctx, e.service, e.err)
		if p.again[e.service] {
			delete(p.again, e.service)
			p.hurry([]render.ServiceName{e.service})
		}
		l.unposted = true
	}
	p.ended = nil
	if p.first != nil && len(p.first) == 0 {
		l.settled.Store(true)
	}
}

// finish brings everything that is due to an end.
func (l *Loop) finish(ctx context.Context, due []render.ServiceName) {
	l.passes.rounds = 0
	for l.advance(ctx, due); l.passes.busy(); l.advance(ctx, nil) {
		l.outside(func() { <-l.passes.signal })
		l.end(ctx)
	}
}
