package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"banksman.dev/approvals"
	"banksman.dev/cmd/banksman/config"
	"banksman.dev/gitsrc"
)

func (p *program) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check the configuration file of banksman run",
		Long: `The configuration file says which repositories banksman run --config follows,
and what each of them may do. What it does not understand is an error with file,
line and column. This is one:

` + strings.TrimRight(string(config.Example()), "\n") + `

Paths are relative to the file. $GITHUB_TOKEN, else $GH_TOKEN, is the token of a
repository that has neither a tokenFile nor an app. The name of a repository
labels what it runs; one of them may have none, as with the flags of run.`,
		Example: `  banksman config validate banksman.yaml
  banksman config schema > banksman.schema.json`,
		Args: noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.configValidateCommand(), p.configSchemaCommand())
	return cmd
}

func (p *program) configValidateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "validate FILE",
		Short: "Say what is wrong with a configuration file, or what it comes to",
		Long: `Read a configuration file and say what is wrong with it; else print what each of
its repositories comes to, with the defaults. No cluster, no network and none of
the files that it names is needed.

Exit codes: 0 it is right; 1 it cannot be read, or something is wrong; 2 wrong usage.`,
		Example: `  banksman config validate banksman.yaml
  banksman config validate /etc/banksman/config/banksman.yaml`,
		Args: arguments(1, 1, "a configuration FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			content, err := contentOf(args[0])
			if err != nil {
				return failed(err, "")
			}
			sources, err := sourcesOf(args[0], content)
			if err != nil {
				return failed(err, "banksman config --help shows a file")
			}
			return p.printSources(sources)
		},
	}
}

func (p *program) configSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the configuration file",
		Long: `Print the JSON Schema (2020-12) of the configuration file, by which editors
complete and check it. banksman config validate sees more than a schema can.`,
		Example: `  banksman config schema > banksman.schema.json

  # The first line of the file, for editors with the YAML language server
  # yaml-language-server: $schema=banksman.schema.json`,
		Args: arguments(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			_, err := p.streams.Out.Write(config.Schema())
			return err
		},
	}
}

func (p *program) printSources(sources []config.Source) error {
	var b strings.Builder
	s := p.screen()
	for i, source := range sources {
		if i > 0 {
			b.WriteByte('\n')
		}
		f := facts{out: &b, screen: s}
		f.add("Repository", cell{text: namedRepository(source), colour: bold})
		f.add("Catalog", cell{text: or(source.Catalog, "services.yaml, else services.json")})
		f.add("API", cell{text: source.Forge.API + " by " + proof(source.Credentials)})
		f.add("Statuses", cell{text: statusNames(source)})
		f.add("Trust", cell{text: trusted(source.Trust)})
		f.add("Approvals", cell{text: "at least " + source.Floor.String()})
		f.add("Canaries", cell{text: canaries(source)})
		f.add("Namespaces", cell{text: or(strings.Join(source.Namespaces, ", "), "all")})
		f.add("Kinds", cell{text: or(strings.Join(source.Kinds, ", "), "all")})
		f.add("Acts as", cell{text: or(source.ServiceAccount, "banksman's own account")})
		f.add("Claims", cell{text: claims(source)})
		f.add("Looks", cell{text: looks(source)})
		f.add("Tells", cell{text: or(strings.Join(targetNames(source), ", "), "nobody")})
		f.print()
	}
	return p.print(&b)
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func namedRepository(s config.Source) string {
	if s.Name == "" {
		return s.String() + ", without a name"
	}
	return s.Name + ": " + s.String()
}

func proof(c config.Credentials) string {
	switch {
	case c.App != nil:
		return fmt.Sprintf("GitHub App %d, installation %d, key %s", c.App.ID, c.App.Installation, c.App.PrivateKeyFile)
	case c.TokenFile != "":
		return "the token in " + c.TokenFile
	}
	return "$" + githubTokenVariable + ", else $" + ghTokenVariable
}

func statusNames(s config.Source) string {
	if s.Environment == "" {
		return "banksman/…"
	}
	return "banksman/" + s.Environment + "/…"
}

func trusted(commit gitsrc.SHA) string {
	if commit == "" {
		return "no commit"
	}
	return "everything up to " + string(commit)
}

func canaries(s config.Source) string {
	from := map[approvals.CanaryFrom]string{
		approvals.CanaryFromBranch:       "from merged commits",
		approvals.CanaryFromLabel:        "from merged commits, and open pull requests with the label " + approvals.CanaryLabel,
		approvals.CanaryFromPullRequests: "from merged commits, and every open pull request",
	}[s.CanaryFrom]
	if s.CanaryFrom == approvals.CanaryFromBranch {
		return from
	}
	if len(s.Authors) > 0 {
		from += ", those of " + strings.Join(s.Authors, ", ") + ", too"
	}
	return fmt.Sprintf("%s; one that is healthy stays %s while another waits", from, config.Duration(s.SlotTime))
}

func claims(s config.Source) string {
	if s.Adopt {
		return "what Flux, Argo CD or Helm claim is taken over"
	}
	return "what Flux, Argo CD or Helm claim is left alone"
}

func looks(s config.Source) string {
	audit := "at no object by itself"
	if s.Audit > 0 {
		audit = fmt.Sprintf("at each object every %s", config.Duration(s.Audit))
	}
	return fmt.Sprintf("at the branch and the reviews every %s, %s, at %d services beside each other", config.Duration(s.Interval), audit, s.Parallel)
}

func targetNames(s config.Source) (names []string) {
	for _, target := range s.Notify {
		names = append(names, target.Name)
	}
	return names
}
