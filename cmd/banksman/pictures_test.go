package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	github "banksman.dev/fixtures/github"
	"banksman.dev/reconcile/api/v1alpha1"
)

// A frame is one way of looking at a command.
type frame struct {
	width  int
	colour bool
}

var frames = []frame{{80, false}, {80, true}, {200, false}, {200, true}}

func (f frame) screen() screen { return screen{width: f.width, paint: paint(f.colour)} }

// A pictured command is looked at on every screen.
type pictured struct {
	name       string
	args       string
	deliveries string // a file of testdata
	// free: its lines are as long as they are, because they are read by programs,
	// or compared, or copied.
	free bool
	// head keeps that many lines.
	head int
}

var picturedCommands = []pictured{
	{name: "get", args: "get deliveries -A", deliveries: "deliveries"},
	{name: "get-pulls", args: "get deliveries -A", deliveries: "pulls"},
	{name: "get-namespace-without-headers", args: "get dl -n money --no-headers", deliveries: "deliveries"},
	{name: "get-wide", args: "get deliveries -A -o wide", deliveries: "deliveries"},
	{name: "get-wide-pulls", args: "get deliveries -A -o wide", deliveries: "pulls"},
	{name: "get-nothing", args: "get deliveries -n nowhere", deliveries: "deliveries", free: true},
	{name: "get-missing", args: "get deliveries -n money nobody", deliveries: "deliveries", free: true},
	{name: "status", args: "status -A", deliveries: "deliveries"},
	{name: "status-pulls", args: "status -A", deliveries: "pulls"},
	{name: "status-one-approval", args: "status fop-gate", deliveries: "deliveries"},
	{name: "status-one-held", args: "status gateway", deliveries: "deliveries"},
	{name: "status-one-pulls", args: "status fop-gate", deliveries: "pulls"},
	{name: "status-unknown", args: "status nothing", deliveries: "deliveries", free: true},
	{name: "why-approval", args: "why fop-gate", deliveries: "deliveries"},
	{name: "why-held", args: "why gateway", deliveries: "deliveries"},
	{name: "why-pulls", args: "why fop-gate", deliveries: "pulls"},
	{name: "why-pulls-passed", args: "why zoo", deliveries: "pulls"},
	{name: "history", args: "history fop-gate", deliveries: "histories"},
	{name: "history-pulls", args: "history fop-gate", deliveries: "pulls"},
	{name: "history-none", args: "history new", deliveries: "histories"},
	{name: "history-orders", args: "history billing", deliveries: "orders"},
	{name: "status-one-drift", args: "status billing", deliveries: "orders"},
	{name: "status-one-withheld", args: "status pruned", deliveries: "orders"},
	{name: "why-frozen", args: "why ledger", deliveries: "orders"},
	{name: "why-retried", args: "why gateway", deliveries: "orders"},
	{name: "why-withheld", args: "why pruned", deliveries: "orders"},
	{name: "suspend", args: "suspend fop-gate ledger --for 2h --reason upgrade --wait=false", deliveries: "orders"},
	{name: "suspend-unknown", args: "suspend legder", deliveries: "orders", free: true},
	{name: "resume", args: "resume --all -n money --wait=false", deliveries: "orders"},
	{name: "retry", args: "retry gateway --wait=false", deliveries: "orders"},
	{name: "retry-nothing", args: "retry fop-gate", deliveries: "orders", free: true},
	{name: "abort", args: "abort fop-gate --reason errors --wait=false", deliveries: "orders"},
	{name: "abort-nothing", args: "abort pruned", deliveries: "orders", free: true},
	{name: "reconcile", args: "reconcile fop-gate ledger --wait=false", deliveries: "orders"},
	{name: "acknowledge", args: "acknowledge hotfix 6666666 --yes --wait=false", deliveries: "orders"},
	{name: "acknowledge-deletions", args: "acknowledge pruned 2222222 --yes --wait=false", deliveries: "orders"},
	{name: "acknowledge-unasked", args: "acknowledge hotfix 6666666", deliveries: "orders", free: true},
	{name: "tree", args: "tree fop-gate", deliveries: "family"},
	{name: "tree-pulls", args: "tree fop-gate", deliveries: "pulls"},
	{name: "trace", args: "trace deployment/fop-gate -n dora-apps", deliveries: "family"},
	{name: "trace-pod", args: "trace pod/fop-gate-8d9c95dd-97lz7 -n dora-apps", deliveries: "family"},
	{name: "render", args: "render fop-gate REPO", free: true},
	{name: "render-pull", args: "render fop-gate REPO --pr 1 --variant canary", free: true},
	{name: "diff", args: "diff fop-gate REPO --revision HEAD~1..HEAD", free: true},
	{name: "diff-unified", args: "diff fop-gate REPO --revision HEAD~1..HEAD --unified", free: true},
	{name: "diff-pull", args: "diff --pr 1 --repo URL", free: true},
	{name: "diff-pull-unified", args: "diff --pr 1 --repo URL --unified", free: true},
	{name: "diff-conflict", args: "diff --pr 2 --repo URL", free: true},
	{name: "bump", args: "bump fop-gate image=20190401000000-9-master --dir REPO --dry-run", free: true},
	{name: "bump-same", args: "bump fop-gate image=20190301090000-7-master --dir REPO", free: true},
	{name: "bump-unknown", args: "bump fop-gate other=1 --dir REPO", free: true},
	{name: "trace-unknown", args: "trace deployment/nothing -n dora-apps", deliveries: "family", free: true},
	{name: "validate", args: "validate REPO", free: true},
	{name: "validate-broken", args: "validate BROKEN", free: true},
	{name: "version", args: "version", free: true},
	{name: "crd", args: "crd", free: true, head: 12},
	{name: "error-no-command", args: "stauts", free: true},
	{name: "error-no-service", args: "why", free: true},
	{name: "error-no-flag", args: "status --everything", free: true},
	{name: "error-no-trust", args: "run --repo URL", free: true},
	{name: "error-no-cluster", args: "status --kubeconfig NOWHERE", free: true},
}

// TestEveryCommandIsLookedAt keeps what each command prints at 80 and at 200
// columns, without and with colour.
func TestEveryCommandIsLookedAt(t *testing.T) {
	w := newPicturedWorld(t)
	shots := map[string]map[frame]string{}
	for _, c := range picturedCommands {
		shots[c.name] = map[frame]string{}
		for _, f := range frames {
			shots[c.name][f] = w.shot(t, c, f)
		}
		t.Run(c.name, func(t *testing.T) { checkFrames(t, shots[c.name], c.free) })
	}
	for name, watch := range map[string][]string{"watch": {"family", "fop-gate"}, "watch-pulls": {"pulls", "fop-gate"}, "watch-list": {"pulls", "-A"}} {
		shots[name] = map[frame]string{}
		for _, f := range frames {
			shots[name][f] = firstPicture(t, f, watch[0], watch[1])
		}
		t.Run(name, func(t *testing.T) { checkFrames(t, shots[name], false) })
	}
	compareGoldens(t, shots)
}

// checkFrames: colour says nothing alone, and a screen is wide enough.
func checkFrames(t *testing.T, shots map[frame]string, free bool) {
	for f, text := range shots {
		plainly := shots[frame{f.width, false}]
		if ansi.Strip(text) != plainly {
			t.Errorf("%d columns: colour changes the text:\n%s\nwithout:\n%s", f.width, text, plainly)
		}
		if free {
			continue
		}
		for _, line := range strings.Split(text, "\n") {
			// A command to copy is never broken.
			isCommand := strings.HasPrefix(strings.TrimSpace(line), "kubectl ")
			if ansi.StringWidth(line) > f.width && !isCommand {
				t.Errorf("a line of %d columns on a screen of %d: %q", ansi.StringWidth(line), f.width, line)
			}
		}
	}
}

// compareGoldens knows a golden for each screen that changes the picture:
// status-80-colour.txt, or version.txt where none does. A golden that nothing
// is compared with is an error.
func compareGoldens(t *testing.T, shots map[string]map[frame]string) {
	names := map[string]string{}
	for name, all := range shots {
		sameWidths, sameColours := true, true
		for f, text := range all {
			sameWidths = sameWidths && text == all[frame{80, f.colour}]
			sameColours = sameColours && text == all[frame{f.width, false}]
		}
		for f, text := range all {
			file := name
			if !sameWidths {
				file += fmt.Sprintf("-%d", f.width)
			}
			if !sameColours && f.colour {
				file += "-colour"
			}
			names[file] = text
		}
	}
	kept, err := filepath.Glob(filepath.Join("testdata", "pictures", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range kept {
		if _, ok := names[strings.TrimSuffix(filepath.Base(file), ".txt")]; ok {
			continue
		}
		if !*update {
			t.Errorf("%s belongs to no command any more: run with -update", file)
		} else if err := os.Remove(file); err != nil {
			t.Error(err)
		}
	}
	for name, text := range names {
		goldenIn(t, "pictures", name, text)
	}
}

// A picturedWorld has a forge with one service and two pull requests: one that
// merges, and one that does not.
type picturedWorld struct{ url, repo, broken, cache string }

func newPicturedWorld(t *testing.T) *picturedWorld {
	t.Helper()
	forge, alice := newForge(t)
	web := httptest.NewServer(forge)
	t.Cleanup(web.Close)
	alice.URL = web.URL
	w := &picturedWorld{url: web.URL + "/dora/manifests", repo: t.TempDir(), broken: t.TempDir(), cache: t.TempDir()}
	const service = "services:\n  gate:\n    templates: [gate.yaml]\n    namespace: dora-apps\n    valuesFile: values.yaml\n" +
		"  gate-canary:\n    templates: [gate.yaml]\n    valuesFile: values.yaml\n"
	catalog := strings.ReplaceAll(service, "gate", "fop-gate")
	const template = `apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{.system.SERVICE}}"}
spec:
  replicas: {{if eq .system.VARIANT "canary"}}1{{else}}9{{end}}
  selector: {matchLabels: {app: fop-gate}}
  template:
    metadata: {labels: {app: fop-gate}}
    spec:
      containers: [{name: fop-gate, image: "reg.qiniu.com/dora-apps/fop-gate:{{.values.tag}}"}]
---
apiVersion: v1
kind: Secret
metadata: {name: fop-gate}
stringData: {password: "hunter-{{.values.tag}}"}
`
	w.write(t, w.broken, map[string]string{"services.yaml": catalog, "values.yaml": "other: 1\n", "fop-gate.yaml": template})
	first := map[string]string{"services.yaml": catalog, "values.yaml": "tag: 20190218210538-6-master\n", "fop-gate.yaml": template}
	w.git(t, "init", "--quiet", "--initial-branch=main")
	w.git(t, "remote", "add", "origin", w.url+".git")
	w.commit(t, first, "the first release")
	w.commit(t, map[string]string{"values.yaml": "tag: 20190301090000-7-master\n"}, "the second release")
	w.git(t, "push", "--quiet", alice.GitURL("dora/manifests"), "main")
	w.git(t, "checkout", "--quiet", "-b", "bump")
	w.commit(t, map[string]string{"values.yaml": "tag: 20190308120000-8-master\n"}, "the third release")
	w.git(t, "checkout", "--quiet", "-b", "late", "main~1")
	w.commit(t, map[string]string{"values.yaml": "tag: 20190301100000-7-hotfix\n"}, "another second release")
	w.git(t, "push", "--quiet", alice.GitURL("dora/manifests"), "bump", "late")
	w.git(t, "checkout", "--quiet", "main")
	for _, branch := range []string{"bump", "late"} {
		openPullOf(t, alice, branch)
	}
	return w
}

// shot runs a command and says what it printed, and how it ended.
func (w *picturedWorld) shot(t *testing.T, c pictured, f frame) string {
	t.Helper()
	var out, errOut bytes.Buffer
	p := newProgram(genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut})
	p.getenv = func(name string) string { return map[string]string{githubTokenVariable: "token-of-bob"}[name] }
	p.now = func() time.Time { return time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC) }
	p.screen = f.screen
	p.clients = func(*clusterFlags) (clients, error) { return clientsFrom("testdata/objects.yaml") }
	if c.deliveries != "" {
		file := filepath.Join("testdata", c.deliveries+".yaml")
		p.deliveries = func(_ context.Context, _ *clusterFlags, namespace string) ([]v1alpha1.Delivery, error) {
			return deliveriesFrom(file, namespace)
		}
		if c.deliveries == "orders" {
			p.clients = func(*clusterFlags) (clients, error) { return ordered(file) }
		}
	}
	args := strings.Fields(c.args)
	for i, arg := range args {
		if real, ok := map[string]string{"REPO": w.repo, "BROKEN": w.broken, "URL": w.url, "NOWHERE": filepath.Join(w.cache, "nowhere")}[arg]; ok {
			args[i] = real
		}
	}
	if slices.Contains(args, "--pr") || args[0] == "run" {
		args = append(args, "--data-dir", w.cache)
	}
	if args[0] == "run" {
		args = append(args, "--kubeconfig", kubeconfigOf(t, w.cache))
	}
	code := p.run(t.Context(), args)
	text := out.String()
	if lines := strings.SplitAfter(text, "\n"); c.head > 0 && len(lines) > c.head {
		text = strings.Join(lines[:c.head], "") + "…\n"
	}
	text = "$ banksman " + c.args + "\n" + text + errOut.String() + fmt.Sprintf("exit code %d\n", code)
	return strings.NewReplacer(w.url, "https://forge/dora/manifests", w.repo, "REPO", w.broken, "BROKEN", w.cache, "CACHE",
		thisBuild().String(), "banksman v1.2.3 go1.26 linux/amd64").Replace(text)
}

var redrawn = regexp.MustCompile(`\x1b\[\d+A`)

// firstPicture is what status --watch draws first on a terminal.
func firstPicture(t *testing.T, f frame, deliveries, what string) string {
	t.Helper()
	s := f.screen()
	s.height = 60
	w := watchDeliveries(t, s, deliveries, what)
	w.sees("fop-gate")
	w.cancel()
	w.ends(0)
	return redrawn.Split(w.out.String(), 2)[0]
}

func (w *picturedWorld) commit(t *testing.T, files map[string]string, subject string) {
	t.Helper()
	w.write(t, w.repo, files)
	w.git(t, "add", "--all")
	w.git(t, "commit", "--quiet", "--message", subject)
}

func (w *picturedWorld) write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func kubeconfigOf(t *testing.T, dir string) string {
	t.Helper()
	file := filepath.Join(dir, "kubeconfig")
	if err := os.WriteFile(file, []byte(kubeconfigFor("http://127.0.0.1:1")), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func (w *picturedWorld) git(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", w.repo}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull)
	for _, who := range []string{"GIT_AUTHOR", "GIT_COMMITTER"} {
		cmd.Env = append(cmd.Env, who+"_NAME=alice", who+"_EMAIL=alice@example.com", who+"_DATE=2026-11-21T09:00:00Z")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func newForge(t *testing.T) (*github.Server, github.Client) {
	t.Helper()
	server, err := github.New(github.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	roles := map[string]github.Role{}
	for _, login := range []string{"alice", "bob"} {
		roles[login] = github.RoleWrite
		if _, err := server.AddAccount(github.Account{Login: login, Emails: []string{login + "@example.com"}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := server.AddRepository(t.Context(), github.NewRepository{Name: "dora/manifests", Private: true, Collaborators: roles}); err != nil {
		t.Fatal(err)
	}
	return server, github.Client{Token: "token-of-alice"}
}

func openPullOf(t *testing.T, alice github.Client, branch string) {
	t.Helper()
	if _, err := alice.OpenPull(t.Context(), "dora/manifests", github.NewPull{Title: branch, Head: branch, Base: "main"}); err != nil {
		t.Fatal(err)
	}
}
