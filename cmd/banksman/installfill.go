package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"banksman.dev/cmd/banksman/config"
	installation "banksman.dev/cmd/banksman/install"
	"banksman.dev/gitsrc"
	"banksman.dev/render"
	"banksman.dev/render/kustomize"
)

// branchHead is where a branch is today.
type branchHead struct {
	commit  gitsrc.SHA
	subject string
}

// fill decides what the draft leaves open: what counts as approved, and which
// namespaces and kinds the catalogs need.
func (p *program) fill(ctx context.Context, f *installFlags, there installed, d *draft, s *settled) error {
	_, sources, err := readConfiguration(d.file, d.provisional())
	if err != nil {
		return err
	}
	if f.repo == "" && f.config == "" {
		return nil // what is installed says what it means to say
	}
	for i, r := range d.repositories() {
		source := sources[i]
		before := there.sourceOf(source)
		if r.get("trust") == nil && before != nil {
			r.set("trust", yamlText(trustOf(*before)))
		}
		open := openQuestions{
			trust:      r.get("trust") == nil,
			namespaces: r.get("namespaces") == nil && len(f.namespaces) == 0,
			kinds:      r.get("kinds") == nil && len(f.kinds) == 0,
		}
		newlyTrusted := source.Trust != "" && (before == nil || before.Trust != source.Trust)
		if open != (openQuestions{}) || newlyTrusted && f.trust != "" { // a whole file needs no token here
			if err := p.answer(ctx, f, r, source, before, open, s); err != nil {
				return err
			}
		}
		say(r, "namespaces", f.namespaces)
		say(r, "kinds", f.kinds)
	}
	return nil
}

// openQuestions are what only the repository can tell.
type openQuestions struct{ trust, namespaces, kinds bool }

// answer looks into the repository.
func (p *program) answer(ctx context.Context, f *installFlags, r yamlNode, source config.Source, before *config.Source, open openQuestions, s *settled) error {
	found, err := p.lookInto(ctx, f, source, s)
	if err != nil {
		return err
	}
	s.heads[source.String()] = found.head
	switch {
	case errors.Is(found.fault, render.ErrNoCatalog): // nobody can say what to trust of a repository that says nothing yet
		return failed(fmt.Errorf("%s at %s: %w", source, found.head.commit.Short(), found.fault), "")
	case open.trust:
		return f.undecided(source, found.head)
	case !found.hasTrusted && (before == nil || before.Trust != source.Trust):
		return f.strange(source, found.head)
	case !open.namespaces && !open.kinds:
		return nil
	case found.fault != nil:
		return failed(fmt.Errorf("which namespaces and kinds %s needs cannot be told at %s: %w", source.Forge.URL, found.head.commit.Short(), found.fault),
			"repair it (banksman validate says the same of a clone), or say --namespaces and --kinds")
	}
	namespaces, kinds := needsOf(found.releases, f.home())
	if before != nil { // what is there still must be reached until it is gone
		namespaces, kinds = union(namespaces, before.Namespaces), union(kinds, before.Kinds)
	}
	if open.namespaces && !unlimited(before, func(b *config.Source) []string { return b.Namespaces }) {
		r.set("namespaces", yamlTexts(namespaces))
	}
	if open.kinds && !unlimited(before, func(b *config.Source) []string { return b.Kinds }) {
		r.set("kinds", yamlTexts(kinds))
	}
	return nil
}

// unlimited: what is installed says that there is no limit.
func unlimited(before *config.Source, list func(*config.Source) []string) bool {
	return before != nil && len(list(before)) == 0
}

// say puts what a flag lists where the draft says nothing.
func say(r yamlNode, key string, list []string) {
	if r.get(key) == nil && len(list) > 0 && !slices.Contains(list, anything) {
		sorted := slices.Sorted(slices.Values(list))
		r.set(key, yamlTexts(slices.Compact(sorted)))
	}
}

// A lookedInto is a repository at its head.
type lookedInto struct {
	head       branchHead
	hasTrusted bool // it contains the trusted commit, if there is one
	releases   []render.Release
	fault      error // why not all of it renders
}

// lookInto fetches the head of a repository's branch and renders its catalog.
func (p *program) lookInto(ctx context.Context, f *installFlags, source config.Source, s *settled) (found lookedInto, err error) {
	token, err := s.tokenFor(source)
	if err != nil {
		return found, err
	}
	dir := f.dataDir
	if dir == "" {
		if dir, err = defaultDataDir(source.Forge.URL, source.Branch); err != nil {
			return found, err
		}
		dir += "-look"
	}
	unlock, err := lockFolder(dir)
	if err != nil {
		return found, err
	}
	defer unlock()
	repository, err := gitsrc.Open(gitsrc.Options{URL: source.Forge.URL, Branch: source.Branch, Dir: filepath.Join(dir, "git"), Token: token})
	if err != nil {
		return found, failed(err, "")
	}
	if found.head.commit, err = repository.Fetch(ctx); err != nil {
		return found, unfetched(source.String(), source.Forge.URL, neededRights, err)
	}
	if c, err := repository.Commit(found.head.commit); err == nil {
		found.head.subject = oneLine(c.Subject)
	}
	found.hasTrusted = source.Trust == ""
	if !found.hasTrusted {
		if found.hasTrusted, err = repository.IsAncestor(source.Trust, found.head.commit); err != nil {
			return found, failed(fmt.Errorf("look for the trusted commit %s: %w", source.Trust.Short(), err), "")
		}
	}
	tree, err := repository.Tree(found.head.commit)
	if err != nil {
		return found, failed(fmt.Errorf("read commit %s: %w", found.head.commit.Short(), err), "")
	}
	found.releases, found.fault = renderAll(tree, source.Catalog, found.head.commit)
	return found, nil
}

func renderAll(tree fs.FS, catalogPath string, commit gitsrc.SHA) ([]render.Release, error) {
	catalog, err := render.ReadCatalog(tree, catalogPath)
	if err != nil {
		return nil, err
	}
	return render.Renderer{Kustomize: kustomize.Build}.Check(tree, catalog, commit)
}

// tokenFor is what the repository is read with, from this machine.
func (s *settled) tokenFor(source config.Source) (func(context.Context) (string, error), error) {
	if token, ok := s.secret[installation.TokenKey]; ok {
		return func(context.Context) (string, error) { return string(token), nil }, nil
	}
	if _, ok := s.secret[installation.PrivateKeyKey]; ok && source.Credentials.App != nil {
		app := *source.Credentials.App
		app.PrivateKeyFile = s.from
		source.Credentials.App = &app
		return tokensOf(source, nil).Token, nil
	}
	return nil, misused("export GITHUB_TOKEN=…, or --token-file FILE:\n"+neededRights,
		"%w: %s is read with it, and it is installed as a Secret", errNoToken, source.Forge.URL)
}

// needsOf are the namespaces and kinds of everything that is rendered. Where
// there is no namespace at all, Deliveries stand at home.
func needsOf(releases []render.Release, home string) (namespaces, kinds []string) {
	for _, r := range releases {
		for _, list := range [][]render.Object{r.Full, r.Canary, r.Shared} {
			for _, o := range list {
				kinds = append(kinds, kindOf(o))
				if o.Namespace() != "" {
					namespaces = append(namespaces, o.Namespace())
				}
			}
		}
		if r.Namespace != "" {
			namespaces = append(namespaces, r.Namespace)
		}
	}
	if len(namespaces) == 0 {
		namespaces = []string{home}
	}
	return union(namespaces, nil), union(kinds, nil)
}

// kindOf is "ConfigMap" or "Deployment.apps".
func kindOf(o render.Object) string {
	id := o.ID()
	return strings.TrimSuffix(id.Kind+"."+id.Group, ".")
}

// union is sorted.
func union(a, b []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(a, b))))
}

func trustOf(source config.Source) string {
	if source.Trust == "" {
		return trustNothing
	}
	return string(source.Trust)
}

// strange is for a trusted commit that would approve nothing. What is installed may
// have been of the branch once: it stays, and run warns of it.
func (f *installFlags) strange(source config.Source, head branchHead) error {
	where := "--trust"
	if f.config != "" {
		where = f.config + ": trust:"
	}
	return misused(fmt.Sprintf("its head is %s (%s), if everything that it holds today is right; git log --first-parent shows others,\nand with %s nothing counts as approved before a review",
		head.commit, head.subject, trustNothing),
		"%s %s is no commit of %s: nothing would count as approved by it", where, source.Trust, source)
}

// undecided asks for the decision that only a person can take, by the whole
// command.
func (f *installFlags) undecided(source config.Source, head branchHead) error {
	if f.config != "" {
		return misused(fmt.Sprintf(`if everything that %s holds today is right, write
  trust: %s
else
  trust: %s`, source.Branch, head.commit, trustNothing),
			"%s does not say up to which commit %s counts as approved: its head is %s (%s)", f.config, source, head.commit.Short(), head.subject)
	}
	command := "banksman install " + f.typed
	return misused(fmt.Sprintf(`if everything that %s holds today is right
  %s --trust %s
else, and nothing runs as it says before a review
  %s --trust %s`, source.Branch, command, head.commit, command, trustNothing),
		"--trust is missing: up to which commit does %s count as approved? its head is %s (%s)", source, head.commit.Short(), head.subject)
}
