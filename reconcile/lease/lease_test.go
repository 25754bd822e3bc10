package lease

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// after lets time pass, and everything that happens in it.
func after(d time.Duration) {
	time.Sleep(d) // in a bubble of synctest: it takes none
	synctest.Wait()
}

func TestTheFirstTakesTheLeaseAtOnceAndTheOthersSayOnceWhomTheyWaitFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s leases
		a := s.claimant(t, "a").take(t.Context())
		synctest.Wait()
		if err := a.result(t); err != nil || !a.Holds() {
			t.Fatalf("Take = %v, Holds = %v, want it taken", err, a.Holds())
		}
		b := s.claimant(t, "b").take(t.Context())
		after(time.Hour)
		if !b.waits() || b.Holds() || !a.Holds() {
			t.Errorf("after an hour b waits: %v and holds: %v; a holds: %v", b.waits(), b.Holds(), a.Holds())
		}
		if n := b.said.with("waits for the lease: a holds it"); n != 1 {
			t.Errorf("b said %d times that it waits, want once", n)
		}
		if holder, recent := b.Seen(); holder != "a" || !recent {
			t.Errorf("b has seen %q, recently: %v", holder, recent)
		}
		a.Release()
		after(2 * retry * 2)
		if err := b.result(t); err != nil || !b.Holds() {
			t.Errorf("after a's release Take of b = %v, holds: %v", err, b.Holds())
		}
		b.Release()
		if s.holder() != "" {
			t.Errorf("%q holds the lease after all have released it", s.holder())
		}
	})
}

func TestADeadHoldersLeaseIsTakenWhenItHasRunOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s leases
		dead := s.claimant(t, "dead").take(t.Context())
		synctest.Wait()
		dead.stop() // without a release: as if it was killed
		dead.wire.set(func(w *wire) { w.refuses = syscall.ECONNREFUSED })
		b := s.claimant(t, "b").take(t.Context())
		after(Duration - time.Second)
		if !b.waits() {
			t.Fatal("b took the lease before it had run out")
		}
		after(time.Second + 3*retry)
		if err := b.result(t); err != nil || !b.Holds() {
			t.Errorf("Take = %v, holds: %v, want it taken", err, b.Holds())
		}
		b.Release()
		dead.Release()
	})
}

func TestAProcessThatStartsAgainUnderItsIdentityGoesOnAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s leases
		killed := s.claimant(t, "a").take(t.Context())
		synctest.Wait()
		killed.wire.set(func(w *wire) { w.refuses = syscall.ECONNREFUSED })
		killed.stop()
		again := s.claimant(t, "a").take(t.Context())
		synctest.Wait()
		if err := again.result(t); err != nil || !again.Holds() {
			t.Errorf("Take = %v, holds: %v, want it at once", err, again.Holds())
		}
		again.Release()
		killed.Release()
	})
}

func TestWhoIsCutOffHoldsBackBeforeAnotherCanTakeTheLeaseAndLearnsThatItIsLost(t *testing.T) {
	for name, cut := range map[string]func(*wire){
		"nothing is answered":        func(w *wire) { w.hangs = make(chan struct{}) },
		"the connection is refused":  func(w *wire) { w.refuses = syscall.ECONNREFUSED },
		"the account lost its right": func(w *wire) { w.refuses = apierrors.NewForbidden(leaseKind, "banksman", errors.New("no")) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var s leases
				a := s.claimant(t, "a").take(t.Context())
				synctest.Wait()
				b := s.claimant(t, "b").take(t.Context())
				after(time.Minute)
				bound, unbind := a.Bind(t.Context())
				defer unbind()
				var hung chan struct{}
				a.wire.set(func(w *wire) { cut(w); hung = w.hangs })
				var shut, taken time.Time
				for begin := time.Now(); taken.IsZero() && time.Since(begin) < time.Minute; after(10 * time.Millisecond) {
					if shut.IsZero() && !a.Holds() {
						shut = time.Now()
					}
					if !b.waits() {
						taken = time.Now()
					}
					if a.Holds() && b.Holds() {
						t.Fatal("both hold the lease")
					}
				}
				if taken.IsZero() || shut.IsZero() || taken.Sub(shut) < Margin-retry {
					t.Errorf("the fence shut at %s, b took the lease at %s", shut, taken)
				}
				if a.Lost() != nil {
					t.Error("a calls it lost without having seen another holder")
				}
				a.wire.set(func(w *wire) { w.hangs, w.refuses = nil, nil })
				if hung != nil {
					close(hung)
				}
				after(3 * retry)
				var lost *LostError
				if !errors.As(a.Lost(), &lost) || lost.Holder != "b" || !errors.As(context.Cause(bound), &lost) {
					t.Errorf("Lost = %v, the context's cause %v; want both to name b", a.Lost(), context.Cause(bound))
				}
				if s.holder() != "b" || !b.Holds() || a.Holds() {
					t.Errorf("%q holds the lease, want b", s.holder())
				}
				a.Release()
				if s.holder() != "b" {
					t.Error("a gave back what was b's")
				}
				b.Release()
			})
		})
	}
}

func TestAnAPIServerThatWasDownForAnHourEndsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s leases
		a := s.claimant(t, "a").take(t.Context())
		after(time.Minute)
		a.wire.set(func(w *wire) { w.refuses = syscall.ECONNREFUSED })
		after(Duration - Margin)
		if a.Holds() {
			t.Error("the fence is open though the lease could not be renewed")
		}
		after(time.Hour)
		if a.Lost() != nil || a.said.with("cannot look at the lease") != 1 {
			t.Errorf("Lost = %v; said %d times that it cannot look", a.Lost(), a.said.with("cannot look at the lease"))
		}
		a.wire.set(func(w *wire) { w.refuses = nil })
		after(3 * retry)
		if !a.Holds() || a.Lost() != nil || a.said.with("can be seen again") != 1 {
			t.Errorf("afterwards: holds %v, lost %v", a.Holds(), a.Lost())
		}
		a.Release()
	})
}

func TestALeaseThatWasHeldByAnotherMeanwhileIsLostThoughNobodyHoldsItAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s leases
		a := s.claimant(t, "a").take(t.Context())
		after(time.Minute)
		a.wire.set(func(w *wire) { w.refuses = syscall.ECONNREFUSED })
		b := s.claimant(t, "b").take(t.Context())
		after(time.Minute)
		if err := b.result(t); err != nil {
			t.Fatal(err)
		}
		b.Release()
		a.wire.set(func(w *wire) { w.refuses = nil })
		after(3 * retry)
		if a.Lost() == nil || a.Holds() || s.holder() != "" {
			t.Errorf("Lost = %v, holds %v, holder %q", a.Lost(), a.Holds(), s.holder())
		}
		a.Release()
	})
}

func TestARemovedLeaseIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s leases
		a := s.claimant(t, "a").take(t.Context())
		after(time.Minute)
		s.remove()
		after(3 * retry)
		if s.holder() != "a" || !a.Holds() || a.Lost() != nil {
			t.Errorf("holder %q, holds %v, lost %v", s.holder(), a.Holds(), a.Lost())
		}
		a.Release()
	})
}

func TestALostAnswerCountsAsNoRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s leases
		a := s.claimant(t, "a").take(t.Context())
		after(time.Minute)
		a.wire.set(func(w *wire) { w.drops = true })
		after(Duration - Margin)
		if a.Holds() {
			t.Error("the fence is open though no renewal was confirmed")
		}
		a.wire.set(func(w *wire) { w.drops = false })
		after(3 * retry)
		if !a.Holds() {
			t.Error("the fence stays shut after a renewal")
		}
		a.Release()
	})
}

func TestTheImpatientFailWhenAHolderLivesAndTakeADeadOnesLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s leases
		a := s.claimant(t, "a").take(t.Context())
		after(time.Minute)
		b := s.claimant(t, "b", impatient).take(t.Context())
		after(4 * retry)
		var other *HeldError
		if err := b.result(t); !errors.As(err, &other) || other.Holder != "a" || other.Error() != "a holds the lease dora/banksman" {
			t.Errorf("Take = %v, want that a holds it", err)
		}
		b.Release()
		a.wire.set(func(w *wire) { w.refuses = syscall.ECONNREFUSED })
		a.stop()
		c := s.claimant(t, "c", impatient).take(t.Context())
		after(Duration + 4*retry)
		if err := c.result(t); err != nil || !c.Holds() {
			t.Errorf("Take = %v, want the dead holder's lease", err)
		}
		c.Release()
		a.Release()
	})
}

func TestWhatNoWaitingCanMendEndsIt(t *testing.T) {
	for name, c := range map[string]struct {
		refuses error
		options []func(*Options)
		want    func(error) bool
	}{
		"no right":                       {apierrors.NewForbidden(leaseKind, "banksman", errors.New("no")), nil, apierrors.IsForbidden},
		"no credentials":                 {apierrors.NewUnauthorized("no"), nil, apierrors.IsUnauthorized},
		"a server that is down, at once": {syscall.ECONNREFUSED, []func(*Options){impatient}, func(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }},
		"no namespace":                   {apierrors.NewNotFound(leaseKind, "dora"), nil, func(err error) bool { return errors.As(err, new(*NoNamespaceError)) }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var s leases
				a := s.claimant(t, "a", c.options...)
				a.wire.refuses = c.refuses
				a.take(t.Context())
				after(time.Minute)
				if err := a.result(t); !c.want(err) || a.Holds() {
					t.Errorf("Take = %v", err)
				}
				a.Release()
			})
		})
	}
}

func TestAnInterruptEndsTheWaitingAndLeavesTheLeaseToItsHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s leases
		a := s.claimant(t, "a").take(t.Context())
		after(time.Minute)
		ctx, interrupt := context.WithCancel(t.Context())
		b := s.claimant(t, "b").take(ctx)
		after(time.Minute)
		interrupt()
		synctest.Wait()
		if err := b.result(t); !errors.Is(err, context.Canceled) {
			t.Errorf("Take = %v, want the context's error", err)
		}
		b.Release()
		if s.holder() != "a" || !a.Holds() {
			t.Errorf("%q holds the lease, want a", s.holder())
		}
		a.Release()
	})
}

func TestTheLeaseOutlivesTheContextUntilItIsReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s leases
		ctx, interrupt := context.WithCancel(t.Context())
		a := s.claimant(t, "a").take(ctx)
		after(time.Minute)
		interrupt()
		after(time.Minute)
		if !a.Holds() {
			t.Error("the interrupt took the lease from what is still being written")
		}
		a.Release()
		if a.Holds() || s.holder() != "" {
			t.Errorf("after the release: holds %v, holder %q", a.Holds(), s.holder())
		}
	})
}

func TestANilLeaseHoldsBackNothing(t *testing.T) {
	var alone *Lease
	if err := alone.Take(t.Context()); err != nil || !alone.Holds() || alone.Lost() != nil {
		t.Errorf("Take = %v, holds %v, lost %v", err, alone.Holds(), alone.Lost())
	}
	_, done, err := alone.Guard(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	done()
	alone.Release()
}
