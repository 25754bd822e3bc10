package lease

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// couldNot takes in a request about the lease that failed. What no repetition
// can mend ends the waiting for a lease; it never ends one that is held.
func (k *lock) couldNot(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if errors.Is(err, context.Canceled) {
		return // told to stop
	}
	k.failures++
	hopeless := apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) || apierrors.IsInvalid(err)
	switch {
	case !k.taken && (hopeless || k.impatient && k.failures >= mostFailures):
		k.failLocked(err)
	case k.failures == 1 && !k.releasing:
		k.log.Warn("cannot look at the lease; it is tried again, and nothing is written without it", "lease", k.Describe(), "error", err)
	}
}

func (k *lock) answered() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failures > 0 {
		k.log.Info("the lease can be seen again", "lease", k.Describe())
	}
	k.failures = 0
}

// fail ends the waiting.
func (k *lock) fail(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.failLocked(err)
}

func (k *lock) failLocked(err error) {
	if k.err == nil && !k.taken {
		k.err = err
		k.giveUp()
	}
}

func (k *lock) failed() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.err
}
