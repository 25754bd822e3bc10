package reconcile

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// parallel makes a world's process look at several services at a time.
func (w *pullWorld) parallel() { w.Parallel, w.Interval = 4, 10*time.Millisecond }

func TestAServiceThatHangsHoldsUpNoOther(t *testing.T) {
	w := newPullWorld(t, twoServices(""))
	w.restart()
	w.parallel()
	hangs, applied := make(chan struct{}, 1000), make(chan string, 1000)
	w.Apply = func(ctx context.Context, s Set) (Applied, error) {
		if s.Service == "a" {
			hangs <- struct{}{}
			<-ctx.Done()
			return Applied{}, ctx.Err()
		}
		select {
		case applied <- tagOf(s):
		default:
		}
		return Applied{}, nil
	}
	deadline, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- w.Run(deadline) }()
	select {
	case <-hangs:
	case <-deadline.Done():
		t.Fatal("a is not looked at")
	}
	w.push(bump("v3", "a", "b"))
	for tag := ""; tag != "v3"; {
		select {
		case tag = <-applied:
		case <-deadline.Done():
			t.Fatal("b waits for a")
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestOneServiceIsLookedAtByOnePassAtATime(t *testing.T) {
	w := newPullWorld(t, twoServices(""))
	w.restart()
	w.parallel()
	wake := make(chan render.ServiceName)
	w.Wake = wake
	var mu sync.Mutex
	inside, most, passes := map[render.ServiceName]int{}, 0, 0
	w.Apply = func(_ context.Context, s Set) (Applied, error) {
		mu.Lock()
		inside[s.Service]++
		most, passes = max(most, inside[s.Service]), passes+1
		mu.Unlock()
		defer func() {
			mu.Lock()
			inside[s.Service]--
			mu.Unlock()
		}()
		return Applied{}, nil
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	for enough := false; !enough; {
		mu.Lock()
		enough = passes >= 40
		mu.Unlock()
		for _, name := range []render.ServiceName{"a", "b"} {
			select {
			case wake <- name:
			case <-ctx.Done():
				t.Fatal("the loop does not listen")
			}
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if most != 1 {
		t.Errorf("%d at a time", most)
	}
}

func TestNoGoroutineOutlivesTheLoop(t *testing.T) {
	w := newPullWorld(t, twoServices(""))
	w.pull(12, bump("v2", "a"))
	w.restart()
	w.parallel()
	before := goleak.IgnoreCurrent()
	applied := make(chan struct{}, 1000)
	w.Apply = func(context.Context, Set) (Applied, error) {
		applied <- struct{}{}
		return Applied{}, nil
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	for range 4 {
		select {
		case <-applied:
		case <-ctx.Done():
			t.Fatal("nothing is applied")
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	goleak.VerifyNone(t, before)
}

// What is being written when the process is to end is written, and nothing else
// is begun.
func TestAProcessThatIsToEndFinishesWhatItWrites(t *testing.T) {
	w := newPullWorld(t, twoServices(""))
	w.restart()
	w.parallel()
	writing, end := make(chan struct{}, 1000), make(chan struct{})
	w.Apply = func(ctx context.Context, _ Set) (Applied, error) {
		writing <- struct{}{}
		<-end
		return Applied{}, ctx.Err()
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	<-writing
	stop()
	select {
	case err := <-ended:
		t.Fatalf("it ended in the middle of a write: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(end)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if len(w.troubles) > 0 {
		t.Errorf("the write was cut off: %v", w.troubles)
	}
}

// An API server, a forge or a Git server that hangs does not keep a process from
// ending, and what it did not answer decides nothing.
func TestAProcessThatIsToEndWaitsForNoAnswer(t *testing.T) {
	for name, hang := range map[string]func(*Loop, func(context.Context)){
		"of the cluster": func(l *Loop, hangs func(context.Context)) {
			live := l.Live
			l.Live = func(ctx context.Context, s Set) (Live, error) {
				if s.Service == "b" {
					hangs(ctx)
					return Live{}, ctx.Err()
				}
				return live(ctx, s)
			}
		},
		"of what was lost": func(l *Loop, hangs func(context.Context)) {
			l.Recall = func(ctx context.Context, name render.ServiceName, _ string) ([]Recalled, error) {
				if name == "b" {
					hangs(ctx)
					return nil, ctx.Err()
				}
				return nil, nil
			}
		},
		"of the forge": func(l *Loop, hangs func(context.Context)) {
			l.Facts = func(ctx context.Context, _ gitsrc.SHA, _ []gitsrc.SHA, _ []string, _ bool) (approvals.Facts, error) {
				hangs(ctx)
				return approvals.Facts{}, ctx.Err()
			}
		},
		"of what stands on a commit": func(l *Loop, hangs func(context.Context)) {
			l.Posted = func(ctx context.Context, _ gitsrc.SHA) ([]approvals.Status, error) {
				hangs(ctx)
				return nil, ctx.Err()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newPullWorld(t, twoServices(""))
			if name == "of the forge" {
				w.push(bump("v2", "b"))
			}
			if name == "of what was lost" {
				delete(w.records, "b")
			}
			w.restart()
			w.parallel()
			writing, end := make(chan context.Context, 1000), make(chan struct{})
			w.Apply = func(ctx context.Context, s Set) (Applied, error) {
				if s.Service == "a" {
					writing <- ctx
					<-end
				}
				return Applied{}, ctx.Err()
			}
			hanging, ended := make(chan struct{}, 1000), make(chan struct{}, 1000)
			hang(w.Loop, func(ctx context.Context) {
				hanging <- struct{}{}
				<-ctx.Done()
				ended <- struct{}{}
			})
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			over := make(chan error, 1)
			go func() { over <- w.Run(ctx) }()
			write := <-writing
			<-hanging
			before, _, _ := w.Load("b")
			stop()
			<-ended
			if write.Err() != nil {
				t.Error("the read ends no earlier than the writes")
			}
			close(end)
			if err := <-over; err != nil {
				t.Error(err)
			}
			if after, _, _ := w.Load("b"); !reflect.DeepEqual(before, after) {
				t.Errorf("what was not answered is remembered: %+v", after)
			}
		})
	}
}

func TestARequestIsSharedOnlyByThoseWhoAskedBeforeItBegan(t *testing.T) {
	s := newShared[string, int]()
	began, finish := make(chan int, 10), make(chan struct{})
	asked := 0
	ask := func() int {
		asked++
		n := asked
		began <- n
		<-finish
		return n
	}
	answers := make(chan int, 10)
	first := func() { answers <- s.do("x", ask) }
	go first()
	<-began
	for range 5 {
		go first()
	}
	// All five wait for one request that has not begun.
	for s.waiting("x") == nil {
		time.Sleep(time.Millisecond)
	}
	finish <- struct{}{}
	if n := <-answers; n != 1 {
		t.Fatalf("the first got answer %d", n)
	}
	<-began
	close(finish)
	for range 5 {
		if n := <-answers; n < 2 {
			t.Errorf("answered by request %d, which began before it asked", n)
		}
	}
	if asked > 6 {
		t.Errorf("asked %d times", asked)
	}
}

func (s *shared[K, V]) waiting(key K) *request[V] {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next[key]
}

func TestManyDeletionsOfFullsObjectsWaitAndNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		full := rapid.IntRange(0, 40).Draw(t, "full")
		canary := rapid.IntRange(0, 40).Draw(t, "canary")
		goes := rapid.IntRange(0, full).Draw(t, "goes")
		settled, acknowledged := rapid.Bool().Draw(t, "settled"), rapid.Bool().Draw(t, "acknowledged")
		var inventory, gone []Entry
		for i := range full {
			e := Entry{Kind: "ConfigMap", Name: fmt.Sprint("full-", i), Track: TrackStable}
			inventory = append(inventory, e)
			if settled && i < goes {
				gone = append(gone, e)
			}
		}
		for i := range canary {
			e := Entry{Kind: "ConfigMap", Name: fmt.Sprint("canary-", i), Track: TrackCanary}
			inventory, gone = append(inventory, e), append(gone, e)
		}
		was := []Entry{{Kind: "ConfigMap", Name: "withheld before"}}
		now, wait := withinBudget(gone, inventory, was, settled, acknowledged)
		if !settled {
			if len(now) != canary || !slices.Equal(wait, was) {
				t.Fatalf("before full has settled: %d now, %v wait", len(now), wait)
			}
			return
		}
		tooMany := goes > 5 && goes*5 > full && !acknowledged
		if tooMany && (len(wait) != goes || len(now) != canary) || !tooMany && (len(wait) != 0 || len(now) != goes+canary) {
			t.Fatalf("%d of %d full objects: %d now, %d wait", goes, full, len(now), len(wait))
		}
	})
}

func TestEachServiceIsAuditedInItsTurn(t *testing.T) {
	w := newPullWorld(t, twoServices(""))
	w.Audit = 12 * time.Hour
	audits := map[render.ServiceName]int{}
	w.Apply = func(_ context.Context, s Set) (Applied, error) {
		if s.Audit && s.Track == TrackStable {
			audits[s.Service]++
		}
		return Applied{}, nil
	}
	w.reconcileAll(t.Context(), w.Services())
	for range 6 * 24 {
		w.now = w.now.Add(10 * time.Minute)
		w.reconcileAll(t.Context(), w.overdue())
	}
	for _, name := range w.Services() {
		if n := audits[name]; n < 1 || n > 3 {
			t.Errorf("%s was audited %d times in a day", name, n)
		}
	}
}
