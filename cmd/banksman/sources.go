package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"banksman.dev/cmd/banksman/config"
)

// sources are the repositories that a process follows beside each other. One
// that fails is tried again, and ends no other.
type sources struct {
	process *process
	follow  func(context.Context, *source) error // until the context ends

	mu  sync.Mutex
	all []*followed
}

// A followed is a source with the goroutine that follows it.
type followed struct {
	config.Source
	end  context.CancelFunc
	done chan struct{}

	mu  sync.Mutex
	now *source // the present try
}

// followAll follows the sources of the configuration file until the context ends.
func (pr *process) followAll(ctx context.Context) error {
	pr.catchUp()
	all := &sources{process: pr, follow: pr.try}
	first := glance{content: string(pr.content)}
	r := &reloading{process: pr, sources: all, report: pr.metrics.Reloaded, seen: first, judged: first}
	pr.probes.lead(pr.held.Holds, all.looked, all.alive)
	pr.logger.Info("banksman starts", "version", thisBuild().Version, "configuration", pr.config, "repositories", len(pr.sources), "cluster", pr.cfg.Host)
	all.settle(ctx, pr.sources)
	r.watch(ctx)
	all.settle(ctx, nil)
	pr.logger.Info("banksman stops; what runs in the cluster stays as it is")
	return nil
}

// catchUp reads the file anew: whoever waited for the lease for long must not
// begin with what it said then. A fault is for the first look to say.
func (pr *process) catchUp() {
	content, err := contentOf(pr.config)
	if err != nil {
		return
	}
	wanted, err := sourcesOf(pr.config, content)
	if err != nil || pr.notifier.Aim(targetsOf(wanted)) != nil {
		return
	}
	pr.content, pr.sources = content, wanted
}

// followOnce follows each source of the configuration file as far as one pass goes.
func (pr *process) followOnce(ctx context.Context) error {
	var errs []error
	for _, s := range pr.sources {
		if err := pr.try(ctx, pr.source(s)); err != nil {
			errs = append(errs, ofSource(s, err))
		}
	}
	return errors.Join(errs...)
}

// ofSource says which source failed.
func ofSource(s config.Source, err error) error {
	var f *failure
	if !errors.As(err, &f) {
		return fmt.Errorf("%s: %w", s.Title(), err)
	}
	named := *f
	named.err = fmt.Errorf("%s: %w", s.Title(), f.err)
	return &named
}

// try follows a source that was not opened before.
func (pr *process) try(ctx context.Context, s *source) error {
	defer s.close()
	if err := s.open(ctx); err != nil {
		return err
	}
	return s.follow(ctx)
}

// settle brings what is followed to what is wanted: it ends what is not wanted
// or has changed, waits until nothing of it is written any more, and begins the
// rest. It returns the titles of what it began and ended. One goroutine at a time
// may settle.
func (r *sources) settle(ctx context.Context, wanted []config.Source) (begun, ended []string) {
	leaving := r.take(func(f *followed) bool {
		return !slices.ContainsFunc(wanted, f.Equal)
	})
	for _, f := range leaving {
		f.end()
	}
	for _, f := range leaving {
		<-f.done
		if !slices.ContainsFunc(wanted, func(s config.Source) bool { return s.Name == f.Name }) {
			r.process.metrics.Forget(f.Name)
		}
		ended = append(ended, f.Title())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range wanted {
		if !slices.ContainsFunc(r.all, func(f *followed) bool { return f.Name == s.Name }) {
			r.all = append(r.all, r.begin(ctx, s))
			begun = append(begun, s.Title())
		}
	}
	return begun, ended
}

// take removes those for which leaves is true, and returns them.
func (r *sources) take(leaves func(*followed) bool) (taken []*followed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = slices.DeleteFunc(r.all, func(f *followed) bool {
		if !leaves(f) {
			return false
		}
		taken = append(taken, f)
		return true
	})
	return taken
}

func (r *sources) begin(ctx context.Context, s config.Source) *followed {
	ctx, end := context.WithCancel(ctx)
	f := &followed{Source: s, end: end, done: make(chan struct{}), now: r.process.source(s)}
	go func() {
		defer close(f.done)
		defer end()
		f.keepAt(ctx, r)
	}()
	return f
}

// keepAt follows the source until the context ends.
func (f *followed) keepAt(ctx context.Context, r *sources) {
	for n := 1; ; n++ {
		err := r.follow(ctx, f.now)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errEnded
		}
		if f.now.worked {
			n = 1
		}
		wait := startBackoff(n)
		about := []any{"in", wait.String(), "error", err}
		if try := tryOf(err); try != "" {
			about = append(about, "try", try)
		}
		f.now.logger.Error("the repository cannot be followed; it is tried again, and the others go on", about...)
		if r.process.pause(ctx, wait) != nil {
			return
		}
		f.mu.Lock()
		f.now = r.process.source(f.Source)
		f.mu.Unlock()
	}
}

// tryOf is what to do about a failure, "" where nobody knows.
func tryOf(err error) string {
	var f *failure
	if errors.As(err, &f) {
		return f.try
	}
	return ""
}

var errEnded = errors.New("its loop has ended")

// looked fails until each has looked at all its services.
func (r *sources) looked() error { return r.ask((*source).looked) }

// alive fails when the loop of one hangs.
func (r *sources) alive() error { return r.ask((*source).alive) }

func (r *sources) ask(question func(*source) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for _, f := range r.all {
		f.mu.Lock()
		errs = append(errs, question(f.now))
		f.mu.Unlock()
	}
	return errors.Join(errs...)
}
