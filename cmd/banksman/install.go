package main

import (
	"cmp"
	"context"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"banksman.dev/approvals"
	installation "banksman.dev/cmd/banksman/install"
)

// installFlags are install's flags as they were typed.
type installFlags struct {
	cluster *clusterFlags
	// What the one repository of the flags says, or the file that says it all.
	repo, branch, catalog, environment, trust string
	githubAPI, minimum, canaryFrom            string
	authors, namespaces, kinds                []string
	config                                    string
	// Who banksman is on GitHub.
	tokenFile, appKeyFile   string
	appID, appInstallation  int64
	image                   string
	replicas                int32
	grantAccounts           bool
	createNamespaces, force bool
	// egressPorts are TCP ports, "587,8883"; nil is those of the last time.
	egressPorts *string
	export      string
	dataDir     string
	yes, wait   bool
	timeout     time.Duration
	// typed are the flags as they can be typed again, without --trust.
	typed string
}

// homeNamespace is where banksman is installed when nobody says another.
const homeNamespace = "banksman-system"

// anything is what --namespaces and --kinds say for no limit.
const anything = "*"

const installLong = `Install banksman into a cluster, or bring an installed one up to date: the
definition of Deliveries, a Deployment of two replicas of which one writes, its
ServiceAccount, Service, PodDisruptionBudget and NetworkPolicy, all in a
namespace; and Roles for exactly the namespaces and kinds that the repository's
catalog needs today. A namespace that it creates has Pod Security restricted, one
that is there stays as it is. What it will do is printed first; on a terminal you
are asked then, elsewhere it needs --yes.

The repository is read at the head of its branch with the GitHub token, which is
put into the Secret banksman-github; for an App, its private key. --trust says
what counts as approved at the beginning; without it the command is printed with
today's head, exit code 2. Instead of flags, --config takes the configuration
file of banksman run; namespaces and kinds that it leaves out are filled in.

Run it again to upgrade: without --repo and --config the configuration stays as
it is, and what would change is shown. Only one banksman may be in a cluster.

--export writes the same objects for GitOps instead, as a kustomize base into a
folder, or as one YAML stream (-); the cluster is not asked. Secrets are not
among them. The same input gives the same bytes.

Your account needs to be allowed what banksman will be: a cluster's
administrator usually is.

Exit codes: 0 it is installed and ready; 1 it failed, is not ready within
--timeout, or you said no; 2 the command line is wrong, or leaves open what you
must decide.`

const installExample = `  # The first time: it says what to decide, and prints the whole command
  export GITHUB_TOKEN=…
  banksman install --repo https://github.com/dora/manifests

  # Upgrade what is installed
  banksman install --image ghcr.io/dora/banksman:v1.3.0

  # Several repositories, everything said in a file
  banksman install --config banksman.yaml --token-file token

  # As a GitHub App
  banksman install --repo https://github.com/dora/manifests --trust none \
      --app-id 1234 --app-installation 5678 --app-key-file app.pem

  # GitOps of banksman itself
  banksman install --repo https://github.com/dora/manifests --trust none --export banksman/`

func (p *program) installCommand() *cobra.Command {
	f := &installFlags{}
	var egressPorts string
	cmd := &cobra.Command{
		Use:     "install {--repo URL | --config FILE}",
		Short:   "Install banksman into a cluster, or upgrade it",
		Long:    installLong,
		Example: installExample,
		Args:    arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("egress-ports") {
				f.egressPorts = &egressPorts
			}
			if err := f.check(cmd.Flags()); err != nil {
				return err
			}
			f.typed = typedFlags(cmd.Flags())
			if f.export != "" {
				return p.exportInstallation(cmd.Context(), f)
			}
			return forAdministrators(p.install(cmd.Context(), f))
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&egressPorts, "egress-ports", "", "TCP `ports` that its NetworkPolicy lets out, too: 587,8883 (default those of the last time)")
	return cmd
}

func (f *installFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	f.cluster = newClusterFlags(flags, "to install into")
	flags.Lookup("namespace").Usage = "`namespace` to install into (default " + homeNamespace + ")"
	flags.StringVar(&f.repo, "repo", "", "`URL` of the manifest repository: https://github.com/owner/name, or one on a GitHub Enterprise Server")
	flags.StringVar(&f.branch, "branch", "", "`branch` to follow (default main)")
	flags.StringVar(&f.catalog, "catalog", "", "the catalog's `path` in the repository (default services.yaml, else services.json)")
	flags.StringVar(&f.environment, "environment", "", "a `word` in the names of the commit statuses, for more than one cluster on a repository")
	flags.StringVar(&f.trust, "trust", "", "`commit` up to which everything counts as approved (full hash), or none")
	flags.StringVar(&f.minimum, "approvals-minimum", "", "the `policy` that a full release must meet at least (default any: 1)")
	flags.StringVar(&f.canaryFrom, "canary-from", "", "`where` canaries come from: "+string(approvals.CanaryFromBranch)+" (the default), "+string(approvals.CanaryFromLabel)+" or "+string(approvals.CanaryFromPullRequests))
	flags.StringSliceVar(&f.authors, "authors", nil, "`logins` whose pull requests may have a canary though they may not write")
	flags.StringVar(&f.githubAPI, "github-api", "", "`URL` of GitHub's API (default https://api.github.com/, on other hosts HOST/api/v3/)")
	flags.StringSliceVar(&f.namespaces, "namespaces", nil, "`namespaces` that banksman may write to (default those that the catalog needs; '*' for all)")
	flags.StringSliceVar(&f.kinds, "kinds", nil, "`kinds` that it may write: ConfigMap, Deployment.apps (default those that the catalog needs; '*' for all)")
	flags.StringVar(&f.config, "config", "", "`file` with the configuration, instead of these flags")
	flags.StringVar(&f.tokenFile, "token-file", "", "`file` with the GitHub token (default $GITHUB_TOKEN, else $GH_TOKEN)")
	flags.Int64Var(&f.appID, "app-id", 0, "`number` of the GitHub App, instead of a token")
	flags.Int64Var(&f.appInstallation, "app-installation", 0, "`number` of the App's installation")
	flags.StringVar(&f.appKeyFile, "app-key-file", "", "`file` with the App's private key (PEM)")
	flags.StringVar(&f.image, "image", "", "container `image` of banksman"+imageDefaultWords())
	flags.Int32Var(&f.replicas, "replicas", 0, "`number` of Pods; one writes, the others wait for its lease (default 2)")
	flags.BoolVar(&f.grantAccounts, "grant-accounts", false, "also write the Roles of the service accounts that repositories act as")
	flags.BoolVar(&f.createNamespaces, "create-namespaces", false, "create the namespaces of the services that are not there")
	flags.BoolVar(&f.force, "force-conflicts", false, "take over fields that somebody else set")
	flags.StringVar(&f.export, "export", "", "write the objects into this `folder` as a kustomize base, or to standard output (-), and apply nothing")
	flags.StringVar(&f.dataDir, "data-dir", "", "`folder` for the copy of the repository (default one of its own in the user's cache)")
	flags.BoolVarP(&f.yes, "yes", "y", false, "do not ask")
	flags.BoolVar(&f.wait, "wait", true, "wait until the Deployment is ready")
	flags.DurationVar(&f.timeout, "timeout", 5*time.Minute, "longest `time` to wait for it")
}

// home is the namespace of the installation.
func (f *installFlags) home() string { return cmp.Or(f.cluster.namespaceFlag(), homeNamespace) }

// install settles everything that can be wrong, says what it will do, and does it.
func (p *program) install(ctx context.Context, f *installFlags) error {
	c, err := p.clients(f.cluster)
	if err != nil {
		return err
	}
	there, err := p.findInstallation(ctx, c, f.home())
	if err != nil {
		return err
	}
	if err := f.hasImage(there); err != nil {
		return err
	}
	s, err := p.settle(ctx, f, there)
	if err != nil {
		return err
	}
	objects, err := p.objectsOf(f, s, there, c.host)
	if err != nil {
		return err
	}
	change, err := p.planChange(ctx, c, f, s, there, objects)
	if err != nil {
		return err
	}
	if err := p.printPlan(c, f, s, change); err != nil {
		return err
	}
	if !change.any() {
		return p.ready(ctx, c, f)
	}
	if !f.yes {
		if err := p.confirm("Do this? [y/N] "); err != nil {
			return err
		}
	}
	if err := p.applyChange(ctx, c, f, change); err != nil {
		return err
	}
	return p.ready(ctx, c, f)
}

// forAdministrators says who may what the account may not: also to look into all
// namespaces, which comes first.
func forAdministrators(err error) error {
	if err == nil || troubleOf(err) != troubleForbidden {
		return err
	}
	return failed(err, "an administrator of the cluster may: --context, --as; kubectl auth can-i --list\nor have one apply what --export - prints")
}

// objectsOf are the manifests for what was settled.
func (p *program) objectsOf(f *installFlags, s settled, there installed, host string) ([]*unstructured.Unstructured, error) {
	options := installation.Options{
		Namespace: f.home(), Image: cmp.Or(f.image, image, there.image), Version: thisBuild().Version, Replicas: cmp.Or(f.replicas, there.replicas, 2),
		Configuration: s.content, Scopes: s.scopes(), GrantAccounts: f.grantAccounts,
		Notifies: len(s.config.Notifications) > 0, EgressPorts: s.ports(host),
	}
	var err error
	if options.MoreEgressPorts, err = f.morePorts(there); err != nil {
		return nil, err
	}
	all, err := installation.Objects(options)
	if err != nil {
		return nil, failed(err, "")
	}
	return all, nil
}

// hasImage: there is one to run.
func (f *installFlags) hasImage(there installed) error {
	if cmp.Or(f.image, image, there.image) != "" {
		return nil
	}
	return misused("IMAGE=registry/name make image builds and pushes one, and prints its name;\nsay it with --image NAME",
		"--image is missing: this banksman was not built with the name of its image")
}

// typedFlags are the flags that were said, to be typed again.
func typedFlags(flags *pflag.FlagSet) string {
	var words []string
	flags.Visit(func(one *pflag.Flag) {
		if one.Name == "trust" {
			return
		}
		value := one.Value.String()
		if list, ok := one.Value.(pflag.SliceValue); ok {
			value = strings.Join(list.GetSlice(), ",")
		}
		if one.Value.Type() == "bool" && value == "true" {
			words = append(words, "--"+one.Name)
			return
		}
		if strings.ContainsAny(value, " *[](){}'\"$&;|<>?#~") || value == "" {
			value = "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
		}
		words = append(words, "--"+one.Name+" "+value)
	})
	return strings.Join(words, " ")
}

// image is set by the linker for a release: the image of this very version.
var image string

func imageDefaultWords() string {
	if image == "" {
		return " (default the installed one)"
	}
	return " (default " + image + ")"
}
