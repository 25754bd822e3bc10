package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"banksman.dev/cmd/banksman/bump"
	"banksman.dev/render"
)

// bumpFlags say what becomes of a change.
type bumpFlags struct {
	work    workFlags
	options bump.Options
	commit  bool
	pull    bool
	dryRun  bool
	message string
}

func (p *program) bumpCommand() *cobra.Command {
	var f bumpFlags
	cmd := &cobra.Command{
		Use:   "bump SERVICE IMAGE",
		Short: "Change the image that a service runs, in its manifests",
		Long: `Change exactly the bytes that say which image a service runs, wherever they stand: in a
template, in values, in the catalog or in a kustomization. Comments, quotes and line
ends stay as they are. The place is found by rendering: what is changed makes the
service run that image, and the images that change with it are printed.

IMAGE is one of
  image=TAG, image=@sha256:DIGEST   of the one image that the service runs
  NAME=TAG, NAME=@sha256:DIGEST     of the container NAME, or of the image …/NAME
  NAME=REPOSITORY:TAG               another image for it

Where several places could be meant nothing is changed, and they are listed: choose
with NAME or --file, or change them together with --all.

The change is made in the folder --dir, and committed there with --commit. With --pr
that folder is not touched: the change is made on top of --branch of the repository
that it came from, or of --repo, pushed to a branch banksman/bump-SERVICE-TAG, and
proposed. That takes git, and a token that may write contents and pull requests.

Exit codes: 0 it is changed; 1 it could not be, or several places could be meant; 2
wrong usage.`,
		Example: `  banksman bump fop-gate image=20190308120000-8-master
  banksman bump fop-gate gate=reg.example.com/gate:2.1 --dir ~/src/manifests --commit
  banksman bump fop-gate image=2.1 --repo https://github.com/dora/manifests --pr`,
		Args: arguments(2, 2, "the name of a SERVICE, and an IMAGE: image=TAG"),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := bump.ParseWish(args[1])
			switch {
			case err != nil:
				return misused(helpOf(cmd), "%w", err)
			case f.commit && f.pull:
				return misused("", "--commit and --pr cannot stand together")
			case f.work.repo != "" && !f.pull:
				return misused("add --pr", "--repo needs --pr: nothing can be changed there without a proposal")
			case f.dryRun && (f.pull || f.commit):
				return misused("", "--dry-run changes nothing, so nothing can be committed")
			case f.pull:
				return p.bumpProposed(cmd.Context(), f, args[0], w)
			}
			return p.bumpHere(cmd.Context(), f, args[0], w)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.work.dir, "dir", ".", "the `folder` of the manifest repository")
	flags.StringVar(&f.options.Catalog, "catalog", "", "the catalog's `path` in the folder (default services.yaml, else services.json)")
	flags.StringVar(&f.options.File, "file", "", "only change this `file` of the folder")
	flags.BoolVar(&f.options.All, "all", false, "change all places, where it takes several")
	flags.BoolVar(&f.dryRun, "dry-run", false, "only show what would change")
	flags.BoolVar(&f.commit, "commit", false, "commit the change in --dir; refused where its files hold other edits")
	flags.BoolVar(&f.pull, "pr", false, "push the change to a branch of its own, and open a pull request")
	flags.StringVarP(&f.message, "message", "m", "", "the commit's subject (default: what is bumped to what)")
	f.work.register(flags)
	return cmd
}

// bumpHere changes the files of a folder.
func (p *program) bumpHere(ctx context.Context, f bumpFlags, service string, w bump.Wish) error {
	edit, err := p.bumpIn(f.work.dir, f.options, service, w)
	if err != nil || f.dryRun {
		return err
	}
	files := filesOf(edit)
	if f.commit {
		if err := unedited(ctx, f.work.dir, files); err != nil {
			return err
		}
	}
	if err := writeFiles(f.work.dir, edit.Files); err != nil {
		return err
	}
	if !f.commit {
		return nil
	}
	args := append([]string{"commit", "--quiet", "-m", f.subject(service, w), "--only", "--"}, files...)
	if _, err := runGit(ctx, f.work.dir, nil, args...); err != nil {
		return failed(err, "the files are changed; commit them: git -C "+f.work.dir+" commit -- "+strings.Join(files, " "))
	}
	return p.say("committed: " + f.subject(service, w))
}

// unedited refuses where files hold what somebody has not committed: a commit of
// the whole file would take that along.
func unedited(ctx context.Context, dir string, files []string) error {
	for _, file := range files {
		edits, err := runGit(ctx, dir, nil, "status", "--porcelain", "--untracked-files=all", "--", file)
		if err != nil {
			return failed(fmt.Errorf("nothing was changed: whether %s may be committed cannot be told: %w", file, err), "without --commit the files are only changed")
		}
		if edits != "" {
			return failed(fmt.Errorf("nothing was changed: %s has edits that are not committed, and --commit would take them along", file),
				"see them: git -C "+dir+" diff HEAD -- "+file+"\ncommit or stash them first, or leave --commit out")
		}
	}
	return nil
}

func (f bumpFlags) subject(service string, w bump.Wish) string {
	if f.message != "" {
		return f.message
	}
	return "Bump " + service + " to " + w.String()
}

// bumpProposed changes the files in a clone, and proposes that.
func (p *program) bumpProposed(ctx context.Context, f bumpFlags, service string, w bump.Wish) error {
	work, done, err := p.cloned(ctx, f.work)
	if err != nil {
		return err
	}
	defer done()
	edit, err := p.bumpIn(work.dir, f.options, service, w)
	if err != nil {
		return err
	}
	if err := writeFiles(work.dir, edit.Files); err != nil {
		return err
	}
	branch := "banksman/bump-" + service + "-" + branchWord(w.String())
	subject := f.subject(service, w)
	if err := work.make(ctx, append([]string{"commit", "--quiet", "-m", subject, "--only", "--"}, filesOf(edit)...)...); err != nil {
		return failed(err, "git config --global user.name and user.email say who you are")
	}
	where, err := work.offer(ctx, branch, subject, bodyOf(edit))
	if err != nil {
		return err
	}
	return errors.Join(
		p.say(where),
		p.say("its canary goes first; after the review and the merge full follows: banksman status "+service+" --watch"))
}

func bodyOf(e bump.Edit) string {
	var b strings.Builder
	for _, change := range changesOf(e) {
		fmt.Fprintf(&b, "- %s\n", change)
	}
	return b.String()
}

// branchWord is a text as a part of a branch's name.
func branchWord(text string) string {
	word := strings.Map(func(r rune) rune {
		if strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._", r) {
			return r
		}
		return '-'
	}, text)
	return strings.Trim(strings.ReplaceAll(word[max(0, len(word)-60):], "..", "-"), "-.")
}

// bumpIn finds the change in a folder, and shows it.
func (p *program) bumpIn(dir string, o bump.Options, service string, w bump.Wish) (bump.Edit, error) {
	tree, err := openWorkingTree(dir)
	if err != nil {
		return bump.Edit{}, err
	}
	defer tree.Close() //nolint:errcheck // it was only read
	edit, err := bump.Find(tree, render.ServiceName(service), w, o)
	if err != nil {
		return bump.Edit{}, unbumped(err)
	}
	return edit, p.printBump(dir, edit)
}

// unbumped lists the places where somebody must choose.
func unbumped(err error) error {
	var ambiguous *bump.AmbiguousError
	if !errors.As(err, &ambiguous) {
		return failed(err, "")
	}
	try := "name the container: NAME=TAG"
	if len(ambiguous.Places) > 0 {
		var lines []string
		for _, p := range ambiguous.Places {
			lines = append(lines, fmt.Sprintf("%s:%d: %s", p.File, p.Line, strings.Join(p.Changes, "; ")))
		}
		try = strings.Join(lines, "\n") + "\nchoose with --file, or change them together with --all"
	}
	return failed(fmt.Errorf("nothing was changed: %w", err), try)
}

func (p *program) printBump(dir string, e bump.Edit) error {
	var b strings.Builder
	s := p.screen()
	for _, at := range e.Places {
		fmt.Fprintf(&b, "%s:%d\n", at.File, at.Line)
		before, after := linesAt(dir, at)
		fmt.Fprintln(&b, s.paint.in(red, "-"+before))
		fmt.Fprintln(&b, s.paint.in(green, "+"+after))
	}
	for _, change := range changesOf(e) {
		fmt.Fprintln(&b, change)
	}
	return p.print(&b)
}

// linesAt are the line of a place, before and after.
func linesAt(dir string, at bump.Place) (before, after string) {
	content, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(at.File)))
	if err != nil || at.At+len(at.Old) > len(content) {
		return at.Old, at.New
	}
	from := bytes.LastIndexByte(content[:at.At], '\n') + 1
	end := len(content)
	if i := bytes.IndexByte(content[at.At:], '\n'); i >= 0 {
		end = at.At + i
	}
	line := func(middle string) string {
		return printable(strings.TrimRight(string(content[from:at.At])+middle+string(content[at.At+len(at.Old):end]), "\r"))
	}
	return line(at.Old), line(at.New)
}

// changesOf are the images that change, each once.
func changesOf(e bump.Edit) []string {
	var all []string
	for _, place := range e.Places {
		all = append(all, place.Changes...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func filesOf(e bump.Edit) []string {
	var files []string
	for _, place := range e.Places {
		files = append(files, place.File)
	}
	return slices.Compact(files)
}

// writeFiles puts files back into a folder. Their modes stay.
func writeFiles(dir string, files map[string][]byte) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return failed(err, "")
	}
	defer root.Close() //nolint:errcheck // each file was closed
	for name, content := range files {
		f, err := root.OpenFile(filepath.FromSlash(name), os.O_WRONLY|os.O_TRUNC, 0)
		if err != nil {
			return failed(fmt.Errorf("write %s: %w", name, err), "")
		}
		_, err = f.Write(content)
		if err = errors.Join(err, f.Close()); err != nil {
			return failed(fmt.Errorf("write %s: %w", name, err), "")
		}
	}
	return nil
}
