package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"

	"banksman.dev/reconcile/lease"
	"banksman.dev/reconcile/metrics"
	"banksman.dev/reconcile/notify"
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

--config follows the repositories of a file (see banksman config), beside each
other: one that fails is tried again, and holds up no other. The file is read
anew when it changes: what it says no more is followed no more, and what runs
stays. A file that cannot be used changes nothing, and the log says why.

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
  banksman run --repo https://github.example.com/dora/manifests --trust none --once

  # Several repositories, from a file
  banksman run --config banksman.yaml --listen :8080`

func (p *program) runCommand() *cobra.Command {
	f := &runFlags{}
	cmd := &cobra.Command{
		Use:     "run",
		Short:   "Reconcile a manifest repository with the cluster",
		Long:    runLong,
		Example: runExample,
		Args:    arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			pl, err := f.plan(cmd.Flags())
			if err != nil {
				return err
			}
			return p.follow(cmd.Context(), pl)
		},
	}
	f.register(cmd.Flags())
	return cmd
}

// A process is what the sources of one run share.
type process struct {
	*program
	plan
	namespace string       // of Deliveries where neither the service nor the source says one
	cfg       *rest.Config // of the cluster; what writes by it holds the lease
	held      *lease.Lease // nil where nobody else ever runs
	probes    *probes
	notifier  *notify.Notifier
	metrics   *metrics.Metrics
	logger    *slog.Logger
}

// leanGC is the GOGC of a process that nobody gave one.
const leanGC = 50

// follow settles everything that can be wrong before the first pass, then
// reconciles.
func (p *program) follow(ctx context.Context, pl plan) error {
	if p.getenv("GOGC") == "" {
		debug.SetGCPercent(leanGC) // it mostly waits: memory is dearer than time
	}
	pr := &process{program: p, plan: pl, metrics: p.newMetrics(), logger: newLogger(p.streams.ErrOut, pl.logFormat, pl.verbose)}
	pr.probes = &probes{pages: map[string]http.Handler{"GET /metrics": pr.metrics.Handler()}}
	var only *source
	if !pl.several() {
		only = pr.source(pl.sources[0])
		defer only.close()
		if _, err := only.tokens.Token(ctx); err != nil {
			return explainToken(err)
		}
	}
	var err error
	if pr.cfg, err = pl.cluster.rest(); err != nil {
		return err
	}
	pr.cfg.Wrap(pr.metrics.API)
	unlock, err := lockFolder(pl.dataDir)
	if err != nil {
		return err
	}
	defer unlock()
	if only != nil {
		if err := only.open(ctx); err != nil {
			return err
		}
	}
	adoptLibraryLogs(pr.logger)
	if pr.namespace, err = pl.cluster.namespace(); err != nil {
		return err
	}
	return pr.inTurn(ctx, only)
}

// inTurn waits for the lease, reconciles while it holds, and gives it back when
// nothing is written any more.
func (pr *process) inTurn(ctx context.Context, only *source) error {
	silence, err := pr.probes.serve(ctx, pr.listen, pr.logger)
	if err != nil {
		return err
	}
	defer silence()
	pr.notifier, err = notify.Start(notify.Options{Log: pr.logger, UserAgent: userAgent(), Count: pr.notified}, targetsOf(pr.sources))
	if err != nil {
		return misused("", "%w", err)
	}
	defer endNotifications(pr.notifier) // after the lease is given back: a target that hangs holds up no other banksman
	pr.held, err = pr.lead(ctx)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		pr.logger.Info("banksman stops; another one holds the lease")
		return nil
	}
	if err != nil {
		return err
	}
	defer pr.held.Release()
	pr.metrics.Lead(pr.held.Holds)
	turn, over := pr.held.Bind(ctx)
	defer over()
	pr.cfg = guarded(pr.cfg, pr.held)
	err = pr.reconcile(turn, only)
	if lost := pr.held.Lost(); lost != nil {
		return explainLoss(lost)
	}
	return err
}

// reconcile follows the only source, or those of the configuration file.
func (pr *process) reconcile(ctx context.Context, only *source) error {
	if err := pr.define(ctx); err != nil {
		return err
	}
	switch {
	case only != nil:
		pr.probes.lead(pr.held.Holds, only.looked, only.alive)
		return only.follow(ctx)
	case pr.once:
		return pr.followOnce(ctx)
	}
	return pr.followAll(ctx)
}
