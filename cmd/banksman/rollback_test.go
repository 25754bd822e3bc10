package main

import (
	"bytes"
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	github "banksman.dev/fixtures/github"
	"banksman.dev/reconcile/api/v1alpha1"
)

// A revertible world has a forge with three services, a clone of its repository,
// and a Delivery of gate.
type revertible struct {
	*testing.T
	url, clone string
	alice      github.Client
	commits    []string // of main, oldest first
	delivery   v1alpha1.Delivery
}

const revertibleCatalog = `services:
  gate: {templates: [gate.yaml], namespace: shop, valuesFile: gate.values.yaml}
  ledger: {templates: [gate.yaml], namespace: shop, valuesFile: ledger.values.yaml}
`

func newRevertible(t *testing.T) *revertible {
	t.Helper()
	forge, alice := newForge(t)
	web := httptest.NewServer(forge)
	t.Cleanup(web.Close)
	alice.URL = web.URL
	w := &revertible{T: t, url: web.URL + "/dora/manifests", clone: t.TempDir(), alice: alice}
	w.git("init", "--quiet", "--initial-branch=main")
	w.git("remote", "add", "origin", w.url+".git")
	w.delivery.Name, w.delivery.Namespace = "gate", "shop"
	for _, variable := range []string{"GIT_AUTHOR", "GIT_COMMITTER"} {
		t.Setenv(variable+"_NAME", "carol")
		t.Setenv(variable+"_EMAIL", "carol@example.com")
	}
	w.commit("the first release", map[string]string{
		"services.yaml":      revertibleCatalog,
		"gate.yaml":          "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"{{.system.SERVICE}}\"}\ndata: {tag: \"{{.values.tag}}\"}\n",
		"gate.values.yaml":   "tag: v1\n# the gate\n",
		"ledger.values.yaml": "tag: v1\n",
	})
	return w
}

func (w *revertible) git(args ...string) string {
	w.Helper()
	cmd := exec.CommandContext(w.Context(), "git", append([]string{"-C", w.clone}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull)
	for _, who := range []string{"GIT_AUTHOR", "GIT_COMMITTER"} {
		cmd.Env = append(cmd.Env, who+"_NAME=alice", who+"_EMAIL=alice@example.com", who+"_DATE=2026-11-21T09:00:00Z")
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit pushes files to main, around the review.
func (w *revertible) commit(subject string, files map[string]string) {
	w.Helper()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(w.clone, name), []byte(content), 0o600); err != nil {
			w.Fatal(err)
		}
	}
	w.git("add", "--all")
	w.git("commit", "--quiet", "--message", subject)
	w.git("push", "--quiet", w.alice.GitURL("dora/manifests"), "main")
	w.commits = append(w.commits, w.git("rev-parse", "HEAD"))
}

// ref is gate at a commit.
func (w *revertible) ref(n int) v1alpha1.Ref {
	w.Helper()
	files, err := (&folder{dir: w.clone}).files(w.commits[n])
	if err != nil {
		w.Fatal(err)
	}
	release, err := files.releaseOf("gate", "")
	if err != nil {
		w.Fatal(err)
	}
	return v1alpha1.Ref{Commit: w.commits[n], Digest: string(release.Digest)}
}

// promoted makes the Delivery remember releases: the newest first, and the head.
func (w *revertible) promoted(head int, recent ...int) {
	w.Helper()
	h := w.ref(head)
	w.delivery.Status.Head = &h
	w.delivery.Status.Recent = nil
	for _, n := range recent {
		w.delivery.Status.Recent = append(w.delivery.Status.Recent, w.ref(n))
	}
	w.delivery.Status.Promoted = &w.delivery.Status.Recent[0]
}

// run says what was printed, with stable names, and the exit code.
func (w *revertible) run(args ...string) (string, int) {
	w.Helper()
	var out, errOut bytes.Buffer
	p := newProgram(genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut})
	p.getenv = func(name string) string { return map[string]string{githubTokenVariable: "token-of-bob"}[name] }
	p.screen = func() screen { return screen{} }
	p.deliveries = func(context.Context, *clusterFlags, string) ([]v1alpha1.Delivery, error) {
		return []v1alpha1.Delivery{w.delivery}, nil
	}
	code := p.run(w.Context(), append([]string{"rollback", "gate", "--dir", w.clone}, args...))
	said := out.String() + errOut.String()
	if strings.Contains(said, "token-of-bob") {
		w.Errorf("the token is printed:\n%s", said)
	}
	said = strings.ReplaceAll(said, w.url, "https://forge/dora/manifests")
	for i, c := range w.commits {
		name := strings.Repeat(string(rune('1'+i)), 40)
		said = strings.ReplaceAll(strings.ReplaceAll(said, c, name), c[:7], name[:7])
	}
	return said, code
}

// at is a file of a branch at the forge.
func (w *revertible) at(branch, file string) string {
	w.Helper()
	w.git("fetch", "--quiet", w.alice.GitURL("dora/manifests"), branch)
	return w.git("show", "FETCH_HEAD:"+file)
}

func (w *revertible) branches() string {
	w.Helper()
	return w.git("ls-remote", "--heads", w.alice.GitURL("dora/manifests"))
}

func TestARollbackProposesTheRevertThatGivesExactlyWhatRanBefore(t *testing.T) {
	w := newRevertible(t)
	w.commit("the second release", map[string]string{"gate.values.yaml": "tag: v2\n# the gate\n"})
	w.commit("another service", map[string]string{"ledger.values.yaml": "tag: v2\n"})
	w.promoted(1, 1, 0)
	said, code := w.run()
	if code != exitOK {
		t.Fatalf("exit code %d\n%s", code, said)
	}
	golden(t, "rollback", said)
	branch := "banksman/rollback-gate-" + w.commits[0][:7]
	if got := w.at(branch, "gate.values.yaml"); got != "tag: v1\n# the gate" {
		t.Errorf("the branch has %q", got)
	}
	if got := w.at(branch, "ledger.values.yaml"); got != "tag: v2" {
		t.Errorf("the other service has %q", got)
	}
	pull, err := w.alice.Pull(t.Context(), "dora/manifests", 1)
	if err != nil || pull.Title != "Roll gate back to "+w.commits[0][:7] || pull.Base.Ref != "main" || pull.Body == nil || !strings.Contains(*pull.Body, "exactly what was promoted then") {
		t.Errorf("%v: %+v", err, pull)
	}
	if got := w.git("log", "-1", "--format=%an: %s", "FETCH_HEAD"); got != "carol: Revert \"the second release\"" {
		t.Errorf("the commit is %s", got)
	}
}

func TestARollbackKeepsThePullRequestThatIsOpenAlready(t *testing.T) {
	w := newRevertible(t)
	w.commit("the second release", map[string]string{"gate.values.yaml": "tag: v2\n# the gate\n"})
	w.promoted(1, 1, 0)
	if said, code := w.run(); code != exitOK {
		t.Fatalf("exit code %d\n%s", code, said)
	}
	w.commit("another service", map[string]string{"ledger.values.yaml": "tag: v2\n"})
	w.promoted(1, 1, 0)
	branch := "banksman/rollback-gate-" + w.commits[0][:7]
	before := w.branches()
	said, code := w.run()
	if want := "\n#1 is open already, with this change: https://forge/dora/manifests/pull/1\n"; code != exitOK || !strings.Contains(said, want) {
		t.Errorf("a second time: %d, want %q\n%s", code, want, said)
	}
	if after := w.branches(); after != before {
		t.Errorf("something was pushed:\n%s\n%s", before, after)
	}

	w.at(branch, "gate.values.yaml")
	w.git("switch", "--quiet", "--detach", "FETCH_HEAD")
	w.git("-c", "core.editor=true", "revert", "--no-edit", "HEAD")
	w.git("push", "--quiet", w.alice.GitURL("dora/manifests"), "HEAD:refs/heads/"+branch)
	before = w.branches()
	said, code = w.run()
	if want := "#1 is open already, with something else on its branch banksman/rollback-gate-1111111: https://forge/dora/manifests/pull/1\n"; code != exitFailed || !strings.Contains(said, want) {
		t.Errorf("after somebody pushed to it: %d, want %q\n%s", code, want, said)
	}
	if after := w.branches(); after != before {
		t.Errorf("what somebody pushed is overwritten:\n%s\n%s", before, after)
	}
}

func TestARollbackWhileSomethingIsOnItsWayGoesBackToWhatRuns(t *testing.T) {
	w := newRevertible(t)
	w.commit("the second release", map[string]string{"gate.values.yaml": "tag: v2\n# the gate\n"})
	w.commit("the third release", map[string]string{"gate.values.yaml": "tag: v3\n# the gate\n"})
	w.promoted(2, 1, 0)
	said, code := w.run("--push")
	if code != exitOK || !strings.Contains(said, "pushed to main: full goes back to 2222222 at once") {
		t.Fatalf("exit code %d\n%s", code, said)
	}
	if got := w.at("main", "gate.values.yaml"); got != "tag: v2\n# the gate" {
		t.Errorf("main has %q", got)
	}
	if strings.Contains(w.branches(), "rollback") {
		t.Error("a branch was pushed, too")
	}
}

func TestARollbackOfWhatCannotBeRenderedGoesBackToWhatRuns(t *testing.T) {
	w := newRevertible(t)
	w.commit("the second release", map[string]string{"gate.values.yaml": "tag: v2\n# the gate\n"})
	w.promoted(1, 1, 0)
	w.commit("a slip", map[string]string{"gate.values.yaml": "tag: [v3\n# the gate\n"})
	w.delivery.Status.Head = &v1alpha1.Ref{Commit: w.commits[2]}
	said, code := w.run("--push")
	if code != exitOK || !strings.Contains(said, "Reverts   3333333 a slip\n") || !strings.Contains(said, "full goes back to 2222222 at once") {
		t.Fatalf("exit code %d\n%s", code, said)
	}
	if got := w.at("main", "gate.values.yaml"); got != "tag: v2\n# the gate" {
		t.Errorf("main has %q", got)
	}
}

func TestARollbackRevertsNoMoreThanItMust(t *testing.T) {
	w := newRevertible(t)
	w.commit("the second release", map[string]string{"gate.values.yaml": "tag: v2\n# the gate\n"})
	w.commit("back again", map[string]string{"gate.values.yaml": "tag: v1\n# the gate\n"})
	w.commit("the third release", map[string]string{"gate.values.yaml": "tag: v3\n# the gate\n"})
	w.promoted(3, 3, 0)
	said, code := w.run("--dry-run")
	if code != exitOK {
		t.Fatalf("exit code %d\n%s", code, said)
	}
	golden(t, "rollback-dry-run", said)
	if strings.Contains(w.branches(), "rollback") {
		t.Error("something was pushed")
	}
}

func TestARollbackThatIsNoneSaysSo(t *testing.T) {
	const v2 = "tag: v2\n# the gate\n"
	for name, c := range map[string]struct {
		do   func(w *revertible)
		args string
		code int
		says string
	}{
		"to content that is not among the last promoted ones": {
			func(w *revertible) { w.promoted(1, 1) }, "--to 1111111", exitOK, "not what was promoted lately: it is new content, and takes its canary and a review",
		},
		"to such content, pushed": {
			func(w *revertible) { w.promoted(1, 1) }, "--to 1111111 --push", exitFailed, "it is not pushed to main: see above",
		},
		"nothing ran before": {
			func(w *revertible) { w.promoted(1, 1) }, "", exitFailed, "ran nothing before 2222222 that it could go back to at once",
		},
		"nothing was promoted": {func(*revertible) {}, "", exitFailed, "nothing of gate in namespace shop was promoted yet"},
		"a commit that changed another service, too, pushed": {
			func(w *revertible) {
				w.commit("both", map[string]string{"gate.values.yaml": "tag: v3\n# the gate\n", "ledger.values.yaml": "tag: v3\n"})
				w.promoted(2, 2, 1)
			}, "--push", exitFailed, "the same commits changed, and are reverted for, ledger",
		},
		"a commit that a later one stands on": {
			func(w *revertible) {
				w.commit("a word", map[string]string{"gate.values.yaml": "tag: v2 # since March\n# the gate\n"})
				w.promoted(2, 1, 0)
			}, "", exitFailed, "2222222 (the second release) cannot be reverted by itself: gate.values.yaml changed since",
		},
		"a history that was rewritten": {
			func(w *revertible) {
				w.promoted(1, 1, 0)
				w.delivery.Status.Recent[1].Commit = strings.Repeat("9", 40)
			}, "", exitFailed, "has no commit 9999999 on main",
		},
		"nothing to revert": {func(w *revertible) { w.promoted(1, 1, 0) }, "--to 2222222", exitFailed, "no commit changed gate since 2222222"},
		"no commit at all":  {func(w *revertible) { w.promoted(1, 1, 0) }, "--to main", exitDecide, `--to "main" is no commit`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newRevertible(t)
			w.commit("the second release", map[string]string{"gate.values.yaml": v2})
			c.do(w)
			args := strings.Fields(c.args)
			for i, a := range args {
				for n, commit := range w.commits {
					if a == strings.Repeat(string(rune('1'+n)), 7) {
						args[i] = commit[:7]
					}
				}
			}
			before := w.git("ls-remote", w.alice.GitURL("dora/manifests"), "main")
			said, code := w.run(args...)
			if code != c.code || !strings.Contains(said, c.says) {
				t.Errorf("exit code %d, want %d and %q:\n%s", code, c.code, c.says, said)
			}
			if after := w.git("ls-remote", w.alice.GitURL("dora/manifests"), "main"); after != before {
				t.Errorf("main moved: %s", after)
			}
		})
	}
}
