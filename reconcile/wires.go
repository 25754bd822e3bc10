package reconcile

import (
	"context"
	"time"

	"banksman.dev/render"
)

// How long one exchange with the cluster may take. An API server that hangs must
// not hold a service for ever.
const (
	writeTimeout = 2 * time.Minute
	lookTimeout  = time.Minute
)

// reading is the context of what only asks. It ends with the process: nobody
// waits for an answer then, while what is being written is finished.
func (l *Loop) reading(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	if l.life == nil {
		return ctx, cancel
	}
	stop := context.AfterFunc(l.life, cancel)
	return ctx, func() { stop(); cancel() }
}

// isEnding: what was read may be cut off, and nothing is begun any more.
func (l *Loop) isEnding() bool { return l.passes.closed || l.life != nil && l.life.Err() != nil }

// askCluster asks the cluster something while the others think.
func (l *Loop) askCluster(ctx context.Context, question func(context.Context)) {
	l.outside(func() {
		ctx, end := l.reading(ctx)
		defer end()
		ctx, cancel := context.WithTimeout(ctx, lookTimeout)
		defer cancel()
		question(ctx)
	})
}

// write changes something in the cluster while the others think. What has begun is
// finished, also when the process is to end.
func (l *Loop) write(ctx context.Context, timeout time.Duration, deed func(context.Context)) {
	l.outside(func() {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		deed(ctx)
	})
}

// The exchanges of a pass with the cluster.

func (l *Loop) live(ctx context.Context, s Set) (live Live, err error) {
	l.askCluster(ctx, func(ctx context.Context) { live, err = l.Live(ctx, s) })
	return live, err
}

func (l *Loop) recall(ctx context.Context, name render.ServiceName, namespace string) (found []Recalled, err error) {
	if l.Recall != nil {
		l.askCluster(ctx, func(ctx context.Context) { found, err = l.Recall(ctx, name, namespace) })
	}
	return found, err
}

func (l *Loop) standing(ctx context.Context, name render.ServiceName, of []render.Object) (found []render.ObjectID, err error) {
	if l.Standing != nil {
		l.askCluster(ctx, func(ctx context.Context) { found, err = l.Standing(ctx, name, of) })
	}
	return found, err
}

func (l *Loop) save(ctx context.Context, r Record, v View) (err error) {
	l.write(ctx, lookTimeout, func(ctx context.Context) { err = l.Save(ctx, r, v) })
	return err
}

func (l *Loop) apply(ctx context.Context, s Set) (applied Applied, err error) {
	l.write(ctx, writeTimeout, func(ctx context.Context) { applied, err = l.Apply(ctx, s) })
	return applied, err
}

func (l *Loop) pause(ctx context.Context, s Set, paused bool) (err error) {
	if l.Pause != nil {
		l.write(ctx, writeTimeout, func(ctx context.Context) { err = l.Pause(ctx, s, paused) })
	}
	return err
}

func (l *Loop) delete(ctx context.Context, name render.ServiceName, gone []Entry) (left []Entry, err error) {
	l.write(ctx, writeTimeout, func(ctx context.Context) { left, err = l.Prune(ctx, name, gone) })
	return left, err
}
