package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"runtime/debug"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"

	"banksman.dev/approvals"
	"banksman.dev/approvals/github"
	"banksman.dev/gitsrc"
	"banksman.dev/reconcile"
	"banksman.dev/reconcile/lease"
	"banksman.dev/render"
	"banksman.dev/render/kustomize"
)

const runLong = `Follow one branch of a manifest repository: render its services, apply each
canary, apply full once a pull-request review has approved exactly that content,
roll back on git revert, and write commit statuses. It runs until it gets an
interrupt or SIGTERM; what is being written then is written, within ten seconds,
and what runs in the cluster stays as it is. A second one ends it at once.

--trust decides what counts as approved at the beginning. Without it nothing is
started: the flag is printed with the branch's present head, exit code 2.

The GitHub token needs Contents: read, Pull requests: read, Commit statuses:
read and write; for policies with teams also the organization's Members: read.
--canary-from pull-requests runs the canary of an open pull request before it is
merged, so that it is reviewed live. Only its canary's own objects are applied,
and full never sees them before the merge and the approval.

The cluster account needs to write what the manifests name, Deliveries (their
definition, see banksman crd, is installed at the start) with a Secret beside
each, and one Lease.

Of several that are started with the same --namespace one writes, and the others
wait for its Lease: they take over at once when it is stopped, and within half a
minute when it dies. One that lost the Lease writes nothing more and ends with
exit code 1. Each needs a --data-dir of its own.

Exit codes: 0 it was stopped, or --once worked; 1 it failed; 2 the command line
is wrong, or leaves open what you must decide.`

const runExample = `  # The first start says what to decide
  export GITHUB_TOKEN=…
  banksman run --repo https://github.com/dora/manifests

  # Everything up to this commit counts as approved
  banksman run --repo https://github.com/dora/manifests --trust 3f1e0a9c2b7d4e5f60718293a4b5c6d7e8f90a1b

  # Staging and production on one repository, two approvals for production
  banksman run --repo https://github.com/dora/manifests --trust none \
      --context production --environment production --approvals-minimum 'any: 2'

  # Review pull requests on running canaries, those of one bot, too
  banksman run --repo https://github.com/dora/manifests --trust none \
      --canary-from pull-requests --authors 'renovate[bot]'

  # A GitHub Enterprise Server, one pass
  banksman run --repo https://github.example.com/dora/manifests --trust none --once`

func (p *program) runCommand() *cobra.Command {
	f := &runFlags{}
	cmd := &cobra.Command{
		Use:     "run",
		Short:   "Reconcile a manifest repository with the cluster",
		Long:    runLong,
		Example: runExample,
		Args:    arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			pl, err := f.plan(cmd.Flags(), p.getenv)
			if err != nil {
				return err
			}
			return p.follow(cmd.Context(), pl)
		},
	}
	f.register(cmd.Flags())
	return cmd
}

// leanGC is the GOGC of a process that nobody gave one.
const leanGC = 50

// follow settles everything that can be wrong before the first pass, then
// reconciles.
func (p *program) follow(ctx context.Context, pl plan) error {
	if p.getenv("GOGC") == "" {
		debug.SetGCPercent(leanGC) // it mostly waits: memory is dearer than time
	}
	logger := newLogger(p.streams.ErrOut, pl.logFormat, pl.verbose)
	if _, err := pl.tokens.Token(ctx); err != nil {
		return explainToken(err)
	}
	cfg, err := pl.cluster.rest()
	if err != nil {
		return err
	}
	unlock, err := lockFolder(pl.dataDir)
	if err != nil {
		return err
	}
	defer unlock()
	source, err := gitsrc.Open(gitsrc.Options{
		URL: pl.forge.URL, Branch: pl.branch, Dir: filepath.Join(pl.dataDir, "git"), Token: pl.tokens.Token,
	})
	if err != nil {
		return failed(err, "")
	}
	if err := checkTrust(ctx, source, pl, logger); err != nil {
		return err
	}
	adoptLibraryLogs(logger)
	return p.inTurn(ctx, pl, cfg, source, logger)
}

// inTurn waits for the lease, reconciles while it holds, and gives it back when
// nothing is written any more.
func (p *program) inTurn(ctx context.Context, pl plan, cfg *rest.Config, source *gitsrc.Repository, logger *slog.Logger) error {
	probes := &probes{}
	silence, err := probes.serve(ctx, pl.listen, logger)
	if err != nil {
		return err
	}
	defer silence()
	held, err := p.lead(ctx, pl, cfg, probes, logger)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		logger.Info("banksman stops; another one holds the lease")
		return nil
	}
	if err != nil {
		return err
	}
	defer held.Release()
	turn, over := held.Bind(ctx)
	defer over()
	err = p.reconcile(turn, pl, guarded(cfg, held), source, held, probes, logger)
	if lost := held.Lost(); lost != nil {
		return explainLoss(lost)
	}
	return err
}

// reconcile brings up both ends, the forge and the cluster, ties them to the
// loop, and runs it.
func (p *program) reconcile(ctx context.Context, pl plan, cfg *rest.Config, source *gitsrc.Repository, held *lease.Lease, probes *probes, logger *slog.Logger) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	namespace, err := pl.cluster.namespace()
	if err != nil {
		return err
	}
	reviews, err := github.New(github.Options{
		API: pl.forge.API, Owner: pl.forge.Owner, Repo: pl.forge.Name, Token: pl.tokens.Token, UserAgent: userAgent(),
	})
	if err != nil {
		return failed(err, "")
	}
	store, objects, err := p.connect(ctx, pl, cfg, logger)
	if err != nil {
		return err
	}
	defer store.Close()
	defer objects.Close()
	objects.Expect(known(store))
	wake, awake := wakeUp(ctx, store.Changed(), objects.Changed())
	defer awake()
	defer cancel()

	pulse := newPulse(p.now, pl.interval)
	loop := &reconcile.Loop{
		// What is wanted.
		Source:   source,
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
			return reviews.Facts(ctx, commit, pl.branch, following, teams, fresh)
		},
		// What is proposed.
		Pulls: func(ctx context.Context) ([]approvals.Proposal, error) {
			return reviews.OpenPulls(ctx, pl.branch, false)
		},
		Pull: func(ctx context.Context, number int) (approvals.Proposal, error) {
			return reviews.OpenPull(ctx, number, true)
		},
		PullFacts: func(ctx context.Context, number int, teams []string) (approvals.Facts, error) {
			return reviews.PullFacts(ctx, number, teams, false)
		},
		Groups: func(ctx context.Context) ([]approvals.MergeGroup, error) { return reviews.MergeGroups(ctx, pl.branch) },
		// Effects.
		Save:   store.Save,
		Keep:   store.Keep,
		Apply:  objects.Apply,
		Pause:  objects.Pause,
		Prune:  objects.Prune,
		Posted: reviews.Statuses,
		Post:   posting(held, reviews.SetStatus),

		Wake: wake,
		Now:  pulse.beat,
		Log:  logger,
		Settings: reconcile.Settings{
			Branch: pl.branch, CatalogPath: pl.catalog, Environment: pl.environment, Namespace: namespace,
			Trust: pl.trusted, Floor: pl.floor, Interval: pl.interval,
			Parallel: pl.parallel, Audit: pl.audit,
			CanaryFrom: approvals.CanaryFrom(pl.canaryFrom), Authors: pl.authors, SlotTime: pl.slotTime,
		},
	}
	probes.lead(held.Holds, loop.Ready, pulse.felt)
	logger.Info("banksman starts", "version", thisBuild().Version, "repository", pl.forge.URL, "branch", pl.branch,
		"cluster", cfg.Host, "trust", cmp.Or(string(pl.trusted), trustNothing), "approvals", pl.floor.String())
	unreadable := checkCatalog(source, pl)
	if pl.once {
		return failedOnce(pl, errors.Join(loop.Once(ctx), unreadable))
	}
	if unreadable != nil {
		logger.Error("no service can be looked at; what runs is kept", "error", unreadable)
	}
	err = loop.Run(ctx)
	logger.Info("banksman stops; what runs in the cluster stays as it is")
	return err
}
