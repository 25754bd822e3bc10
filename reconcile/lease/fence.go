package lease

import (
	"context"
	"sync"
	"time"
)

// Guard stands in front of one write. It fails when the lease is not certainly
// held; else the context ends, with ErrNotHeld as its cause, before another
// process can hold the lease. done must be called when the write has ended.
func (l *Lease) Guard(ctx context.Context) (bound context.Context, done func(), err error) {
	if l == nil {
		return ctx, func() {}, nil
	}
	if !l.Holds() {
		return nil, nil, ErrNotHeld
	}
	ctx, unbind := l.Bind(ctx)
	ctx, end := context.WithCancelCause(ctx)
	g := &guarded{term: l.term, end: end}
	g.look()
	return ctx, func() { g.done(); unbind() }, nil
}

// guarded is a write under way. Its end moves on as the lease is renewed.
type guarded struct {
	term *term
	end  context.CancelCauseFunc

	mu    sync.Mutex
	ended bool
	timer *time.Timer
}

func (g *guarded) look() {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch left := g.term.left(); {
	case g.ended:
	case left <= 0:
		g.end(ErrNotHeld)
	default:
		g.timer = time.AfterFunc(left, g.look)
	}
}

func (g *guarded) done() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ended = true
	if g.timer != nil {
		g.timer.Stop()
	}
	g.end(nil)
}
