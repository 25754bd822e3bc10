package reconcile

import (
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"banksman.dev/approvals"
)

// modelSteps is how many steps the state machine walks. CI walks
// BANKSMAN_MODEL_STEPS=100000, which takes two cores some minutes.
func modelSteps(t *testing.T) int64 { return asked(t, "BANKSMAN_MODEL_STEPS", modelStepsUnasked) }

// asked is a number from the environment, or another one where it says none.
func asked(t *testing.T, variable string, unasked int64) int64 {
	t.Helper()
	given := os.Getenv(variable)
	switch {
	case given == "" && testing.Short():
		return unasked / 5
	case given == "":
		return unasked
	}
	n, err := strconv.ParseInt(given, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The real loop, over real Git objects, in a world that does what it likes:
// whatever people do, whatever fails and wherever the process dies, nothing that
// was promised is broken at any effect, and once people act sensibly and nothing
// fails, full becomes what the branch says and then nothing is written.
func TestWhateverHappensThePromisesHold(t *testing.T) {
	most := modelSteps(t)
	collector := debug.SetGCPercent(400) // many small worlds, one after the other
	t.Cleanup(func() { debug.SetGCPercent(collector) })
	var walked atomic.Int64
	var failing atomic.Bool // then what failed is walked again, until it is small
	counts := newTally()
	for n := range modelWalkers {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			t.Parallel()
			dir := quickDir(t)
			from := []approvals.CanaryFrom{approvals.CanaryFromPullRequests, approvals.CanaryFromBranch}[n%2]
			for walked.Load() < most && !t.Failed() {
				rapid.Check(t, func(rt *rapid.T) {
					if walked.Load() >= most && !failing.Load() {
						return
					}
					w := &walk{world: newWorld(t, dir, from, counts), ctx: t.Context()}
					defer func() { failing.Store(failing.Load() || len(w.broken) > 0) }()
					if rapid.IntRange(0, 3).Draw(rt, "begins at rest") > 0 {
						for range 5 {
							w.quietTick(w.ctx, 3*time.Minute)
						}
					}
					for range 2 {
						rt.Repeat(w.machine(&walked))
						rt.Repeat(w.machine(&walked))
						w.trace = append(w.trace, "come to rest")
						if wrong := w.comeToRest(w.ctx); wrong != "" {
							w.broken = append(w.broken, wrong)
						}
						w.tell(rt)
						counts.count("times everything came to rest")
					}
				})
			}
		})
	}
	t.Cleanup(func() { t.Logf("%d steps, with\n%s", walked.Load(), counts) })
}

// modelWalkers is how many worlds may be walked at a time.
const modelWalkers = 8

func (w *walk) machine(walked *atomic.Int64) map[string]func(*rapid.T) {
	actions := w.actions()
	actions[""] = func(t *rapid.T) {
		walked.Add(int64(w.steps))
		w.steps = 0
		w.tell(t)
	}
	return actions
}

func (w *walk) tell(t *rapid.T) {
	if len(w.broken) > 0 {
		t.Fatalf("%s\nafter\n%s", strings.Join(w.broken, "\n"), strings.Join(w.trace, "\n"))
	}
}
