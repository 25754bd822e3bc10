package github

import (
	"math"
	"sync"
	"time"
)

// known remembers answers by what was asked.
type known[K comparable, V any] struct {
	mu sync.Mutex
	m  map[K]V
}

func (k *known[K, V]) get(key K) (V, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	v, ok := k.m[key]
	return v, ok
}

func (k *known[K, V]) put(key K, v V) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.m == nil {
		k.m = map[K]V{}
	}
	k.m[key] = v
}

// drop forgets what is picked.
func (k *known[K, V]) drop(pick func(K, V) bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for key, v := range k.m {
		if pick(key, v) {
			delete(k.m, key)
		}
	}
}

// dated is an answer that has no ETag's worth of certainty and is asked again
// after a while.
type dated[V any] struct {
	value V
	at    time.Time
}

// refreshAfter is how old what is known of an account may get, unless a fresh
// look is asked for: permissions and memberships change seldom, and nothing in a
// list of pull requests shows it.
const refreshAfter = 10 * time.Minute

// look is one round of questions.
type look struct {
	fresh bool // believe nothing that is remembered
	left  int  // how many more things may be read
}

func unlimited(fresh bool) *look { return &look{fresh: fresh, left: math.MaxInt} }

func (l *look) take() bool {
	if l.left <= 0 {
		return false
	}
	l.left--
	return true
}
