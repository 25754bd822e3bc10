package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// What a commit of a startWorld is like.
const (
	fine     = "approved by two"
	byOne    = "approved by one"
	waits    = "waits for a review"
	pushed   = "pushed"
	unheard  = "the forge does not answer for it"
	left     = "the service leaves, approved"
	broken   = "cannot be rendered, approved"
	stricter = "asks for two approvals, approved by two"
	looser   = "asks for no approval, waits for a review"
)

// A startWorld is a branch whose clusters are all new.
type startWorld struct {
	*world
	images []int // of the first service, by commit; the first is trusted
	silent map[gitsrc.SHA]bool
	asked  map[gitsrc.SHA]int
}

func newStartWorld(t *testing.T, commits ...string) *startWorld {
	w := &startWorld{
		world: newWorld(t, quickDir(t), approvals.CanaryFromBranch, newTally()), images: []int{1},
		silent: map[gitsrc.SHA]bool{}, asked: map[gitsrc.SHA]int{},
	}
	for _, like := range commits {
		w.lands(like)
	}
	w.begin()
	return w
}

func (w *startWorld) lands(like string) {
	s := w.tip()
	s.work[0] = siteWork{image: w.newImage(), broken: like == broken}
	s.catalog.entries[0].there = like != left
	switch like {
	case stricter:
		s.catalog.entries[0].steps = 1
	case looser:
		s.catalog.entries[0].steps = 2
	}
	w.images = append(w.images, s.work[0].image)
	if like == pushed {
		w.push(s, w.head, 0)
		return
	}
	p := w.offer(s, w.head)
	switch like {
	case fine, left, broken, stricter:
		w.approve(p)
	case byOne:
		w.forge.review(p, reviewers[0], approvals.ReviewApproved)
	}
	w.merge(p)
	w.silent[w.head] = like == unheard
}

// begin makes the cluster anew.
func (w *startWorld) begin() {
	w.anew()
	facts := w.Facts
	w.Facts = func(ctx context.Context, c gitsrc.SHA, following []gitsrc.SHA, teams []string, fresh bool) (approvals.Facts, error) {
		w.mu.Lock()
		w.asked[c]++
		silent := w.silent[c]
		w.mu.Unlock()
		if silent {
			return approvals.Facts{}, errors.New("the forge answers 502")
		}
		return facts(ctx, c, following, teams, fresh)
	}
}

// comesUp is the commit whose canary runs; -1 when none does.
func (w *startWorld) comesUp(name string) int {
	t := w.cluster.things[render.ObjectID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: name}]
	if t == nil {
		return -1
	}
	return slices.IndexFunc(w.images, func(image int) bool { return wordOf(t.object) == fmt.Sprintf("app:%d", image) })
}

func TestInANewClusterTheNewestApprovedContentComesUpFirst(t *testing.T) {
	t.Parallel()
	many := slices.Repeat([]string{waits}, mostEarlier)
	for name, c := range map[string]struct {
		commits []string
		want    int // 0 is the trusted commit
	}{
		"the head, when it is approved":                                    {[]string{fine, fine}, 2},
		"what was approved before a head that waits":                       {[]string{fine, fine, waits}, 2},
		"the trusted commit, when nothing was approved since":              {[]string{waits, waits}, 0},
		"what was approved before a head that nobody can approve":          {[]string{fine, pushed}, 1},
		"nothing that comes after what waits, be it approved itself":       {[]string{fine, waits, fine}, 1},
		"nothing older than what nobody can tell of":                       {[]string{fine, unheard, waits}, -1},
		"what is newer than what nobody can tell of comes to nothing too":  {[]string{fine, unheard, fine, waits}, -1},
		"nothing, when nobody can tell of the head":                        {[]string{fine, unheard}, -1},
		"what was approved before a head that cannot be rendered":          {[]string{fine, fine, broken}, 2},
		"the newest that can be rendered":                                  {[]string{fine, broken, waits}, 1},
		"the head, when the service had left and came back":                {[]string{fine, left, waits}, 3},
		"the head, when too much came since what was approved":             {append(slices.Clone(many), waits), mostEarlier + 1},
		"what was approved just so long ago":                               {many, 0},
		"what was approved by one where that is enough":                    {[]string{byOne, waits}, 1},
		"not what was approved by one where the steps ask for two by then": {[]string{stricter, byOne, waits}, 1},
		"what was approved by two where the steps ask for two by then":     {[]string{stricter, fine, waits}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newStartWorld(t, c.commits...)
			for range 3 { // looking again is no reason for anything else
				w.tick(t.Context(), faults{})
				if got := w.comesUp("web-canary"); got != c.want {
					t.Fatalf("%d comes up, want %d: %s", got, c.want, w.views["web"].Reason)
				}
				if got := w.comesUp("web"); got != -1 {
					t.Fatalf("%d is in full before its canary has passed", got)
				}
			}
		})
	}
}

func TestInANewClusterTheHeadFollowsWhatCameUpFirst(t *testing.T) {
	t.Parallel()
	for name, commits := range map[string][2]string{
		"and waits for its review":                   {fine, waits},
		"and is judged by the steps of what came up": {stricter, looser},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newStartWorld(t, commits[0], commits[1])
			for range 4 {
				w.quietTick(t.Context(), 6*time.Minute)
			}
			if commits[1] == looser {
				w.forge.review(w.forge.pulls[2], reviewers[0], approvals.ReviewApproved)
				w.quietTick(t.Context(), 6*time.Minute)
			}
			if full, canary := w.comesUp("web"), w.comesUp("web-canary"); full != 1 || canary != 2 {
				t.Errorf("full runs %d and the canary %d, want 1 and 2: %s", full, canary, w.views["web"].Reason)
			}
			if len(w.broken) > 0 {
				t.Error(w.broken)
			}
		})
	}
}

func TestWhileSomethingRollsOutNothingOlderComesFirst(t *testing.T) {
	t.Parallel()
	w := tuple{head: "N", twin: true, slot: slotHead, canary: Healthy, rolling: true, full: Progressing, rollingVerdict: approvals.Approved, earlier: earlierApproved}
	d := Decide(w.observed())
	if _, said := d.Record.report("cE"); said || d.View.Head.Commit != "cN" {
		t.Errorf("%+v", d.Record.Reports)
	}
}

func TestWhatFailsToComeUpFirstLeavesTheHeadToItsReview(t *testing.T) {
	t.Parallel()
	w := newStartWorld(t, fine, waits)
	w.cluster.ill[TrackCanary][fmt.Sprintf("app:%d", w.images[1])] = true
	for range 4 {
		w.quietTick(t.Context(), 6*time.Minute)
	}
	if full, canary := w.comesUp("web"), w.comesUp("web-canary"); full != -1 || canary != 2 {
		t.Fatalf("full runs %d and the canary %d, want none and 2: %s", full, canary, w.views["web"].Reason)
	}
	clear(w.cluster.ill[TrackCanary])
	w.order("web", func(o *Orders) { o.Retry = "again" })
	for range 4 {
		w.quietTick(t.Context(), 6*time.Minute)
	}
	if full, canary := w.comesUp("web"), w.comesUp("web-canary"); full != 1 || canary != 2 {
		t.Errorf("after a retry full runs %d and the canary %d, want 1 and 2: %s", full, canary, w.views["web"].Reason)
	}
}

func TestWhatRunsThoughNoRecordTellsOfItIsNotTakenBack(t *testing.T) {
	t.Parallel()
	w := newStartWorld(t, fine, fine, fine, waits)
	for range 4 {
		w.quietTick(t.Context(), 6*time.Minute)
	}
	for _, thing := range w.cluster.things {
		if thing.track == TrackStable {
			thing.commit = gitsrc.SHA("0123456789012345678901234567890123456789") // of another branch
		}
	}
	full := w.comesUp("web")
	w.forget("web")
	w.dismissAll()
	w.forge.review(w.forge.pulls[1], reviewers[0], approvals.ReviewApproved)
	for range 4 {
		w.quietTick(t.Context(), 6*time.Minute)
	}
	if now := w.comesUp("web"); full != 3 || now != 3 {
		t.Errorf("full ran %d and runs %d: %s", full, now, w.views["web"].Reason)
	}
}

func (w *startWorld) dismissAll() {
	for _, p := range w.forge.pulls {
		for _, u := range reviewers {
			p.dismiss(u)
		}
	}
}

func TestLookingForWhatCameBeforeAsksTheForgeNothingTwiceInAPoll(t *testing.T) {
	t.Parallel()
	w := newStartWorld(t, slices.Repeat([]string{waits}, 12)...)
	w.tick(t.Context(), faults{})
	w.tick(t.Context(), faults{})
	for c, times := range w.asked {
		if times > 2 {
			t.Errorf("%s is asked for %d times in two polls", c.Short(), times)
		}
	}
	if len(w.asked) != 12 {
		t.Errorf("%d commits are asked for", len(w.asked))
	}
}

// What is trusted for the walk must not be what nobody has approved.
func TestWhatComesUpFirstSettlesNothingAboutTheHead(t *testing.T) {
	t.Parallel()
	w := tuple{head: "N", twin: true, slot: slotEarlier, canary: Healthy, verdict: approvals.Waiting, fresh: true, earlier: earlierPassed}
	o := w.observed()
	o.Record.Recent = []Ref{ref("E")} // which makes it a way back
	if d := Decide(o); d.Record.Settled != "" || d.Record.Promoted == nil {
		t.Errorf("settled %q, promoted %v", d.Record.Settled, d.Record.Promoted)
	}
}
