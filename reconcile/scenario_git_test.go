package reconcile_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

func (s *stage) git(dir string, args ...string) error {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=bob", "GIT_AUTHOR_EMAIL=bob@example.com", "GIT_COMMITTER_NAME=bob", "GIT_COMMITTER_EMAIL=bob@example.com")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// rev is a commit of the repository or, as queue/NAME, of the merge queue.
func (s *stage) rev(rev string) (string, error) {
	if sha, ok := s.groups[rev]; ok {
		return sha, nil
	}
	cmd := exec.Command("git", "rev-parse", "--verify", rev)
	cmd.Dir = filepath.Join(s.dir, "repo")
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git rev-parse %s: %w", rev, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// edit replaces texts in every file of the repository: "v1=v2", or several
// with " and " between.
func (s *stage) edit(change string) error {
	for _, part := range strings.Split(change, " and ") {
		from, to, ok := strings.Cut(strings.ReplaceAll(part, `\n`, "\n"), "=")
		if !ok {
			return fmt.Errorf("%q is not FROM=TO", part)
		}
		if err := s.replace(from, to); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) replace(from, to string) error {
	changed := 0
	err := filepath.WalkDir(filepath.Join(s.dir, "repo"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && d.Name() == ".git" {
			return firstOf(err, filepath.SkipDir)
		}
		if d.IsDir() {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(b), from) {
			return err
		}
		changed++
		return os.WriteFile(path, []byte(strings.ReplaceAll(string(b), from, to)), 0o600)
	})
	if err == nil && changed == 0 {
		err = fmt.Errorf("no file contains %q", from)
	}
	return err
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) sync() error {
	work := filepath.Join(s.dir, "repo")
	return firstOf(s.git(work, "checkout", "-q", "main"), s.git(work, "pull", "-q", "--ff-only", "origin", "main"))
}

// push FROM=TO MESSAGE commits straight to the branch.
func (s *stage) push(_ *testscript.TestScript, args []string) error {
	work := filepath.Join(s.dir, "repo")
	if err := firstOf(s.sync(), s.edit(args[0])); err != nil {
		return err
	}
	for _, text := range newTexts(args[0]) {
		s.cluster.allow(text)
	}
	return firstOf(s.git(work, "commit", "-q", "-a", "-m", args[1]), s.git(work, "push", "-q", "origin", "main"))
}

// add FILE TEXT commits a new file straight to the branch.
func (s *stage) add(_ *testscript.TestScript, args []string) error {
	work := filepath.Join(s.dir, "repo")
	return firstOf(s.sync(), os.WriteFile(filepath.Join(work, args[0]), []byte(args[1]+"\n"), 0o600),
		s.git(work, "add", args[0]), s.git(work, "commit", "-q", "-m", "add "+args[0]), s.git(work, "push", "-q", "origin", "main"))
}

// revert REV pushes a revert straight to the branch.
func (s *stage) revert(_ *testscript.TestScript, args []string) error {
	return firstOf(s.sync(), s.revertCommit(args[0]), s.git(filepath.Join(s.dir, "repo"), "push", "-q", "origin", "main"))
}

func (s *stage) revertCommit(rev string) error {
	how := []string{"revert", "--no-edit"}
	if _, err := s.rev(rev + "^2"); err == nil {
		how = append(how, "-m", "1")
	}
	return s.git(filepath.Join(s.dir, "repo"), append(how, rev)...)
}

// rewrite FROM=TO MESSAGE puts a history with another root in the branch's place.
func (s *stage) rewrite(_ *testscript.TestScript, args []string) error {
	work := filepath.Join(s.dir, "repo")
	return firstOf(s.git(work, "checkout", "-q", "--orphan", "other", string(s.trust)), s.edit(args[0]),
		s.git(work, "commit", "-q", "-a", "-m", args[1]), s.git(work, "branch", "-q", "-M", "other", "main"),
		s.git(work, "push", "-q", "--force", "origin", "main"))
}

// force-back REV FROM=TO MESSAGE puts a commit on REV and forces the branch there.
func (s *stage) forceBack(_ *testscript.TestScript, args []string) error {
	work := filepath.Join(s.dir, "repo")
	return firstOf(s.sync(), s.git(work, "reset", "-q", "--hard", args[0]), s.edit(args[1]),
		s.git(work, "commit", "-q", "-a", "-m", args[2]), s.git(work, "push", "-q", "--force", "origin", "main"))
}

// force-to takes the branch back to a commit.
func (s *stage) forceTo(_ *testscript.TestScript, args []string) error {
	work := filepath.Join(s.dir, "repo")
	return firstOf(s.sync(), s.git(work, "reset", "-q", "--hard", args[0]), s.git(work, "push", "-q", "--force", "origin", "main"))
}

// lose-copy: the next process begins with an empty folder.
func (s *stage) loseCopy(_ *testscript.TestScript, _ []string) error {
	s.loop = nil
	return os.RemoveAll(filepath.Join(s.dir, "bare"))
}

// damage turns a byte around in the middle of every pack of the local repository.
func (s *stage) damage(ts *testscript.TestScript, _ []string) error {
	packs := 0
	err := filepath.WalkDir(filepath.Join(s.dir, "bare"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".pack" {
			return err
		}
		packs++
		if err := os.Chmod(path, 0o600); err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for i := 12; i < len(b)-20; i += 16 { // every object, not the frame
			b[i] ^= 0xff
		}
		return os.WriteFile(path, b, 0o600)
	})
	if err == nil && packs == 0 {
		err = errors.New("there is no pack to damage")
	}
	ts.Logf("damaged %d packs", packs)
	return err
}
