package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"

	"gopkg.in/yaml.v3"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// Largest is how many bytes a configuration file may have: what a ConfigMap can hold.
const Largest = 1 << 20

// Read reads the content of a configuration file. It is strict: what it does
// not understand is a fault, a *render.Error. All that can be told at once are
// render.Errors.
func Read(file string, content []byte) (*Configuration, error) {
	if len(content) > Largest {
		return nil, &render.Error{File: file, Problem: fmt.Sprintf("has more than %d bytes, which is no configuration", Largest)}
	}
	documents, err := render.ScanYAML(file, content)
	var fault *render.Error
	switch {
	case errors.As(err, &fault):
		return nil, &render.Error{File: file, Line: fault.Line, Column: fault.Column, Problem: fault.Problem, Try: fault.Try}
	case err != nil:
		return nil, &render.Error{File: file, Problem: err.Error()}
	case len(documents) == 0:
		return nil, &render.Error{File: file, Problem: "it is empty", Try: "banksman config --help shows an example"}
	case len(documents) > 1:
		second := documents[1]
		return nil, &render.Error{File: file, Line: second.Line, Problem: "it has more than one YAML document", Try: "remove the --- line"}
	}
	r := &reader{nodes: nodes{file: file}, read: &Configuration{folder: filepath.Dir(file)}}
	r.configuration(documents[0])
	r.check()
	if err := r.faults.Err(); err != nil {
		return nil, err
	}
	return r.read, nil
}

// A reader gathers what the file says, and where it says what is checked
// against the rest of it.
type reader struct {
	nodes
	read          *Configuration
	repositories  []*yaml.Node
	notifications []*yaml.Node
	// asked are the lists of notifications, by repository.
	asked map[int]*yaml.Node
}

var (
	nameForm = form{
		regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$`),
		"use at most 40 lower-case letters, digits and dashes",
	}
	namespaceForm = form{regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`), "write the name of a namespace"}
	kindForm      = form{
		regexp.MustCompile(`^[A-Z][A-Za-z0-9]{0,62}(\.[a-z0-9]([-a-z0-9.]{0,250}[a-z0-9])?)?$`),
		"write the kind, and its API group behind a dot: ConfigMap, Deployment.apps",
	}
	accountForm = form{
		regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`),
		"write it as namespace/name",
	}
	loginForm = form{regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,99}(\[bot\])?$`), "write the login alone, without @"}
	plainForm = form{regexp.MustCompile(`^[^\s\x00-\x1f]+$`), "write it without spaces and line breaks"}
)

// IsEnvironment says whether the word can stand in the name of a commit status.
func IsEnvironment(word string) bool { return nameForm.pattern.MatchString(word) }

func (r *reader) configuration(n *yaml.Node) {
	c := r.read
	const what = "the configuration"
	said := r.fields(n, what, map[string]field{
		"apiVersion":    chosen(&r.nodes, &c.APIVersion, "apiVersion", APIVersion),
		"kind":          chosen(&r.nodes, &c.Kind, "kind", Kind),
		"environment":   r.formed(&c.Environment, "environment", nameForm),
		"interval":      r.duration(&c.Interval, "interval", ShortestInterval, ""),
		"audit":         r.duration(&c.Audit, "audit", ShortestAudit, "never"),
		"parallel":      count(&r.nodes, &c.Parallel, "parallel"),
		"approvals":     r.approvals(&c.Approvals),
		"github":        r.github(&c.GitHub),
		"repositories":  r.list("repositories", r.repository),
		"notifications": r.list("notifications", r.notification),
	})
	r.required(n, what, said, map[string]string{
		"apiVersion":   "write apiVersion: " + APIVersion,
		"kind":         "write kind: " + Kind,
		"repositories": "name one: repositories: [{url: " + likeRepository + ", trust: " + TrustNothing + "}]",
	})
}

func (r *reader) list(what string, read func(*yaml.Node)) field {
	return func(n *yaml.Node) { r.each(n, what, read) }
}

func (r *reader) repository(n *yaml.Node) {
	var repo Repository
	what := titled("repository", n)
	said := r.fields(n, what, map[string]field{
		"name":           r.formed(&repo.Name, "name", nameForm),
		"url":            r.word(&repo.URL, "url"),
		"branch":         r.branch(&repo.Branch),
		"catalog":        r.catalog(&repo.Catalog),
		"environment":    r.formed(&repo.Environment, "environment", nameForm),
		"namespaces":     r.words(&repo.Namespaces, "namespaces", "namespace", namespaceForm),
		"kinds":          r.words(&repo.Kinds, "kinds", "kind", kindForm),
		"serviceAccount": r.formed(&repo.ServiceAccount, "serviceAccount", accountForm),
		"approvals":      r.approvals(&repo.Approvals),
		"trust":          r.trust(&repo.Trust),
		"canaryFrom": chosen(&r.nodes, &repo.CanaryFrom, "canaryFrom",
			approvals.CanaryFromBranch, approvals.CanaryFromLabel, approvals.CanaryFromPullRequests),
		"authors":  r.words(&repo.Authors, "authors", "login", loginForm),
		"slotTime": r.duration(&repo.SlotTime, "slotTime", 0, ""),
		"interval": r.duration(&repo.Interval, "interval", ShortestInterval, ""),
		"adopt":    r.yes(&repo.Adopt, "adopt"),
		"github":   r.github(&repo.GitHub),
		"notify":   r.words(&repo.Notify, "notify", "notification", nameForm),
	})
	r.required(n, what, said, map[string]string{
		"url":   "write url: " + likeRepository,
		"trust": "up to which commit does the branch count as approved? write trust: and its full hash (git rev-parse prints it), or trust: " + TrustNothing,
	})
	if r.asked == nil {
		r.asked = map[int]*yaml.Node{}
	}
	r.asked[len(r.repositories)] = said["notify"]
	r.repositories = append(r.repositories, n)
	r.read.Repositories = append(r.read.Repositories, repo)
}

// titled names a mapping by its name or url, where it has one.
func titled(what string, n *yaml.Node) string {
	for _, key := range []string{"name", "url"} {
		for i := 0; i+1 < len(n.Content) && n.Kind == yaml.MappingNode; i += 2 {
			if value := resolve(n.Content[i+1]); n.Content[i].Value == key && nameForm.pattern.MatchString(value.Value) {
				return what + " " + value.Value
			}
		}
	}
	return "this " + what
}

func (r *reader) branch(into *string) field {
	return func(n *yaml.Node) {
		r.word(into, "branch")(n)
		if *into == "" {
			return
		}
		if gitsrc.CheckBranch(*into) != nil {
			r.fault(n, fmt.Sprintf("branch %q is no name of a branch", clip(*into)), "write it without refs/heads/, such as main")
		}
	}
}

func (r *reader) catalog(into *string) field {
	return func(n *yaml.Node) {
		r.word(into, "catalog")(n)
		if *into != "" && !fs.ValidPath(*into) {
			r.fault(n, fmt.Sprintf("catalog %q is no path in the repository", clip(*into)), "write it from the repository's root, without a leading slash, ./ or ..")
		}
	}
}

func (r *reader) trust(into *string) field {
	return func(n *yaml.Node) {
		r.word(into, "trust")(n)
		if *into == "" || *into == TrustNothing {
			return
		}
		if _, err := gitsrc.ParseSHA(*into); err != nil {
			r.fault(n, "trust: "+err.Error(), "write the full hash, or "+TrustNothing)
		}
	}
}

func (r *reader) approvals(into **Approvals) field {
	return func(n *yaml.Node) {
		*into = &Approvals{}
		said := r.fields(n, "approvals", map[string]field{"minimum": func(n *yaml.Node) {
			policy, err := approvals.DecodePolicy(n)
			var fault *approvals.PolicyError
			switch {
			case errors.As(err, &fault):
				r.faults = append(r.faults, &render.Error{File: r.file, Line: fault.Line, Column: fault.Column, Problem: "minimum: " + fault.Problem, Try: fault.Try})
			case err != nil:
				r.fault(n, "minimum: "+err.Error(), "")
			}
			(*into).Minimum = policy
		}})
		r.required(n, "approvals", said, map[string]string{"minimum": "write minimum: {any: 1}"})
	}
}

func (r *reader) github(into **GitHub) field {
	return func(n *yaml.Node) {
		g := &GitHub{}
		*into = g
		said := r.fields(n, "github", map[string]field{
			"api":       r.word(&g.API, "api"),
			"tokenFile": r.word(&g.TokenFile, "tokenFile"),
			"app":       func(n *yaml.Node) { g.App = &App{}; r.app(n, g.App) },
		})
		if said["tokenFile"] != nil && said["app"] != nil {
			r.fault(n, "github has a tokenFile and an app", "keep one of them")
		}
		if api := said["api"]; api != nil && g.API != "" {
			_, err := ForgeOf(likeRepository, g.API)
			r.address(err, nil, api)
		}
	}
}

func (r *reader) app(n *yaml.Node, into *App) {
	said := r.fields(n, "app", map[string]field{
		"id":             count(&r.nodes, &into.ID, "id"),
		"installation":   count(&r.nodes, &into.Installation, "installation"),
		"privateKeyFile": r.word(&into.PrivateKeyFile, "privateKeyFile"),
	})
	r.required(n, "app", said, map[string]string{
		"id":             "write id: and the App's number, which its settings show",
		"installation":   "write installation: and the number at the end of the installation's address",
		"privateKeyFile": "write privateKeyFile: and the path of the App's key, a .pem file",
	})
}
