package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"banksman.dev/cmd/banksman/config"
	installation "banksman.dev/cmd/banksman/install"
)

// settled is the configuration of an installation with everything decided, and
// what of Secrets goes with it.
type settled struct {
	content []byte
	config  *config.Configuration
	sources []config.Source
	// secret is what goes into the Secret for GitHub, by its key; empty where
	// what is there stays. from says where it comes from.
	secret map[string][]byte
	from   string
	// needs are the keys of that Secret that the configuration names.
	needs []string
	// heads are those of the repositories that were read, by URL and branch.
	heads map[string]branchHead
}

// scopes are what the repositories may touch.
func (s settled) scopes() []installation.Scope {
	all := make([]installation.Scope, len(s.sources))
	for i, source := range s.sources {
		all[i] = installation.Scope{Namespaces: source.Namespaces, Kinds: source.Kinds, ServiceAccount: source.ServiceAccount}
	}
	return all
}

// settle decides what the configuration says: of the file, of the flags, or of
// what is installed; and looks into the repositories for what is left open.
func (p *program) settle(ctx context.Context, f *installFlags, there installed) (settled, error) {
	d, err := f.draft(there)
	if err != nil {
		return settled{}, err
	}
	s := settled{heads: map[string]branchHead{}}
	if err := s.secrets(p, f, d); err != nil {
		return s, err
	}
	if err := p.fill(ctx, f, there, d, &s); err != nil {
		return s, err
	}
	if s.content, err = d.encode(); err != nil {
		return s, err
	}
	if s.config, s.sources, err = readConfiguration(d.file, s.content); err != nil {
		return s, err
	}
	return s, nil
}

func readConfiguration(file string, content []byte) (*config.Configuration, []config.Source, error) {
	c, err := config.Read(file, content)
	if err != nil {
		return nil, nil, failed(err, "")
	}
	sources, err := c.Sources()
	if err != nil {
		return nil, nil, failed(fmt.Errorf("%s: %w", file, err), "")
	}
	return c, sources, nil
}

// draft is the configuration as far as it was said.
func (f *installFlags) draft(there installed) (*draft, error) {
	switch {
	case f.config != "":
		content, err := os.ReadFile(f.config)
		if err != nil {
			return nil, failed(fmt.Errorf("read the configuration: %w", err), "name the file with --config")
		}
		return newDraft(f.config, content)
	case f.repo != "":
		if _, err := forgeOf(f.repo, f.githubAPI); err != nil {
			return nil, err
		}
		return f.draftOfFlags()
	case there.content != nil:
		return newDraft("the installed configuration", there.content)
	}
	return nil, misused("banksman install --repo https://github.com/owner/name; banksman init prepares a repository",
		"which repository? nothing is installed in namespace %s yet, and --repo is missing", f.home())
}

func (f *installFlags) draftOfFlags() (*draft, error) {
	d, err := newDraft("the configuration", []byte("apiVersion: "+config.APIVersion+"\nkind: "+config.Kind+"\n"))
	if err != nil {
		return nil, err
	}
	github := yamlMapping()
	if f.githubAPI != "" {
		github.set("api", yamlText(f.githubAPI))
	}
	if f.appID != 0 {
		github.set("app", yamlMapping().set("id", yamlNumber(f.appID)).set("installation", yamlNumber(f.appInstallation)).
			set("privateKeyFile", yamlText(installation.GitHubPath+"/"+installation.PrivateKeyKey)).flow())
	} else {
		github.set("tokenFile", yamlText(installation.GitHubPath+"/"+installation.TokenKey))
	}
	d.root.set("github", github)
	repository := yamlMapping().set("url", yamlText(f.repo))
	for _, one := range []struct{ key, value string }{
		{"branch", f.branch}, {"catalog", f.catalog}, {"environment", f.environment}, {"trust", f.trust}, {"canaryFrom", f.canaryFrom},
	} {
		if one.value != "" {
			repository.set(one.key, yamlText(one.value))
		}
	}
	if f.minimum != "" {
		policy := &yaml.Node{}
		if err := yaml.Unmarshal([]byte("{"+f.minimum+"}"), policy); err != nil {
			return nil, fmt.Errorf("read --approvals-minimum: %w", err)
		}
		repository.set("approvals", yamlMapping().set("minimum", yamlNode{policy.Content[0]}))
	}
	for key, list := range map[string][]string{"authors": f.authors} {
		if len(list) > 0 {
			repository.set(key, yamlTexts(list))
		}
	}
	d.root.set("repositories", yamlSequence(repository))
	return d, nil
}

// secrets finds what goes into the Secret for GitHub, and makes sure that the
// configuration names only files that are mounted.
func (s *settled) secrets(p *program, f *installFlags, d *draft) error {
	if err := d.withCredentials(); err != nil {
		return err
	}
	c, _, err := readConfiguration(d.file, d.provisional())
	if err != nil {
		return err
	}
	if s.needs, err = mountedFiles(d.file, c); err != nil {
		return err
	}
	s.secret = map[string][]byte{}
	switch {
	case f.appKeyFile != "":
		key, err := os.ReadFile(f.appKeyFile)
		if err != nil {
			return failed(fmt.Errorf("read the App's private key: %w", err), "")
		}
		s.secret[installation.PrivateKeyKey], s.from = key, f.appKeyFile
	case slices.Contains(s.needs, installation.TokenKey):
		token, from, err := p.givenToken(f.tokenFile)
		switch {
		case errors.Is(err, errNoToken):
		case err != nil:
			return failed(err, neededRights)
		default:
			s.secret[installation.TokenKey], s.from = []byte(token), from
		}
	}
	return nil
}

// givenToken is the token that this command was given, and where it comes from.
func (p *program) givenToken(file string) (token, from string, err error) {
	source := tokens{file: file, getenv: p.getenv}
	token, err = source.Token(context.Background())
	switch {
	case file != "":
		from = file
	case p.getenv(githubTokenVariable) != "":
		from = "$" + githubTokenVariable
	default:
		from = "$" + ghTokenVariable
	}
	return token, from, err
}

// mountedFiles are the keys of the Secret for GitHub that the configuration
// names. A file that is not mounted is a fault: the container has no other.
func mountedFiles(file string, c *config.Configuration) (keys []string, err error) {
	want := func(name, dir string) error {
		if name == "" || path.Dir(name) == dir {
			return nil
		}
		return failed(fmt.Errorf("%s names the file %s, which an installed banksman does not have", file, name),
			"put it under "+dir+", which the Secret of that place is mounted at")
	}
	all := []*config.GitHub{c.GitHub}
	for _, r := range c.Repositories {
		all = append(all, r.GitHub)
	}
	for _, g := range all {
		if g == nil {
			continue
		}
		names := []string{g.TokenFile}
		if g.App != nil {
			names = append(names, g.App.PrivateKeyFile)
		}
		for _, name := range names {
			if err := want(name, installation.GitHubPath); err != nil {
				return nil, err
			}
			if name != "" {
				keys = append(keys, path.Base(name))
			}
		}
	}
	for _, n := range c.Notifications {
		names := []string{n.URLFile}
		if n.Webhook != nil {
			names = append(names, n.Webhook.SecretFile)
		}
		for _, name := range names {
			if err := want(name, installation.NotifyPath); err != nil {
				return nil, err
			}
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}

// missing are the needed keys that neither this command nor the cluster has.
func (s settled) missing(there []string) (keys []string) {
	for _, key := range s.needs {
		if _, given := s.secret[key]; !given && !slices.Contains(there, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// secretCommand makes a Secret by hand.
func secretCommand(namespace, name string, keys []string) string {
	words := []string{"kubectl", "-n", namespace, "create", "secret", "generic", name}
	for _, key := range keys {
		words = append(words, "--from-file="+key+"=FILE")
	}
	return strings.Join(words, " ")
}
