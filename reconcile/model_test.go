package reconcile

import (
	"cmp"
	"crypto/md5"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"banksman.dev/render"
)

// lists are the rules under test: the real ones, or mutants of them.
type lists struct{ full, canary []rule }

func realLists() lists { return lists{fullRules(), canaryRules()} }

// A model is how the worlds of one kind move.
type model[W any] struct {
	key func(W) string
	// free are the moves that cost no event: the passes of the loop and the
	// settling of the cluster. A world without any is at rest. It says what is
	// wrong with the world or with a pass in it.
	free func(W) (moves []W, broken string)
	// events are the worlds one event further.
	events func(W) []W
}

// modelOfOne is the world of one service.
func modelOfOne(l lists) model[modelWorld] {
	return model[modelWorld]{
		key:    modelWorld.key,
		free:   func(w modelWorld) ([]modelWorld, string) { return w.free(l) },
		events: func(w modelWorld) []modelWorld { return w.next(l) },
	}
}

func (w modelWorld) free(l lists) (moves []modelWorld, broken string) {
	after, d, broken := w.pass(l, false)
	settled, settles := w.settle()
	still := after.key() == w.key()
	if broken == "" && still && !settles {
		broken = cmp.Or(w.atRest(d), w.unended(d))
	}
	if broken != "" {
		return nil, broken + "\n" + w.describe(d)
	}
	if !still {
		moves = append(moves, after)
	}
	if settles {
		moves = append(moves, settled)
	}
	return moves, ""
}

// atRest holds a world in which nothing moves any more against what people
// were promised.
func (w modelWorld) atRest(d Decision) string {
	tip := w.branch[len(w.branch)-1].content
	r := w.record
	switch {
	case r.Rolling != nil:
		return "a rollout is left unfinished"
	case d.View.Reason == "":
		return "no reason is given"
	case r.Promoted != nil && w.full != string(r.Promoted.Digest):
		return "full does not run what is promoted"
	case r.Promoted == nil && len(r.Holds) == 0 && w.full == "" && (d.View.Step != StepCanary || !hasPassed(r, w.canary)):
		return "nothing comes up though the first commit is trusted"
	}
	_, held := r.hold(render.Digest(tip))
	waits := w.headWaits(d)
	switch {
	case tip != "" && !held && !waits && (r.Promoted == nil || string(r.Promoted.Digest) != tip):
		return "the branch's content is neither promoted, nor held, nor waiting: " + string(d.View.Step)
	case tip != "" && !held && !r.runs(render.Digest(tip)) && hasPassed(r, tip) && w.allApproved() && !in(w.badCanary, tip):
		return "approved content whose canary is well does not go on"
	case tip != "" && !held && w.canary != tip && r.Proposed == nil && w.unread == "" && !w.firstWaits(d):
		return "the canary does not run the branch's content"
	}
	return ""
}

// unended finds a status that stays pending though nothing moves any more.
func (w modelWorld) unended(d Decision) string {
	waits := w.headWaits(d)
	for _, p := range w.record.Reports {
		head := p.Commit == d.View.Head.Commit || w.firstWaits(d) && p.Commit == w.record.Canary.Commit
		for _, s := range []StageReport{p.Canary, p.Approval, p.Full} {
			if !s.ended() && (!head || !waits) {
				return fmt.Sprintf("a status of %s never ends: %s (head %s, step %s)", p.Commit, s.Description, d.View.Head.Commit, d.View.Step)
			}
		}
	}
	return ""
}

// headWaits: for an approval, or for a canary that passed to be well again.
func (w modelWorld) headWaits(d Decision) bool {
	return d.View.Step == StepApproval || d.View.Step == StepCanary && hasPassed(w.record, w.branch[len(w.branch)-1].content) || w.firstWaits(d)
}

func (w modelWorld) describe(d Decision) string {
	var b strings.Builder
	for i, c := range w.branch {
		fmt.Fprintf(&b, "c%d %q pull=%v approved=%v\n", i, c.content, c.pull, c.approved)
	}
	fmt.Fprintf(&b, "promoted %v rolling %v canary %+v recent %v holds %v\n", w.record.Promoted, w.record.Rolling, w.record.Canary, w.record.Recent, w.record.Holds)
	fmt.Fprintf(&b, "runs: full %q (settled %v), canary %q (settled %v), bad %q %q\n", w.full, w.fullUp, w.canary, w.canaryUp, w.badFull, w.badCanary)
	fmt.Fprintf(&b, "decision: full %q %s, canary %q %s; %s: %s\n", d.Full.Rule, aimOf(d.Full), d.Canary.Rule, aimOf(d.Canary), d.View.Step, d.View.Reason)
	for _, p := range w.record.Reports {
		fmt.Fprintf(&b, "report %+v\n", p)
	}
	return b.String()
}

func (w modelWorld) key() string {
	b := append(w.appendKey(make([]byte, 0, 256)), w.record.Observed...)
	for _, p := range w.record.Reports {
		b = append(append(b, '/'), p.Commit...)
		for _, s := range []StageReport{p.Canary, p.Approval, p.Full} {
			b = append(b, (s.State + " ")[0])
		}
	}
	return string(b)
}

// appendKey leaves out the reports: they say what was decided and decide nothing.
func (w modelWorld) appendKey(b []byte) []byte {
	for i, c := range w.branch {
		b = append(b, c.content...)
		if i >= w.judgedFrom() {
			b = append(b, flag(c.pull)+flag(c.approved)<<1+'0')
		}
	}
	r := w.record
	for _, p := range []*Ref{r.Promoted, r.Rolling} {
		b = append(b, '|')
		if p != nil {
			b = append(append(b, p.Commit...), p.Digest...)
		}
	}
	b = append(append(b, '|'), r.Settled...)
	b = append(b, '|')
	if s := r.Canary; s != nil {
		b = append(append(b, s.Commit...), s.Digest...)
		b = append(b, flag(s.Healthy)+'0', byte(s.Pull)+'0')
	}
	if p := r.Proposed; p != nil {
		b = append(append(append(b, '@'), p.Commit...), p.Digest...)
	}
	for _, p := range r.Recent {
		b = append(append(b, '+'), p.Digest...)
	}
	for _, p := range r.Passed {
		b = append(append(b, '*'), p.Digest...)
		b = append(b, flag(p.At.Before(noon))+'0')
	}
	for _, h := range r.Holds {
		b = append(append(b, '-'), h.Digest...)
	}
	b = append(append(b, '|'), w.full...)
	b = append(append(b, '|'), w.canary...)
	b = append(b, flag(w.fullUp)+flag(w.canaryUp)<<1+'0')
	b = append(append(append(append(b, '|'), w.badFull...), '|'), w.badCanary...)
	return append(append(b, '|'), w.promotedOrRolledBack...)
}

// keys are a set of worlds that many may add to at once.
type keys [256]struct {
	sync.Mutex
	sums map[[md5.Size]byte]bool
}

func newKeys() *keys {
	k := &keys{}
	for i := range k {
		k[i].sums = map[[md5.Size]byte]bool{}
	}
	return k
}

// add says whether one of them is new.
func (k *keys) add(added ...string) (isNew bool) {
	for _, key := range added {
		sum := md5.Sum([]byte(key))
		shard := &k[sum[0]]
		shard.Lock()
		isNew = isNew || !shard.sums[sum]
		shard.sums[sum] = true
		shard.Unlock()
	}
	return isNew
}

func (k *keys) has(key string) bool {
	sum := md5.Sum([]byte(key))
	shard := &k[sum[0]]
	shard.Lock()
	defer shard.Unlock()
	return shard.sums[sum]
}

// An exploration walks every world that is reachable with so many events.
type exploration[W any] struct {
	model[W]
	seen         *keys
	worlds, rest atomic.Int64
	broken       atomic.Pointer[string]
}

func newExploration[W any](m model[W]) *exploration[W] {
	return &exploration[W]{model: m, seen: newKeys()}
}

func explore[W any](m model[W], from []W, events int) *exploration[W] {
	e := newExploration(m)
	reached := e.each(from, e.walk)
	for depth := range events {
		last := depth+1 == events
		reached = e.each(reached, func(w W) []W {
			var further []W
			for _, n := range e.events(w) {
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
func (e *exploration[W]) each(worlds []W, visit func(W) []W) []W {
	var found []W
	var lock sync.Mutex
	var work sync.WaitGroup
	cores := runtime.GOMAXPROCS(0)
	for core := range cores {
		work.Go(func() {
			var mine []W
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

// walk follows the free moves from a world, and gives every world on the way
// that was not seen before.
func (e *exploration[W]) walk(start W) []W {
	var reached []W
	queue := []W{start}
	for len(queue) > 0 {
		w := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		if !e.seen.add(e.key(w)) {
			continue
		}
		e.worlds.Add(1)
		reached = append(reached, w)
		moves, broken := e.free(w)
		if broken != "" {
			e.broken.CompareAndSwap(nil, &broken)
			return nil
		}
		if len(moves) == 0 {
			e.rest.Add(1)
		}
		queue = append(queue, moves...)
	}
	return reached
}

// modelEvents: BANKSMAN_MODEL_EVENTS=5 is what CI walks; 4 takes seconds, and 6 some 20 GiB.
func modelEvents(t *testing.T) int {
	given := os.Getenv("BANKSMAN_MODEL_EVENTS")
	if given == "" {
		return 4
	}
	events, err := strconv.Atoi(given)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func TestNoInterleavingOfEventsBreaksThePromises(t *testing.T) {
	exhaustive(t)
	events := modelEvents(t)
	e := explore(modelOfOne(realLists()), []modelWorld{newModelWorld()}, events)
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
		e := explore(modelOfOne(lists{replaced(fullRules(), m.rule, m.match), canaryRules()}), []modelWorld{newModelWorld()}, 4)
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
	e := newExploration(modelOfOne(l))
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
