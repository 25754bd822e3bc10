package reconcile

import (
	"context"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"banksman.dev/approvals"
	"banksman.dev/render"
)

// badSources is how many bad commits are made. CI makes BANKSMAN_BAD_SOURCES=10000.
func badSources(t *testing.T) int64 { return asked(t, "BANKSMAN_BAD_SOURCES", badSourcesUnasked) }

// Whatever becomes of a repository, by mistake or by malice: nothing that runs
// is deleted, full gets nothing that was not approved, somebody is told what is
// wrong and where, and a revert is enough to be well again.
func TestNoBadSourceDeletesAnything(t *testing.T) {
	most := badSources(t)
	var made atomic.Int64
	var failing atomic.Bool
	collector := debug.SetGCPercent(400)
	t.Cleanup(func() { debug.SetGCPercent(collector) })
	kinds, outcomes := newTally(), newTally()
	for shard := range badShards {
		t.Run(strconv.Itoa(shard), func(t *testing.T) {
			t.Parallel()
			for made.Load() < most && !t.Failed() {
				var w *badWorld // for some commits, one after the other, each reverted
				rapid.Check(t, func(rt *rapid.T) {
					if w == nil || w.origin.made > 2*mostInOneWorld || len(w.records) > len(badServices) {
						w = newBadWorld(t)
					}
					if made.Load() >= most && !failing.Load() {
						return
					}
					made.Add(1)
					if wrong := w.suffer(t.Context(), rt, kinds, outcomes); wrong != "" {
						failing.Store(true) // what failed is made again, until it is small
						bad := w
						w = nil
						rt.Fatalf("%s\n%s", wrong, bad.said)
					}
				})
			}
		})
	}
	t.Cleanup(func() {
		t.Logf("%d bad commits, of these kinds (one may be of several):\n%s\nand with these outcomes, of each service:\n%s", min(made.Load(), most), kinds, outcomes)
	})
}

const (
	badShards      = 8
	mostInOneWorld = 20 // histories grow long, and dear to fetch
)

// suffer makes one bad commit, looks what becomes of it, and reverts it. It says
// which promise is broken.
func (w *badWorld) suffer(ctx context.Context, t *rapid.T, kindsSeen, outcomes *tally) string {
	files := maps.Clone(w.good)
	var kinds, paths []string
	for range rapid.SampledFrom([]int{1, 1, 1, 2, 2, 3}).Draw(t, "spoilings") {
		s := rapid.SampledFrom(spoilings).Draw(t, "spoiling")
		paths = append(paths, s.do(t, files)...)
		kinds = append(kinds, s.name)
	}
	approved := rapid.IntRange(0, 4).Draw(t, "approved") == 0
	w.deleted, w.fullGot, w.failures = nil, nil, nil
	w.push(files, approved)
	for range 3 {
		w.pass(ctx)
		if rapid.IntRange(0, 4).Draw(t, "restarts") == 0 {
			w.restart(w.Source, w.Trust)
		}
	}
	w.said = w.describe()
	wrong := w.suffered(approved, paths)
	kindsSeen.count(kinds...)
	outcomes.count(w.outcomes(approved)...)
	w.push(w.good, true)
	for range 6 {
		if w.pass(ctx); w.runsTheGood() && w.asItWas(true) == "" {
			break
		}
	}
	switch {
	case wrong != "":
		return fmt.Sprintf("%v: %s", kinds, wrong)
	case !w.runsTheGood():
		return fmt.Sprintf("%v: after the revert it is not up to date", kinds)
	case w.asItWas(true) != "":
		return fmt.Sprintf("%v: after the revert %s", kinds, w.asItWas(true))
	}
	return ""
}

// suffered says which promise a bad commit broke. What somebody approved may
// change what runs; then only the deletion budget stands against it, and that
// what cannot be rendered changes nothing.
func (w *badWorld) suffered(approved bool, paths []string) string {
	if !approved {
		switch {
		case len(w.deleted) > 0:
			return fmt.Sprintf("%d objects are deleted: %v", len(w.deleted), w.deleted)
		case len(w.fullGot) > 0:
			return fmt.Sprintf("full gets what nobody approved: %v", w.fullGot)
		case w.asItWas(false) != "":
			return "what runs does not stay: " + w.asItWas(false)
		}
	}
	for _, name := range badServices {
		if wrong := w.unsaid(name, paths); wrong != "" {
			return wrong
		}
	}
	if approved && len(w.deleted) > 0 {
		return w.overBudget()
	}
	return ""
}

// overBudget: of the 11 objects that web and jobs have in full, 5 may go at once.
func (w *badWorld) overBudget() string {
	gone := map[string]int{}
	for _, id := range w.deleted {
		name, _, _ := strings.Cut(id[strings.Index(id, "/")+1:], "-")
		if !strings.HasSuffix(id, "-canary") {
			gone[name]++
		}
	}
	for name, n := range gone {
		if n > budgetCount {
			return fmt.Sprintf("%d objects of %s are deleted at once: %v", n, name, w.deleted)
		}
	}
	return ""
}

// unsaid finds an outcome that is reported without a sentence, or with one that
// names neither a file nor an object nor the commit that it is about.
func (w *badWorld) unsaid(name render.ServiceName, paths []string) string {
	v := w.views[name]
	names := func(sentence string) bool {
		for _, word := range slices.Concat(paths, []string{"services.yaml", string(name) + "/", "teams/", "Deployment", "ConfigMap", "Service "}) {
			if word != "" && strings.Contains(sentence, word) {
				return true
			}
		}
		return false
	}
	switch {
	case v.Reason == "":
		return fmt.Sprintf("%s: no reason is given", name)
	case v.Step == StepUnreadable && !names(v.Reason):
		return fmt.Sprintf("%s: the sentence names no file and no object: %s", name, v.Reason)
	case v.Step == StepHeld && !names(v.Reason):
		return fmt.Sprintf("%s: held, and the sentence names no file and no object: %s", name, v.Reason)
	case v.Step == StepUnreadable:
		s, said := w.statuses[v.Head.Commit][statusContext("", name, StageCanary)]
		if !said || s.State != approvals.Error || !names(s.Description) && len(v.Reason) < 120 {
			return fmt.Sprintf("%s: its status says %s: %q, and the reason is %q", name, s.State, s.Description, v.Reason)
		}
	}
	return ""
}

func (w *badWorld) outcomes(approved bool) []string {
	var all []string
	for _, name := range badServices {
		v, r := w.views[name], w.records[name]
		outcome := string(v.Step)
		switch {
		case r.Promoted != nil && r.Promoted.Digest != w.promoted[name]:
			outcome = "went to full"
		case v.Step == StepUpToDate && v.Head.Digest == w.promoted[name]:
			outcome = "not concerned"
		}
		if approved {
			outcome += ", approved"
		}
		all = append(all, outcome)
	}
	return all
}

func (w *badWorld) describe() string {
	var b strings.Builder
	for _, name := range badServices {
		fmt.Fprintf(&b, "%s: %s: %s\n", name, w.views[name].Step, w.views[name].Reason)
	}
	for _, err := range w.failures {
		fmt.Fprintf(&b, "failed: %v\n", err)
	}
	return b.String()
}
