package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/yaml"

	"banksman.dev/reconcile/api/v1alpha1"
)

var update = flag.Bool("update", false, "write the golden parts of the scripts anew")

// TestMain makes this binary the command banksman of the scripts.
func TestMain(m *testing.M) {
	run := func() {
		p := testProgram(genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr})
		os.Exit(p.run(untilInterrupted(), p.calledAs(os.Args[0], os.Args[1:])))
	}
	testscript.Main(m, map[string]func(){"banksman": run, pluginName: run, completionName: run})
}

// testProgram is the program in a world that scripts can arrange: $DELIVERIES
// is a file with the cluster's Deliveries, $OBJECTS one with its objects, $NOW the time, $COLOUR a terminal
// with colours, and no pause lasts unless $PAUSES is set.
func testProgram(streams genericiooptions.IOStreams) *program {
	p := newProgram(streams)
	if os.Getenv("PAUSES") == "" {
		p.pause = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	}
	if file := os.Getenv("DELIVERIES"); file != "" {
		p.deliveries = func(_ context.Context, _ *clusterFlags, namespace string) ([]v1alpha1.Delivery, error) {
			return deliveriesFrom(file, namespace)
		}
	}
	if now, err := time.Parse(time.RFC3339, os.Getenv("NOW")); err == nil {
		p.now = func() time.Time { return now }
	}
	if file := os.Getenv("OBJECTS"); file != "" {
		p.clients = func(*clusterFlags) (clients, error) { return clientsFrom(file) }
	}
	if os.Getenv("COLOUR") != "" {
		p.screen = func() screen {
			s := screenOf(streams.Out, p.getenv)
			s.paint = true
			return s
		}
	}
	return p
}

func deliveriesFrom(file, namespace string) ([]v1alpha1.Delivery, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var list struct {
		Items []v1alpha1.Delivery `json:"items"`
	}
	if err := yaml.UnmarshalStrict(content, &list); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var found []v1alpha1.Delivery
	for _, d := range list.Items {
		if namespace == "" || d.Namespace == namespace {
			found = append(found, d)
		}
	}
	return found, nil
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setUp,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":      exits,
			"forge":      startForge,
			"pull":       openPull,
			"push":       push,
			"apiserver":  startAPIServer,
			"deliveries": writeDeliveries,

			"deliveryserver": startDeliveryServer,
			"receiver":       startReceiver,
		},
	})
}

// setUp gives each script an empty home: no kubeconfig, no token, no terminal.
func setUp(e *testscript.Env) error {
	data, err := filepath.Abs("testdata")
	if err != nil {
		return err
	}
	for key, value := range map[string]string{
		"TESTDATA":          data,
		"HOME":              e.WorkDir,
		"XDG_CACHE_HOME":    filepath.Join(e.WorkDir, ".cache"),
		"KUBECONFIG":        "",
		"GITHUB_TOKEN":      "",
		"GH_TOKEN":          "",
		"COLUMNS":           "",
		"TERM":              "dumb",
		"GIT_CONFIG_GLOBAL": os.DevNull,
		"GIT_CONFIG_SYSTEM": os.DevNull,
	} {
		e.Setenv(key, value)
	}
	return nil
}

// exits CODE COMMAND… runs a command and checks its exit code; stdout and
// stderr can then be compared.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARGUMENT…]")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	switch {
	case err == nil:
	case errors.As(err, &exit):
		got = exit.ExitCode()
	default:
		ts.Fatalf("%s: %v", args[1], err)
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

// writeDeliveries FROM TO puts the forge's commit in the place of HEAD, and its
// address in the place of FORGE.
func writeDeliveries(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: deliveries FROM TO")
	}
	content := strings.NewReplacer("HEAD", ts.Getenv("HEAD"), "FORGE", ts.Getenv("FORGE")).Replace(ts.ReadFile(args[0]))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(content), 0o600))
}
