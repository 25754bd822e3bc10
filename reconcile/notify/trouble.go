package notify

import "sync"

// A trouble is what has been said of a target that takes nothing. Each kind is
// said once, until the target takes something again.
type trouble struct {
	mu                    sync.Mutex
	isFailing, isDropping bool
}

// fails says whether this is new.
func (t *trouble) fails() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	was := t.isFailing
	t.isFailing = true
	return !was
}

// drops says whether this is new.
func (t *trouble) drops() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	was := t.isDropping
	t.isDropping = true
	return !was
}

// ends says whether there was any.
func (t *trouble) ends() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	was := t.isFailing || t.isDropping
	t.isFailing, t.isDropping = false, false
	return was
}
