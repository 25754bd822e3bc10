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

// The exchanges of a pass with the cluster. The others think meanwhile.

func (l *Loop) live(ctx context.Context, s Set) (live Live, err error) {
	l.outside(func() {
		ctx, end := l.reading(ctx)
		defer end()
		ctx, cancel := context.WithTimeout(ctx, lookTimeout)
		defer cancel()
		live, err = l.Live(ctx, s)
	})
	return live, err
}

func (l *Loop) recall(ctx context.Context, name render.ServiceName, namespace string) (found []Recalled, err error) {
	if l.Recall == nil {
		return nil, nil
	}
	l.outside(func() {
		ctx, end := l.reading(ctx)
		defer end()
		ctx, cancel := context.WithTimeout(ctx, lookTimeout)
		defer cancel()
		found, err = l.Recall(ctx, name, namespace)
	})
	return found, err
}

func (l *Loop) standing(ctx context.Context, name render.ServiceName, of []render.Object) (found []render.ObjectID, err error) {
	if l.Standing == nil {
		return nil, nil
	}
	l.outside(func() {
		ctx, end := l.reading(ctx)
		defer end()
		ctx, cancel := context.WithTimeout(ctx, lookTimeout)
		defer cancel()
		found, err = l.Standing(ctx, name, of)
	})
	return found, err
}

func (l *Loop) save(ctx context.Context, r Record, v View) (err error) {
	l.outside(func() {
		ctx, cancel := context.WithTimeout(ctx, lookTimeout)
		defer cancel()
		err = l.Save(ctx, r, v)
	})
	return err
}

func (l *Loop) apply(ctx context.Context, s Set) (applied Applied, err error) {
	l.outside(func() {
		ctx, cancel := context.WithTimeout(ctx, writeTimeout)
		defer cancel()
		applied, err = l.Apply(ctx, s)
	})
	return applied, err
}

func (l *Loop) pause(ctx context.Context, s Set, paused bool) (err error) {
	if l.Pause == nil {
		return nil
	}
	l.outside(func() {
		ctx, cancel := context.WithTimeout(ctx, writeTimeout)
		defer cancel()
		err = l.Pause(ctx, s, paused)
	})
	return err
}

func (l *Loop) delete(ctx context.Context, name render.ServiceName, gone []Entry) (left []Entry, err error) {
	l.outside(func() {
		ctx, cancel := context.WithTimeout(ctx, writeTimeout)
		defer cancel()
		left, err = l.Prune(ctx, name, gone)
	})
	return left, err
}
