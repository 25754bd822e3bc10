package reconcile

import (
	"crypto/md5"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// lists are the rules under test: the real ones, or mutants of them.
type lists struct{ full, canary []rule }

func realLists() lists { return lists{fullRules(), canaryRules()} }

// An exploration walks every world that is reachable with so many events. The
// passes of the loop and the settling of the cluster cost none.
type exploration struct {
	lists
	seen [256]struct {
		sync.Mutex
		keys map[[md5.Size]byte]bool
	}
	worlds, rest atomic.Int64
	broken       atomic.Pointer[string]
}

func explore(l lists, events int) *exploration {
	e := &exploration{lists: l}
	for i := range e.seen {
		e.seen[i].keys = map[[md5.Size]byte]bool{}
	}
	reached := e.each([]modelWorld{newModelWorld()}, e.walk)
	for depth := range events {
		last := depth+1 == events
		reached = e.each(reached, func(w modelWorld) []modelWorld {
			var further []modelWorld
			for _, n := range w.next(l) {
				further = append(further, e.walk(n)...)
			}
			if last {
				return nil
			}
			return further
		})
	}
	return e
}

// each visits worlds with all cores and gathers what the visits give.
func (e *exploration) each(worlds []modelWorld, visit func(modelWorld) []modelWorld) []modelWorld {
	var found []modelWorld
	var lock sync.Mutex
	var work sync.WaitGroup
	cores := runtime.GOMAXPROCS(0)
	for core := range cores {
		work.Go(func() {
			var mine []modelWorld
			for i := core; i < len(worlds) && e.broken.Load() == nil; i += cores {
				mine = append(mine, visit(worlds[i])...)
			}
			lock.Lock()
			defer lock.Unlock()
			found = append(found, mine...)
		})
	}
	work.Wait()
	return found
}

// walk follows passes and settling from a world, and gives every world on the
// way that was not seen before.
func (e *exploration) walk(start modelWorld) []modelWorld {
	var reached []modelWorld
	queue := []modelWorld{start}
	for len(queue) > 0 {
		w := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		key := w.key()
		if !e.first(key) {
			continue
		}
		reached = append(reached, w)
		after, d, broken := w.pass(e.lists, false)
		settled, moves := w.settle()
		still := after.key() == key
		if broken == "" && still && !moves {
			e.rest.Add(1)
			broken = w.atRest(d)
		}
		if broken != "" {
			broken += "\n" + w.describe(d)
			e.broken.CompareAndSwap(nil, &broken)
			return nil
		}
		if !still {
			queue = append(queue, after)
		}
		if moves {
			queue = append(queue, settled)
		}
	}
	return reached
}

func (e *exploration) first(key string) bool {
	sum := md5.Sum([]byte(key))
	shard := &e.seen[sum[0]]
	shard.Lock()
	defer shard.Unlock()
	if shard.keys[sum] {
		return false
	}
	shard.keys[sum] = true
	e.worlds.Add(1)
	return true
}

// BANKSMAN_MODEL_EVENTS=6 is what CI walks; 4 takes seconds.
func TestNoInterleavingOfEventsBreaksThePromises(t *testing.T) {
	events := 4
	if given := os.Getenv("BANKSMAN_MODEL_EVENTS"); given != "" {
		var err error
		if events, err = strconv.Atoi(given); err != nil {
			t.Fatal(err)
		}
	}
	e := explore(realLists(), events)
	if broken := e.broken.Load(); broken != nil {
		t.Fatal(*broken)
	}
	t.Logf("up to %d commits and %d events: %d worlds, %d of them at rest", mostModelCommits, events, e.worlds.Load(), e.rest.Load())
}

// Some mistakes give the right target and the wrong record. The model sees
// them a few events later.
func TestTheModelKillsMutantsOfTheRecord(t *testing.T) {
	mutants := map[string]changed{
		"a rollback that strikes nothing": {"rollback", func(d *draft) (Target, bool) {
			recent := slices.Clone(d.record.Recent)
			to, ok := rollback(d)
			if ok {
				d.record.Recent = append(d.record.Recent, recent...)
			}
			return to, ok
		}},
		"a rollback that is not written ahead": {"rollback", func(d *draft) (Target, bool) {
			was := copied(d.record.Promoted)
			to, ok := rollback(d)
			if ok {
				d.record.Promoted = was
			}
			return to, ok
		}},
		"a rollout that is not written ahead": {"promote", func(d *draft) (Target, bool) {
			to, ok := promote(d)
			if ok {
				d.record.Rolling = nil
			}
			return to, ok
		}},
		"a failed rollout that is not held": {"drop what must not go on", func(d *draft) (Target, bool) {
			to, ok := dropRolling(d)
			d.record.Holds = nil
			return to, ok
		}},
		"a rollout that ends without being promoted": {"finish what has begun", func(d *draft) (Target, bool) {
			was := copied(d.record.Promoted)
			to, ok := finish(d)
			if ok && d.record.Rolling == nil {
				d.record.Promoted = was
			}
			return to, ok
		}},
	}
	for name, m := range mutants {
		e := explore(lists{replaced(fullRules(), m.rule, m.match), canaryRules()}, 4)
		if broken := e.broken.Load(); broken == nil {
			t.Errorf("survived %d worlds: %s", e.worlds.Load(), name)
		} else {
			says, _, _ := strings.Cut(*broken, "\n")
			t.Logf("killed after %d worlds: %s: %s", e.worlds.Load(), name, says)
		}
	}
}

// A world that keeps moving by itself would never be seen at rest.
func TestEveryWorldComesToRest(t *testing.T) {
	l := realLists()
	rests := map[string]bool{} // worlds that are known to come to rest
	e := &exploration{lists: l}
	for i := range e.seen {
		e.seen[i].keys = map[[md5.Size]byte]bool{}
	}
	reached := e.walk(newModelWorld())
	for range 3 {
		var further []modelWorld
		for _, w := range reached {
			for _, n := range w.next(l) {
				further = append(further, e.walk(n)...)
			}
		}
		reached = further
		for _, w := range reached {
			path := map[string]bool{}
			for !rests[w.key()] {
				key := w.key()
				if path[key] {
					_, d, _ := w.pass(l, false)
					t.Fatalf("moves in a circle of at most %d worlds\n%s", len(path), w.describe(d))
				}
				path[key] = true
				next, _, _ := w.pass(l, false)
				next, _ = next.settle()
				if next.key() == key {
					break
				}
				w = next
			}
			maps.Copy(rests, path)
		}
	}
	t.Logf("%d worlds", len(rests))
}
