package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"banksman.dev/cmd/banksman/propose"
)

type initFlags struct {
	repo, branch, namespace, output, tokenFile, dataDir string
	path                                                string
	githubApp, write                                    bool
}

func (p *program) initCommand() *cobra.Command {
	var f initFlags
	cmd := &cobra.Command{
		Use:   "init --repo OWNER/NAME [--path FOLDER]",
		Short: "Print what GitHub needs, and a first catalog for a repository",
		Long: `Print what has to be made on GitHub, with the address of the form that is filled in
already, a first catalog for the manifests that the repository holds, and the next
commands. Nothing is changed; --write writes the catalog into the folder.

The manifests are those of --path, or of the current folder if it is a clone of the
repository; else the head of the branch is fetched with the GitHub token. Files of
one folder are one service, or one for each Deployment, with what belongs to it by
name or label; a kustomization that no other builds on is one. Deployments get a
canary of one Pod. What cannot be taken is named in comments, with the reason. The
proposal renders as it is: banksman validate finds nothing wrong with it.

Exit codes: 0 it is printed; 1 there is nothing to propose, or the repository cannot
be read; 2 wrong usage.`,
		Example: `  banksman init --repo dora/manifests
  banksman init --repo dora/manifests --path ~/src/manifests --write
  banksman init --repo dora/manifests --github-app
  banksman init --repo dora/manifests -o catalog > services.yaml`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf(cmd.Flags(), "output", "", "catalog"); err != nil {
				return err
			}
			return p.initialize(cmd.Context(), f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.repo, "repo", "", "the manifest repository: `OWNER/NAME` on github.com, or its URL (default what --path was cloned from)")
	flags.StringVar(&f.path, "path", "", "`folder` with a clone of it (default the current one, if it is one)")
	flags.StringVar(&f.branch, "branch", "main", "`branch` to fetch where there is no clone")
	flags.StringVarP(&f.namespace, "namespace", "n", "default", "`namespace` of objects that name none")
	flags.BoolVar(&f.githubApp, "github-app", false, "a GitHub App instead of a token")
	flags.BoolVar(&f.write, "write", false, "write the catalog into the folder, where there is none yet")
	flags.StringVarP(&f.output, "output", "o", "", "output `format`: catalog, the catalog alone")
	flags.StringVar(&f.tokenFile, "token-file", "", "`file` with the GitHub token (default $GITHUB_TOKEN, else $GH_TOKEN)")
	flags.StringVar(&f.dataDir, "data-dir", "", "`folder` for the copy of the repository (default one of its own in the user's cache)")
	return cmd
}

// A ground is where the manifests are.
type ground struct {
	tree   fs.FS
	folder string // "" where it was fetched
	close  func()
}

func (p *program) initialize(ctx context.Context, f initFlags) error {
	where, err := f.forge()
	if err != nil {
		return err
	}
	on, err := p.groundOf(ctx, f, where)
	if err != nil && (f.output != "" || f.write || !errors.Is(err, errNoGround)) {
		return err
	}
	var found catalogFound
	if err == nil {
		defer on.close()
		if found, err = lookForCatalog(on, f); err != nil {
			return err
		}
	}
	if f.output == "catalog" {
		return p.printCatalogAlone(found)
	}
	if f.write && !found.there {
		if on.folder == "" {
			return misused("clone it first, and say --path FOLDER", "--write needs a folder, and the manifests were fetched")
		}
		if err := writeCatalog(on.folder, found.proposal.YAML()); err != nil {
			return failed(fmt.Errorf("write the catalog: %w", err), "")
		}
		found.written = true
	}
	return p.printInit(f, where, on, found)
}

// writeCatalog makes a new file in the folder itself: what a clone holds is its
// authors', and a link in it must not lead a write elsewhere.
func writeCatalog(folder string, content []byte) (err error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	file, err := root.OpenFile(catalogName, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Close())
}

// forge is the repository that was named, or that the folder was cloned from.
func (f initFlags) forge() (forge, error) {
	switch {
	case f.repo == "":
		where, err := originOf(f.folder())
		if err != nil {
			return forge{}, misused("banksman init --repo OWNER/NAME", "which repository? --repo is missing, and %s was not cloned from one", f.folder())
		}
		return where, nil
	case !strings.Contains(f.repo, "://"):
		return forgeOf("https://github.com/"+strings.Trim(f.repo, "/"), "")
	}
	return forgeOf(f.repo, "")
}

func (f initFlags) folder() string {
	if f.path != "" {
		return f.path
	}
	return "."
}

// errNoGround: there is nothing to look at, which GitHub's part does not need.
var errNoGround = errors.New("no clone of it here, and no token to fetch it with")

// groundOf finds the manifests.
func (p *program) groundOf(ctx context.Context, f initFlags, where forge) (ground, error) {
	if f.path != "" || cloneOf(".", where) {
		tree, err := openWorkingTree(f.folder())
		if err != nil {
			return ground{}, err
		}
		return ground{tree: tree, folder: f.folder(), close: func() { _ = tree.Close() }}, nil // it was only read
	}
	from, err := p.openRemote(ctx, manifestFlags{repo: where.URL, branch: f.branch, tokenFile: f.tokenFile, dataDir: f.dataDir})
	if errors.Is(err, errNoToken) {
		return ground{}, misused("clone it, and say --path FOLDER; or export GITHUB_TOKEN=…\n"+rightsToLook, "%w: %s", errNoGround, where.URL)
	}
	if err != nil {
		return ground{}, err
	}
	newest, err := from.files("")
	if err != nil {
		from.close()
		return ground{}, err
	}
	return ground{tree: newest.tree, close: func() { newest.close(); from.close() }}, nil
}

// cloneOf: the folder is a clone of the repository.
func cloneOf(dir string, where forge) bool {
	origin, err := originOf(dir)
	return err == nil && strings.EqualFold(origin.Owner, where.Owner) && strings.EqualFold(origin.Name, where.Name)
}

const catalogName = "services.yaml"

// catalogFound is the catalog that is there, or the one that is proposed.
type catalogFound struct {
	there, written bool
	// wrong is what is wrong with the one that is there.
	wrong    error
	services int
	proposal propose.Proposal
}

func lookForCatalog(on ground, f initFlags) (found catalogFound, err error) {
	for _, name := range []string{catalogName, "services.json"} {
		_, err := fs.Stat(on.tree, name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil: // it is there, and is no plain file
			return found, failed(fmt.Errorf("cannot read the catalog: %w", err), "make it a file of the repository, or remove it")
		}
		v, err := validateTree(on.tree, name)
		found = catalogFound{there: true, wrong: err, services: len(v.Services)}
		return found, nil
	}
	if found.proposal, err = propose.Catalog(on.tree, f.namespace); err != nil {
		return found, failed(err, "")
	}
	if len(found.proposal.Services) == 0 {
		lines := []string{}
		for _, s := range found.proposal.Skipped {
			lines = append(lines, s.Path+": "+s.Why)
		}
		return found, failed(errors.New("no manifests to make a catalog of"),
			strings.Join(append(lines, "write a services.yaml by hand: banksman guide"), "\n"))
	}
	found.services = found.proposal.Count()
	return found, nil
}

func (p *program) printCatalogAlone(found catalogFound) error {
	if found.there {
		return failed(errors.New("the repository has a catalog already"), "banksman validate")
	}
	_, err := p.streams.Out.Write(found.proposal.YAML())
	return err
}
