package main

import (
	"context"
	"time"

	"banksman.dev/cmd/banksman/config"
)

// reloadInterval is between two looks at the configuration file. It is looked
// at, and not watched: a mounted ConfigMap changes by the swap of a symbolic link.
const reloadInterval = 2 * time.Second

// A reloading settles the sources anew when the configuration file changes.
type reloading struct {
	process *process
	sources *sources
	report  func(error) // how a changed file was read
	seen    glance      // the last one
	judged  glance      // the last one that was acted on
}

// A glance is what a look at the file finds: one of the two.
type glance struct{ content, problem string }

// watch looks at the file until the context ends.
func (r *reloading) watch(ctx context.Context) {
	tick := time.NewTicker(reloadInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			r.look(ctx)
		}
	}
}

// look settles the sources where the file says something new, twice in a row:
// one that is being written is not whole.
func (r *reloading) look(ctx context.Context) {
	content, err := contentOf(r.process.config)
	found := glance{content: string(content)}
	if err != nil {
		found = glance{problem: err.Error()}
	}
	isWhole := found == r.seen
	r.seen = found
	if !isWhole || found == r.judged {
		return
	}
	r.judged = found
	r.report(r.judge(ctx, content, err))
}

// judge follows what a changed file says. What cannot be used changes nothing.
func (r *reloading) judge(ctx context.Context, content []byte, err error) error {
	logger := r.process.logger.With("configuration", r.process.config)
	var wanted []config.Source
	if err == nil {
		wanted, err = sourcesOf(r.process.config, content)
	}
	if err == nil {
		err = r.process.notifier.Aim(targetsOf(wanted))
	}
	if err != nil {
		logger.Error("the configuration cannot be used; what was read before stays in force", "error", err)
		return err
	}
	begun, ended := r.sources.settle(ctx, wanted)
	logger.Info("the configuration was read anew", "repositories", len(wanted), "begun", begun, "ended", ended)
	return nil
}
