package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"

	"banksman.dev/approvals"
	"banksman.dev/cmd/banksman/config"
	"banksman.dev/gitsrc"
)

// runFlags are run's flags as they were typed.
type runFlags struct {
	cluster     *clusterFlags
	config      string
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
const trustNothing = config.TrustNothing

// sourceFlags say what a configuration file says of each repository.
var sourceFlags = []string{
	"repo", "branch", "catalog", "environment", "trust", "interval", "github-api", "token-file", "adopt",
	"approvals-minimum", "canary-from", "authors", "slot-time", "audit", "parallel",
}

func (f *runFlags) register(flags *pflag.FlagSet) {
	f.cluster = newClusterFlags(flags, "for the Deliveries of services that name none")
	flags.StringVar(&f.config, "config", "", "configuration `file` with the repositories to follow, instead of the flags about one")
	flags.StringVar(&f.repo, "repo", "", "`URL` of the manifest repository: https://github.com/owner/name, or one on a GitHub Enterprise Server")
	flags.StringVar(&f.branch, "branch", config.DefaultBranch, "`branch` to follow")
	flags.StringVar(&f.catalog, "catalog", "", "the catalog's `path` in the repository (default services.yaml, else services.json)")
	flags.StringVar(&f.environment, "environment", "", "a `word` in the names of the commit statuses, for more than one cluster on a repository")
	flags.StringVar(&f.trust, "trust", "", "`commit` up to which everything counts as approved (full hash), or none")
	flags.BoolVar(&f.once, "once", false, "fetch once, go as far as possible without waiting, and end")
	flags.DurationVar(&f.interval, "interval", config.DefaultInterval, "time between two looks at the branch and the reviews")
	flags.StringVar(&f.githubAPI, "github-api", "", "`URL` of GitHub's API (default https://api.github.com/, on other hosts HOST/api/v3/)")
	flags.StringVar(&f.tokenFile, "token-file", "", "`file` with the GitHub token, read anew when it is needed (default $GITHUB_TOKEN, else $GH_TOKEN)")
	flags.StringVar(&f.dataDir, "data-dir", "", "`folder` for the copy of the repository (default one of its own in the user's cache)")
	flags.BoolVar(&f.adopt, "adopt", false, "take over objects that Flux, Argo CD or Helm claim")
	flags.StringVar(&f.minimum, "approvals-minimum", "any: 1", "the `policy` that a full release must meet at least, whatever the catalog says")
	flags.StringVar(&f.canaryFrom, "canary-from", string(approvals.CanaryFromBranch), "`where` canaries come from: branch (merged commits), label (open pull requests with the label "+approvals.CanaryLabel+", too) or pull-requests (every open one, too)")
	flags.StringSliceVar(&f.authors, "authors", nil, "`logins` whose pull requests may have a canary though they may not write: renovate[bot]")
	flags.DurationVar(&f.slotTime, "slot-time", config.DefaultSlotTime, "how long the healthy canary of a pull request stays while another one waits")
	flags.DurationVar(&f.audit, "audit", config.DefaultAudit, "how often the API server is asked about each object, whatever the watches say; 0 for never")
	flags.IntVar(&f.parallel, "parallel", config.DefaultParallel, "how many services are looked at beside each other")
	flags.BoolVar(&f.leaderElect, "leader-elect", true, "write only while holding the Lease banksman in the namespace; others wait for it")
	flags.StringVar(&f.listen, "listen", "", "`address` that answers /healthz, /readyz and /metrics, such as :8080 (default none)")
	flags.StringVar(&f.logFormat, "log-format", logText, "`format` of the log on standard error: text or json")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "log details too")
}

// A plan is what run was told, checked.
type plan struct {
	*runFlags
	// sources are those to begin with: one without a configuration file.
	sources []config.Source
	// content is that of the configuration file.
	content []byte
	// trustGiven is false where nobody decided yet what counts as approved.
	trustGiven bool
}

// several says whether the sources come from a configuration file, where one
// that fails ends nothing.
func (p plan) several() bool { return p.config != "" }

func (f *runFlags) plan(flags *pflag.FlagSet) (plan, error) {
	p := plan{runFlags: f, trustGiven: f.trust != "" || f.config != ""}
	if err := oneOf(flags, "log-format", logText, logJSON); err != nil {
		return p, err
	}
	var err error
	if f.config != "" {
		if p.content, p.sources, err = f.configured(flags); err != nil {
			return p, err
		}
		return p, f.defaultTo("configuration", f.config)
	}
	one, err := f.described(flags)
	if err != nil {
		return p, err
	}
	p.sources = []config.Source{one}
	return p, f.defaultTo(one.Forge.URL, one.Branch)
}

// configured reads the configuration file.
func (f *runFlags) configured(flags *pflag.FlagSet) (content []byte, sources []config.Source, err error) {
	for _, name := range sourceFlags {
		if flags.Changed(name) {
			return nil, nil, misused("say it in the file, for the repository that it is about", "--config and --%s cannot stand together", name)
		}
	}
	if content, err = contentOf(f.config); err != nil {
		return nil, nil, failed(err, tryConfigHelp)
	}
	if sources, err = sourcesOf(f.config, content); err != nil {
		return nil, nil, misused(tryConfigHelp, "%w", err)
	}
	return content, sources, nil
}

// described is the source that the flags describe.
func (f *runFlags) described(flags *pflag.FlagSet) (config.Source, error) {
	s := config.Source{
		Branch: f.branch, Catalog: f.catalog, Environment: f.environment,
		Credentials: config.Credentials{TokenFile: f.tokenFile},
		CanaryFrom:  approvals.CanaryFrom(f.canaryFrom), Authors: f.authors, SlotTime: f.slotTime, Adopt: f.adopt,
		Interval: f.interval, Audit: f.audit, Parallel: f.parallel,
	}
	var err error
	if s.Forge, err = forgeOf(f.repo, f.githubAPI); err != nil {
		return s, err
	}
	if err := oneOf(flags, "canary-from", string(approvals.CanaryFromBranch), string(approvals.CanaryFromLabel), string(approvals.CanaryFromPullRequests)); err != nil {
		return s, err
	}
	if err := f.checkNumbers(); err != nil {
		return s, err
	}
	if f.environment != "" && !config.IsEnvironment(f.environment) {
		return s, misused("use at most 40 lower-case letters, digits and dashes", "--environment %q cannot stand in the name of a status", f.environment)
	}
	if s.Floor, err = policyOf(f.minimum); err != nil {
		return s, err
	}
	if f.trust != "" && f.trust != trustNothing {
		if s.Trust, err = gitsrc.ParseSHA(f.trust); err != nil {
			return s, misused("git rev-parse <commit> prints the full hash", "--trust: %w", err)
		}
	}
	return s, nil
}

func (f *runFlags) checkNumbers() error {
	switch {
	case f.interval < config.ShortestInterval:
		return misused("", "--interval %s: want at least %s", f.interval, config.ShortestInterval)
	case f.audit < 0 || f.audit > 0 && f.audit < config.ShortestAudit:
		return misused("", "--audit %s: want at least %s, or 0 for never", f.audit, config.ShortestAudit)
	case f.parallel < 1:
		return misused("", "--parallel %d: want at least 1", f.parallel)
	case f.slotTime < 0:
		return misused("", "--slot-time %s: want a time that is not negative", f.slotTime)
	}
	return nil
}

// defaultTo gives the process a data folder of its own for what it follows.
func (f *runFlags) defaultTo(of, what string) (err error) {
	if f.dataDir == "" {
		f.dataDir, err = defaultDataDir(of, what)
	}
	return err
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
