package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
)

// runFlags are run's flags as they were typed.
type runFlags struct {
	cluster     *clusterFlags
	repo        string
	branch      string
	catalog     string
	environment string
	trust       string
	githubAPI   string
	tokenFile   string
	dataDir     string
	minimum     string
	logFormat   string
	canaryFrom  string
	authors     []string
	interval    time.Duration
	slotTime    time.Duration
	audit       time.Duration
	parallel    int
	listen      string
	once        bool
	leaderElect bool
	adopt       bool
	verbose     bool
}

// trustNothing is what --trust says to trust no commit.
const trustNothing = "none"

const (
	shortestInterval = time.Second
	shortestAudit    = time.Minute
)

// environmentForm keeps the names of the commit statuses stable and plain.
var environmentForm = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$`)

func (f *runFlags) register(flags *pflag.FlagSet) {
	f.cluster = newClusterFlags(flags, "for the Deliveries of services that name none")
	flags.StringVar(&f.repo, "repo", "", "`URL` of the manifest repository: https://github.com/owner/name, or one on a GitHub Enterprise Server")
	flags.StringVar(&f.branch, "branch", "main", "`branch` to follow")
	flags.StringVar(&f.catalog, "catalog", "", "the catalog's `path` in the repository (default services.yaml, else services.json)")
	flags.StringVar(&f.environment, "environment", "", "a `word` in the names of the commit statuses, for more than one cluster on a repository")
	flags.StringVar(&f.trust, "trust", "", "`commit` up to which everything counts as approved (full hash), or none")
	flags.BoolVar(&f.once, "once", false, "fetch once, go as far as possible without waiting, and end")
	flags.DurationVar(&f.interval, "interval", 15*time.Second, "time between two looks at the branch and the reviews")
	flags.StringVar(&f.githubAPI, "github-api", "", "`URL` of GitHub's API (default https://api.github.com/, on other hosts HOST/api/v3/)")
	flags.StringVar(&f.tokenFile, "token-file", "", "`file` with the GitHub token, read anew when it is needed (default $GITHUB_TOKEN, else $GH_TOKEN)")
	flags.StringVar(&f.dataDir, "data-dir", "", "`folder` for the copy of the repository (default one of its own in the user's cache)")
	flags.BoolVar(&f.adopt, "adopt", false, "take over objects that Flux, Argo CD or Helm claim")
	flags.StringVar(&f.minimum, "approvals-minimum", "any: 1", "the `policy` that a full release must meet at least, whatever the catalog says")
	flags.StringVar(&f.canaryFrom, "canary-from", string(approvals.CanaryFromBranch), "`where` canaries come from: branch (merged commits), label (open pull requests with the label "+approvals.CanaryLabel+", too) or pull-requests (every open one, too)")
	flags.StringSliceVar(&f.authors, "authors", nil, "`logins` whose pull requests may have a canary though they may not write: renovate[bot]")
	flags.DurationVar(&f.slotTime, "slot-time", 30*time.Minute, "how long the healthy canary of a pull request stays while another one waits")
	flags.DurationVar(&f.audit, "audit", 12*time.Hour, "how often the API server is asked about each object, whatever the watches say; 0 for never")
	flags.IntVar(&f.parallel, "parallel", 128, "how many services are looked at beside each other")
	flags.BoolVar(&f.leaderElect, "leader-elect", true, "write only while holding the Lease banksman in the namespace; others wait for it")
	flags.StringVar(&f.listen, "listen", "", "`address` that answers /healthz and /readyz, such as :8080 (default none)")
	flags.StringVar(&f.logFormat, "log-format", logText, "`format` of the log on standard error: text or json")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "log details too")
}

// A plan is what run was told, checked.
type plan struct {
	*runFlags
	forge  forge
	tokens tokens
	floor  approvals.Policy
	// trusted is --trust; trustGiven is false where nobody decided yet.
	trusted    gitsrc.SHA
	trustGiven bool
}

func (f *runFlags) plan(flags *pflag.FlagSet, getenv func(string) string) (plan, error) {
	p := plan{runFlags: f, tokens: tokens{file: f.tokenFile, getenv: getenv}}
	var err error
	if p.forge, err = forgeOf(f.repo, f.githubAPI); err != nil {
		return p, err
	}
	if err := oneOf(flags, "log-format", logText, logJSON); err != nil {
		return p, err
	}
	if f.interval < shortestInterval {
		return p, misused("", "--interval %s: want at least %s", f.interval, shortestInterval)
	}
	if err := oneOf(flags, "canary-from", string(approvals.CanaryFromBranch), string(approvals.CanaryFromLabel), string(approvals.CanaryFromPullRequests)); err != nil {
		return p, err
	}
	if f.audit < 0 || f.audit > 0 && f.audit < shortestAudit {
		return p, misused("", "--audit %s: want at least %s, or 0 for never", f.audit, shortestAudit)
	}
	if f.parallel < 1 {
		return p, misused("", "--parallel %d: want at least 1", f.parallel)
	}
	if f.slotTime < 0 {
		return p, misused("", "--slot-time %s: want a time that is not negative", f.slotTime)
	}
	if f.environment != "" && !environmentForm.MatchString(f.environment) {
		return p, misused("use at most 40 lower-case letters, digits and dashes", "--environment %q cannot stand in the name of a status", f.environment)
	}
	if p.floor, err = policyOf(f.minimum); err != nil {
		return p, err
	}
	p.trustGiven = f.trust != ""
	if p.trustGiven && f.trust != trustNothing {
		if p.trusted, err = gitsrc.ParseSHA(f.trust); err != nil {
			return p, misused("git rev-parse <commit> prints the full hash", "--trust: %w", err)
		}
	}
	if f.dataDir == "" {
		if f.dataDir, err = defaultDataDir(p.forge.URL, f.branch); err != nil {
			return p, err
		}
	}
	return p, nil
}

// policyOf reads --approvals-minimum: what stands in the braces of an approval step.
func policyOf(text string) (approvals.Policy, error) {
	const try = "write it as --approvals-minimum 'any: 2', or 'any: 1, teams: [owners]'"
	var n yaml.Node
	if err := yaml.Unmarshal([]byte("{"+text+"}"), &n); err != nil {
		return approvals.Policy{}, misused(try, "--approvals-minimum %q is not YAML", text)
	}
	p, err := approvals.DecodePolicy(&n)
	var fault *approvals.PolicyError
	if errors.As(err, &fault) {
		return p, misused(try, "--approvals-minimum %q: %s", text, fault.Problem)
	}
	if err != nil {
		return p, misused(try, "--approvals-minimum %q: %w", text, err)
	}
	return p, nil
}

// defaultDataDir is one folder for each repository and branch.
func defaultDataDir(repo, branch string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", misused("say where with --data-dir", "no folder to keep the repository in: %w", err)
	}
	sum := sha256.Sum256([]byte(repo + "\n" + branch))
	return filepath.Join(cache, "banksman", hex.EncodeToString(sum[:8])), nil
}

// describe names what is followed, for people.
func (p plan) describe() string { return fmt.Sprintf("%s of %s", p.branch, p.forge.URL) }
