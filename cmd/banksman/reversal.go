package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"banksman.dev/gitsrc"
	"banksman.dev/reconcile/api/v1alpha1"
	"banksman.dev/render"
	"banksman.dev/render/kustomize"
)

// A reversal is what a revert came to.
type reversal struct {
	service  render.ServiceName
	to       gitsrc.SHA
	branch   string
	reverted []revertedCommit // newest first
	exact    bool             // the content is what was promoted then
	others   []string         // further services that it changes
	unsure   bool             // what else it changes cannot be told: the branch cannot be rendered
}

type revertedCommit struct {
	sha     gitsrc.SHA
	subject string
	isMerge bool
}

// mostReverted bounds how far a rollback goes back along the branch.
const mostReverted = 200

// revert makes the commits that take a service back, and looks at what they make
// of it.
func (w *gitWork) revert(ctx context.Context, service render.ServiceName, catalog string, to v1alpha1.Ref) (reversal, error) {
	target, err := w.git(ctx, "rev-parse", "--verify", "--quiet", to.Commit+"^{commit}")
	if err != nil {
		return reversal{}, failed(fmt.Errorf("%s has no commit %s on %s", w.where.URL, short(to.Commit), w.branch), "banksman history "+string(service)+" prints those that there are")
	}
	way := reversal{service: service, to: gitsrc.SHA(target)}
	way.branch = "banksman/rollback-" + string(service) + "-" + way.to.Short()
	if err := w.findReverted(ctx, &way, catalog); err != nil {
		return reversal{}, err
	}
	head, err := w.digests(catalog, "HEAD")
	if err != nil {
		head, way.unsure = nil, true // the way back is all the better, once somebody has looked at it
	}
	for _, c := range way.reverted {
		args := []string{"revert", "--no-edit"}
		if c.isMerge {
			args = append(args, "--mainline", "1")
		}
		if err := w.make(ctx, append(args, string(c.sha))...); err != nil {
			return reversal{}, w.conflict(ctx, way, c, err)
		}
	}
	after, err := w.digests(catalog, "HEAD")
	if err != nil {
		return reversal{}, failed(fmt.Errorf("what the revert makes of the branch cannot be rendered: %w", err), "make it by hand")
	}
	then, err := w.digests(catalog, target)
	if to.Digest != "" {
		way.exact = string(after[service]) == to.Digest
	}
	if err == nil && after[service] != then[service] {
		way.exact = false
	}
	for _, name := range sortedNames(head, after) {
		if head != nil && name != service && head[name] != after[name] {
			way.others = append(way.others, string(name))
		}
	}
	return way, nil
}

// findReverted are the commits that changed the service since it had the target's
// content last.
func (w *gitWork) findReverted(ctx context.Context, way *reversal, catalog string) error {
	if _, err := w.git(ctx, "merge-base", "--is-ancestor", string(way.to), "HEAD"); err != nil {
		return failed(fmt.Errorf("%s is not in the history of %s any more: it was rewritten", way.to.Short(), w.branch), "bring its content back by hand, or restore the branch")
	}
	list, err := w.git(ctx, "log", "--first-parent", "--format=%H %P\t%s", string(way.to)+"..HEAD")
	if err != nil {
		return failed(err, "")
	}
	lines := strings.Split(list, "\n")
	if len(lines) > mostReverted {
		return failed(fmt.Errorf("%d commits came since %s", len(lines), way.to.Short()), "that is too far back for reverts: bring its content back in a commit of its own")
	}
	target, targetErr := w.digestOf(way.service, catalog, string(way.to))
	for _, line := range lines {
		hashes, subject, _ := strings.Cut(line, "\t")
		names := strings.Fields(hashes)
		if len(names) < 2 {
			continue
		}
		is, isErr := w.digestOf(way.service, catalog, names[0])
		was, wasErr := w.digestOf(way.service, catalog, names[1])
		if isErr == nil && wasErr == nil && is == was {
			continue
		}
		way.reverted = append(way.reverted, revertedCommit{gitsrc.SHA(names[0]), subject, len(names) > 2})
		if wasErr == nil && targetErr == nil && was == target {
			break // what lies before cancelled itself out
		}
	}
	if len(way.reverted) == 0 {
		return failed(fmt.Errorf("no commit changed %s since %s: there is nothing to revert", way.service, way.to.Short()), "banksman why "+string(way.service)+" says where it stands")
	}
	return nil
}

// conflict says which files keep a commit from being reverted.
func (w *gitWork) conflict(ctx context.Context, way reversal, c revertedCommit, err error) error {
	files, listed := w.git(ctx, "diff", "--name-only", "--diff-filter=U")
	if listed != nil || files == "" {
		return failed(err, "git config --global user.name and user.email say who you are")
	}
	return failed(fmt.Errorf("%s (%s) cannot be reverted by itself: %s changed since", c.sha.Short(), oneLine(c.subject), strings.ReplaceAll(files, "\n", ", ")),
		"by hand: git switch --create "+way.branch+" origin/"+w.branch+", "+strings.Join(w.did, ", ")+", mend what conflicts, push, and open a pull request")
}

func (w *gitWork) digestOf(service render.ServiceName, catalog, revision string) (render.Digest, error) {
	files, err := (&folder{dir: w.dir}).files(revision)
	if err != nil {
		return "", err
	}
	defer files.close()
	release, err := files.releaseOf(string(service), catalog)
	return release.Digest, err
}

// digests are those of all services at a revision. One that cannot be rendered has
// none.
func (w *gitWork) digests(catalog, revision string) (map[render.ServiceName]render.Digest, error) {
	files, err := (&folder{dir: w.dir}).files(revision)
	if err != nil {
		return nil, err
	}
	defer files.close()
	read, err := render.ReadCatalog(files.tree, catalog)
	if err != nil {
		return nil, err
	}
	all := map[render.ServiceName]render.Digest{}
	for _, name := range read.Names() {
		all[name] = ""
		if release, err := (render.Renderer{Kustomize: kustomize.Build}).Release(files.tree, read, name, files.commit); err == nil {
			all[name] = release.Digest
		}
	}
	return all, nil
}

func (r reversal) title() string { return fmt.Sprintf("Roll %s back to %s", r.service, r.to.Short()) }

// words are what the revert does, for a person and for the pull request.
func (r reversal) words(s screen) *strings.Builder {
	var b strings.Builder
	f := facts{out: &b, screen: s}
	f.add("Service", cell{text: string(r.service)})
	f.add("Back to", cell{text: string(r.to)})
	var commits []string
	for _, c := range r.reverted {
		commits = append(commits, c.sha.Short()+" "+oneLine(c.subject))
	}
	f.add("Reverts", cell{text: strings.Join(commits, "\n")})
	if r.exact {
		f.add("Content", cell{text: "exactly what was promoted then: full goes back at once, without canary and review", colour: green})
	} else {
		f.add("Content", cell{text: "not what was promoted lately: it is new content, and takes its canary and a review", colour: yellow})
	}
	f.add("Also", cell{text: r.also(), colour: yellow})
	f.print()
	return &b
}

func (r reversal) also() string {
	switch {
	case r.unsure:
		return "the branch cannot be rendered: what these commits changed for other services cannot be told, and is reverted with them"
	case len(r.others) == 0:
		return ""
	}
	return "the same commits changed, and are reverted for, " + someOf(r.others)
}

// mayBePushed: it is a rollback of this service, and nothing else.
func (r reversal) mayBePushed() bool { return r.exact && !r.unsure && len(r.others) == 0 }

// next is what happens when it is on the branch.
func (r reversal) next(service string) string {
	watch := "banksman status " + service + " --watch"
	if r.exact {
		return "full goes back to " + r.to.Short() + " at once; " + watch
	}
	return "its canary goes first, and full follows the review; " + watch
}

// sortedNames are the services of either.
func sortedNames(a, b map[render.ServiceName]render.Digest) []render.ServiceName {
	all := maps.Clone(b)
	maps.Copy(all, a)
	return slices.Sorted(maps.Keys(all))
}
