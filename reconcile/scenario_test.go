package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"banksman.dev/approvals"
	forge "banksman.dev/approvals/github"
	standin "banksman.dev/fixtures/github"
	"banksman.dev/gitsrc"
	"banksman.dev/reconcile"
	"banksman.dev/render"
	"banksman.dev/render/kustomize"
)

// The scenarios tell flows with a real Git repository behind a real HTTP
// server, the stand-in for github.com, and a cluster that is a map. Every
// "look" is a new process: a loop that remembers nothing but the records.
func TestScenarios(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/scenarios",
		Setup: func(env *testscript.Env) error {
			if err := os.CopyFS(filepath.Join(env.WorkDir, "repo"), os.DirFS("testdata/web")); err != nil {
				return err
			}
			env.Values["stage"] = &stage{t: t, ctx: t.Context(), dir: env.WorkDir, cluster: newMapCluster(), pulls: map[string]int{}, now: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"repository":      command(0, (*stage).repository),
			"push":            command(2, (*stage).push),
			"pull":            command(3, (*stage).pull),
			"approve":         command(1, (*stage).approve),
			"request-changes": command(1, (*stage).requestChanges),
			"dismiss":         command(1, (*stage).dismiss),
			"merge":           command(1, (*stage).merge),
			"rewrite":         command(2, (*stage).rewrite),
			"force-back":      command(3, (*stage).forceBack),
			"damage":          command(0, (*stage).damage),
			"revert":          command(1, (*stage).revert),
			"look":            command(0, (*stage).look),
			"fails":           command(1, (*stage).fails),
			"recovers":        command(1, (*stage).recovers),
			"slow":            command(1, (*stage).slow),
			"later":           command(1, (*stage).later),
			"by-hand":         command(2, (*stage).byHand),
			"drift":           command(1, (*stage).drift),
			"order":           command(2, (*stage).order),
			"runs":            command(2, (*stage).runs),
			"why":             command(1, (*stage).why),
			"status":          command(3, (*stage).status),
			"forge":           command(1, (*stage).forge),
			"git":             command(1, (*stage).gitServer),
			"applied":         command(1, (*stage).applied),
		},
	})
}

func command(args int, run func(*stage, *testscript.TestScript, []string) error) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, given []string) {
		if len(given) != args {
			ts.Fatalf("takes %d arguments", args)
		}
		err := run(ts.Value("stage").(*stage), ts, given)
		if neg {
			if err == nil {
				ts.Fatalf("unexpected success")
			}
			return
		}
		ts.Check(err)
	}
}

const manifests = "dora/manifests"

// A stage is one scenario's world. Alice reviews, bob writes.
type stage struct {
	t       *testing.T
	ctx     context.Context
	dir     string
	server  *standin.Server
	url     string
	alice   standin.Client
	bob     standin.Client
	trust   gitsrc.SHA
	pulls   map[string]int
	cluster *mapCluster
	now     time.Time
}

func (s *stage) repository(ts *testscript.TestScript, _ []string) error {
	server, err := standin.New(standin.Options{Dir: filepath.Join(s.dir, "forge"), Now: forgeClock(s.now), Check: true})
	if err != nil {
		return err
	}
	web := httptest.NewServer(server)
	ts.Defer(func() {
		web.Close()
		for _, v := range server.Violations() {
			s.t.Errorf("against GitHub's description: %v", v)
		}
		_ = server.Close()
	})
	s.server, s.url = server, web.URL
	for _, who := range []string{"alice", "bob", "banksman"} {
		if _, err := server.AddAccount(standin.Account{Login: who, Emails: []string{who + "@example.com"}}); err != nil {
			return err
		}
	}
	s.alice = standin.Client{URL: web.URL, Token: "token-of-alice"}
	s.bob = s.alice.As("token-of-bob")
	if err := server.AddRepository(s.ctx, standin.NewRepository{Name: manifests, Collaborators: map[string]standin.Role{
		"alice": standin.RoleWrite, "bob": standin.RoleWrite, "banksman": standin.RoleWrite,
	}}); err != nil {
		return err
	}
	work := filepath.Join(s.dir, "repo")
	for _, args := range [][]string{
		{"init", "-q", "-b", "main"},
		{"add", "."},
		{"commit", "-q", "-m", "the trusted base"},
		{"remote", "add", "origin", s.bob.GitURL(manifests)},
		{"push", "-q", "origin", "main"},
	} {
		if err := s.git(work, args...); err != nil {
			return err
		}
	}
	head, err := s.rev("HEAD")
	s.trust = gitsrc.SHA(head)
	return err
}

// forgeClock gives everything that happens at the forge a second of its own.
func forgeClock(start time.Time) func() time.Time {
	var seconds atomic.Int64
	return func() time.Time { return start.Add(time.Duration(seconds.Add(1)) * time.Second) }
}

func (s *stage) git(dir string, args ...string) error {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=bob", "GIT_AUTHOR_EMAIL=bob@example.com", "GIT_COMMITTER_NAME=bob", "GIT_COMMITTER_EMAIL=bob@example.com")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

func (s *stage) rev(rev string) (string, error) {
	cmd := exec.Command("git", "rev-parse", "--verify", rev)
	cmd.Dir = filepath.Join(s.dir, "repo")
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git rev-parse %s: %w", rev, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// edit replaces a text in every file of the repository: "v1=v2".
func (s *stage) edit(change string) error {
	from, to, ok := strings.Cut(strings.ReplaceAll(change, `\n`, "\n"), "=")
	if !ok {
		return fmt.Errorf("%q is not FROM=TO", change)
	}
	changed := 0
	err := filepath.WalkDir(filepath.Join(s.dir, "repo"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() && d.Name() == ".git" {
			return firstOf(err, filepath.SkipDir)
		}
		if d.IsDir() {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(b), from) {
			return err
		}
		changed++
		return os.WriteFile(path, []byte(strings.ReplaceAll(string(b), from, to)), 0o600)
	})
	if err == nil && changed == 0 {
		err = fmt.Errorf("no file contains %q", from)
	}
	return err
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) sync() error {
	work := filepath.Join(s.dir, "repo")
	return firstOf(s.git(work, "checkout", "-q", "main"), s.git(work, "pull", "-q", "--ff-only", "origin", "main"))
}

// push FROM=TO MESSAGE commits straight to the branch.
func (s *stage) push(_ *testscript.TestScript, args []string) error {
	work := filepath.Join(s.dir, "repo")
	if err := firstOf(s.sync(), s.edit(args[0])); err != nil {
		return err
	}
	return firstOf(s.git(work, "commit", "-q", "-a", "-m", args[1]), s.git(work, "push", "-q", "origin", "main"))
}

// pull NAME FROM=TO MESSAGE opens bob's pull request.
func (s *stage) pull(ts *testscript.TestScript, args []string) error {
	work := filepath.Join(s.dir, "repo")
	err := firstOf(s.sync(), s.git(work, "checkout", "-q", "-b", args[0]), s.edit(args[1]),
		s.git(work, "commit", "-q", "-a", "-m", args[2]), s.git(work, "push", "-q", "origin", args[0]), s.git(work, "checkout", "-q", "main"))
	if err != nil {
		return err
	}
	p, err := s.bob.OpenPull(s.ctx, manifests, standin.NewPull{Title: args[2], Head: args[0], Base: "main"})
	s.pulls[args[0]] = p.Number
	return err
}

func (s *stage) approve(ts *testscript.TestScript, args []string) error {
	_, err := s.alice.Approve(s.ctx, manifests, s.pulls[args[0]])
	return err
}

func (s *stage) requestChanges(ts *testscript.TestScript, args []string) error {
	_, err := s.alice.RequestChanges(s.ctx, manifests, s.pulls[args[0]], "not yet")
	return err
}

func (s *stage) dismiss(ts *testscript.TestScript, args []string) error {
	reviews, err := s.alice.Reviews(s.ctx, manifests, s.pulls[args[0]])
	if err != nil || len(reviews) == 0 {
		return fmt.Errorf("no review to dismiss: %w", err)
	}
	_, err = s.alice.Dismiss(s.ctx, manifests, s.pulls[args[0]], reviews[len(reviews)-1].ID, "on second thought")
	return err
}

func (s *stage) merge(ts *testscript.TestScript, args []string) error {
	if _, err := s.bob.Merge(s.ctx, manifests, s.pulls[args[0]], standin.Merge{Method: "merge"}); err != nil {
		return err
	}
	return s.sync()
}

// revert REV pushes a revert straight to the branch.
func (s *stage) revert(_ *testscript.TestScript, args []string) error {
	work := filepath.Join(s.dir, "repo")
	if err := s.sync(); err != nil {
		return err
	}
	how := []string{"revert", "--no-edit"}
	if _, err := s.rev(args[0] + "^2"); err == nil {
		how = append(how, "-m", "1")
	}
	return firstOf(s.git(work, append(how, args[0])...), s.git(work, "push", "-q", "origin", "main"))
}

// rewrite FROM=TO MESSAGE puts a history with another root in the branch's place.
func (s *stage) rewrite(_ *testscript.TestScript, args []string) error {
	work := filepath.Join(s.dir, "repo")
	return firstOf(s.git(work, "checkout", "-q", "--orphan", "other", string(s.trust)), s.edit(args[0]),
		s.git(work, "commit", "-q", "-a", "-m", args[1]), s.git(work, "branch", "-q", "-M", "other", "main"),
		s.git(work, "push", "-q", "--force", "origin", "main"))
}

// force-back REV FROM=TO MESSAGE puts a commit on REV and forces the branch there.
func (s *stage) forceBack(_ *testscript.TestScript, args []string) error {
	work := filepath.Join(s.dir, "repo")
	return firstOf(s.sync(), s.git(work, "reset", "-q", "--hard", args[0]), s.edit(args[1]),
		s.git(work, "commit", "-q", "-a", "-m", args[2]), s.git(work, "push", "-q", "--force", "origin", "main"))
}

// damage turns a byte around in the middle of every pack of the local repository.
func (s *stage) damage(ts *testscript.TestScript, _ []string) error {
	packs := 0
	err := filepath.WalkDir(filepath.Join(s.dir, "bare"), func(path string, d os.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".pack" {
			return err
		}
		packs++
		if err := os.Chmod(path, 0o600); err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for i := 12; i < len(b)-20; i += 16 { // every object, not the frame
			b[i] ^= 0xff
		}
		return os.WriteFile(path, b, 0o600)
	})
	if err == nil && packs == 0 {
		err = errors.New("there is no pack to damage")
	}
	ts.Logf("damaged %d packs", packs)
	return err
}

// look is one process that goes as far as it can.
func (s *stage) look(ts *testscript.TestScript, _ []string) error {
	source, err := gitsrc.Open(gitsrc.Options{URL: s.url + "/" + manifests + ".git", Branch: "main", Dir: filepath.Join(s.dir, "bare"), Token: token})
	if err != nil {
		return err
	}
	client, err := forge.New(forge.Options{API: s.url + "/api/v3/", Owner: "dora", Repo: "manifests", Token: token})
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(tsLog{ts}, nil))
	l := &reconcile.Loop{
		Source:   source,
		Renderer: render.Renderer{Kustomize: kustomize.Build},
		Services: s.cluster.services,
		Load:     s.cluster.load,
		Live:     s.cluster.live,
		Facts: func(ctx context.Context, c gitsrc.SHA, following []gitsrc.SHA, teams []string, fresh bool) (approvals.Facts, error) {
			return client.Facts(ctx, c, "main", following, teams, fresh)
		},
		Save:   s.cluster.save,
		Apply:  s.cluster.apply,
		Prune:  s.cluster.prune,
		Posted: client.Statuses,
		Post:   client.SetStatus,
		Now:    func() time.Time { return s.now },
		Log:    log,
		Settings: reconcile.Settings{
			Branch: "main", Trust: s.trust, Floor: approvals.Policy{Any: 1}, Interval: time.Second, Namespace: "default",
		},
	}
	return l.Once(s.ctx)
}

func token(context.Context) (string, error) { return "token-of-banksman", nil }

type tsLog struct{ ts *testscript.TestScript }

func (l tsLog) Write(b []byte) (int, error) {
	l.ts.Logf("%s", strings.TrimSpace(string(b)))
	return len(b), nil
}

var _ io.Writer = tsLog{}

// fails IMAGE|DEPLOYMENT makes Pods crash, slow keeps them from becoming ready.
func (s *stage) fails(_ *testscript.TestScript, args []string) error {
	s.cluster.bad[args[0]] = true
	return nil
}

func (s *stage) recovers(_ *testscript.TestScript, args []string) error {
	delete(s.cluster.bad, args[0])
	delete(s.cluster.slow, args[0])
	return nil
}

func (s *stage) slow(_ *testscript.TestScript, args []string) error {
	s.cluster.slow[args[0]] = true
	return nil
}

// later DURATION lets time pass.
func (s *stage) later(_ *testscript.TestScript, args []string) error {
	d, err := time.ParseDuration(args[0])
	s.now = s.now.Add(d)
	return err
}

// by-hand CONFIGMAP TEXT: somebody makes a ConfigMap that is not banksman's.
func (s *stage) byHand(_ *testscript.TestScript, args []string) error {
	s.cluster.byHand(args[0], args[1])
	return nil
}

func (s *stage) drift(_ *testscript.TestScript, args []string) error {
	return s.cluster.remove(args[0])
}

func (s *stage) order(_ *testscript.TestScript, args []string) error {
	value := args[1]
	if args[0] == "acknowledge" {
		sha, err := s.rev(value)
		if err != nil {
			return err
		}
		value = sha
	}
	return s.cluster.order(args[0], value)
}

// runs OBJECT IMAGE: IMAGE "-" says that the object does not exist.
func (s *stage) runs(_ *testscript.TestScript, args []string) error {
	if got := s.cluster.image(args[0]); got != args[1] {
		return fmt.Errorf("%s runs %s, want %s", args[0], got, args[1])
	}
	return nil
}

func (s *stage) why(ts *testscript.TestScript, args []string) error {
	v := s.cluster.view("web")
	text := fmt.Sprintf("%s: %s; waits for %s; %s", v.Step, v.Reason, strings.Join(v.Waits, ", "), v.Next)
	ts.Logf("why: %s", text)
	return match(args[0], text)
}

// status REV CONTEXT WANT: WANT is a pattern for "state: description".
func (s *stage) status(ts *testscript.TestScript, args []string) error {
	sha, err := s.rev(args[0])
	if err != nil {
		return err
	}
	combined, err := s.alice.CombinedStatus(s.ctx, manifests, sha)
	if err != nil {
		return err
	}
	for _, st := range combined.Statuses {
		if st.Context == args[1] {
			description := ""
			if st.Description != nil {
				description = *st.Description
			}
			return match(args[2], st.State+": "+description)
		}
	}
	if args[2] == "-" {
		return nil
	}
	return fmt.Errorf("%s has no status %s", args[0], args[1])
}

// forge down|up makes every answer of the REST API an error.
func (s *stage) forge(_ *testscript.TestScript, args []string) error {
	s.server.ClearFaults()
	if args[0] == "down" {
		for _, method := range []string{"GET", "POST"} {
			s.server.Fail(standin.Fault{Method: method, Path: "/repos/", Status: 500, Times: 1000})
		}
	}
	return nil
}

// git up|last-look-fails: every fetch but the first of a process fails.
func (s *stage) gitServer(_ *testscript.TestScript, args []string) error {
	s.server.ClearFaults()
	if args[0] == "up" {
		return nil
	}
	var fetches atomic.Int64
	s.server.Fail(standin.Fault{Times: -1, Status: 503, Match: func(r *http.Request) bool {
		return strings.HasSuffix(r.URL.Path, "/info/refs") && fetches.Add(1) > 1
	}})
	return nil
}

// applied N: so many objects were sent since it was last asked.
func (s *stage) applied(_ *testscript.TestScript, args []string) error {
	got := fmt.Sprint(s.cluster.sent)
	s.cluster.sent = 0
	if got != args[0] {
		return fmt.Errorf("%s objects were sent, want %s", got, args[0])
	}
	return nil
}

func match(pattern, text string) error {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return err
	}
	if !re.MatchString(text) {
		return fmt.Errorf("%q does not match %q", text, pattern)
	}
	return nil
}
