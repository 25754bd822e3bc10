package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"

	"banksman.dev/cmd/banksman/config"
	"banksman.dev/gitsrc"
	"banksman.dev/reconcile"
	"banksman.dev/reconcile/cluster"
	"banksman.dev/reconcile/record"
	"banksman.dev/render"
)

// triesOnce bounds the waiting of run --once.
const triesOnce = 4

// answerTime is how long the API server may take for one answer at the start.
const answerTime = 15 * time.Second

// start is how patiently this run waits for the API server.
func (pr *process) start(logger *slog.Logger) start {
	s := start{host: pr.cfg.Host, pause: pr.pause, logger: logger}
	if pr.once {
		s.tries = triesOnce
	}
	return s
}

// define makes the cluster know Deliveries.
func (pr *process) define(ctx context.Context) error {
	return pr.start(pr.logger).step(ctx, "install the Delivery definition", func(ctx context.Context) error { return install(ctx, pr.cfg) })
}

// connect opens what is remembered and what is there. Both end with the context.
func (s *source) connect(ctx context.Context) (store *record.Store, objects *cluster.Cluster, err error) {
	cfg := s.process.cfg
	err = s.process.start(s.logger).step(ctx, "read the Deliveries", func(ctx context.Context) (err error) {
		store, err = record.Open(ctx, cfg, record.Options{Logger: s.logger, Source: s.Name, Namespaces: s.Namespaces})
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	objects, err = cluster.New(cfg, cluster.Options{
		Logger: s.logger, Adopt: s.Adopt, Version: thisBuild().Version,
		Source: s.Name, Scope: s.scope(), ServiceAccount: s.ServiceAccount,
	})
	if err != nil {
		store.Close()
		return nil, nil, explainCluster(cfg.Host, err)
	}
	return store, objects, nil
}

// known are the objects that were there when banksman ran last.
func known(store *record.Store) (entries []reconcile.Entry) {
	for _, name := range store.All() {
		r, _, _ := store.Peek(name)
		entries = append(entries, r.Inventory...)
	}
	return entries
}

// install says what an administrator can do where the account may not.
func install(ctx context.Context, cfg *rest.Config) error {
	err := record.Install(ctx, cfg)
	if errors.Is(err, record.ErrNotAllowed) {
		return failed(fmt.Errorf("the cluster at %s does not know Deliveries, and this account may not install them", cfg.Host),
			"as an administrator: banksman crd | kubectl apply --server-side -f -\nthen start banksman run again")
	}
	return err
}

// failedOnce ends run --once.
func failedOnce(s config.Source, err error) error {
	if err == nil {
		return nil
	}
	if errors.As(err, new(*gitsrc.FetchError)) {
		return explainFetch(s, err)
	}
	if errors.Is(err, render.ErrNoCatalog) {
		return failed(err, "") // which says what to do, and there is no service to ask for
	}
	return failed(err, "banksman status -A says where each service stands")
}

// A start brings up what needs the API server. What fails because the server
// is down or not ready is tried again, forever or a number of times.
type start struct {
	host   string
	tries  int // 0: forever
	pause  func(context.Context, time.Duration) error
	logger *slog.Logger
}

func (s start) step(ctx context.Context, what string, do func(context.Context) error) error {
	for n := 1; ; n++ {
		err := do(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return failed(fmt.Errorf("stopped: %s", what), "")
		}
		t := troubleOf(err)
		if t != troubleUnreachable && t != troubleNotReady {
			return explainCluster(s.host, err)
		}
		if n == s.tries {
			return gaveUp(explainCluster(s.host, err), n)
		}
		wait := startBackoff(n)
		s.logger.Warn("the API server does not answer; it is tried again, Ctrl-C ends it",
			"to", what, "server", s.host, "in", wait.String(), "error", cause(err))
		if err := s.pause(ctx, wait); err != nil {
			return failed(fmt.Errorf("stopped: %s", what), "")
		}
	}
}

func gaveUp(err error, tries int) error {
	var f *failure
	if !errors.As(err, &f) {
		return err
	}
	return failed(fmt.Errorf("%w (%d tries)", f.err, tries), f.try)
}

// startBackoff grows from a second to half a minute.
func startBackoff(n int) time.Duration {
	return min(time.Second<<min(n-1, 5), 30*time.Second)
}

// answers asks the API server for its version, which everybody may.
func answers(ctx context.Context, cfg *rest.Config) error {
	client, err := discovery.NewDiscoveryClientForConfig(cfg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, answerTime, errors.New("no answer"))
	defer cancel()
	return client.RESTClient().Get().AbsPath("/version").Do(ctx).Error()
}
