package lease

import (
	"sync"
	"time"
)

// The times of kube-controller-manager, which suit a lease that is one small
// request every two seconds.
const (
	// Duration is how long others wait after the last renewal they saw.
	Duration = 15 * time.Second
	// renewWithin is how long one attempt to renew goes on.
	renewWithin = 10 * time.Second
	// retry is the time between two looks at the lease.
	retry = 2 * time.Second
	// Margin is what of Duration the fence gives away: for a request that has left
	// and is still on its way to the API server's store, and for clocks that do not
	// run equally fast.
	Margin = 5 * time.Second
	// answerTime bounds one request about the lease, so that one that hangs leaves
	// room for another before the fence shuts.
	answerTime = renewWithin / 2
)

// A term is for how long the lease certainly is ours. It is safe for
// concurrent use.
type term struct {
	now func() time.Time

	mu    sync.Mutex
	began time.Time // when the last request that renewed the lease was sent; zero: not ours
}

func (t *term) renewed(began time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.began = began
}

func (t *term) end() { t.renewed(time.Time{}) }

// left is how long the fence stays open; not more than zero: it is shut.
func (t *term) left() time.Duration {
	t.mu.Lock()
	began := t.began
	t.mu.Unlock()
	if began.IsZero() {
		return 0
	}
	return Duration - Margin - elapsed(began, t.now())
}

// elapsed takes the clock that says more. The monotonic one stands still while
// the machine sleeps; the other one can be set back.
func elapsed(from, to time.Time) time.Duration {
	return max(to.Sub(from), to.Round(0).Sub(from.Round(0)))
}
