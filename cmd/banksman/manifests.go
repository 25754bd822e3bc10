package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"banksman.dev/gitsrc"
	"banksman.dev/render"
	"banksman.dev/render/kustomize"
)

// manifestFlags say from where a command reads manifests.
type manifestFlags struct {
	repo      string // a repository elsewhere; "" for a folder
	branch    string
	catalog   string
	tokenFile string
	dataDir   string
	pull      pullNumber
}

func (f *manifestFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.repo, "repo", "", "`URL` of the manifest repository, instead of a folder: https://github.com/owner/name")
	flags.StringVar(&f.branch, "branch", "main", "`branch` of --repo, and the one that --pr is merged onto")
	flags.StringVar(&f.catalog, "catalog", "", "the catalog's `path` in the repository (default services.yaml, else services.json)")
	flags.StringVar(&f.tokenFile, "token-file", "", "`file` with the GitHub token for --repo and --pr (default $GITHUB_TOKEN, else $GH_TOKEN)")
	flags.StringVar(&f.dataDir, "data-dir", "", "`folder` for the copy of --repo (default one of its own in the user's cache)")
	flags.Var(&f.pull, "pr", "`number` of an open pull request, merged onto --branch")
}

// A shelf is where manifests are: a folder's files as they are, and the commits
// of its repository.
type shelf interface {
	// files are those of a revision; "" is the newest: a folder's own files, or
	// the head of the branch.
	files(revision string) (edition, error)
	close()
}

// An edition is the files of one commit, or of a working tree.
type edition struct {
	tree   fs.FS
	commit gitsrc.SHA // "" for a working tree
	name   string     // for people
	// done lets go of the files; nil where nothing is held.
	done func()
}

func (e edition) close() {
	if e.done != nil {
		e.done()
	}
}

// openShelf opens the folder that a command was given, or --repo.
func (p *program) openShelf(ctx context.Context, f manifestFlags, given []string) (shelf, error) {
	if f.repo != "" {
		if len(given) > 0 {
			return nil, errTwoPlaces()
		}
		from, err := p.openRemote(ctx, f)
		if err != nil {
			return nil, err
		}
		return from, nil
	}
	return &folder{dir: folderOf(given)}, nil
}

func folderOf(given []string) string {
	if len(given) > 0 {
		return given[0]
	}
	return "."
}

// openProposal merges the pull request --pr of --repo, or of the repository
// that the clone in a folder came from.
func (p *program) openProposal(ctx context.Context, f manifestFlags, given []string) (*remote, proposal, error) {
	if f.repo == "" {
		where, err := originOf(folderOf(given))
		if err != nil {
			return nil, proposal{}, err
		}
		if err := mayHaveToken(where, f); err != nil {
			return nil, proposal{}, err
		}
		f.repo = where.URL
	} else if len(given) > 0 {
		return nil, proposal{}, errTwoPlaces()
	}
	from, err := p.openRemote(ctx, f)
	if err != nil {
		return nil, proposal{}, err
	}
	content, err := from.pull(ctx, f.pull)
	if err != nil {
		from.close()
		return nil, proposal{}, err
	}
	return from, content, nil
}

func errTwoPlaces() error { return misused("", "a PATH and --repo cannot stand together") }

// openRemote brings the branch of a repository up to date in a copy apart from
// that of a banksman run on this machine.
func (p *program) openRemote(ctx context.Context, f manifestFlags) (*remote, error) {
	where, err := forgeOf(f.repo, "")
	if err != nil {
		return nil, err
	}
	source := tokens{file: f.tokenFile, getenv: p.getenv}
	switch _, err := source.Token(ctx); {
	case errors.Is(err, errNoToken):
		return nil, misused("export GITHUB_TOKEN=…, or --token-file FILE:\n"+rightsToLook, "%w: the repository is read with one", err)
	case err != nil:
		return nil, failed(err, rightsToLook)
	}
	dir := f.dataDir
	if dir == "" {
		if dir, err = defaultDataDir(where.URL, f.branch); err != nil {
			return nil, err
		}
		dir += "-look"
	}
	unlock, err := lockFolder(dir)
	if err != nil {
		return nil, err
	}
	repository, err := gitsrc.Open(gitsrc.Options{URL: where.URL, Branch: f.branch, Dir: filepath.Join(dir, "git"), Token: source.Token})
	if err != nil {
		unlock()
		return nil, failed(err, "")
	}
	if _, err := repository.Fetch(ctx); err != nil {
		unlock()
		return nil, unfetched(f.branch+" of "+where.URL, where.URL, rightsToLook, err)
	}
	return &remote{repository, where.URL, f.branch, unlock}, nil
}

// A remote is the copy of one branch of a repository elsewhere.
type remote struct {
	*gitsrc.Repository
	url, branch string
	unlock      func()
}

func (r *remote) close() { r.unlock() }

func (r *remote) files(revision string) (edition, error) {
	commit, err := r.resolve(revision)
	if err != nil {
		return edition{}, err
	}
	tree, err := r.Tree(commit)
	if err != nil {
		return edition{}, failed(fmt.Errorf("read commit %s: %w", commit.Short(), err), "")
	}
	return edition{tree: tree, commit: commit, name: commit.Short()}, nil
}

// furthestAbbreviation is how far back along the branch an abbreviated commit
// is looked for.
const furthestAbbreviation = 10_000

func (r *remote) resolve(revision string) (gitsrc.SHA, error) {
	head, err := r.Head()
	if err != nil || revision == "" || revision == "HEAD" || revision == r.branch {
		return head, err
	}
	if sha, err := gitsrc.ParseSHA(revision); err == nil {
		return sha, nil
	}
	if len(revision) >= 4 && strings.Trim(revision, "0123456789abcdef") == "" {
		var match gitsrc.SHA
		_, err := r.FirstParents(head, furthestAbbreviation, func(c gitsrc.Commit) bool {
			if strings.HasPrefix(string(c.SHA), revision) {
				match = c.SHA
			}
			return match != ""
		})
		if match != "" || err != nil && !errors.Is(err, gitsrc.ErrWalkTooLong) {
			return match, err
		}
	}
	return "", failed(fmt.Errorf("no revision %q on %s", revision, r.branch), "give a commit's hash; of --repo no other names are known")
}

// releaseOf renders one service at an edition.
func (e edition) releaseOf(service, catalogPath string) (render.Release, error) {
	catalog, err := render.ReadCatalog(e.tree, catalogPath)
	if err != nil {
		return render.Release{}, e.fault(err)
	}
	name := render.ServiceName(service)
	if _, ok := catalog.Entries[name]; !ok {
		return render.Release{}, e.noService(catalog, name)
	}
	release, err := render.Renderer{Kustomize: kustomize.Build}.Release(e.tree, catalog, name, e.commit)
	if err != nil {
		return render.Release{}, e.fault(err)
	}
	return release, nil
}

// fault says at which commit something is wrong, where it is not the files here.
func (e edition) fault(err error) error {
	if e.commit == "" {
		return failed(err, "")
	}
	return failed(fmt.Errorf("at %s: %w", e.name, err), "")
}

func (e edition) noService(catalog *render.Catalog, name render.ServiceName) error {
	for _, entry := range catalog.Entries {
		if entry.CanaryName == name {
			return failed(fmt.Errorf("%s is the canary of %s", name, entry.Name), fmt.Sprintf("ask for %s; --variant canary shows its canary alone", entry.Name))
		}
	}
	names := make([]string, 0, len(catalog.Entries))
	for _, n := range catalog.Names() {
		names = append(names, string(n))
	}
	return failed(fmt.Errorf("%w %s in %s of %s", errNoService, name, catalog.Path, e.name), "it names "+strings.Join(names, ", "))
}

var errNoService = errors.New("no service")
