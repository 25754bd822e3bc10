package reconcile

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

const (
	benchServices = 100
	benchPulls    = 500
)

// BenchmarkOpenPulls is what one look at 500 open pull requests costs on this
// machine, over 100 services, where every fifth changes a service: the first
// one, and one that shows nothing new. Nothing of it is the network.
func BenchmarkOpenPulls(b *testing.B) {
	url, pulls := benchRepository(b)
	b.Run("first look", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			l := benchLoop(b, url, pulls)
			due := l.poll(l.fetch(b.Context()))
			l.mu.Lock()
			l.finish(b.Context(), due)
			l.mu.Unlock()
			b.StartTimer()
			benchLook(b, l)
		}
	})
	b.Run("nothing new", func(b *testing.B) {
		l := benchLoop(b, url, pulls)
		l.reconcileAll(b.Context(), l.poll(l.fetch(b.Context())))
		benchLook(b, l)
		for b.Loop() {
			benchLook(b, l)
		}
	})
}

func benchLook(b *testing.B, l *Loop) {
	b.Helper()
	look := l.lookAtPulls(b.Context(), l.head, l.proposals.faults)
	if look.err != nil || len(look.faults) > 0 {
		b.Fatal(look.err, look.faults)
	}
	l.propose(look)
	l.reconcileAll(b.Context(), nil)
	l.converse(b.Context())
	if len(l.proposals.given) != benchServices {
		b.Fatalf("%d slots are given, want %d", len(l.proposals.given), benchServices)
	}
}

// benchLoop has a cluster in which everything is healthy at once.
func benchLoop(b *testing.B, url string, pulls []approvals.Proposal) *Loop {
	b.Helper()
	source, err := gitsrc.Open(gitsrc.Options{URL: url, Branch: "main", Dir: b.TempDir(), AllowFile: true})
	if err != nil {
		b.Fatal(err)
	}
	head, err := source.Fetch(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	records := map[render.ServiceName]Record{}
	l := &Loop{
		Source:   source,
		Services: func() []render.ServiceName { return slices.Sorted(maps.Keys(records)) },
		Load: func(name render.ServiceName) (Record, Orders, bool) {
			r, ok := records[name]
			return r.clone(), Orders{}, ok
		},
		Save: func(_ context.Context, r Record, _ View) error {
			records[r.Service] = r.clone()
			return nil
		},
		Live: func(_ context.Context, s Set) (Live, error) {
			return Live{Digest: s.Ref.Digest, Health: Healthy}, nil
		},
		Apply: func(context.Context, Set) (Applied, error) { return Applied{}, nil },
		Prune: func(context.Context, render.ServiceName, []Entry) ([]Entry, error) { return nil, nil },
		Pulls: func(context.Context) ([]approvals.Proposal, error) { return pulls, nil },
		Pull: func(_ context.Context, number int) (approvals.Proposal, error) {
			return pulls[number-1], nil
		},
		PullFacts: func(_ context.Context, number int, _ []string) (approvals.Facts, error) {
			return approvals.Facts{Commit: pulls[number-1].Head, Branch: "main", Problem: "not asked"}, nil
		},
		Posted: func(context.Context, gitsrc.SHA) ([]approvals.Status, error) { return nil, nil },
		Post:   func(context.Context, gitsrc.SHA, approvals.Status) error { return nil },
		Now:    func() time.Time { return noon },
		Log:    slog.New(slog.DiscardHandler),
		Settings: Settings{
			Branch: "main", Trust: head, Floor: approvals.Policy{Any: 1}, Interval: time.Second, Namespace: "shop",
			CanaryFrom: approvals.CanaryFromPullRequests, SlotTime: time.Hour,
		},
	}
	l.begin()
	return l
}

func benchRepository(b *testing.B) (url string, pulls []approvals.Proposal) {
	b.Helper()
	dir := b.TempDir()
	git := func(in string, args ...string) string {
		cmd := exec.Command("git", append([]string{"-C", dir}, args...)...)
		cmd.Stdin = strings.NewReader(in)
		out, err := cmd.CombinedOutput()
		if err != nil {
			b.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	git("", "init", "-q", "--bare", "-b", "main")
	git(benchHistory(), "fast-import", "--quiet")
	for n := 1; n <= benchPulls; n++ {
		pulls = append(pulls, approvals.Proposal{
			Number: n, HeadRepository: 1, BaseRepository: 1, Base: "main", CreatedAt: noon, AuthorCanWrite: true,
			Author: &approvals.User{ID: 7, Login: "bob", Type: approvals.TypeUser},
		})
	}
	for line := range strings.Lines(git("", "for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/pull")) {
		var n int
		var sha string
		if _, err := fmt.Sscanf(line, "%d/head %s", &n, &sha); err != nil {
			b.Fatal(err)
		}
		pulls[n-1].Head = approvals.SHA(sha)
	}
	return "file://" + dir, pulls
}

// benchHistory is the repository as git fast-import reads it.
func benchHistory() string {
	var out bytes.Buffer
	file := func(name, text string) { fmt.Fprintf(&out, "M 644 inline %s\ndata %d\n%s\n", name, len(text), text) }
	commit := func(ref, mark, from string) {
		fmt.Fprintf(&out, "commit %s\n%scommitter bob <bob@example.com> 1772452800 +0000\ndata 1\nx\n%s", ref, mark, from)
	}
	commit("refs/heads/main", "mark :1\n", "")
	var catalog bytes.Buffer
	for s := range benchServices {
		fmt.Fprintf(&catalog, "s%03d: {templates: [s%03d.yaml], canary: {replicas: 1}, namespace: shop}\n", s, s)
		file(fmt.Sprintf("s%03d.yaml", s), benchDeployment("v1"))
	}
	file("services.yaml", catalog.String())
	for n := 1; n <= benchPulls; n++ {
		commit(fmt.Sprintf("refs/pull/%d/head", n), "", "from :1\n")
		if n%5 == 0 {
			file(fmt.Sprintf("s%03d.yaml", n/5-1), benchDeployment("v2"))
		} else {
			file(fmt.Sprintf("notes/%d.md", n), "nothing of a service")
		}
	}
	return out.String()
}

func benchDeployment(tag string) string {
	return `apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{.system.SERVICE}}"}
spec:
  replicas: 3
  selector: {matchLabels: {app: "{{.system.BASE}}"}}
  template:
    metadata: {labels: {app: "{{.system.BASE}}"}}
    spec: {containers: [{name: app, image: "registry.example/app:` + tag + `"}]}
`
}
