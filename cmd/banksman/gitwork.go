package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// A gitWork is a clone in a folder of its own, in which a verb makes commits with
// the user's git, under the user's name. Nobody's work tree is touched.
type gitWork struct {
	*program
	dir    string
	where  forge
	branch string
	source tokens
	env    []string
	did    []string // the commands that made the commits, for people
}

// workFlags say in which repository a verb makes commits, and with which token.
type workFlags struct {
	repo, dir, branch, tokenFile, githubAPI string
}

const rightsToPropose = "a fine-grained token for this repository with Contents: read and write, Pull requests: read\nand write, Metadata: read"

// place finds the repository: --repo, or where the clone in a folder came from.
func (f workFlags) place() (forge, error) {
	if f.repo != "" {
		return forgeOf(f.repo, f.githubAPI)
	}
	where, err := originOf(f.dir)
	if err != nil {
		return forge{}, err
	}
	if err := mayHaveToken(where, manifestFlags{tokenFile: f.tokenFile}); err != nil {
		return forge{}, err
	}
	return forgeOf(where.URL, f.githubAPI)
}

// cloned makes a clone of the branch, which done removes.
func (p *program) cloned(ctx context.Context, f workFlags) (w *gitWork, done func(), err error) {
	where, err := f.place()
	if err != nil {
		return nil, nil, err
	}
	source := tokens{file: f.tokenFile, getenv: p.getenv}
	token, err := source.Token(ctx)
	switch {
	case errors.Is(err, errNoToken):
		return nil, nil, misused("export GITHUB_TOKEN=…, or --token-file FILE:\n"+rightsToPropose, "%w: it is pushed with one", err)
	case err != nil:
		return nil, nil, failed(err, rightsToPropose)
	}
	if _, err := exec.LookPath("git"); err != nil {
		return nil, nil, failed(errors.New("git is not installed: the commit is made with it"), "install git")
	}
	author, err := authorIn(ctx, f.dir)
	if err != nil {
		return nil, nil, err
	}
	folder, err := os.MkdirTemp("", "banksman-")
	if err != nil {
		return nil, nil, failed(err, "")
	}
	done = func() { _ = os.RemoveAll(folder) }
	w = &gitWork{program: p, dir: filepath.Join(folder, "clone"), where: where, branch: f.branch, source: source, env: append(gitEnvironment(where.URL, token), author...)}
	if _, err := w.gitIn(ctx, "", "clone", "--quiet", "--single-branch", "--no-tags", "--branch", f.branch, "--", where.URL, w.dir); err != nil {
		done()
		return nil, nil, failed(err, "check the address, the branch, and that the token may read and write this repository:\n"+rightsToPropose)
	}
	return w, done, nil
}

// gitEnvironment gives git the token, for this host alone and in no argument, and
// keeps it from asking anybody.
func gitEnvironment(repository, token string) []string {
	u, err := url.Parse(repository)
	if err != nil {
		return nil
	}
	credentials := base64.StdEncoding.EncodeToString([]byte("x-access-token:" + token))
	settings := [][2]string{
		{"http." + u.Scheme + "://" + u.Host + "/.extraHeader", "Authorization: Basic " + credentials},
		{"http.followRedirects", "false"},
		{"credential.helper", ""},
		{"core.hooksPath", os.DevNull},
		{"core.autocrlf", "false"},
	}
	env := []string{"GIT_TERMINAL_PROMPT=0", "GIT_EDITOR=true", "LC_ALL=C", fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(settings))}
	for i, s := range settings {
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, s[0]), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, s[1]))
	}
	return env
}

// git runs git in the clone.
func (w *gitWork) git(ctx context.Context, args ...string) (string, error) {
	return w.gitIn(ctx, w.dir, args...)
}

func (w *gitWork) gitIn(ctx context.Context, dir string, args ...string) (string, error) {
	return runGit(ctx, dir, w.env, args...)
}

// namesRepository is for what git exports to aliases, hooks and rebase --exec
// (git rev-parse --local-env-vars): git would work there, and not in the folder.
func namesRepository(variable string) bool {
	name, _, _ := strings.Cut(variable, "=")
	switch name {
	case "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES",
		"GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_PREFIX", "GIT_GRAFT_FILE", "GIT_SHALLOW_FILE", "GIT_INTERNAL_SUPER_PREFIX":
		return true
	}
	return false
}

// runGit runs the user's git. Its last words are the error.
func runGit(ctx context.Context, dir string, env []string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...) //nolint:gosec // always git, and without a shell
	cmd.Dir = dir
	cmd.Env = append(slices.DeleteFunc(os.Environ(), namesRepository), env...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		said := strings.TrimSpace(errOut.String())
		if said == "" {
			said = err.Error()
		}
		return "", fmt.Errorf("git %s: %s", args[0], said)
	}
	return strings.TrimRight(out.String(), "\n"), nil
}

// make runs git and notes the command.
func (w *gitWork) make(ctx context.Context, args ...string) error {
	w.did = append(w.did, commandLine("git", args...))
	_, err := w.git(ctx, args...)
	return err
}

// commandLine is a command as a person types it.
func commandLine(program string, args ...string) string {
	words := []string{program}
	for _, a := range args {
		if strings.ContainsAny(a, " '\"$\n#&;|*?<>()") || a == "" {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}

// push sends what was made to a branch of the repository.
func (w *gitWork) push(ctx context.Context, to string) error {
	if err := w.make(ctx, "push", "--quiet", "origin", "HEAD:refs/heads/"+to); err != nil {
		return failed(fmt.Errorf("cannot push %s to %s: %w", to, w.where.URL, err),
			"the token must be allowed to write, and the branch must not stand elsewhere already:\n"+rightsToPropose)
	}
	return nil
}

func (f *workFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.repo, "repo", "", "`URL` of the manifest repository (default: where --dir was cloned from)")
	flags.StringVar(&f.branch, "branch", "main", "`branch` that banksman follows")
	flags.StringVar(&f.githubAPI, "github-api", "", "`URL` of GitHub's API (default https://api.github.com/, on other hosts HOST/api/v3/)")
	flags.StringVar(&f.tokenFile, "token-file", "", "`file` with the GitHub token (default $GITHUB_TOKEN, else $GH_TOKEN)")
}
