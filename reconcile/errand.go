package reconcile

import "sync"

// An errand is done beside the loop, one of its kind at a time: a Git server or
// a forge that hangs delays nothing else.
type errand[T any] struct {
	out  bool
	back chan T
}

func newErrand[T any]() *errand[T] { return &errand[T]{back: make(chan T, 1)} }

func (e *errand[T]) send(all *sync.WaitGroup, do func() T) {
	e.out = true
	all.Go(func() { e.back <- do() })
}
