package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"

	"banksman.dev/approvals"
	"banksman.dev/approvals/github"
	"banksman.dev/cmd/banksman/config"
	"banksman.dev/gitsrc"
	"banksman.dev/reconcile"
	"banksman.dev/reconcile/cluster"
	"banksman.dev/reconcile/metrics"
	"banksman.dev/reconcile/record"
	"banksman.dev/render"
	"banksman.dev/render/kustomize"
)

// A source is one repository that is followed: it has a copy, a record, watches
// and a loop of its own.
type source struct {
	config.Source
	process *process
	logger  *slog.Logger
	tokens  tokens
	meter   *metrics.Source
	git     *gitsrc.Repository
	// listeners hear of transitions, beside the targets of notifications.
	listeners []func(reconcile.Transition)

	mu     sync.Mutex
	loop   *reconcile.Loop // nil while there is none
	pulse  *pulse
	worked bool // a loop has looked at all services, and has ended
}

func (pr *process) source(s config.Source) *source {
	logger := pr.logger
	if s.Name != "" {
		logger = logger.With("source", s.Name)
	}
	return &source{Source: s, process: pr, logger: logger, tokens: tokensOf(s, pr.getenv), meter: pr.metrics.Source(s.Name)}
}

// dir is the source's part of the data folder.
func (s *source) dir() string {
	if s.Name == "" {
		return s.process.dataDir
	}
	return filepath.Join(s.process.dataDir, "sources", s.Name)
}

// open prepares the copy of the repository, and asks what to trust.
func (s *source) open(ctx context.Context) (err error) {
	s.git, err = gitsrc.Open(gitsrc.Options{
		URL: s.Forge.URL, Branch: s.Branch, Dir: filepath.Join(s.dir(), "git"), Token: s.tokens.Token,
	})
	if err != nil {
		return failed(err, "")
	}
	return s.checkTrust(ctx)
}

// close lets go of what open and the tokens hold.
func (s *source) close() {
	if s.git != nil {
		s.git.Close()
	}
	if s.tokens.app != nil {
		s.tokens.app.close()
	}
}

// follow brings up both ends, the forge and the cluster, ties them to the loop,
// and runs it.
func (s *source) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reviews, err := github.New(github.Options{
		API: s.Forge.API, Owner: s.Forge.Owner, Repo: s.Forge.Name, Token: s.tokens.Token, UserAgent: userAgent(),
		Wrap: s.meter.Forge,
	})
	if err != nil {
		return failed(err, "")
	}
	store, objects, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	defer objects.Close()
	objects.Expect(known(store))
	wake, awake := wakeUp(ctx, store.Changed(), objects.Changed())
	defer awake()
	defer cancel()

	loop := s.tie(reviews, store, objects, wake)
	s.listeners = []func(reconcile.Transition){s.meter.Tell, store.Tell}
	defer s.meter.Watch(loop, metrics.Sight{Shown: store.Shown, Dropped: store.Dropped})()
	s.runs(loop)
	defer s.runs(nil)
	s.sayBegin()
	unreadable := s.checkCatalog()
	if s.process.once {
		return failedOnce(s.Source, errors.Join(loop.Once(ctx), unreadable))
	}
	if unreadable != nil {
		s.logger.Error("no service can be looked at; what runs is kept", "error", unreadable)
	}
	err = loop.Run(ctx)
	s.sayEnd()
	return err
}

func (s *source) sayBegin() {
	facts := []any{
		"version", thisBuild().Version, "repository", s.Forge.URL, "branch", s.Branch,
		"cluster", s.process.cfg.Host, "trust", cmp.Or(string(s.Trust), trustNothing), "approvals", s.Floor.String(),
	}
	if s.process.several() {
		s.logger.Info("follows a repository", facts...)
		return
	}
	s.logger.Info("banksman starts", facts...)
}

func (s *source) sayEnd() {
	if s.process.several() {
		s.logger.Info("follows a repository no more; what runs in the cluster stays as it is")
		return
	}
	s.logger.Info("banksman stops; what runs in the cluster stays as it is")
}

// tie is the one place where the forge, the record, the cluster and the loop meet.
func (s *source) tie(reviews *github.Client, store *record.Store, objects *cluster.Cluster, wake <-chan render.ServiceName) *reconcile.Loop {
	s.pulse = newPulse(s.process.now, s.Interval)
	return &reconcile.Loop{
		// What is wanted.
		Source:   s.git,
		Renderer: render.Renderer{Kustomize: kustomize.Build},
		// What is remembered.
		Services: store.All,
		Load:     store.Load,
		Peek:     store.Peek,
		// What is there.
		Live:     objects.Live,
		Recall:   objects.Recall,
		Standing: objects.Standing,
		Kept:     store.Kept,
		// What the reviews say.
		Facts: func(ctx context.Context, commit gitsrc.SHA, following []gitsrc.SHA, teams []string, fresh bool) (approvals.Facts, error) {
			return reviews.Facts(ctx, commit, s.Branch, following, teams, fresh)
		},
		// What is proposed.
		Pulls: func(ctx context.Context) ([]approvals.Proposal, error) {
			return reviews.OpenPulls(ctx, s.Branch, false)
		},
		Pull: func(ctx context.Context, number int) (approvals.Proposal, error) {
			return reviews.OpenPull(ctx, number, true)
		},
		PullFacts: func(ctx context.Context, number int, teams []string) (approvals.Facts, error) {
			return reviews.PullFacts(ctx, number, teams, false)
		},
		Groups: func(ctx context.Context) ([]approvals.MergeGroup, error) { return reviews.MergeGroups(ctx, s.Branch) },
		// Effects.
		Save:   store.Save,
		Keep:   store.Keep,
		Apply:  objects.Apply,
		Pause:  objects.Pause,
		Prune:  objects.Prune,
		Posted: reviews.Statuses,
		Post:   posting(s.process.held, reviews.SetStatus),
		Tell:   s.tell,

		Wake:     wake,
		Now:      s.pulse.beat,
		Log:      s.logger,
		Settings: s.settings(),
	}
}

// tell is told what happened to a release, once.
func (s *source) tell(t reconcile.Transition) {
	for _, hear := range s.listeners {
		hear(t)
	}
	s.process.notifier.Tell(sourceOf(s.Source), t)
}

func (s *source) settings() reconcile.Settings {
	return reconcile.Settings{
		Branch: s.Branch, CatalogPath: s.Catalog, Environment: s.Environment,
		Namespace: cmp.Or(s.Home(), s.process.namespace),
		Trust:     s.Trust, Floor: s.Floor, Interval: s.Interval,
		Parallel: s.Parallel, Audit: s.Audit,
		CanaryFrom: s.CanaryFrom, Authors: s.Authors, SlotTime: s.SlotTime,
		Scope: s.scope(),
	}
}

func (s *source) scope() reconcile.Scope {
	return reconcile.Scope{Namespaces: s.Namespaces, Kinds: s.Kinds}
}

// runs takes the loop that runs now, nil for none.
func (s *source) runs(loop *reconcile.Loop) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.worked = s.worked || s.loop != nil && s.loop.Ready()
	s.loop = loop
}

// looked fails until all services have been looked at.
func (s *source) looked() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.loop == nil || !s.loop.Ready() {
		return s.named("the first look at the services has not ended")
	}
	return nil
}

// alive fails when the loop hangs.
func (s *source) alive() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.loop == nil {
		return nil
	}
	if err := s.pulse.felt(); err != nil {
		return s.named(err.Error())
	}
	return nil
}

// named says which source something is said of, where there can be several.
func (s *source) named(what string) error {
	if s.process.several() {
		what = s.Title() + ": " + what
	}
	return errors.New(what)
}
