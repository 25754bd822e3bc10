package main

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
	"banksman.dev/reconcile/lease"
)

// leaseName is the same for every banksman: those that share a namespace take
// turns.
const leaseName = "banksman"

// lead waits until this process may write. Nothing was written before.
func (pr *process) lead(ctx context.Context) (held *lease.Lease, err error) {
	host := pr.cfg.Host
	if err := pr.start(pr.logger).step(ctx, "look for the cluster", func(ctx context.Context) error { return answers(ctx, pr.cfg) }); err != nil {
		return nil, err
	}
	if err := pr.start(pr.logger).step(ctx, "look for another banksman", pr.alone); err != nil {
		return nil, err
	}
	if !pr.leaderElect {
		return nil, nil
	}
	identity, err := identityOf(pr.dataDir)
	if err != nil {
		return nil, err
	}
	held, err = lease.New(pr.cfg, lease.Options{
		Namespace: pr.namespace, Name: leaseName, Identity: identity, Logger: pr.logger, Impatient: pr.once,
	})
	if err != nil {
		return nil, explainCluster(host, err)
	}
	pr.probes.standBy(held.Seen)
	if err := held.Take(ctx); err != nil {
		return nil, explainLease(host, pr.namespace, err)
	}
	pr.logger.Info("holds the lease", "lease", pr.namespace+"/"+leaseName, "as", identity)
	return held, nil
}

// guarded is the configuration of everything that may write to the cluster.
func guarded(cfg *rest.Config, held *lease.Lease) *rest.Config {
	cfg = rest.CopyConfig(cfg)
	cfg.Wrap(held.Wrap)
	return cfg
}

// posting writes commit statuses while the lease is held.
func posting(held *lease.Lease, post func(context.Context, gitsrc.SHA, approvals.Status) error) func(context.Context, gitsrc.SHA, approvals.Status) error {
	return func(ctx context.Context, commit gitsrc.SHA, status approvals.Status) error {
		ctx, done, err := held.Guard(ctx)
		if err != nil {
			return fmt.Errorf("the status %s was not sent: %w", status.Context, err)
		}
		defer done()
		return post(ctx, commit, status)
	}
}

// explainLease is for a lease that was not taken.
func explainLease(host, namespace string, err error) error {
	var other *lease.HeldError
	var place *lease.NoNamespaceError
	switch {
	case errors.As(err, &other):
		return failed(err, "stop that banksman first: two would write against each other")
	case errors.As(err, &place):
		return failed(err, fmt.Sprintf("kubectl create namespace %s, or choose another one with --namespace", namespace))
	case apierrors.IsForbidden(err):
		return failed(fmt.Errorf("this account may not take the lease %s/%s: %w", namespace, leaseName, err),
			fmt.Sprintf(`as an administrator: allow it, by a Role in namespace %s with the rule
  {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get, create, update]}
or, where no second banksman ever runs: --leader-elect=false`, namespace))
	}
	return explainCluster(host, err)
}

// explainLoss ends a process that another one has replaced.
func explainLoss(err error) error {
	return failed(err, "nothing is written any more; start banksman run again, and it waits for its turn")
}
