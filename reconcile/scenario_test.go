package reconcile_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"banksman.dev/approvals"
	standin "banksman.dev/fixtures/github"
	"banksman.dev/gitsrc"
	"banksman.dev/reconcile"
)

// The scenarios tell flows with a real Git repository behind a real HTTP
// server, the stand-in for github.com, and a cluster that is a map. Every
// "look" is a new process, a loop that remembers nothing but the records,
// unless the scenario says keep-running.
func TestScenarios(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/scenarios",
		Setup: func(env *testscript.Env) error {
			if err := os.CopyFS(filepath.Join(env.WorkDir, "repo"), os.DirFS("testdata/web")); err != nil {
				return err
			}
			env.Values["stage"] = &stage{
				t: t, ctx: t.Context(), dir: env.WorkDir, cluster: newMapCluster(t),
				pulls: map[string]int{}, groups: map[string]string{}, proposed: map[string][]string{}, ids: map[string]bool{}, now: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC),
			}
			return nil
		},
		Cmds: commands,
	})
}

var commands = map[string]func(*testscript.TestScript, bool, []string){
	// the world
	"with":           command(1, (*stage).with),
	"repository":     command(0, (*stage).repository),
	"fails":          command(1, (*stage).fails),
	"recovers":       command(1, (*stage).recovers),
	"slow":           command(1, (*stage).slow),
	"later":          command(1, (*stage).later),
	"by-hand":        command(2, (*stage).byHand),
	"runs-by-hand":   command(2, (*stage).runsByHand),
	"drift":          command(1, (*stage).drift),
	"order":          command(2, (*stage).order),
	"forge":          command(1, (*stage).forge),
	"git":            command(1, (*stage).gitServer),
	"forget":         command(1, (*stage).forget),
	"grant":          command(2, (*stage).grant),
	"damage":         command(0, (*stage).damage),
	"lose-copy":      command(0, (*stage).loseCopy),
	"spoil-kept":     command(1, (*stage).spoilKept),
	"kept-cannot-be": command(1, (*stage).keptCannotBe),
	"anew":           command(0, (*stage).anew),
	"answers-lost":   command(1, (*stage).answersLost),

	// the branch
	"add":        command(2, (*stage).add),
	"push":       command(2, (*stage).push),
	"revert":     command(1, (*stage).revert),
	"rewrite":    command(2, (*stage).rewrite),
	"force-back": command(3, (*stage).forceBack),
	"force-to":   command(1, (*stage).forceTo),

	// pull requests
	"pull":            command(3, (*stage).pull),
	"pulls":           command(1, (*stage).manyPulls),
	"pull-by":         command(4, (*stage).pullBy),
	"pull-from-fork":  command(3, (*stage).pullFromFork),
	"pull-same":       command(2, (*stage).pullSame),
	"pull-revert":     command(2, (*stage).pullRevert),
	"pull-push":       command(3, (*stage).pullPush),
	"pull-update":     command(1, (*stage).pullUpdate),
	"close":           command(1, (*stage).closePull),
	"reopen":          command(1, (*stage).reopen),
	"retarget":        command(2, (*stage).retarget),
	"push-branch":     command(1, (*stage).pushBranch),
	"draft":           command(1, (*stage).draft),
	"ready":           command(1, (*stage).ready),
	"label":           command(2, (*stage).label),
	"unlabel":         command(2, (*stage).unlabel),
	"approve":         command(1, (*stage).approve),
	"request-changes": command(1, (*stage).requestChanges),
	"dismiss":         command(1, (*stage).dismiss),
	"merge":           command(1, merging("merge")),
	"squash":          command(1, merging("squash")),
	"rebase":          command(1, merging("rebase")),
	"enqueue":         command(1, (*stage).enqueue),
	"land":            command(0, (*stage).land),
	"protect":         command(1, (*stage).protect),

	// banksman
	"canary-from":  command(1, (*stage).setCanaryFrom),
	"keep-running": command(0, (*stage).keepRunning),
	"restart":      command(0, (*stage).restart),
	"look":         command(0, (*stage).look),
	"look-killed":  command(0, (*stage).lookKilled),

	// what is seen
	"runs":     command(2, (*stage).runs),
	"paused":   command(2, (*stage).isPaused),
	"why":      command(1, (*stage).why),
	"shows":    command(2, (*stage).shows),
	"status":   command(3, (*stage).status),
	"applied":  command(1, (*stage).applied),
	"requests": command(1, (*stage).requests),
	"kept":     command(2, (*stage).isKept),
	"told":     command(2, (*stage).wasTold),
	"logged":   command(1, (*stage).logged),
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
			ts.Logf("as it should: %v", err)
			return
		}
		ts.Check(err)
	}
}

const manifests = "dora/manifests"

// A stage is one scenario's world. Alice reviews, bob writes, erin may only
// read, and renovate[bot] is listed as an author.
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
	queue   []string
	groups  map[string]string // commits of the merge queue, by the pull request's branch
	cluster *mapCluster
	now     time.Time

	proposed   map[string][]string // what pull requests bring, by branch
	canaryFrom approvals.CanaryFrom
	lasting    bool
	loop       *reconcile.Loop // of the process that keeps running
	asked      int64           // the last request that was counted
	heard      []reconcile.Transition
	log        bytes.Buffer    // JSON lines of all processes
	ids        map[string]bool // of all that was ever told
}

// with NAME|NUMBER: the repository has another service like web, or so many.
func (s *stage) with(_ *testscript.TestScript, args []string) error {
	names := []string{args[0]}
	if n, err := strconv.Atoi(args[0]); err == nil {
		names = nil
		for i := range n {
			names = append(names, fmt.Sprintf("s%02d", i+1))
		}
	}
	root := filepath.Join(s.dir, "repo")
	catalog, err := os.ReadFile(filepath.Join(root, "services.yaml"))
	if err != nil {
		return err
	}
	text := string(catalog)
	web, _, _ := strings.Cut(strings.TrimPrefix(text, "services:\n"), "  api:\n")
	for _, name := range names {
		text = strings.Replace(text, "  api:\n", strings.ReplaceAll(web, "web", name)+"  api:\n", 1)
		if err := os.Mkdir(filepath.Join(root, name), 0o700); err != nil {
			return err
		}
		for _, file := range []string{"config.yaml", "service.yaml", "deployment.yaml"} {
			b, err := os.ReadFile(filepath.Join(root, "web", file))
			if err != nil {
				return err
			}
			like := strings.NewReplacer("web", name, "settings-1", "settings-of-"+name).Replace(string(b))
			if err := os.WriteFile(filepath.Join(root, name, file), []byte(like), 0o600); err != nil {
				return err
			}
		}
	}
	return os.WriteFile(filepath.Join(root, "services.yaml"), []byte(text), 0o600)
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
	for _, a := range []standin.Account{{Login: "alice"}, {Login: "bob"}, {Login: "banksman"}, {Login: "erin"}, {Login: "renovate[bot]", Type: "Bot"}} {
		a.Emails = []string{a.Login + "@example.com"}
		if _, err := server.AddAccount(a); err != nil {
			return err
		}
	}
	s.alice = standin.Client{URL: web.URL, Token: "token-of-alice"}
	s.bob = s.alice.As("token-of-bob")
	if err := server.AddRepository(s.ctx, standin.NewRepository{Name: manifests, Collaborators: map[string]standin.Role{
		"alice": standin.RoleWrite, "bob": standin.RoleWrite, "banksman": standin.RoleWrite, "renovate[bot]": standin.RoleWrite,
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
