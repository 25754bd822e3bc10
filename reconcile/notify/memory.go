package notify

import "sync"

// mostRemembered IDs are more than the loop tells in the time in which a
// transition could come twice.
const mostRemembered = 4096

// A memory is of the last IDs that a target was told. Two outlets share one while
// the first delivers what it had before its target changed.
type memory struct {
	mu    sync.Mutex
	ids   map[string]bool
	order []string // a ring, the oldest at next once it is full
	next  int
}

func newMemory() *memory { return &memory{ids: map[string]bool{}} }

// add says whether it is new.
func (m *memory) add(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ids[id] {
		return false
	}
	m.ids[id] = true
	if len(m.order) < mostRemembered {
		m.order = append(m.order, id)
		return true
	}
	delete(m.ids, m.order[m.next])
	m.order[m.next] = id
	m.next = (m.next + 1) % mostRemembered
	return true
}
