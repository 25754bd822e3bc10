package gitsrc_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"banksman.dev/gitsrc"
)

// mergeTree is what git says: the tree, and whether it has
// no conflict. related is false when git refuses the pair.
func (s *remote) mergeTree(branch, head gitsrc.SHA) (tree string, clean, related bool) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), "git", "merge-tree", "--write-tree", "--no-messages", "--name-only", string(branch), string(head))
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var ended *exec.ExitError
	switch {
	case err == nil:
	case errors.As(err, &ended) && ended.ExitCode() == 1:
	case strings.Contains(stderr.String(), "unrelated histories"):
		return "", false, false
	default:
		s.t.Fatalf("git merge-tree: %v\n%s", err, stderr.String())
	}
	tree, _, _ = strings.Cut(string(out), "\n")
	return tree, err == nil, true
}

// contents reads everything that may be read.
func contents(t *testing.T, tree fs.FS) snapshot {
	t.Helper()
	found := snapshot{}
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || d.IsDir():
			return err
		case d.Type() == fs.ModeSymlink:
			found[name] = leaf{mode: "120000"}
			return nil
		}
		content, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		mode := "100644"
		if info.Mode()&0o111 != 0 {
			mode = "100755"
		}
		found[name] = leaf{mode: mode, content: string(content)}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// readable is what contents can see of a snapshot.
func readable(s snapshot) snapshot {
	seen := snapshot{}
	for name, f := range s {
		if f.mode == "120000" {
			f.content = ""
		}
		seen[name] = f
	}
	return seen
}

func TestMergesAgreeWithGit(t *testing.T) {
	const count = 400
	s := newRemote(t)
	head := s.commit("first", "a.yaml", "a: 1")
	h := &histories{random: rand.New(rand.NewPCG(1, 2))}
	all := make([]history, count)
	for n := range all {
		all[n] = h.add(n + 1)
	}
	s.gitInput(s.dir, h.stream.String(), "fast-import", "--quiet", "--force")
	s.git(s.dir, "update-ref", "-d", "refs/heads/scratch")
	r := open(t, gitsrc.Options{URL: s.url()})
	equal(t, "head", fetch(t, r), head)
	want := pulls{}
	for n := range 2 * count {
		want[n+2] = ""
	}
	s.since()
	tips := fetchPulls(t, r, want)
	equal(t, "pull requests", len(tips), 2*count)
	equal(t, "requests", lines(s.since()), lines([]string{advertisement, download}))
	seen := map[string]int{}
	for n, made := range all {
		p := pair{remote: s, repository: r, branch: tips[2*n+2], head: tips[2*n+3], made: made}
		t.Run(fmt.Sprint(n), func(t *testing.T) { seen[p.check(t)]++ })
	}
	t.Log(seen)
	for _, kind := range []string{"clean", "conflict", "conflict where git merges inside a file", "unrelated", "criss-cross, clean", "criss-cross, conflict"} {
		if seen[kind] < 3 {
			t.Errorf("only %d of the histories were %s", seen[kind], kind)
		}
	}
}

type pair struct {
	*remote
	repository   *gitsrc.Repository
	branch, head gitsrc.SHA
	made         history
}

// check compares with git and, where there is one merge base, with the model.
func (p pair) check(t *testing.T) (kind string) {
	m, err := p.repository.Merged(p.branch, p.head)
	tree, clean, related := p.mergeTree(p.branch, p.head)
	equal(t, "related", related, !p.made.unrelated)
	if !related {
		if !errors.Is(err, gitsrc.ErrUnrelated) {
			t.Fatalf("got %v", err)
		}
		return "unrelated"
	}
	if err != nil {
		t.Fatal(err)
	}
	p.checkBase(t, m.Base)
	if len(m.Conflicts) == 0 {
		if !clean || tree != m.Root() {
			t.Fatalf("no conflict here, tree %s; in git: clean %v, tree %s", m.Root(), clean, tree)
		}
	}
	changed, err := p.repository.ChangedPaths(p.branch, p.head)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "paths that differ between the ends", lines(changed), lines(differing(p.made.branch, p.made.head)))
	if p.made.base == nil {
		if len(m.Conflicts) == 0 {
			diff := p.git(p.dir, "diff-tree", "-r", "--no-renames", "--name-only", string(p.branch), tree)
			equal(t, "changed paths", lines(m.Changed), diff)
		}
		return "criss-cross, " + map[bool]string{true: "clean", false: "conflict"}[len(m.Conflicts) == 0]
	}
	return p.checkModel(t, m, clean)
}

func (p pair) checkModel(t *testing.T, m *gitsrc.Merge, clean bool) (kind string) {
	merged, conflicts, inside := p.made.expected()
	equal(t, "conflicts", lines(m.Conflicts), lines(conflicts))
	if len(conflicts) == 0 {
		equal(t, "changed paths", lines(m.Changed), lines(differing(p.made.branch, merged)))
		equal(t, "files", fmt.Sprint(contents(t, m.Tree())), fmt.Sprint(readable(merged)))
		return "clean"
	}
	for _, name := range conflicts {
		if _, err := m.Tree().ReadFile(name); !errors.Is(err, gitsrc.ErrConflict) {
			t.Errorf("%s: got %v", name, err)
		}
		if slices.Contains(m.Changed, name) {
			t.Errorf("%s is in conflict and among the changed paths", name)
		}
	}
	if clean && !inside {
		t.Errorf("git merges this without looking into a file")
	}
	if clean {
		return "conflict where git merges inside a file"
	}
	return "conflict"
}

// checkBase: one of git's best, the newest, then the smallest.
func (p pair) checkBase(t *testing.T, got gitsrc.SHA) {
	t.Helper()
	best := strings.Fields(p.git(p.dir, "merge-base", "--all", string(p.branch), string(p.head)))
	if len(best) == 1 {
		equal(t, "merge base", string(got), best[0])
		return
	}
	dated := strings.Split(p.git(p.dir, append([]string{"show", "-s", "--format=%ct %H"}, best...)...), "\n")
	slices.SortFunc(dated, func(a, b string) int {
		aDate, aSHA, _ := strings.Cut(a, " ")
		bDate, bSHA, _ := strings.Cut(b, " ")
		return 2*strings.Compare(bDate, aDate) + strings.Compare(aSHA, bSHA)
	})
	equal(t, "merge base of several", string(got), strings.Fields(dated[0])[1])
}
