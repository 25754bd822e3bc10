package reconcile_test

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/testscript"

	"banksman.dev/approvals"
	forge "banksman.dev/approvals/github"
	"banksman.dev/gitsrc"
	"banksman.dev/reconcile"
	"banksman.dev/render"
	"banksman.dev/render/kustomize"
)

// canary-from branch|label|pull-requests is what banksman is started with.
func (s *stage) setCanaryFrom(_ *testscript.TestScript, args []string) error {
	s.canaryFrom = approvals.CanaryFrom(args[0])
	s.loop = nil
	return nil
}

// keep-running: from here on every look is a tick of one and the same process.
func (s *stage) keepRunning(_ *testscript.TestScript, _ []string) error {
	s.lasting = true
	return nil
}

// restart begins another process that keeps running.
func (s *stage) restart(_ *testscript.TestScript, _ []string) error {
	s.loop = nil
	return nil
}

// look is one process that goes as far as it can, or a tick of one that keeps
// running.
func (s *stage) look(ts *testscript.TestScript, _ []string) error {
	if !s.lasting {
		l, err := s.process(ts)
		if err != nil {
			return err
		}
		return l.Once(s.ctx)
	}
	if s.loop == nil {
		l, err := s.process(ts)
		if err != nil {
			return err
		}
		l.Begin()
		s.loop = l
	}
	var woken []render.ServiceName
	if s.cluster.happened {
		s.cluster.happened = false
		woken = s.cluster.services()
	}
	s.loop.Log = s.logger(ts)
	return s.loop.Tick(s.ctx, woken)
}

// look-killed: processes are killed before their first, second, third … effect,
// each begins where the last one ended, until one ends by itself.
func (s *stage) lookKilled(ts *testscript.TestScript, _ []string) error {
	const most = 60
	for left := range most {
		l, err := s.process(ts)
		if err != nil {
			return err
		}
		ctx, kill := context.WithCancel(s.ctx)
		killed := killedAfter(l, left, kill)
		if s.lasting {
			l.Begin()
			err = l.Tick(ctx, nil)
		} else {
			err = l.Once(ctx)
		}
		kill()
		s.loop = nil
		if !*killed {
			ts.Logf("the last process had %d effects at most", left)
			return err
		}
	}
	return fmt.Errorf("no process ended by itself within %d effects", most)
}

// killedAfter lets so many effects happen; the process does not live to see the
// next one, or to know how the last one ended.
func killedAfter(l *reconcile.Loop, left int, kill func()) (killed *bool) {
	killed = new(bool)
	step := func(effect func() error) error {
		if left--; left < 0 {
			*killed = true
			kill()
			return context.Canceled
		}
		return effect()
	}
	save, apply, prune, post := l.Save, l.Apply, l.Prune, l.Post
	l.Save = func(ctx context.Context, r reconcile.Record, v reconcile.View) error {
		return step(func() error { return save(ctx, r, v) })
	}
	keep := l.Keep
	l.Keep = func(ctx context.Context, name render.ServiceName, namespace string, k reconcile.Kept) error {
		return step(func() error { return keep(ctx, name, namespace, k) })
	}
	l.Apply = func(ctx context.Context, set reconcile.Set) (applied reconcile.Applied, err error) {
		err = step(func() error { applied, err = apply(ctx, set); return err })
		return applied, err
	}
	l.Prune = func(ctx context.Context, name render.ServiceName, gone []reconcile.Entry) (kept []reconcile.Entry, err error) {
		err = step(func() error { kept, err = prune(ctx, name, gone); return err })
		return kept, err
	}
	l.Post = func(ctx context.Context, c gitsrc.SHA, status approvals.Status) error {
		return step(func() error { return post(ctx, c, status) })
	}
	return killed
}

// process wires a loop to the stage.
func (s *stage) process(ts *testscript.TestScript) (*reconcile.Loop, error) {
	source, err := gitsrc.Open(gitsrc.Options{URL: s.url + "/" + manifests + ".git", Branch: "main", Dir: filepath.Join(s.dir, "bare"), Token: token})
	if err != nil {
		return nil, err
	}
	client, err := forge.New(forge.Options{API: s.url + "/api/v3/", Owner: "dora", Repo: "manifests", Token: token})
	if err != nil {
		return nil, err
	}
	return &reconcile.Loop{
		Source:   source,
		Renderer: render.Renderer{Kustomize: kustomize.Build},
		Services: s.cluster.services,
		Load:     s.cluster.load,
		Live:     s.cluster.live,
		Facts: func(ctx context.Context, c gitsrc.SHA, following []gitsrc.SHA, teams []string, fresh bool) (approvals.Facts, error) {
			return client.Facts(ctx, c, "main", following, teams, fresh)
		},
		Pulls: func(ctx context.Context) ([]approvals.Proposal, error) { return client.OpenPulls(ctx, "main", false) },
		Pull:  func(ctx context.Context, n int) (approvals.Proposal, error) { return client.OpenPull(ctx, n, true) },
		PullFacts: func(ctx context.Context, n int, teams []string) (approvals.Facts, error) {
			return client.PullFacts(ctx, n, teams, false)
		},
		Groups: func(ctx context.Context) ([]approvals.MergeGroup, error) { return client.MergeGroups(ctx, "main") },
		Save:   s.cluster.save,
		Keep:   s.cluster.keep,
		Kept:   s.cluster.readKept,
		Apply:  s.cluster.apply,
		Prune:  s.cluster.prune,
		Pause:  s.cluster.pause,
		Recall: s.cluster.recall, Standing: s.cluster.standing,
		Posted: client.Statuses,
		Post: func(ctx context.Context, c gitsrc.SHA, status approvals.Status) error {
			s.read(ts, status)
			return client.SetStatus(ctx, c, status)
		},
		Tell: func(t reconcile.Transition) { s.hear(ts, t) },
		Now:  func() time.Time { return s.now },
		Log:  s.logger(ts),
		Settings: reconcile.Settings{
			Branch: "main", Trust: s.trust, Floor: approvals.Policy{Any: 1}, Interval: time.Second, Namespace: "default",
			CanaryFrom: s.canaryFrom, Authors: []string{"renovate[bot]"}, SlotTime: 30 * time.Minute,
		},
	}, nil
}

// read looks at a status as a person would: a sentence on one line that GitHub
// does not cut.
func (s *stage) read(ts *testscript.TestScript, status approvals.Status) {
	text := status.Description
	ts.Logf("says %s %s: %s", status.Context, status.State, text)
	if text == "" || utf8.RuneCountInString(text) > 140 || strings.ContainsAny(text, "\n\t") || strings.Contains(text, "  ") || strings.HasSuffix(text, ".") {
		s.t.Errorf("%s is no sentence for a person: %q", status.Context, text)
	}
}

func token(context.Context) (string, error) { return "token-of-banksman", nil }

type tsLog struct{ ts *testscript.TestScript }

func (l tsLog) Write(b []byte) (int, error) {
	l.ts.Logf("%s", strings.TrimSpace(string(b)))
	return len(b), nil
}

var _ io.Writer = tsLog{}
