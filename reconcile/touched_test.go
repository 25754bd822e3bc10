package reconcile

import (
	"slices"
	"testing"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
)

func TestOfARewrittenHistoryOnlyWhatIsNewIsToldOf(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quickDir(t), approvals.CanaryFromBranch, newTally())
	push := func(changes bool) gitsrc.SHA {
		s := w.tip()
		if s.work[1].image = w.newImage(); changes {
			s.work[0].image = w.newImage()
		}
		return w.push(s, w.head, 0)
	}
	fork := push(true)
	seen := push(true)
	w.tick(t.Context(), faults{})
	w.head = fork
	first, _, last := push(true), push(false), push(true)
	w.tick(t.Context(), faults{})
	for name, c := range map[string]struct {
		seen gitsrc.SHA
		want []gitsrc.SHA
	}{
		"since both parted":               {seen, []gitsrc.SHA{first, last}},
		"since a commit of the new one":   {first, []gitsrc.SHA{last}},
		"when the head was seen, nothing": {last, nil},
		"when nothing was seen, the head": {"", []gitsrc.SHA{last}},
	} {
		if got, err := w.changesOfRewritten("web", c.seen); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v %v, want %v", name, got, err, c.want)
		}
	}
}
