package main

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
)

// saidByFile are the flags that a configuration file says instead.
var saidByFile = []string{
	"repo", "branch", "catalog", "environment", "trust", "approvals-minimum", "canary-from", "authors", "github-api",
	"namespaces", "kinds", "app-id", "app-installation",
}

// check looks at what no flag type can.
func (f *installFlags) check(flags *pflag.FlagSet) error {
	said := func(name string) bool { return flags.Changed(name) }
	for _, name := range saidByFile {
		switch {
		case f.config != "" && said(name):
			return misused("say it in the file", "--config and --%s cannot stand together", name)
		case f.repo == "" && f.config == "" && name != "repo" && said(name):
			return misused("say the repository, too: --repo URL; or change the configuration file, and say it with --config",
				"--%s belongs to --repo", name)
		}
	}
	if f.canaryFrom != "" {
		if err := oneOf(flags, "canary-from", string(approvals.CanaryFromBranch), string(approvals.CanaryFromLabel), string(approvals.CanaryFromPullRequests)); err != nil {
			return err
		}
	}
	app := 0
	for _, name := range []string{"app-id", "app-installation", "app-key-file"} {
		if said(name) {
			app++
		}
	}
	switch {
	case app > 0 && said("token-file"):
		return misused("a token, or an App", "--token-file and --app-key-file cannot stand together")
	case f.repo != "" && app > 0 && app < 3:
		return misused("", "an App needs --app-id, --app-installation and --app-key-file")
	case said("replicas") && f.replicas < 1:
		return misused("", "--replicas %d: want at least 1", f.replicas)
	case f.timeout <= 0:
		return misused("--wait=false does not wait", "--timeout %s: want more than nothing", f.timeout)
	case f.export != "" && f.repo == "" && f.config == "":
		return misused("see banksman install --help", "--export needs --repo URL or --config FILE")
	}
	return f.checkWords()
}

func (f *installFlags) checkWords() error {
	if f.trust != "" && f.trust != trustNothing {
		if _, err := gitsrc.ParseSHA(f.trust); err != nil {
			return misused("git rev-parse <commit> prints the full hash", "--trust: %w", err)
		}
	}
	if f.minimum != "" {
		if _, err := policyOf(f.minimum); err != nil {
			return err
		}
	}
	if _, err := f.morePorts(installed{}); err != nil {
		return err
	}
	for flag, list := range map[string][]string{"namespaces": f.namespaces, "kinds": f.kinds} {
		if len(list) > 1 && slices.Contains(list, anything) {
			return misused("", "--%s %s: %s is all of them already", flag, strings.Join(list, ","), anything)
		}
	}
	return nil
}
