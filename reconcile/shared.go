package reconcile

import "sync"

// shared answers all who ask the same at one time with one request. Nobody is
// answered by a request that began before he asked: to have asked the forge
// right before a write must mean just that.
type shared[K comparable, V any] struct {
	mu   sync.Mutex
	now  map[K]*request[V] // under way
	next map[K]*request[V] // has not begun
}

type request[V any] struct {
	done  chan struct{}
	value V
}

func newShared[K comparable, V any]() *shared[K, V] {
	return &shared[K, V]{now: map[K]*request[V]{}, next: map[K]*request[V]{}}
}

func (s *shared[K, V]) do(key K, ask func() V) V {
	s.mu.Lock()
	if r := s.next[key]; r != nil {
		s.mu.Unlock()
		<-r.done
		return r.value
	}
	r := &request[V]{done: make(chan struct{})}
	before := s.now[key]
	s.next[key] = r
	s.mu.Unlock()
	if before != nil {
		<-before.done
	}
	s.mu.Lock()
	delete(s.next, key)
	s.now[key] = r
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		if s.now[key] == r {
			delete(s.now, key)
		}
		s.mu.Unlock()
		close(r.done)
	}()
	r.value = ask()
	return r.value
}
