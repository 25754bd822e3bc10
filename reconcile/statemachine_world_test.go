package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// A world is the real loop over a real Git repository, with a small forge and a
// small cluster around it. The promises in statemachine_promises_test.go are
// checked at each of the loop's effects, against what the world knows itself:
// who approved which commit, and what it says.
type world struct {
	mu sync.Mutex // the loop may call its effects in parallel
	*Loop

	origin  *origin
	source  *gitsrc.Repository
	clone   string
	now     time.Time
	from    approvals.CanaryFrom
	commits map[gitsrc.SHA]worldCommit
	head    gitsrc.SHA
	trust   gitsrc.SHA
	images  int

	forge   *smallForge
	cluster *smallCluster
	records map[render.ServiceName]Record
	orders  map[render.ServiceName]Orders
	views   map[render.ServiceName]View
	kept    map[render.ServiceName]Kept
	ghosts  [2]ghost

	statuses map[gitsrc.SHA]map[string]approvals.Status
	excused  map[gitsrc.SHA]bool // their statuses were begun by a record that somebody deleted
	posts    int
	saves    int    // that changed something
	saved    string // what the last of them changed

	ear         ear
	faults      faults
	effects     int // of this tick
	dead        bool
	kill        context.CancelFunc
	forgeFailed bool
	counts      *tally
	broken      []string // promises that were broken
	trace       []string
}

type worldCommit struct {
	parent gitsrc.SHA
	site   site
	pull   int // that was merged as it; 0: pushed
	branch bool
}

// faults are what goes wrong during one tick. Numbers count effects from 1; 0 is never.
type faults struct {
	forge, git, api bool
	copy            bool // with git: the local copy is gone, too, and the process is another
	failFrom        int  // every effect from this one on fails: the lease is lost, the disk is full
	failOnce        int  // this one fails
	crashAt         int  // the process dies at this effect,
	carriedOut      bool // which is carried out nevertheless
}

var (
	errDead   = errors.New("the process is dead")
	errEffect = errors.New("the API server answers 500")
)

// newWorld is a world whose first commit is trusted. dir is emptied for it.
func newWorld(t testing.TB, dir string, from approvals.CanaryFrom, counts *tally) *world {
	for _, sub := range []string{"origin", "clone"} {
		if err := os.RemoveAll(filepath.Join(dir, sub)); err != nil {
			t.Fatal(err)
		}
	}
	w := &world{
		origin: newOrigin(t, filepath.Join(dir, "origin")), now: noon, from: from, images: 2,
		commits: map[gitsrc.SHA]worldCommit{}, forge: &smallForge{pulls: map[int]*smallPull{}}, cluster: newSmallCluster(),
		records: map[render.ServiceName]Record{}, orders: map[render.ServiceName]Orders{}, views: map[render.ServiceName]View{},
		kept:     map[render.ServiceName]Kept{},
		ear:      newEar(),
		counts:   counts,
		statuses: map[gitsrc.SHA]map[string]approvals.Status{}, excused: map[gitsrc.SHA]bool{},
	}
	w.push(firstSite(), "", 0)
	w.trust = w.head
	for i := range w.ghosts {
		w.ghosts[i] = ghost{digests: map[string]render.Digest{}, contents: map[render.Digest]string{}}
	}
	w.clone = filepath.Join(dir, "clone")
	w.open()
	w.restart()
	return w
}

// open opens the local copy.
func (w *world) open() {
	source, err := gitsrc.Open(gitsrc.Options{URL: "file://" + w.origin.dir, Branch: "main", Dir: w.clone, AllowFile: true})
	w.origin.must(err)
	w.source = source
}

// push makes a commit of the branch, over parent.
func (w *world) push(s site, parent gitsrc.SHA, pull int) gitsrc.SHA {
	w.head = w.write(s, parent)
	c := w.commits[w.head]
	c.pull, c.branch = pull, true
	w.commits[w.head] = c
	w.origin.point("refs/heads/main", w.head)
	return w.head
}

func (w *world) write(s site, parent gitsrc.SHA) gitsrc.SHA {
	var parents []gitsrc.SHA
	if parent != "" {
		parents = append(parents, parent)
	}
	c := w.origin.commit(regular(s.files()), parents...)
	w.commits[c] = worldCommit{parent: parent, site: s}
	return c
}

func (w *world) tip() site { return w.commits[w.head].site }

// chain is the branch's history up to a commit, newest first.
func (w *world) chain(from gitsrc.SHA) []gitsrc.SHA {
	var all []gitsrc.SHA
	for c := from; c != ""; c = w.commits[c].parent {
		all = append(all, c)
	}
	return all
}

// restart is a new process: it remembers nothing but the records.
func (w *world) restart() {
	w.Loop = &Loop{
		Source:   w.source,
		Services: w.services, Load: w.load, Save: w.save, Keep: w.keep, Kept: w.readKept,
		Live: w.live, Recall: w.recall, Apply: w.apply, Pause: w.pause, Prune: w.prune,
		Facts: w.facts, Pulls: w.openPulls, Pull: w.onePull, PullFacts: w.pullFacts,
		Groups: func(context.Context) ([]approvals.MergeGroup, error) { return nil, nil },
		Posted: w.posted, Post: w.post, Tell: w.hear,
		Now: func() time.Time { return w.now },
		Log: slog.New(slog.DiscardHandler),
		Settings: Settings{
			Branch: "main", Trust: w.trust, Floor: approvals.Policy{Any: 1}, Interval: time.Second, Namespace: "shop",
			CanaryFrom: w.from, SlotTime: halfHour, Audit: 12 * time.Hour,
		},
	}
	w.dead = false
	w.deafen()
	w.Begin()
}

// tick is one look of the loop, during which these faults happen. A process that
// died is started again after it.
func (w *world) tick(ctx context.Context, f faults) {
	ctx, w.kill = context.WithCancel(ctx)
	defer w.kill()
	w.faults, w.effects, w.forgeFailed = f, 0, false
	if f.copy {
		w.origin.must(os.RemoveAll(w.clone))
		w.open()
		w.restart()
	}
	if f.git {
		w.origin.must(os.Rename(w.origin.dir, w.origin.dir+"-away"))
	}
	_ = w.Tick(ctx, siteNames[:]) // what fails is tried again
	if f.git {
		w.origin.must(os.Rename(w.origin.dir+"-away", w.origin.dir))
	}
	if !w.dead {
		w.checkHeard()
	}
	if w.dead || f.failFrom > 0 {
		w.restart()
	}
	w.faults = faults{}
	w.look()
}

// effect lets a fault come in the way of something that the loop does. What is
// half carried out is the caller's matter.
func (w *world) effect(do func() error) error {
	w.effects++
	f := w.faults
	switch {
	case w.dead:
		return errDead
	case f.crashAt == w.effects:
		w.dead = true
		w.counts.count("crashes")
		if f.carriedOut {
			_ = do() // nobody hears what came of it
		}
		w.kill()
		return errDead
	case f.failFrom > 0 && w.effects >= f.failFrom, f.failOnce == w.effects:
		w.counts.count("effects failed")
		return errEffect
	}
	return do()
}

// The cluster's answers to the loop.

func (w *world) services() []render.ServiceName {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(maps.Keys(w.records))
}

func (w *world) load(name render.ServiceName) (Record, Orders, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r, ok := w.records[name]
	return r.clone(), w.orders[name], ok
}

func (w *world) save(_ context.Context, r Record, v View) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	r = r.clone()
	return w.effect(func() error {
		w.checkSave(r, v)
		if !reflect.DeepEqual(w.records[r.Service], r) {
			w.saves++
			w.saved = differences(w.records[r.Service], r)
		}
		w.owe(w.records[r.Service], r)
		w.records[r.Service], w.views[r.Service] = r, v
		return nil
	})
}

func (w *world) keep(_ context.Context, name render.ServiceName, _ string, k Kept) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.effect(func() error {
		if _, _, err := k.release(name, k.Digest); err != nil {
			w.breaks("what is kept of %s is not what it says: %v", name, err)
		}
		if !reflect.DeepEqual(w.kept[name], k) { // else it is an audit's
			w.saves++
			w.saved = "what is kept of " + string(name)
		}
		w.kept[name] = k
		return nil
	})
}

func (w *world) readKept(_ context.Context, name render.ServiceName, _ string) (Kept, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead || w.faults.api {
		return Kept{}, false, errEffect
	}
	k, found := w.kept[name]
	w.counts.count("what is kept was read")
	return k, found, nil
}

func (w *world) live(_ context.Context, s Set) (Live, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.dead:
		return Live{}, errDead
	case w.faults.api:
		return Live{}, errEffect
	}
	g := w.ghost(s.Service)
	g.applied, g.failed = map[bool]bool{}, false // a pass looks before it applies
	return w.cluster.live(s), nil
}

func (w *world) recall(_ context.Context, name render.ServiceName, _ string) ([]Recalled, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.dead:
		return nil, errDead
	case w.faults.api:
		return nil, errEffect
	}
	return w.cluster.recalled(name), nil
}

func (w *world) apply(_ context.Context, s Set) (Applied, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.checkApply(s)
	done := Applied{Rivals: map[render.ObjectID]string{}}
	if w.faults.api {
		return done, &ApplyError{Err: errEffect}
	}
	if err := w.cluster.refuse(s); err != nil {
		return done, err
	}
	for _, o := range s.Objects {
		err := w.effect(func() error {
			e, repaired := w.cluster.put(s, o)
			if e.Name != "" {
				done.Entries = append(done.Entries, e)
			}
			if repaired {
				w.counts.count("drift repaired")
				done.Repaired = append(done.Repaired, o.ID())
				done.Rivals[o.ID()] = w.cluster.rival
			}
			return nil
		})
		if err != nil {
			w.ghost(s.Service).failed = true
			return done, &ApplyError{Object: o.ID(), Err: err}
		}
	}
	g := w.ghost(s.Service)
	g.applied[s.Track == TrackCanary] = true
	return done, nil
}

func (w *world) pause(_ context.Context, s Set, paused bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.effect(func() error {
		for _, o := range s.Objects {
			if t := w.cluster.things[o.ID()]; t != nil && o.Kind() == "Deployment" && t.paused != paused {
				t.paused = paused
				w.cluster.writes++
			}
		}
		return nil
	})
}

func (w *world) prune(_ context.Context, name render.ServiceName, entries []Entry) ([]Entry, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.checkPrune(name, entries)
	var kept []Entry
	var errs []error
	for _, e := range entries {
		if err := w.effect(func() error { w.checkDelete(name, e, w.cluster.take(name, e)); return nil }); err != nil {
			kept, errs = append(kept, e), append(errs, fmt.Errorf("delete %s: %w", e.ID(), err))
		}
	}
	return kept, errors.Join(errs...)
}

// differences names the fields of a record that changed.
func differences(was, is Record) string {
	var all []string
	a, b := reflect.ValueOf(was), reflect.ValueOf(is)
	for i := range a.NumField() {
		if x, y := a.Field(i).Interface(), b.Field(i).Interface(); !reflect.DeepEqual(x, y) {
			all = append(all, fmt.Sprintf("%s: %+v, and was %+v", a.Type().Field(i).Name, y, x))
		}
	}
	return strings.Join(all, "; ")
}
