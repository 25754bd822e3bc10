package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"banksman.dev/approvals/github"
	"banksman.dev/cmd/banksman/config"
	"banksman.dev/reconcile"
	"banksman.dev/reconcile/cluster"
	"banksman.dev/reconcile/notify"
	"banksman.dev/reconcile/record"
)

// startReceiver FILE starts a server that writes what it gets to the file, and
// answers 404 on /missing and 200 elsewhere. $RECEIVER is its host and port.
func startReceiver(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: receiver FILE")
	}
	file := ts.MkAbs(args[0])
	var mu sync.Mutex
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		body, _ := io.ReadAll(req.Body)
		signed := ""
		if s := req.Header.Get("Banksman-Signature"); s != "" {
			signed = fmt.Sprintf(" signed %d times", len(strings.Fields(s)))
		}
		old, _ := os.ReadFile(file)
		_ = os.WriteFile(file, fmt.Appendf(old, "%s %s%s\n%s\n", req.Method, req.URL.Path, signed, body), 0o600)
		if req.URL.Path == "/missing" {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	ts.Defer(web.Close)
	ts.Setenv("RECEIVER", strings.TrimPrefix(web.URL, "http://"))
}

func TestEveryTargetThatARepositoryTellsIsThereOnce(t *testing.T) {
	releases := config.Notification{Name: "releases", URLFile: "/etc/slack", Services: []string{"fop-*"}}
	audit := config.Notification{Name: "audit", Webhook: &config.Webhook{URL: "https://h", SecretFile: "s"}}
	dora := config.Source{Name: "dora", Environment: "production", Notify: []config.Notification{releases}}
	shop := config.Source{Name: "shop", Notify: []config.Notification{audit, releases}}
	want := []notify.Target{
		{Name: "releases", URLFile: "/etc/slack", Services: []string{"fop-*"}},
		{Name: "audit", Webhook: &notify.Webhook{URL: "https://h", SecretFile: "s"}},
	}
	if got := targetsOf([]config.Source{dora, shop}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := sourceOf(dora), (notify.Source{Name: "dora", Environment: "production", Targets: []string{"releases"}}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestATargetHearsWhatHappensInItsRepository(t *testing.T) {
	got := make(chan string, 2)
	web := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		got <- req.Header.Get("Banksman-Delivery")
	}))
	defer web.Close()
	target := config.Notification{Name: "audit", Webhook: &config.Webhook{URL: web.URL}}
	quiet := config.Source{Name: "quiet", Notify: []config.Notification{{Name: "releases"}}}
	dora := config.Source{Name: "dora", Environment: "production", Notify: []config.Notification{target}}
	notifier, err := notify.Start(notify.Options{Log: slog.New(slog.DiscardHandler)}, targetsOf([]config.Source{dora}))
	if err != nil {
		t.Fatal(err)
	}
	pr := &process{program: &program{now: time.Now}, notifier: notifier}
	loopOf := func(of config.Source) *reconcile.Loop {
		s := &source{Source: of, process: pr}
		return s.tie(&github.Client{}, &record.Store{}, &cluster.Cluster{}, nil)
	}
	loopOf(quiet).Tell(reconcile.Transition{ID: "1", Event: reconcile.EventHeld})
	loopOf(dora).Tell(reconcile.Transition{ID: "2", Event: reconcile.EventHeld})
	endNotifications(notifier)
	close(got)
	var all []string
	for id := range got {
		all = append(all, id)
	}
	if want := []string{"production/dora/2"}; !reflect.DeepEqual(all, want) {
		t.Errorf("got %v, want %v", all, want)
	}
}

func TestATargetThatCannotBeToldIsAFaultOfTheFile(t *testing.T) {
	_, err := sourcesOf("banksman.yaml", []byte(`apiVersion: banksman.dev/v1alpha1
kind: Configuration
repositories: [{url: "https://github.com/dora/manifests", trust: none}]
notifications: [{name: chat, url: "slac://webhook/hidden"}]
`))
	if err == nil || !strings.Contains(err.Error(), `banksman.yaml: notification target "chat": shoutrrr knows no "slac"`) || strings.Contains(err.Error(), "hidden") {
		t.Errorf("got %v", err)
	}
}
