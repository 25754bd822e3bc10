package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"banksman.dev/cmd/banksman/config"
	"banksman.dev/reconcile/notify"
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
