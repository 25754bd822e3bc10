package gitsrc

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
)

// FetchPulls brings the heads of pull requests, refs/pull/N/head, and returns the
// head of each as the server advertises it; a number that the server does not know
// is left out. It costs nothing when every wanted commit is here already (the wanted
// ones are then returned), else one advertisement and at most one download for all.
// An empty SHA wants whatever the head is.
//
// It needs a Head. It changes neither that nor the branch, and does not heal: on a
// damaged copy it fails with ErrDamaged until Fetch has cloned again. A clone drops
// all pull requests, so call it after each Fetch. Every error is a *FetchError; what
// was here before stays.
func (r *Repository) FetchPulls(ctx context.Context, want map[int]SHA) (map[int]SHA, error) {
	r.fetching.Lock()
	defer r.fetching.Unlock()
	want = maps.Clone(want)
	maps.DeleteFunc(want, func(number int, _ SHA) bool { return number < 1 })
	heads, err := r.fetchPulls(ctx, want)
	var told *FetchError
	if err != nil && !errors.As(err, &told) {
		err = r.explain(ctx, err, nil, "", slices.Sorted(maps.Keys(want)))
	}
	if err != nil {
		return nil, err
	}
	return heads, nil
}

func (r *Repository) fetchPulls(ctx context.Context, want map[int]SHA) (map[int]SHA, error) {
	if _, err := r.layout.head(); err != nil {
		return nil, err
	}
	if r.store.damaged() {
		return nil, fmt.Errorf("%w; the next fetch of the branch clones again", ErrDamaged)
	}
	kept, err := r.layout.pulls()
	if err != nil {
		return nil, err
	}
	heads := make(map[int]plumbing.Hash, len(want))
	for number, sha := range want {
		heads[number] = sha.hash()
	}
	missing, err := r.missing(heads)
	if err != nil {
		return nil, err
	}
	if len(missing) > 0 {
		numbers := slices.Sorted(maps.Keys(want))
		err := r.converse(ctx, numbers, func(c conversation) error {
			heads = c.pullHeads(numbers)
			return r.downloadPulls(ctx, c, heads, kept)
		})
		if err != nil {
			return nil, err
		}
	}
	return r.keepPulls(heads, kept)
}

// pullHeads are the advertised heads of these pull requests.
func (c conversation) pullHeads(numbers []int) map[int]plumbing.Hash {
	heads := make(map[int]plumbing.Hash, len(numbers))
	for _, number := range numbers {
		if h, ok := c.advertised.References[fmt.Sprintf("refs/pull/%d/head", number)]; ok {
			heads[number] = h
		}
	}
	return heads
}

// missing lists, without repetition, the heads that are not here, by number.
func (r *Repository) missing(heads map[int]plumbing.Hash) ([]plumbing.Hash, error) {
	var missing []plumbing.Hash
	seen := map[plumbing.Hash]bool{}
	for _, number := range slices.Sorted(maps.Keys(heads)) {
		h := heads[number]
		if seen[h] {
			continue
		}
		seen[h] = true
		here, err := r.store.has(h)
		if err != nil {
			return nil, err
		}
		if !here {
			missing = append(missing, h)
			continue
		}
		if _, err := r.readCommit(h, true); err != nil {
			return nil, err
		}
	}
	return missing, nil
}

// downloadPulls takes heads that are here for complete: whatever is in the packs is.
func (r *Repository) downloadPulls(ctx context.Context, c conversation, heads, kept map[int]plumbing.Hash) error {
	missing, err := r.missing(heads)
	if err != nil || len(missing) == 0 {
		return err
	}
	old, err := r.layout.head()
	if err != nil {
		return err
	}
	var have []plumbing.Hash
	switch r.lacking.of(missing) {
	case 0:
		have = r.haves(old)
		for _, number := range slices.Sorted(maps.Keys(heads)) {
			if h, ok := kept[number]; ok {
				have = append(have, h)
			}
		}
	case 1: // perhaps something that we said to have is not here
	default:
		return errIncomplete
	}
	err = r.download(ctx, c, missing, have, old)
	if errors.Is(err, ErrDamaged) && !r.store.damaged() {
		r.lacking.count++
		return errIncomplete // and not ErrDamaged: what was here is sound
	}
	return err
}

// keepPulls writes the refs that changed.
func (r *Repository) keepPulls(heads, kept map[int]plumbing.Hash) (map[int]SHA, error) {
	shas := make(map[int]SHA, len(heads))
	for _, number := range slices.Sorted(maps.Keys(heads)) {
		h := heads[number]
		if kept[number] != h {
			if err := r.layout.setPull(number, h); err != nil {
				return nil, err
			}
		}
		shas[number] = shaOf(h)
	}
	return shas, nil
}

// ForgetPulls lets go of the pull requests that are not to be kept. Their commits may
// stay readable until the next clone.
func (r *Repository) ForgetPulls(keep map[int]bool) error {
	r.fetching.Lock()
	defer r.fetching.Unlock()
	if err := r.layout.dropPulls(keep); err != nil {
		return fmt.Errorf("forget pull requests of %s: %w", r.address, err)
	}
	return nil
}

// attempts counts the downloads of the same heads that lacked objects: the first
// asks for the difference, the second for everything, and there is no third.
type attempts struct {
	heads []plumbing.Hash
	count int
}

func (a *attempts) of(heads []plumbing.Hash) int {
	if !slices.Equal(a.heads, heads) {
		*a = attempts{heads: heads}
	}
	return a.count
}
