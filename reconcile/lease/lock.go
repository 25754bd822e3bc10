package lease

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// mostFailures is how often an impatient process asks an API server that does
// not answer.
const mostFailures = 4

// A lock is client-go's lock with a witness: it keeps the term, it sees who
// else holds the lease, and it never gives back what is another's.
type lock struct {
	resourcelock.Interface
	namespace string
	log       *slog.Logger
	term      *term
	impatient bool
	giveUp    context.CancelFunc // set by Take

	held chan struct{} // closed when the lease was held for the first time
	life context.Context
	die  context.CancelCauseFunc // the lease is lost

	mu        sync.Mutex
	taken     bool // held is closed
	releasing bool
	holder    string // as last seen
	at        time.Time
	raw       []byte // the record as first seen under this holder
	turn      int    // the lease's count of changes when it was taken
	failures  int    // since the last answer
	err       error  // why it was given up
}

func newLock(inner resourcelock.Interface, t *term, o Options) *lock {
	k := &lock{
		Interface: inner, namespace: o.Namespace, log: o.Logger, term: t, impatient: o.Impatient,
		giveUp: func() {}, held: make(chan struct{}),
	}
	k.life, k.die = context.WithCancelCause(context.Background())
	return k
}

var errNotOurs = errors.New("the lease is not ours to write any more")

// Get is a look at the lease.
func (k *lock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	record, raw, err := k.Interface.Get(ctx)
	switch {
	case err == nil:
		k.saw(record, raw)
	case apierrors.IsNotFound(err):
		k.answered()
	default:
		k.couldNot(err)
	}
	return record, raw, err
}

// Create takes a lease that was not there.
func (k *lock) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	err := k.write(func() error { return k.Interface.Create(ctx, record) }, record)
	if apierrors.IsNotFound(err) {
		k.fail(&NoNamespaceError{Namespace: k.namespace})
	}
	return err
}

// Update takes, renews or gives back.
func (k *lock) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	if record.HolderIdentity == "" {
		if !k.mayRelease() {
			return errNotOurs
		}
		return k.Interface.Update(ctx, record)
	}
	return k.write(func() error { return k.Interface.Update(ctx, record) }, record)
}

// write sends what makes or keeps the lease ours. What counts is when it was
// sent: others count from when they saw it, which is later.
func (k *lock) write(send func() error, record resourcelock.LeaderElectionRecord) error {
	if !k.mayWrite() {
		return errNotOurs
	}
	began := k.term.now()
	err := send()
	switch {
	case err == nil:
		k.won(began, record.LeaderTransitions)
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err), apierrors.IsNotFound(err):
		k.term.end() // somebody else wrote or removed it; the next look says who
	default:
		k.couldNot(err)
	}
	return err
}

func (k *lock) won(began time.Time, turn int) {
	k.answered()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.releasing || k.life.Err() != nil {
		return
	}
	k.holder, k.at = k.Identity(), k.term.now()
	k.turn = turn
	k.term.renewed(began)
	if !k.taken {
		k.taken = true
		close(k.held)
	}
}

// saw takes in a record that the API server has shown.
func (k *lock) saw(record *resourcelock.LeaderElectionRecord, raw []byte) {
	k.answered()
	k.mu.Lock()
	defer k.mu.Unlock()
	holder := record.HolderIdentity
	ours := holder == k.Identity()
	if k.taken && !k.releasing && (!ours || record.LeaderTransitions != k.turn) {
		k.lose(holder)
		return
	}
	news := holder != k.holder
	k.holder, k.at = holder, k.term.now()
	if ours || holder == "" || k.taken {
		return
	}
	switch {
	case news:
		k.raw = bytes.Clone(raw)
		k.log.Info("waits for the lease: "+holder+" holds it", "lease", k.Describe()) //nolint:sloglint // the sentence that /readyz gives, too
	case k.impatient && !bytes.Equal(raw, k.raw):
		// It was renewed meanwhile: its holder lives.
		k.failLocked(&HeldError{Lease: k.Describe(), Holder: holder})
	}
}

// lose is called with the mutex held.
func (k *lock) lose(holder string) {
	k.holder = holder
	k.term.end()
	if holder == k.Identity() {
		holder = ""
	}
	k.die(&LostError{Lease: k.Describe(), Holder: holder})
	k.giveUp()
}

// mayWrite: client-go would take a lost lease again.
func (k *lock) mayWrite() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.releasing && k.life.Err() == nil
}

// mayRelease guards client-go's release, which looks at the lease again and
// then overwrites whatever it found.
func (k *lock) mayRelease() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.releasing && k.life.Err() == nil && k.holder == k.Identity()
}

// release shuts the fence for good.
func (k *lock) release() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.releasing = true
	k.term.end()
}

func (k *lock) seen() (holder string, recent bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.holder, !k.at.IsZero() && elapsed(k.at, k.term.now()) < Duration
}
