package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

const halfHour = 30 * time.Minute

// bidding is a bid on services named by letters; ago is how long ago it began.
func bidding(pull int, services string, ago time.Duration) Bid {
	b := Bid{Pull: pull, Head: headOf(pull, 0), Since: noon.Add(-ago), Digests: map[render.ServiceName]render.Digest{}}
	for _, s := range services {
		b.Digests[render.ServiceName(s)] = render.Digest(fmt.Sprintf("%c%d", s, pull))
	}
	return b
}

func headOf(pull, revision int) gitsrc.SHA { return gitsrc.SHA(fmt.Sprintf("p%d.%d", pull, revision)) }

// passedFor is the bid after its canaries passed so long ago.
func (b Bid) passedFor(ago time.Duration) Bid {
	b.Passed, b.PassedAt = true, noon.Add(-ago)
	return b
}

// idleFor is the bid when something keeps it from running in a service.
func (b Bid) idleFor(ago time.Duration, in render.ServiceName) Bid {
	b.IdleIn, b.Idle = map[render.ServiceName]bool{in: true}, noon.Add(-ago)
	return b
}

// turnsOf are the turns of heads that were never pushed to.
func turnsOf(said map[string]int) map[render.ServiceName]Turn {
	turns := map[render.ServiceName]Turn{}
	for name, pull := range said {
		turns[render.ServiceName(name)] = Turn{pull, headOf(pull, 0)}
	}
	return turns
}

func TestSlotsGoToWhoeverTheDesignNames(t *testing.T) {
	pushed := bidding(1, "a", 0)
	pushed.Head = headOf(1, 1)
	for _, c := range []struct {
		name  string
		bids  []Bid
		turns map[string]int
		given map[string]int
		waits map[int][]int
	}{
		{name: "nobody asks and nobody gets"},
		{
			name: "one pull request gets all its slots at once",
			bids: []Bid{bidding(1, "ab", 0)}, given: map[string]int{"a": 1, "b": 1},
		},
		{
			name: "two that share nothing run side by side",
			bids: []Bid{bidding(1, "a", 0), bidding(2, "b", 0)}, given: map[string]int{"a": 1, "b": 2},
		},
		{
			name: "the one that came first is served first, whatever its number",
			bids: []Bid{bidding(1, "a", time.Minute), bidding(2, "a", time.Hour)}, given: map[string]int{"a": 2}, waits: map[int][]int{1: {2}},
		},
		{
			name: "the lower number is served first when both came at once",
			bids: []Bid{bidding(2, "a", 0), bidding(1, "a", 0)}, given: map[string]int{"a": 1}, waits: map[int][]int{2: {1}},
		},
		{
			name: "who has its slots keeps them from who came earlier",
			bids: []Bid{bidding(1, "a", time.Hour), bidding(2, "a", time.Minute)}, turns: map[string]int{"a": 2},
			given: map[string]int{"a": 2}, waits: map[int][]int{1: {2}},
		},
		{
			name: "a push loses the turn to who waits",
			bids: []Bid{pushed, bidding(2, "a", time.Minute)}, turns: map[string]int{"a": 1},
			given: map[string]int{"a": 2}, waits: map[int][]int{1: {2}},
		},
		{
			name: "a turn that is written in one of two services is none",
			bids: []Bid{bidding(1, "ab", time.Minute), bidding(2, "b", time.Hour)}, turns: map[string]int{"a": 1},
			given: map[string]int{"b": 2}, waits: map[int][]int{1: {2}},
		},
		{
			name:  "who waits for one of two slots keeps later ones from the other",
			bids:  []Bid{bidding(1, "a", 3*time.Minute), bidding(2, "ab", 2*time.Minute), bidding(3, "b", time.Minute)},
			given: map[string]int{"a": 1}, waits: map[int][]int{2: {1}, 3: {2}},
		},
		{
			name:  "a passed canary stays while the slot time lasts",
			bids:  []Bid{bidding(1, "a", time.Hour).passedFor(halfHour - time.Second), bidding(2, "a", 0)},
			turns: map[string]int{"a": 1}, given: map[string]int{"a": 1}, waits: map[int][]int{2: {1}},
		},
		{
			name:  "a passed canary goes after the slot time when another waits",
			bids:  []Bid{bidding(1, "a", time.Hour).passedFor(halfHour), bidding(2, "a", 0)},
			turns: map[string]int{"a": 1}, given: map[string]int{"a": 2}, waits: map[int][]int{1: {2}},
		},
		{
			name:  "a passed canary stays for ever when nobody waits for its service",
			bids:  []Bid{bidding(1, "a", time.Hour).passedFor(24 * time.Hour), bidding(2, "b", 0)},
			turns: map[string]int{"a": 1}, given: map[string]int{"a": 1, "b": 2},
		},
		{
			name:  "a passed canary does not go for another that has passed",
			bids:  []Bid{bidding(1, "a", time.Minute).passedFor(time.Hour), bidding(2, "a", time.Hour).passedFor(time.Hour)},
			turns: map[string]int{"a": 1}, given: map[string]int{"a": 1}, waits: map[int][]int{2: {1}},
		},
		{
			name: "a passed canary does not go for somebody who waits for another service",
			bids: []Bid{
				bidding(1, "a", time.Minute).passedFor(time.Hour), bidding(2, "a", time.Hour).passedFor(time.Hour),
				bidding(3, "b", 0),
			},
			turns: map[string]int{"a": 1}, given: map[string]int{"a": 1, "b": 3}, waits: map[int][]int{2: {1}},
		},
		{
			name:  "who is kept from running goes after the slot time for somebody who is not",
			bids:  []Bid{bidding(1, "ab", time.Hour).idleFor(halfHour, "a"), bidding(2, "b", 0)},
			turns: map[string]int{"a": 1, "b": 1}, given: map[string]int{"b": 2}, waits: map[int][]int{1: {2}},
		},
		{
			name:  "who is kept from running stays while the slot time lasts",
			bids:  []Bid{bidding(1, "ab", time.Hour).idleFor(halfHour-time.Second, "a"), bidding(2, "b", 0)},
			turns: map[string]int{"a": 1, "b": 1}, given: map[string]int{"a": 1, "b": 1}, waits: map[int][]int{2: {1}},
		},
		{
			name:  "who is kept from running does not go for somebody who would be too",
			bids:  []Bid{bidding(1, "ab", time.Hour).idleFor(time.Hour, "a"), bidding(2, "ab", 0)},
			turns: map[string]int{"a": 1, "b": 1}, given: map[string]int{"a": 1, "b": 1}, waits: map[int][]int{2: {1}},
		},
		{
			name:  "who has passed comes after who has not, and takes what is left",
			bids:  []Bid{bidding(1, "a", time.Hour).passedFor(0), bidding(2, "b", time.Hour).passedFor(0), bidding(3, "b", 0)},
			given: map[string]int{"a": 1, "b": 3}, waits: map[int][]int{2: {3}},
		},
		{
			name:  "one waits for everybody before it",
			bids:  []Bid{bidding(3, "ab", 0), bidding(2, "b", time.Minute), bidding(1, "a", time.Minute)},
			given: map[string]int{"a": 1, "b": 2}, waits: map[int][]int{3: {1, 2}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			given, waits := Slots(c.bids, turnsOf(c.turns), halfHour, noon)
			want := map[render.ServiceName]int{}
			for name, pull := range c.given {
				want[render.ServiceName(name)] = pull
			}
			if !maps.Equal(given, want) {
				t.Errorf("given %v, want %v", given, want)
			}
			if !maps.EqualFunc(waits, c.waits, slices.Equal[[]int]) {
				t.Errorf("waits %v, want %v", waits, c.waits)
			}
		})
	}
}
