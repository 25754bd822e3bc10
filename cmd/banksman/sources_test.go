package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"banksman.dev/cmd/banksman/config"
	"banksman.dev/reconcile"
)

// A diary notes what happens to sources, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
	moved chan struct{}
}

func newDiary() *diary { return &diary{moved: make(chan struct{}, 1000)} }

func (d *diary) note(line string) {
	d.mu.Lock()
	d.lines = append(d.lines, line)
	d.mu.Unlock()
	d.moved <- struct{}{}
}

// has waits until a line stands n times.
func (d *diary) has(t *testing.T, line string, n int) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for d.count(line) < n {
		select {
		case <-d.moved:
		case <-deadline:
			t.Fatalf("%q never stood %d times in %q", line, n, d.all())
		}
	}
}

func (d *diary) count(line string) (n int) {
	for _, l := range d.all() {
		if l == line {
			n++
		}
	}
	return n
}

func (d *diary) all() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.lines)
}

// sourcesWith follows by a function that fails, or not, and notes what happens.
func sourcesWith(d *diary, follow func(context.Context, *source) error) (*sources, *bytes.Buffer) {
	said := &bytes.Buffer{}
	var mu sync.Mutex
	program := &program{
		now: time.Now, getenv: func(string) string { return "" },
		pause: func(ctx context.Context, wait time.Duration) error {
			d.note("waits " + wait.String())
			return ctx.Err()
		},
	}
	pr := &process{
		program: program, metrics: program.newMetrics(),
		plan:   plan{runFlags: &runFlags{config: "banksman.yaml", dataDir: "data"}},
		logger: slog.New(slog.NewTextHandler(guardedWriter{&mu, said}, nil)),
	}
	return &sources{process: pr, follow: func(ctx context.Context, s *source) error {
		d.note("begins " + s.Title())
		defer d.note("ends " + s.Title())
		return follow(ctx, s)
	}}, said
}

type guardedWriter struct {
	mu *sync.Mutex
	to *bytes.Buffer
}

func (w guardedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
}

func untilEnded(ctx context.Context, _ *source) error {
	<-ctx.Done()
	return nil
}

func named(name, branch string) config.Source { return config.Source{Name: name, Branch: branch} }

func TestOnlyWhatChangedIsEndedAndBegunAnew(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	d := newDiary()
	all, _ := sourcesWith(d, untilEnded)
	ctx := t.Context()
	for _, c := range []struct {
		name         string
		wanted       []config.Source
		begun, ended []string
	}{
		{"at first all", []config.Source{named("a", "main"), named("", "main")}, []string{"a", "the repository"}, nil},
		{"nothing where nothing changes, in whatever order", []config.Source{named("", "main"), named("a", "main")}, nil, nil},
		{"one whose settings changed", []config.Source{named("", "main"), named("a", "release")}, []string{"a"}, []string{"a"}},
		{"one that is new", []config.Source{named("", "main"), named("a", "release"), named("b", "main")}, []string{"b"}, nil},
		{"one that has another name now", []config.Source{named("", "main"), named("c", "release"), named("b", "main")}, []string{"c"}, []string{"a"}},
		{"at the end all", nil, nil, []string{"the repository", "b", "c"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := len(d.all())
			begun, ended := all.settle(ctx, c.wanted)
			if diff := cmp.Diff([][]string{c.begun, c.ended}, [][]string{begun, ended}); diff != "" {
				t.Error(diff)
			}
			for _, title := range ended {
				if !slices.Contains(d.all()[before:], "ends "+title) {
					t.Errorf("%s had not ended when the rest began: %q", title, d.all()[before:])
				}
			}
			for _, title := range begun {
				d.has(t, "begins "+title, 1)
			}
		})
	}
}

func TestOneThatFailsIsTriedAgainAndEndsNoOther(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	d := newDiary()
	all, said := sourcesWith(d, func(ctx context.Context, s *source) error {
		if s.Name == "broken" && d.count("begins broken") < 4 {
			return failed(errors.New("it may not"), "allow it")
		}
		return untilEnded(ctx, s)
	})
	ctx, end := context.WithCancel(t.Context())
	all.settle(ctx, []config.Source{named("fine", "main"), named("broken", "main")})
	d.has(t, "begins broken", 4)
	if n := d.count("ends fine"); n != 0 {
		t.Errorf("the other one ended: %q", d.all())
	}
	end()
	all.settle(ctx, nil)
	var waits []string
	for _, line := range d.all() {
		if wait, ok := strings.CutPrefix(line, "waits "); ok {
			waits = append(waits, wait)
		}
	}
	if diff := cmp.Diff([]string{"1s", "2s", "4s"}, waits); diff != "" {
		t.Error(diff)
	}
	if line := `source=broken in=1s error="it may not" try="allow it"`; !strings.Contains(said.String(), line) {
		t.Errorf("%s is not said in\n%s", line, said)
	}
}

func TestOneThatWorkedIsTriedAgainSoon(t *testing.T) {
	d := newDiary()
	all, _ := sourcesWith(d, func(ctx context.Context, s *source) error {
		if d.count("begins a") < 5 {
			s.worked = true
			return nil // a loop that ends without being told to
		}
		return untilEnded(ctx, s)
	})
	ctx, end := context.WithCancel(t.Context())
	all.settle(ctx, []config.Source{named("a", "main")})
	d.has(t, "begins a", 5)
	end()
	all.settle(ctx, nil)
	if n := d.count("waits 1s"); n != 4 {
		t.Errorf("%q, want four waits of a second", d.all())
	}
}

func TestTheProbesNameTheSourceThatIsNotWell(t *testing.T) {
	d := newDiary()
	all, _ := sourcesWith(d, untilEnded)
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	all.process.now = func() time.Time { return now }
	ctx, end := context.WithCancel(t.Context())
	all.settle(ctx, []config.Source{named("a", "main"), named("b", "main"), named("", "main")})
	defer all.settle(ctx, nil)
	defer end()
	for _, f := range all.all[1:] { // a does not run yet
		f.now.pulse = newPulse(all.process.now, time.Second)
		f.now.runs(&reconcile.Loop{})
	}
	if err := all.alive(); err != nil {
		t.Errorf("alive: %v", err)
	}
	if err := all.looked(); err == nil || err.Error() != "a: the first look at the services has not ended\n"+
		"b: the first look at the services has not ended\nthe repository: the first look at the services has not ended" {
		t.Errorf("looked: %v", err)
	}
	now = now.Add(time.Hour)
	all.all[2].now.pulse.beat()
	if err := all.alive(); err == nil || err.Error() != "b: the loop has not come round for 1h0m0s" {
		t.Errorf("alive: %v", err)
	}
}

func TestAFailureOfOneSourceNamesIt(t *testing.T) {
	err := ofSource(named("dora", "main"), failed(errors.New("no"), "say yes"))
	var f *failure
	if !errors.As(err, &f) || f.Error() != "dora: no" || f.try != "say yes" || f.code != exitFailed {
		t.Errorf("got %v, %+v", err, f)
	}
	if err := ofSource(named("", "main"), errors.New("no")); err.Error() != "the repository: no" {
		t.Errorf("got %v", err)
	}
}

func TestEachSourceHasAFolderOfItsOwn(t *testing.T) {
	all, _ := sourcesWith(newDiary(), untilEnded)
	for name, want := range map[string]string{"": "data", "dora": "data/sources/dora"} {
		if got := all.process.source(named(name, "main")).dir(); got != want {
			t.Errorf("%q has %s, want %s", name, got, want)
		}
	}
}
