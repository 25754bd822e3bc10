package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// A badWorld is the real loop over a repository whose first commit is good and
// runs, everywhere. Then commits are made that no one should have made.
type badWorld struct {
	mu sync.Mutex
	*Loop

	origin   *origin
	dir      string
	now      time.Time
	good     map[string]gitFile
	head     gitsrc.SHA
	merged   *smallPull // what the head came from; nil when it was pushed
	forge    *smallForge
	cluster  *smallCluster
	records  map[render.ServiceName]Record
	views    map[render.ServiceName]View
	statuses map[gitsrc.SHA]map[string]approvals.Status
	failures []error

	was      map[render.ObjectID]string // the objects of the good commit, and what they say
	promoted map[render.ServiceName]render.Digest
	deleted  []string // since the good commit ran
	said     string   // of the bad commit
	fullGot  []string // what full was given that is not the good commit's
}

var badServices = []render.ServiceName{"api", "jobs", "ops", "web"}

func newBadWorld(t testing.TB) *badWorld {
	dir := quickDir(t)
	w := &badWorld{
		dir: dir, origin: newOrigin(t, filepath.Join(dir, "origin")), now: noon, good: regular(goodFiles()),
		forge: &smallForge{pulls: map[int]*smallPull{}}, cluster: newSmallCluster(),
		records: map[render.ServiceName]Record{}, views: map[render.ServiceName]View{},
		statuses: map[gitsrc.SHA]map[string]approvals.Status{},
	}
	w.push(w.good, false)
	source, err := gitsrc.Open(gitsrc.Options{URL: "file://" + w.origin.dir, Branch: "main", Dir: filepath.Join(dir, "clone"), AllowFile: true})
	if err != nil {
		t.Fatal(err)
	}
	w.restart(source, w.head)
	for range 6 {
		w.pass(t.Context())
	}
	w.promoted = map[render.ServiceName]render.Digest{}
	for _, name := range badServices {
		if !w.views[name].Ready {
			t.Fatalf("%s does not run at the good commit: %+v", name, w.views[name])
		}
		w.promoted[name] = w.records[name].Promoted.Digest
	}
	w.was = map[render.ObjectID]string{}
	for id, thing := range w.cluster.things {
		w.was[id] = wordOf(thing.object)
	}
	return w
}

// push makes a commit of the branch: of a pull request that was approved, or
// past all reviews.
func (w *badWorld) push(files map[string]gitFile, approved bool) {
	var parents []gitsrc.SHA
	if w.head != "" {
		parents = append(parents, w.head)
	}
	w.head = w.origin.commit(files, parents...)
	w.origin.point("refs/heads/main", w.head)
	if w.merged = nil; approved {
		w.merged = &smallPull{number: w.origin.made, head: w.head, merged: w.head, mergedAt: w.now}
		w.forge.pulls[w.merged.number] = w.merged
		w.forge.review(w.merged, reviewers[0], approvals.ReviewApproved)
	}
}

func (w *badWorld) restart(source *gitsrc.Repository, trust gitsrc.SHA) {
	w.Loop = &Loop{
		Source: source,
		Services: func() []render.ServiceName {
			w.mu.Lock()
			defer w.mu.Unlock()
			return slices.Sorted(maps.Keys(w.records))
		},
		Load: w.load, Save: w.save, Live: w.live, Apply: w.apply, Prune: w.prune,
		Facts: w.reviews,
		Posted: func(_ context.Context, c gitsrc.SHA) ([]approvals.Status, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return slices.Collect(maps.Values(w.statuses[c])), nil
		},
		Post: w.post,
		Now:  func() time.Time { return w.now },
		Log:  slog.New(slog.DiscardHandler),
		Settings: Settings{
			Branch: "main", Trust: trust, Floor: approvals.Policy{Any: 1}, Interval: time.Second, Namespace: "shop", SlotTime: halfHour,
		},
	}
	w.Begin()
}

// pass is a look of the loop at everything, and time that goes by after it.
func (w *badWorld) pass(ctx context.Context) {
	if err := w.Tick(ctx, badServices); err != nil {
		w.failures = append(w.failures, err)
	}
	w.cluster.settle()
	w.now = w.now.Add(6 * time.Minute)
}

func (w *badWorld) reviews(_ context.Context, c gitsrc.SHA, _ []gitsrc.SHA, _ []string, _ bool) (approvals.Facts, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var brought []*smallPull
	for _, p := range w.forge.pulls {
		if p.merged == c {
			brought = append(brought, p)
		}
	}
	return w.forge.facts(c, brought...), nil
}

func (w *badWorld) load(name render.ServiceName) (Record, Orders, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r, ok := w.records[name]
	return r.clone(), Orders{}, ok
}

func (w *badWorld) save(_ context.Context, r Record, v View) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.records[r.Service], w.views[r.Service] = r.clone(), v
	return nil
}

func (w *badWorld) live(_ context.Context, s Set) (Live, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cluster.live(s), nil
}

func (w *badWorld) apply(_ context.Context, s Set) (Applied, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var done Applied
	for _, o := range s.Objects {
		if t := w.cluster.things[o.ID()]; t != nil && t.service != s.Service {
			return done, &ApplyError{Object: o.ID(), Permanent: true, Err: errors.New("it belongs to another service")}
		}
		if s.Track == TrackStable && w.promoted != nil && s.Ref.Digest != w.promoted[s.Service] {
			w.fullGot = append(w.fullGot, fmt.Sprintf("%s of %s", o, s.Ref.Commit.Short()))
		}
		e, _ := w.cluster.put(s, o)
		done.Entries = append(done.Entries, e)
	}
	return done, nil
}

func (w *badWorld) prune(_ context.Context, name render.ServiceName, entries []Entry) ([]Entry, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range entries {
		if _, good := w.was[e.ID()]; w.cluster.take(name, e) && good {
			w.deleted = append(w.deleted, e.ID().String())
		}
	}
	return nil, nil
}

func (w *badWorld) post(_ context.Context, c gitsrc.SHA, s approvals.Status) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.statuses[c] == nil {
		w.statuses[c] = map[string]approvals.Status{}
	}
	w.statuses[c][s.Context] = s
	return nil
}

// asItWas says what is not any more as the good commit had it; full's objects
// only, or the canaries', too.
func (w *badWorld) asItWas(canaries bool) string {
	for id, word := range w.was {
		t := w.cluster.things[id]
		switch {
		case t == nil:
			return id.String() + " is gone"
		case (t.track == TrackStable || canaries) && wordOf(t.object) != word:
			return fmt.Sprintf("%s says %q and said %q", id, wordOf(t.object), word)
		}
	}
	return ""
}

func (w *badWorld) runsTheGood() bool {
	for name, d := range w.promoted {
		r := w.records[name]
		if r.Promoted == nil || r.Promoted.Digest != d || !w.views[name].Ready || !reflect.DeepEqual(r.Withheld, []Entry(nil)) {
			return false
		}
	}
	return true
}
