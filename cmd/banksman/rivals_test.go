//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"banksman.dev/fixtures/faultproxy"
	github "banksman.dev/fixtures/github"
)

// rivals are several banksmen for one repository and one cluster, each with a
// way of its own to the API server, on which every request is written down.
type rivals struct {
	cluster kubernetes.Interface
	config  *rest.Config
	forge   string
	head    string
}

const rivalsRepository = "dora/manifests"

func startRivals(t *testing.T, program string) *rivals {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", startControlPlane(t, program))
	if err != nil {
		t.Fatal(err)
	}
	r := &rivals{config: config}
	if r.cluster, err = kubernetes.NewForConfig(config); err != nil {
		t.Fatal(err)
	}
	server, err := github.New(github.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	r.forge = web.URL
	if _, err := server.AddAccount(github.Account{Login: "alice", Emails: []string{"alice@example.com"}}); err != nil {
		t.Fatal(err)
	}
	err = server.AddRepository(t.Context(), github.NewRepository{
		Name: rivalsRepository, Private: true, Collaborators: map[string]github.Role{"alice": github.RoleWrite},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.head = pushManifests(t, github.Client{URL: web.URL, Token: "token-of-alice"}.GitURL(rivalsRepository), map[string]string{
		"services.yaml": "settings:\n  templates: [settings.yaml]\n  namespace: default\n",
		"settings.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {level: info}\n",
	})
	return r
}

// pushManifests makes the first commit and returns its hash.
func pushManifests(t *testing.T, to string, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out []byte
	for _, args := range [][]string{
		{"init", "--quiet", "--initial-branch=main"},
		{"add", "--all"},
		{"-c", "user.name=alice", "-c", "user.email=alice@example.com", "commit", "--quiet", "--message", "the first release"},
		{"push", "--quiet", to, "main"},
		{"rev-parse", "HEAD"},
	} {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0")
		var err error
		if out, err = cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v: %s", args[0], err, out)
		}
	}
	return strings.TrimSpace(string(out))
}

// A rival is one data folder, and its way to the API server.
type rival struct {
	of         *rivals
	name       string
	dir        string
	kubeconfig string
	proxy      *faultproxy.Proxy
}

func (r *rivals) rival(t *testing.T, name string) *rival {
	t.Helper()
	proxy, err := faultproxy.Start(r.config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = proxy.Close() }) // the test is over
	one := &rival{of: r, name: name, dir: t.TempDir(), proxy: proxy}
	one.kubeconfig = filepath.Join(one.dir, "kubeconfig")
	if err := proxy.Kubeconfig(one.kubeconfig); err != nil {
		t.Fatal(err)
	}
	return one
}

// wrote are the requests that reached the API server and were to change
// something, after the first ones of the log; renewals of the lease are left out.
func (r *rival) wrote(after int) []string {
	var list []string
	for _, e := range r.proxy.Log()[after:] {
		if e.Forwarded && e.Method != http.MethodGet && e.Resource != "leases" && e.Resource != "selfsubjectaccessreviews" {
			list = append(list, e.Method+" "+e.Path)
		}
	}
	return list
}

// A life is one process of a rival.
type life struct {
	name string
	cmd  *exec.Cmd
	done chan struct{}

	mu   sync.Mutex
	said bytes.Buffer
}

func (l *life) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.said.Write(p)
}

func (l *life) log() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.said.String()
}

func (r *rival) start(t *testing.T, more ...string) *life {
	t.Helper()
	l := &life{name: r.name, done: make(chan struct{})}
	l.cmd = exec.Command("banksman", append([]string{
		"run", "--repo", r.of.forge + "/" + rivalsRepository, "--trust", r.of.head, "--interval", "1s",
		"--kubeconfig", r.kubeconfig, "--namespace", "default", "--data-dir", filepath.Join(r.dir, "data"),
		"--listen", "127.0.0.1:0",
	}, more...)...)
	l.cmd.Env = append(os.Environ(), "GITHUB_TOKEN=token-of-alice", "KUBECONFIG=", "HOME="+r.dir)
	l.cmd.Stderr = l
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(l.done)
		_ = l.cmd.Wait() // how it ended stands in cmd.ProcessState
	}()
	t.Cleanup(func() {
		_ = l.cmd.Process.Kill() // it may have ended
		<-l.done
	})
	return l
}

func (l *life) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := l.cmd.Process.Signal(s); err != nil {
		t.Fatalf("%s: %v", l.name, err)
	}
}

// ends waits for the end and checks the exit code; -1 is a signal's.
func (l *life) ends(t *testing.T, code int) {
	t.Helper()
	select {
	case <-l.done:
	case <-time.After(rolloutTime):
		t.Fatalf("%s does not end:\n%s", l.name, l.log())
	}
	if got := l.cmd.ProcessState.ExitCode(); got != code {
		t.Fatalf("%s ended with exit code %d, want %d:\n%s", l.name, got, code, l.log())
	}
}

// says waits until the log matches, and returns what the groups did.
func (l *life) says(t *testing.T, pattern string) []string {
	t.Helper()
	var found []string
	eventually(t, func() error {
		if found = regexp.MustCompile(pattern).FindStringSubmatch(l.log()); found == nil {
			return fmt.Errorf("%s does not say %q:\n%s", l.name, pattern, l.log())
		}
		return nil
	})
	return found
}

// answers waits until the probe at the path has this answer.
func (l *life) answers(t *testing.T, path string, code int, text string) {
	t.Helper()
	address := l.says(t, `msg="answers /healthz and /readyz" address=(\S+)`)[1]
	eventually(t, func() error {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, nil)
		if err != nil {
			return err
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer func() { _ = answer.Body.Close() }()
		var content bytes.Buffer
		_, err = content.ReadFrom(answer.Body)
		if err == nil && (answer.StatusCode != code || !strings.Contains(content.String(), text)) {
			err = fmt.Errorf("%s of %s is %d %q, want %d %q", path, l.name, answer.StatusCode, content.String(), code, text)
		}
		return err
	})
}

// eventually repeats a check until it holds.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(rolloutTime); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if err = check(); err == nil {
			return
		}
	}
	t.Fatal(err)
}

// once runs to the end and returns the exit code.
func (r *rival) once(t *testing.T) (int, string) {
	t.Helper()
	l := r.start(t, "--once")
	select {
	case <-l.done:
	case <-time.After(rolloutTime):
		t.Fatalf("%s --once does not end:\n%s", r.name, l.log())
	}
	return l.cmd.ProcessState.ExitCode(), l.log()
}

var errNotThere = errors.New("the ConfigMap settings is not as it should be")

// settingsAre waits until the cluster has the ConfigMap as Git has it.
func (r *rivals) settingsAre(ctx context.Context, level string) func() error {
	return func() error {
		found, err := r.cluster.CoreV1().ConfigMaps("default").Get(ctx, "settings", getOptions)
		if err != nil {
			return err
		}
		if found.Data["level"] != level {
			return fmt.Errorf("%w: its level is %q, want %q", errNotThere, found.Data["level"], level)
		}
		return nil
	}
}
