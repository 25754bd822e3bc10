package reconcile

import (
	"context"
	"errors"
	"maps"
	"math/bits"
	"slices"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
)

// restsAfterFault is for how many looks a head that is too large is left alone:
// it would be downloaded again each time.
const restsAfterFault = 20

// A pullsLook is what one look showed of the open pull requests. Their commits
// are in the local repository then, but for those with a fault.
type pullsLook struct {
	open   []approvals.Proposal
	faults map[int]headFault
	err    error
	head   gitsrc.SHA // of the branch, when the look began

	groups    []approvals.MergeGroup
	groupsErr error
}

// lookAtPulls lists the open pull requests and fetches what is new. It runs
// beside the loop, after the branch was fetched: fetching may make the local
// repository anew.
func (l *Loop) lookAtPulls(ctx context.Context, head gitsrc.SHA, faults map[int]headFault) pullsLook {
	look := pullsLook{head: head}
	if l.Pulls == nil {
		return look
	}
	if look.open, look.err = l.Pulls(ctx); look.err != nil {
		return look
	}
	if l.Groups != nil {
		look.groups, look.groupsErr = l.Groups(ctx)
	}
	want, keep := map[int]gitsrc.SHA{}, map[int]bool{}
	look.faults = map[int]headFault{}
	for _, p := range look.open {
		if !isFetched(p) {
			continue
		}
		keep[p.Number] = true
		if f, failed := faults[p.Number]; failed && f.head == gitsrc.SHA(p.Head) && f.rests > 0 {
			f.rests--
			look.faults[p.Number] = f
			continue
		}
		want[p.Number] = gitsrc.SHA(p.Head)
	}
	if look.err = l.Source.ForgetPulls(keep); look.err == nil {
		f := headFetch{fetch: l.Source.FetchPulls, faults: look.faults, patience: bits.Len(uint(len(want))) + 3}
		look.err = f.all(ctx, want)
	}
	return look
}

// A headFetch fetches the heads of pull requests.
type headFetch struct {
	fetch    func(context.Context, map[int]gitsrc.SHA) (map[int]gitsrc.SHA, error)
	faults   map[int]headFault
	patience int // failures in a row that one bad head among all can cause
	failures int
}

// all fetches all heads at once. Where that fails it halves them, so that a head
// which cannot be fetched keeps no other from its canary. An error is the
// server's, not a head's.
func (f *headFetch) all(ctx context.Context, want map[int]gitsrc.SHA) error {
	if len(want) == 0 {
		return nil
	}
	heads, err := f.fetch(ctx, want)
	if err == nil {
		f.failures = 0
		for number, head := range want {
			if heads[number] != head {
				// The list lags behind Git, or Git behind the list: the next look shows it.
				f.faults[number] = headFault{err: errMoving}
			}
		}
		return nil
	}
	if f.failures++; f.failures > f.patience || ctx.Err() != nil {
		return err
	}
	numbers := slices.Sorted(maps.Keys(want))
	if len(numbers) == 1 {
		fault := headFault{head: want[numbers[0]], err: err}
		if errors.Is(err, gitsrc.ErrTooLarge) {
			fault.rests, f.failures = restsAfterFault, 0 // the server is well
		}
		f.faults[numbers[0]] = fault
		return nil
	}
	for _, half := range [][]int{numbers[:len(numbers)/2], numbers[len(numbers)/2:]} {
		part := map[int]gitsrc.SHA{}
		for _, n := range half {
			part[n] = want[n]
		}
		if err := f.all(ctx, part); err != nil {
			return err
		}
	}
	return nil
}
