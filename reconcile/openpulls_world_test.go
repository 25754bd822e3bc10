package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// A pullWorld is a bare repository, a forge that lists pull requests and takes
// statuses, and a cluster in which everything is healthy unless a test says
// otherwise. The scenarios play with a real stand-in of the forge; here a test
// says what that one never does: it lags behind Git, hangs, or lists a branch
// that somebody made by hand.
type pullWorld struct {
	t testing.TB
	*Loop

	dir, clone string
	commits    int
	first      gitsrc.SHA
	from       approvals.CanaryFrom
	now        time.Time

	open   []approvals.Proposal
	afresh map[int]approvals.Proposal // what the last look finds, where the list lags
	facts  map[int]approvals.Facts
	groups []approvals.MergeGroup
	on     map[gitsrc.SHA]map[string]approvals.Status

	mu      sync.Mutex // of what follows: passes run beside each other
	records map[render.ServiceName]Record
	orders  map[render.ServiceName]Orders
	views   map[render.ServiceName]View
	health  func(Set) Live
	refuses func(Set) error

	applied                 []Set
	pruned                  []Entry
	loads, lastLooks, posts int
}

// newPullWorld is a world in which the first commit runs.
func newPullWorld(t testing.TB, files map[string]string) *pullWorld {
	t.Helper()
	w := &pullWorld{
		t: t, dir: t.TempDir(), clone: t.TempDir(), from: approvals.CanaryFromPullRequests, now: noon,
		afresh: map[int]approvals.Proposal{}, facts: map[int]approvals.Facts{},
		on:      map[gitsrc.SHA]map[string]approvals.Status{},
		records: map[render.ServiceName]Record{}, orders: map[render.ServiceName]Orders{}, views: map[render.ServiceName]View{},
		health:  func(Set) Live { return Live{Health: Healthy} },
		refuses: func(Set) error { return nil },
	}
	w.git("", "init", "-q", "--bare", "-b", "main")
	w.first = w.commit("refs/heads/main", "", files)
	w.restart()
	w.look()
	return w
}

// twoServices are a and b, each with a canary; words are added to both entries.
func twoServices(words string) map[string]string {
	return map[string]string{
		"services.yaml": "a: {templates: [a.yaml], canary: {replicas: 1}, namespace: shop" + words + "}\n" +
			"b: {templates: [b.yaml], canary: {replicas: 1}, namespace: shop" + words + "}\n",
		"a.yaml": benchDeployment("v1"), "b.yaml": benchDeployment("v1"),
	}
}

// bump is another image for some of the services.
func bump(tag string, services ...string) map[string]string {
	files := map[string]string{}
	for _, s := range services {
		files[s+".yaml"] = benchDeployment(tag)
	}
	return files
}

func (w *pullWorld) git(in string, args ...string) string {
	w.t.Helper()
	cmd := exec.Command("git", append([]string{"-C", w.dir}, args...)...)
	cmd.Stdin = strings.NewReader(in)
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit adds files to a commit, or to nothing, and moves ref there. No two
// commits are the same: each has a time of its own.
func (w *pullWorld) commit(ref string, from gitsrc.SHA, files map[string]string) gitsrc.SHA {
	w.t.Helper()
	w.commits++
	var b strings.Builder
	fmt.Fprintf(&b, "commit %s\ncommitter bob <bob@example.com> %d +0000\ndata 1\nx\n", ref, 1772452800+w.commits)
	if from != "" {
		fmt.Fprintf(&b, "from %s\n", from)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&b, "M 644 inline %s\ndata %d\n%s\n", name, len(files[name]), files[name])
	}
	w.git(b.String(), "fast-import", "--quiet", "--force")
	return gitsrc.SHA(w.git("", "rev-parse", ref))
}

// push adds a commit to the branch, over its first one.
func (w *pullWorld) push(files map[string]string) gitsrc.SHA {
	w.t.Helper()
	return w.commit("refs/heads/main", w.first, files)
}

// pull opens bob's pull request into the branch.
func (w *pullWorld) pull(number int, files map[string]string) gitsrc.SHA {
	w.t.Helper()
	head := w.commit("refs/heads/topic", gitsrc.SHA(w.git("", "rev-parse", "refs/heads/main")), files)
	w.offer(number, head)
	return head
}

// offer opens bob's pull request of a commit that is there already. What is
// returned may be changed until the next one is opened.
func (w *pullWorld) offer(number int, head gitsrc.SHA) *approvals.Proposal {
	w.t.Helper()
	w.git("", "update-ref", fmt.Sprintf("refs/pull/%d/head", number), string(head))
	w.open = append(w.open, approvals.Proposal{
		Number: number, HeadRepository: 1, BaseRepository: 1, Base: "main", CreatedAt: noon, AuthorCanWrite: true,
		Head: approvals.SHA(head), Author: &approvals.User{ID: 7, Login: "bob", Type: approvals.TypeUser},
	})
	return &w.open[len(w.open)-1]
}

// restart is a new process over the same records, and over the same clone.
func (w *pullWorld) restart() {
	w.t.Helper()
	source, err := gitsrc.Open(gitsrc.Options{URL: "file://" + w.dir, Branch: "main", Dir: w.clone, AllowFile: true})
	if err != nil {
		w.t.Fatal(err)
	}
	w.Loop = &Loop{
		Source: source,
		Services: func() []render.ServiceName {
			w.mu.Lock()
			defer w.mu.Unlock()
			return slices.Sorted(maps.Keys(w.records))
		},
		Load: w.load, Save: w.save, Live: w.live, Apply: w.apply, Prune: w.prune,
		Pulls:     func(context.Context) ([]approvals.Proposal, error) { return slices.Clone(w.open), nil },
		Pull:      w.lastLook,
		PullFacts: w.reviews,
		Facts: func(context.Context, gitsrc.SHA, []gitsrc.SHA, []string, bool) (approvals.Facts, error) {
			return approvals.Facts{Problem: "nobody was asked"}, nil
		},
		Groups: func(context.Context) ([]approvals.MergeGroup, error) { return w.groups, nil },
		Posted: func(_ context.Context, c gitsrc.SHA) ([]approvals.Status, error) {
			return slices.Collect(maps.Values(w.on[c])), nil
		},
		Post: w.post,
		Now:  func() time.Time { return w.now },
		Log:  slog.New(slog.DiscardHandler),
		Settings: Settings{
			Branch: "main", Trust: w.first, Floor: approvals.Policy{Any: 1}, Interval: time.Second, Namespace: "shop",
			CanaryFrom: w.from, SlotTime: halfHour,
		},
	}
	w.Begin()
}

// look is one tick, in which nothing may fail.
func (w *pullWorld) look() {
	w.t.Helper()
	if err := w.Tick(w.t.Context(), nil); err != nil {
		w.t.Fatal(err)
	}
}

func (w *pullWorld) load(name render.ServiceName) (Record, Orders, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.loads++
	r, ok := w.records[name]
	return r.clone(), w.orders[name], ok
}

func (w *pullWorld) save(_ context.Context, r Record, v View) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.records[r.Service], w.views[r.Service] = r.clone(), v
	return nil
}

func (w *pullWorld) live(_ context.Context, s Set) (Live, error) {
	l := w.health(s)
	l.Digest = s.Ref.Digest
	return l, nil
}

func (w *pullWorld) apply(_ context.Context, s Set) (Applied, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.applied = append(w.applied, s)
	return Applied{}, w.refuses(s)
}

func (w *pullWorld) prune(_ context.Context, _ render.ServiceName, gone []Entry) ([]Entry, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pruned = append(w.pruned, gone...)
	return nil, nil
}

func (w *pullWorld) lastLook(_ context.Context, number int) (approvals.Proposal, error) {
	w.lastLooks++
	if p, ok := w.afresh[number]; ok {
		return p, nil
	}
	return w.listed(number)
}

func (w *pullWorld) listed(number int) (approvals.Proposal, error) {
	i := slices.IndexFunc(w.open, func(p approvals.Proposal) bool { return p.Number == number })
	if i < 0 {
		return approvals.Proposal{}, errors.New("there is no such pull request")
	}
	return w.open[i], nil
}

// reviews: nobody has approved anything, as far as the forge can tell.
func (w *pullWorld) reviews(_ context.Context, number int, _ []string) (approvals.Facts, error) {
	if f, ok := w.facts[number]; ok {
		return f, nil
	}
	p, err := w.listed(number)
	return approvals.Facts{Commit: p.Head, Branch: "main", Problem: "nobody was asked"}, err
}

func (w *pullWorld) post(_ context.Context, c gitsrc.SHA, s approvals.Status) error {
	w.posts++
	if w.on[c] == nil {
		w.on[c] = map[string]approvals.Status{}
	}
	w.on[c][s.Context] = s
	return nil
}

// status is what stands on a commit, such as "success: the canary is healthy".
func (w *pullWorld) status(c gitsrc.SHA, stage Stage) string {
	s, ok := w.on[c]["banksman/"+string(stage)]
	if !ok {
		return "-"
	}
	return string(s.State) + ": " + s.Description
}

func (w *pullWorld) wantStatus(c gitsrc.SHA, stage Stage, want string) {
	w.t.Helper()
	if got := w.status(c, stage); got != want {
		w.t.Errorf("%s of %s is %q, want %q", stage, c.Short(), got, want)
	}
}

// slowPulls: the canary of a pull request is on its way and stays so.
func slowPulls(s Set) Live {
	if s.Ref.Pull != 0 {
		return Live{Health: Progressing}
	}
	return Live{Health: Healthy}
}

// tagOf is the tag of the image that a set runs.
func tagOf(s Set) string {
	for _, o := range s.Objects {
		if _, rest, ok := strings.Cut(canonical(map[string]any(o)), "registry.example/app:"); ok {
			tag, _, _ := strings.Cut(rest, `"`)
			return tag
		}
	}
	return ""
}
