package reconcile

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"banksman.dev/approvals"
)

// The list lags behind Git. A process that has just started finds a head with
// its turn in the records, and a newer head when it looks once more.
func TestAHeadThatWasPushedToSinceItWasListedIsAskedForOnce(t *testing.T) {
	w := newPullWorld(t, twoServices(""))
	head := w.pull(12, bump("v2", "a"))
	w.look()
	if r := w.records["a"].Proposed; r == nil || r.Commit != head {
		t.Fatalf("#12 does not have the slot of a: %+v", r)
	}
	pushed := w.open[0]
	pushed.Head = approvals.SHA(strings.Repeat("b", 40))
	w.afresh[12] = pushed
	w.restart()
	w.lastLooks = 0
	w.look()
	if w.lastLooks != 1 {
		t.Errorf("#12 was asked for %d times in one look", w.lastLooks)
	}
	w.wantStatus(head, StageCanary, "pending: #12 is being pushed to")
}

// The clone of a process on another node is empty.
func TestAHeadThatGitDoesNotServeAfterARestartKeepsItsCanary(t *testing.T) {
	w := newPullWorld(t, twoServices(""))
	head := w.pull(12, bump("v2", "a"))
	w.look()
	w.git("", "update-ref", "-d", "refs/pull/12/head")
	w.clone = t.TempDir()
	w.restart()
	w.look()
	if s := w.records["a"].Canary; s == nil || s.Pull != 12 || s.Commit != head {
		t.Errorf("the canary of #12 was taken away: %+v", s)
	}
	if r := w.records["a"].Proposed; r == nil || r.Pull != 12 {
		t.Errorf("#12 lost its turn: %+v", r)
	}
}

// The head of the branch has the canary of a for itself, and cannot leave it.
func TestASickCanaryOfTheBranchKeepsNobodyFromOtherServices(t *testing.T) {
	w := newPullWorld(t, twoServices(""))
	sick := false
	w.health = func(s Set) Live {
		if sick && tagOf(s) == "v2" && s.Track == TrackCanary {
			return Live{Health: Failed, Message: "it crashes"}
		}
		return Live{Health: Healthy}
	}
	approved := w.push(bump("v2", "a"))
	w.look()
	sick = true // after its canary has passed
	w.orders["a"] = Orders{Acknowledge: approved}
	both, one := w.pull(12, bump("v3", "a", "b")), w.pull(13, bump("v4", "b"))
	w.look()
	w.wantStatus(one, StageCanary, "pending: waits for the canary of #12")
	w.now = w.now.Add(halfHour)
	w.look()
	w.wantStatus(one, StageCanary, "success: the canary is healthy")
	if got := w.status(both, StageCanary); !strings.HasPrefix(got, "pending: ") {
		t.Errorf("the canary of #12 is %q, and that of a never ran", got)
	}
}

// What failed in full would go to full again, and what failed for each of many
// pull requests would be tried in turns for ever.
func TestPullRequestsThatFailPushNoHoldOut(t *testing.T) {
	w := newPullWorld(t, twoServices(""))
	w.health = func(s Set) Live {
		tag := tagOf(s)
		if strings.HasPrefix(tag, "bad") || tag == "v2" && s.Track == TrackStable {
			return Live{Health: Failed, Message: "it crashes"}
		}
		return Live{Health: Healthy}
	}
	w.orders["a"] = Orders{Acknowledge: w.push(bump("v2", "a"))}
	w.look()
	if s := w.views["a"].Step; s != StepHeld {
		t.Fatalf("a is %s, though full failed", s)
	}
	const pulls = keepHolds + 1
	for i := range pulls {
		w.pull(100+i, bump(fmt.Sprint("bad", i), "a"))
	}
	for range pulls {
		if w.look(); len(w.records["a"].Holds) > pulls {
			break
		}
	}
	if n := len(w.records["a"].Holds); n != pulls+1 {
		t.Errorf("%d contents are held, want those of the %d pull requests and of the branch", n, pulls)
	}
	toFull := 0
	for _, s := range w.applied {
		if s.Track == TrackStable && tagOf(s) == "v2" {
			toFull++
		}
	}
	if toFull != 1 {
		t.Errorf("what failed in full was applied there %d times", toFull)
	}
	w.applied = nil
	for range 3 {
		w.look()
	}
	if i := slices.IndexFunc(w.applied, func(s Set) bool { return s.Proposed }); i >= 0 {
		t.Errorf("though nothing has changed, %s is tried again", tagOf(w.applied[i]))
	}
}

// Something happens in the cluster all the time, and pull requests that change
// what all services share make each of them wait for every service.
func TestWhatHappensToOneServiceCostsAFewReadsOfEachOther(t *testing.T) {
	const few, pulls = 10, 6
	reads := map[int]int{}
	for _, services := range []int{few, 2 * few} {
		w := newSharingWorld(t, services, pulls)
		w.look()
		w.look()
		if got := len(w.proposals.waits); got != pulls-1 {
			t.Fatalf("%d pull requests wait, want %d", got, pulls-1)
		}
		w.loads = 0
		w.reconcileAll(t.Context(), w.Services()[:1])
		if w.loads > services*pulls {
			t.Errorf("nothing new of one of %d services: %d records are read", services, w.loads)
		}
		w.loads, w.health = 0, slowPulls
		w.reconcileAll(t.Context(), w.Services()[:1])
		reads[services] = w.loads
	}
	if reads[2*few] > 3*reads[few] {
		t.Errorf("news of one service: %d records are read of %d services, %d of twice as many", reads[few], few, reads[2*few])
	}
}

// newSharingWorld has services that share a file, and pull requests that all
// change it.
func newSharingWorld(t testing.TB, services, pulls int) *pullWorld {
	t.Helper()
	shared := func(text string) string {
		return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"{{.system.SERVICE}}-shared\"}\ndata: {text: \"" + text + "\"}\n"
	}
	files, catalog := map[string]string{"shared.yaml": shared("")}, ""
	for i := range services {
		name := fmt.Sprintf("s%03d", i)
		catalog += fmt.Sprintf("%s: {templates: [%s.yaml, shared.yaml], canary: {replicas: 1}, namespace: shop}\n", name, name)
		files[name+".yaml"] = benchDeployment("v1")
	}
	files["services.yaml"] = catalog
	w := newPullWorld(t, files)
	for i := range pulls {
		w.pull(100+i, map[string]string{"shared.yaml": shared(fmt.Sprint(i))})
	}
	return w
}

// BenchmarkEverybodyWaits is what one event costs while pull requests change
// what all services share, and so does one look that shows nothing new.
func BenchmarkEverybodyWaits(b *testing.B) {
	const services, pulls = 100, 10
	w := newSharingWorld(b, services, pulls)
	w.look()
	w.look()
	b.Run("something happens to one service", func(b *testing.B) {
		for b.Loop() {
			w.reconcileAll(b.Context(), w.Services()[:1])
		}
	})
	b.Run("nothing new", func(b *testing.B) {
		for b.Loop() {
			w.now = w.now.Add(time.Second)
			w.look()
		}
	})
}
