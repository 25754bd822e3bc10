package config

import (
	"cmp"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
)

// A Source is one repository with everything that applies to it: what it says,
// the file's defaults, and banksman's own.
type Source struct {
	Name        string // "" for the one without a name
	Forge       Forge
	Credentials Credentials
	Branch      string
	Catalog     string // "" for services.yaml, else services.json
	Environment string

	Namespaces     []string // where its objects and Deliveries may stand; none: everywhere
	Kinds          []string // Kind, or Kind.group; none: all
	ServiceAccount string   // namespace/name to act as; "" for banksman's own

	Floor      approvals.Policy
	Trust      gitsrc.SHA // "" for no commit
	CanaryFrom approvals.CanaryFrom
	Authors    []string
	SlotTime   time.Duration
	Adopt      bool

	Interval time.Duration
	Audit    time.Duration // 0: never
	Parallel int

	Notify []Notification // the targets, sorted by name
}

// Credentials are how banksman proves itself to the forge: by an app, by a
// token file, or, with neither, by the environment's token.
type Credentials struct {
	TokenFile string
	App       *App
}

// Equal says whether both need the same to be done.
func (s Source) Equal(other Source) bool { return reflect.DeepEqual(s, other) }

// Home is the namespace of Deliveries of services that name none, "" where the
// file leaves it to the process: the first of those that are allowed.
func (s Source) Home() string {
	if len(s.Namespaces) == 0 {
		return ""
	}
	return s.Namespaces[0]
}

// Title names the source for people: "dora", or "the repository".
func (s Source) Title() string { return cmp.Or(s.Name, "the repository") }

// String says what is followed, for people.
func (s Source) String() string { return fmt.Sprintf("%s of %s", s.Branch, s.Forge.URL) }

// DefaultFloor is the approvals that a full release needs at least.
func DefaultFloor() approvals.Policy { return approvals.Policy{Any: 1} }

// Sources are the repositories with everything that applies to them, in the
// order of the file. Only what Read returned has them.
func (c *Configuration) Sources() ([]Source, error) {
	all := make([]Source, 0, len(c.Repositories))
	for _, repo := range c.Repositories {
		s, err := c.source(repo)
		if err != nil {
			return nil, fmt.Errorf("repository %s: %w", cmp.Or(repo.Name, repo.URL), err)
		}
		all = append(all, s)
	}
	return all, nil
}

// source is the one place where a repository inherits.
func (c *Configuration) source(repo Repository) (Source, error) {
	forge, err := ForgeOf(repo.URL, apiFor(c, repo))
	if err != nil {
		return Source{}, err
	}
	s := Source{
		Name:           repo.Name,
		Forge:          forge,
		Credentials:    c.credentials(repo),
		Branch:         cmp.Or(repo.Branch, DefaultBranch),
		Catalog:        repo.Catalog,
		Environment:    cmp.Or(repo.Environment, c.Environment),
		Namespaces:     slices.Clone(repo.Namespaces),
		Kinds:          slices.Clone(repo.Kinds),
		ServiceAccount: repo.ServiceAccount,
		Floor:          DefaultFloor(),
		CanaryFrom:     cmp.Or(repo.CanaryFrom, approvals.CanaryFromBranch),
		Authors:        slices.Clone(repo.Authors),
		SlotTime:       repo.SlotTime.or(DefaultSlotTime),
		Adopt:          repo.Adopt,
		Interval:       repo.Interval.or(c.Interval.or(DefaultInterval)),
		Audit:          c.Audit.or(DefaultAudit),
		Parallel:       cmp.Or(c.Parallel, DefaultParallel),
		Notify:         c.targets(repo),
	}
	if floor := cmp.Or(repo.Approvals, c.Approvals); floor != nil {
		s.Floor = floor.Minimum
	}
	if repo.Trust != TrustNothing {
		if s.Trust, err = gitsrc.ParseSHA(repo.Trust); err != nil {
			return Source{}, fmt.Errorf("trust: %w", err)
		}
	}
	return s, nil
}

func apiFor(c *Configuration, repo Repository) string {
	if g := cmp.Or(repo.GitHub, c.GitHub); g != nil {
		return g.API
	}
	return ""
}

func (c *Configuration) credentials(repo Repository) Credentials {
	g := cmp.Or(repo.GitHub, c.GitHub)
	if g == nil {
		return Credentials{}
	}
	found := Credentials{TokenFile: c.path(g.TokenFile)}
	if g.App != nil {
		app := *g.App
		app.PrivateKeyFile = c.path(app.PrivateKeyFile)
		found.App = &app
	}
	return found
}

// targets are those that the repository chose, or all.
func (c *Configuration) targets(repo Repository) (chosen []Notification) {
	for _, n := range c.Notifications {
		if len(repo.Notify) > 0 && !slices.Contains(repo.Notify, n.Name) {
			continue
		}
		n.URLFile = c.path(n.URLFile)
		if n.Webhook != nil {
			hook := *n.Webhook
			hook.SecretFile = c.path(hook.SecretFile)
			n.Webhook = &hook
		}
		chosen = append(chosen, n)
	}
	slices.SortFunc(chosen, func(a, b Notification) int { return cmp.Compare(a.Name, b.Name) })
	return chosen
}

// path is a path of the file, which is relative to the file's folder.
func (c *Configuration) path(written string) string {
	if written == "" || filepath.IsAbs(written) {
		return written
	}
	return filepath.Join(c.folder, written)
}
