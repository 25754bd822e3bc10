package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"banksman.dev/render"
)

func (p *program) renderCommand() *cobra.Command {
	var f manifestFlags
	var variant, revision string
	var showSecrets bool
	cmd := &cobra.Command{
		Use:   "render SERVICE [PATH]",
		Short: "Print the objects that a service renders",
		Long: `Print the objects that a service renders, as YAML documents sorted by identity:
from the files of a folder (the current one without PATH) as they are, from one
of its commits with --revision, or from a repository elsewhere with --repo. The
same files give the same bytes. What both variants share is printed once.

With --pr they are those of an open pull request merged onto --branch, path by
path, as its canary would run them: of --repo, else of the repository that the
folder was cloned from. A path changed on both sides is an error.

The values of Secrets are hidden as *** unless --show-secrets is given. Labels
and annotations that banksman adds when it applies are not among them. The
cluster is not asked; the network only with --repo or --pr.

Exit codes: 0 it is printed; 1 it cannot be rendered; 2 wrong usage.`,
		Example: `  banksman render fop-gate
  banksman render fop-gate ~/src/manifests --variant canary
  banksman render fop-gate --revision HEAD~1
  banksman render fop-gate --repo https://github.com/dora/manifests --revision 3f1e0a9
  banksman render fop-gate --pr 12 --variant canary
  banksman render fop-gate --show-secrets | kubectl apply --dry-run=server -f -`,
		Args: arguments(1, 2, "the name of a SERVICE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf(cmd.Flags(), "variant", "", string(render.VariantCanary), string(render.VariantFull)); err != nil {
				return err
			}
			from, files, err := p.openEdition(cmd.Context(), f, revision, args[1:])
			if err != nil {
				return err
			}
			defer from.close()
			defer files.close()
			release, err := files.releaseOf(args[0], f.catalog)
			if err != nil {
				return err
			}
			objects, err := objectsOf(release, render.Variant(variant))
			if err != nil {
				return err
			}
			if !showSecrets {
				objects = masked(objects)
			}
			return p.printDocuments(objects, release)
		},
	}
	f.register(cmd.Flags())
	cmd.Flags().StringVar(&variant, "variant", "", "print one `variant` alone: canary or full")
	cmd.Flags().StringVar(&revision, "revision", "", "render a `commit` of the repository: a hash, and in a clone whatever git rev-parse knows")
	cmd.Flags().BoolVar(&showSecrets, "show-secrets", false, "print the values of Secrets")
	return cmd
}

// openEdition opens the files that the flags name.
func (p *program) openEdition(ctx context.Context, f manifestFlags, revision string, given []string) (shelf, edition, error) {
	switch {
	case f.pull != 0 && revision != "":
		return nil, edition{}, misused("", "--pr and --revision cannot stand together")
	case f.pull != 0:
		from, content, err := p.openProposal(ctx, f, given)
		if err != nil {
			return nil, edition{}, err
		}
		return from, content.merged, nil
	}
	from, err := p.openShelf(ctx, f, given)
	if err != nil {
		return nil, edition{}, err
	}
	files, err := from.files(revision)
	if err != nil {
		from.close()
		return nil, edition{}, err
	}
	return from, files, nil
}

// objectsOf are those of one variant, or of both, sorted by identity.
func objectsOf(r render.Release, variant render.Variant) ([]render.Object, error) {
	objects := slices.Clone(r.Shared)
	if variant != render.VariantCanary {
		objects = append(objects, r.Full...)
	} else if !r.HasCanary {
		return nil, failed(fmt.Errorf("service %s has no canary", r.Service),
			fmt.Sprintf("add an entry %s-canary to the catalog, or canary: {replicas: 1} to its entry", r.Service))
	}
	if variant != render.VariantFull {
		objects = append(objects, r.Canary...)
	}
	slices.SortFunc(objects, func(a, b render.Object) int {
		return cmp.Or(a.ID().Compare(b.ID()), strings.Compare(a.APIVersion(), b.APIVersion()))
	})
	return objects, nil
}

func (p *program) printDocuments(objects []render.Object, r render.Release) error {
	var out bytes.Buffer
	for _, o := range objects {
		content, err := yaml.Marshal(o)
		if err != nil {
			return fmt.Errorf("print %s: %w", o, err)
		}
		fmt.Fprintf(&out, "---\n# %s, from %s\n%s", whose(o, r), oneLine(r.Sources[o.ID()]), content)
	}
	_, err := out.WriteTo(p.streams.Out)
	return err
}

// whose names the variants that render an object.
func whose(o render.Object, r render.Release) string {
	is := func(other render.Object) bool { return other.ID() == o.ID() }
	switch {
	case slices.ContainsFunc(r.Canary, is):
		return "canary"
	case slices.ContainsFunc(r.Shared, is):
		return "full and canary"
	}
	return "full"
}
