package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// A tally counts what was met on the way: a property that never came near what
// it forbids says nothing.
type tally struct {
	mu sync.Mutex
	of map[string]int
}

func newTally() *tally { return &tally{of: map[string]int{}} }

func (c *tally) count(kinds ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range kinds {
		c.of[k]++
	}
}

func (c *tally) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	for _, k := range slices.Sorted(maps.Keys(c.of)) {
		all = append(all, fmt.Sprintf("%8d %s", c.of[k], k))
	}
	return strings.Join(all, "\n")
}
