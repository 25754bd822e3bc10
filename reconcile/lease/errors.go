package lease

import (
	"errors"
	"fmt"
)

// ErrNotHeld is why a request was not sent, or was broken off.
var ErrNotHeld = errors.New("this banksman no longer holds the lease; another one may be writing")

// A HeldError says that another banksman holds the lease.
type HeldError struct {
	Lease  string // namespace/name
	Holder string // its identity
}

func (e *HeldError) Error() string { return fmt.Sprintf("%s holds the lease %s", e.Holder, e.Lease) }

// A LostError says that another banksman took the lease from this one.
type LostError struct {
	Lease  string // namespace/name
	Holder string // who holds it now; "" where nobody does any more
}

func (e *LostError) Error() string {
	if e.Holder == "" {
		return "the lease " + e.Lease + " was lost: another banksman has held it since"
	}
	return fmt.Sprintf("the lease %s was lost: %s holds it now", e.Lease, e.Holder)
}

// Is makes a LostError a reason why nothing is sent.
func (e *LostError) Is(target error) bool { return target == ErrNotHeld }

// A NoNamespaceError says that there is no place for the lease.
type NoNamespaceError struct{ Namespace string }

func (e *NoNamespaceError) Error() string {
	return fmt.Sprintf("namespace %q, which is to hold the lease, does not exist", e.Namespace)
}
