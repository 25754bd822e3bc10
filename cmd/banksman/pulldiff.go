package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"banksman.dev/render"
	"banksman.dev/render/kustomize"
)

// diffOfPull compares the branch with a pull request merged onto it: one
// service, or all that the pull request changes.
func (p *program) diffOfPull(ctx context.Context, f diffFlags, args []string) error {
	switch {
	case f.revision != "":
		return misused("", "--pr and --revision cannot stand together")
	case f.live:
		return misused("", "--pr and --live cannot stand together")
	}
	from, content, err := p.openProposal(ctx, f.from, args[min(1, len(args)):])
	if err != nil {
		return err
	}
	defer from.close()
	if len(args) == 0 {
		return p.diffOfServices(f, content)
	}
	c := comparison{service: args[0], beforeName: content.branch.name, afterName: content.merged.name}
	var absentBefore, absent error
	if c.before, absentBefore, err = content.branch.objectsIfNamed(args[0], f.from.catalog); err != nil {
		return err
	}
	if c.after, absent, err = content.merged.objectsIfNamed(args[0], f.from.catalog); err != nil {
		return err
	}
	if absent != nil && absentBefore != nil {
		return absent
	}
	return p.printComparison(c, f.unified)
}

func (p *program) diffOfServices(f diffFlags, content proposal) error {
	before, err := allOf(content.branch, f.from.catalog)
	if err != nil {
		return err
	}
	after, err := allOf(content.merged, f.from.catalog)
	if err != nil {
		return err
	}
	if err := after.newFault(before); err != nil {
		return content.merged.fault(err)
	}
	changed, names, err := changedServices(before, after)
	if err != nil {
		return err
	}
	if err := p.noteMended(before, changed, content.branch.name); err != nil {
		return err
	}
	if len(changed) == 0 {
		return p.note(f.from.pull.String() + " changes no service")
	}
	if !f.unified {
		line := fmt.Sprintf("%s changes %d of %d services: %s\n", &f.from.pull, len(changed), names, strings.Join(namesOf(changed), ", "))
		if _, err := fmt.Fprint(p.streams.Out, line); err != nil {
			return err
		}
	}
	for _, c := range changed {
		c.beforeName, c.afterName = content.branch.name, content.merged.name
		if !f.unified {
			if _, err := fmt.Fprintln(p.streams.Out); err != nil {
				return err
			}
		}
		if err := p.printComparison(c, f.unified); err != nil && !errors.Is(err, errDifferent) {
			return err
		}
	}
	return errDifferent
}

// services are what an edition renders, and what of it cannot be rendered.
type services struct {
	releases map[render.ServiceName]render.Release
	faults   []*render.Error
}

func allOf(e edition, catalogPath string) (services, error) {
	catalog, err := render.ReadCatalog(e.tree, catalogPath)
	if err != nil {
		return services{}, e.fault(err)
	}
	releases, err := render.Renderer{Kustomize: kustomize.Build}.Check(e.tree, catalog, e.commit)
	s := services{releases: map[render.ServiceName]render.Release{}, faults: faultsOf(err)}
	for _, r := range releases {
		s.releases[r.Service] = r
	}
	return s, nil
}

// newFault is what cannot be rendered any more. What could not be before either
// is no difference.
func (s services) newFault(before services) error {
	var fresh render.Errors
	for _, fault := range s.faults {
		known := func(old *render.Error) bool { return old.Service == fault.Service && old.Problem == fault.Problem }
		if !slices.ContainsFunc(before.faults, known) {
			fresh = append(fresh, fault)
		}
	}
	switch len(fresh) {
	case 0:
		return nil
	case 1:
		return fresh[0]
	}
	return fresh
}

// noteMended names the services that only the pull request lets render: theirs
// is no comparison.
func (p *program) noteMended(before services, changed []comparison, branch string) error {
	var mended []string
	for _, c := range changed {
		name := render.ServiceName(c.service)
		if slices.ContainsFunc(before.faults, func(f *render.Error) bool { return f.Service == name }) {
			mended = append(mended, c.service)
		}
	}
	if len(mended) == 0 {
		return nil
	}
	return p.note(fmt.Sprintf("%s cannot be rendered at %s, and counts as nothing there", strings.Join(mended, ", "), branch))
}

// changedServices are those with another digest, sorted; all is how many there
// are on either side.
func changedServices(before, after services) (changed []comparison, all int, err error) {
	names := slices.Sorted(maps.Keys(before.releases))
	names = slices.AppendSeq(names, maps.Keys(after.releases))
	slices.Sort(names)
	names = slices.Compact(names)
	for _, name := range names {
		old, fresh := before.releases[name], after.releases[name]
		if old.Digest == fresh.Digest {
			continue
		}
		c := comparison{service: string(name)}
		if c.before, err = objectsOf(old, ""); err != nil {
			return nil, 0, err
		}
		if c.after, err = objectsOf(fresh, ""); err != nil {
			return nil, 0, err
		}
		changed = append(changed, c)
	}
	return changed, len(names), nil
}

func namesOf(all []comparison) []string {
	names := make([]string, len(all))
	for i, c := range all {
		names[i] = c.service
	}
	return names
}
