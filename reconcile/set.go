package reconcile

import (
	"fmt"

	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// A Set is what one variant of a service should have in the cluster: the
// objects of one release, complete.
type Set struct {
	Service   render.ServiceName
	Namespace string
	Track     Track
	Ref       Ref
	Objects   []render.Object
	// Borrowed are objects that the set only needs to be there. One that exists
	// and that banksman did not make is left as it is: it is not part of the
	// set. Nothing unapproved may change it, and nothing may delete it.
	Borrowed map[render.ObjectID]bool
	// Proposed: nobody has approved the content, it is an open pull request's.
	// Apply refuses an object that exists and is not of this service's canary.
	Proposed bool
	// Unapproved: nobody has approved the content. Apply refuses to write to what
	// is full's.
	Unapproved bool
	// Known is the service's inventory: what was known of the objects before this
	// process started.
	Known []Entry
	// KeepDrift leaves what somebody changed as it is. It is shown.
	KeepDrift bool
	// Resting are objects whose repair waits: one that was applied with this content
	// and changed by somebody is left so for now, without a request.
	Resting map[render.ObjectID]bool
	// Audit trusts nothing that is remembered: the API server is asked about each
	// object.
	Audit bool
}

// Applied is what an apply came to.
type Applied struct {
	// Entries name every object of the set that was seen, also when there is an error.
	Entries []Entry
	// Repaired is the drift that was put back; sorted.
	Repaired []render.ObjectID
	// Rivals are the field managers that had changed what was put back, as far as
	// the objects named them.
	Rivals map[render.ObjectID]string
}

// Recalled is what a live object of the full variant says of its release.
type Recalled struct {
	Object render.ObjectID
	Commit gitsrc.SHA
	Digest render.Digest
}

// An ApplyError says which object could not be applied, and why.
type ApplyError struct {
	Object render.ObjectID
	// Permanent: the same content will be refused again (invalid, forbidden,
	// claimed by another tool, an immutable field). Else it is worth retrying.
	Permanent bool
	// Unapproved: it is refused because it is an open pull request's; once merged
	// it is not.
	Unapproved bool
	Try        string // what a person can do; may be ""
	Err        error
}

func (e *ApplyError) Error() string {
	s := fmt.Sprintf("apply %s: %v", e.Object, e.Err)
	if e.Try != "" {
		s += "; " + e.Try
	}
	return s
}

func (e *ApplyError) Unwrap() error { return e.Err }
