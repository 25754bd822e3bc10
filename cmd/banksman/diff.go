package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"banksman.dev/reconcile/api/v1alpha1"
	"banksman.dev/render"
)

// diffFlags are what is compared with what, and how it is shown.
type diffFlags struct {
	cluster  *clusterFlags
	from     manifestFlags
	revision string
	live     bool
	unified  bool
}

func (p *program) diffCommand() *cobra.Command {
	var f diffFlags
	cmd := &cobra.Command{
		Use:   "diff {SERVICE [PATH] | --pr NUMBER [SERVICE [PATH]]}",
		Short: "What would change for a service, compared by meaning",
		Long: `Compare what a service renders: the commit that full runs, as its Delivery says,
with the files of a folder as they are (the current one without PATH), or with
another commit. Both are rendered from the same repository: a clone, or --repo.

  --revision REV     the commit that full runs, with REV
  --revision A..B    two commits; the cluster is not asked
  --pr NUMBER        the branch, with an open pull request merged onto it, as its
                     canary would run it: of --repo, else of the repository that
                     the folder was cloned from. Without SERVICE, all services
                     that it changes. The cluster is not asked
  --live             the objects in the cluster, with what they would be if the
                     files (or --revision REV) were applied, by a dry run of the
                     API server: its defaults and what others own do not show

The values of Secrets are hidden before anything is compared; what differs is
marked. --unified prints unified hunks.

Exit codes: 0 nothing differs; 1 something does; 2 or more there is no answer.`,
		Example: `  banksman diff fop-gate
  banksman diff fop-gate ~/src/manifests --revision HEAD
  banksman diff fop-gate --revision HEAD~1..HEAD --unified
  banksman diff fop-gate --repo https://github.com/dora/manifests --revision 3f1e0a9
  banksman diff fop-gate --pr 12
  banksman diff --pr 12 --repo https://github.com/dora/manifests
  banksman diff fop-gate --live`,
		Args: func(cmd *cobra.Command, args []string) error {
			least := 1
			if f.from.pull != 0 {
				least = 0
			}
			return noDifference(arguments(least, 2, "the name of a SERVICE")(cmd, args))
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.from.pull != 0 {
				return noDifference(p.diffOfPull(cmd.Context(), f, args))
			}
			c, err := p.comparisonOf(cmd.Context(), f, args)
			if err == nil {
				err = p.printComparison(c, f.unified)
			}
			return noDifference(err)
		},
	}
	f.cluster = newClusterFlags(cmd.Flags(), "to look for the Delivery in (default: any)")
	cmd.ValidArgsFunction = p.serviceNames(f.cluster)
	f.from.register(cmd.Flags())
	cmd.Flags().StringVar(&f.revision, "revision", "", "`commit` to compare with, or two: A..B")
	cmd.Flags().BoolVar(&f.live, "live", false, "compare the cluster's objects with what they would be")
	cmd.Flags().BoolVar(&f.unified, "unified", false, "print unified hunks")
	return cmd
}

// errDifferent is no failure: diff found something, and has printed it.
var errDifferent = &failure{err: errors.New("there are differences"), code: exitFailed, silent: true}

// noDifference keeps exit code 1 for differences.
func noDifference(err error) error {
	if err == nil || errors.Is(err, errDifferent) {
		return err
	}
	f := &failure{err: err}
	var inner *failure
	if errors.As(err, &inner) {
		f.try = inner.try
	}
	f.code = exitDecide
	return f
}

// A comparison is two versions of a service's objects.
type comparison struct {
	service               string
	beforeName, afterName string // for people
	before, after         []render.Object
}

func (p *program) comparisonOf(ctx context.Context, f diffFlags, args []string) (comparison, error) {
	left, right, isRange := strings.Cut(f.revision, "..")
	switch {
	case !isRange:
		left, right = "", f.revision
	case f.live:
		return comparison{}, misused("write --live --revision B", "--live compares with one commit, not with two")
	case left == "" || right == "" || strings.HasPrefix(right, "."):
		return comparison{}, misused("write it as --revision A..B", "--revision %q does not name two commits", f.revision)
	}
	from, err := p.openShelf(ctx, f.from, args[1:])
	if err != nil {
		return comparison{}, err
	}
	defer from.close()
	var d v1alpha1.Delivery
	if !isRange {
		if d, err = p.oneDelivery(ctx, f.cluster, args[0]); err != nil {
			return comparison{}, err
		}
	}
	c := comparison{service: args[0]}
	var absent error
	if c.afterName, c.after, absent, err = renderedAt(from, right, args[0], f.from.catalog); err != nil {
		return comparison{}, err
	}
	if f.live {
		return p.withLive(ctx, f.cluster, d, c)
	}
	if !isRange {
		if d.Status.Promoted == nil {
			return comparison{}, failed(fmt.Errorf("full runs no release of %s yet", d.Name), "compare two commits: --revision A..B")
		}
		left = d.Status.Promoted.Commit
	}
	var absentBefore error
	if c.beforeName, c.before, absentBefore, err = renderedAt(from, left, args[0], f.from.catalog); err != nil {
		return comparison{}, err
	}
	if absent != nil && absentBefore != nil {
		return comparison{}, absent
	}
	if !isRange {
		c.beforeName = "full runs " + c.beforeName
	}
	return c, nil
}

// renderedAt are a service's objects at a revision. None, and absent says so,
// where the catalog does not name the service: it came or went.
func renderedAt(from shelf, revision, service, catalog string) (name string, objects []render.Object, absent, err error) {
	files, err := from.files(revision)
	if err != nil {
		return "", nil, nil, err
	}
	defer files.close()
	objects, absent, err = files.objectsIfNamed(service, catalog)
	return files.name, objects, absent, err
}

func (e edition) objectsIfNamed(service, catalog string) (objects []render.Object, absent, err error) {
	release, err := e.releaseOf(service, catalog)
	switch {
	case errors.Is(err, errNoService):
		return nil, err, nil
	case err != nil:
		return nil, nil, err
	}
	objects, err = objectsOf(release, "")
	return objects, nil, err
}
