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

// rollbackFlags say to where, and how far a rollback goes by itself.
type rollbackFlags struct {
	cluster *clusterFlags
	work    workFlags
	catalog string
	to      string
	push    bool
	dryRun  bool
}

func (p *program) rollbackCommand() *cobra.Command {
	var f rollbackFlags
	cmd := &cobra.Command{
		Use:   "rollback SERVICE",
		Short: "Revert the commits that brought a service where it is, as a pull request",
		Long: `Make the git revert that takes a service back: of the commits of the branch that
changed it since the release that it is to go back to. Without --to that is what full
runs, if something newer is on its way or held, else what full ran before. The result
is rendered: it must be exactly what was promoted then, because banksman rolls back to
that at once, without canary and review. Where it would be new content, that is said.

The revert is made in a clone of its own with your git, under your name, pushed to a
branch banksman/rollback-SERVICE-1a2b3c4, and a pull request is opened: merge it. With
--push it is pushed to the branch itself, for those who may; never where it would be
new content or change other services. --dry-run prints the git commands instead.

What full runs is read from the service's Delivery. The repository is --repo, or where
the folder --dir was cloned from. It takes git, and a token that may write contents
and pull requests.

To stop a release now, before any revert: banksman abort SERVICE.

Exit codes: 0 it is proposed, or pushed; 1 it is not, and why; 2 wrong usage.`,
		Example: `  banksman rollback fop-gate
  banksman rollback fop-gate --to 1a2b3c4 --dry-run
  banksman rollback fop-gate --repo https://github.com/dora/manifests --push`,
		Args: arguments(1, 1, "the name of a SERVICE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.to != "" && !isHash(f.to) {
				return misused("banksman history "+args[0]+" prints them", "--to %q is no commit: want a hash of 4 to 40 digits", f.to)
			}
			if f.push && f.dryRun {
				return misused("", "--push and --dry-run cannot stand together")
			}
			return p.rollback(cmd.Context(), f, args[0])
		},
	}
	flags := cmd.Flags()
	f.cluster = newClusterFlags(flags, "to look in (default: any)")
	cmd.ValidArgsFunction = p.serviceNames(f.cluster)
	flags.StringVar(&f.to, "to", "", "the `commit` of the release to go back to (default: see above)")
	flags.StringVar(&f.work.dir, "dir", ".", "the `folder` of a clone, whose origin is the repository")
	flags.StringVar(&f.catalog, "catalog", "", "the catalog's `path` in the repository (default services.yaml, else services.json)")
	flags.BoolVar(&f.push, "push", false, "push to the branch, without a pull request")
	flags.BoolVar(&f.dryRun, "dry-run", false, "print the git commands, and push nothing")
	f.work.register(flags)
	return cmd
}

func (p *program) rollback(ctx context.Context, f rollbackFlags, name string) error {
	d, err := p.oneDelivery(ctx, f.cluster, name)
	if err != nil {
		return err
	}
	to, err := goBackTo(d, f.to)
	if err != nil {
		return err
	}
	w, done, err := p.cloned(ctx, f.work)
	if err != nil {
		return err
	}
	defer done()
	way, err := w.revert(ctx, render.ServiceName(name), f.catalog, to)
	if err != nil {
		return err
	}
	if err := p.print(way.words(p.screen())); err != nil {
		return err
	}
	switch {
	case f.dryRun:
		return p.printCommands(w, way)
	case f.push && !way.mayBePushed():
		return failed(errors.New("it is not pushed to "+w.branch+": see above"), "without --push it is proposed as a pull request")
	case f.push:
		if err := w.push(ctx, w.branch); err != nil {
			return err
		}
		return p.say("pushed to " + w.branch + ": " + way.next(name))
	}
	where, err := w.offer(ctx, way.branch, way.title(), way.words(screen{}).String())
	if err != nil {
		return err
	}
	return errors.Join(p.say(where), p.say("merge it: "+way.next(name)))
}

func (p *program) printCommands(w *gitWork, way reversal) error {
	var b strings.Builder
	fmt.Fprintln(&b, "git fetch origin") // the clone of the reader may be older than this one
	fmt.Fprintln(&b, commandLine("git", "switch", "--create", way.branch, "origin/"+w.branch))
	for _, command := range w.did {
		fmt.Fprintln(&b, command)
	}
	fmt.Fprintln(&b, commandLine("git", "push", "origin", "HEAD:refs/heads/"+way.branch))
	return p.print(&b)
}

// goBackTo is the release to go back to: the one that was named, or what runs
// before what is to go.
func goBackTo(d v1alpha1.Delivery, typed string) (v1alpha1.Ref, error) {
	promoted, head := d.Status.Promoted, d.Status.Head
	if promoted == nil {
		return v1alpha1.Ref{}, failed(fmt.Errorf("nothing of %s was promoted yet: there is nothing to go back to", nameOfService(d)), inNamespace("abort", d)+" takes back what is on its way")
	}
	if typed != "" {
		for _, r := range append([]v1alpha1.Ref{*promoted}, d.Status.Recent...) {
			if strings.HasPrefix(r.Commit, typed) {
				return r, nil
			}
		}
		return v1alpha1.Ref{Commit: typed}, nil // of which nothing is remembered
	}
	if head != nil && head.Digest != promoted.Digest || d.Status.Rolling != nil { // also where the head cannot be rendered
		return *promoted, nil
	}
	for _, r := range d.Status.Recent {
		if r.Digest != promoted.Digest {
			return r, nil
		}
	}
	return v1alpha1.Ref{}, failed(fmt.Errorf("%s ran nothing before %s that it could go back to at once", nameOfService(d), short(promoted.Commit)),
		"--to names any other commit: its content takes its canary and a review again; "+inNamespace("history", d))
}
