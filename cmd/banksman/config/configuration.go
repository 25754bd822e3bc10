package config

import (
	"time"

	"banksman.dev/approvals"
	"banksman.dev/reconcile"
)

// What apiVersion and kind say.
const (
	APIVersion = "banksman.dev/v1alpha1"
	Kind       = "Configuration"
)

// A Configuration is the file as it was written. What stands beside the
// repositories is the default for those that do not say it themselves.
type Configuration struct {
	APIVersion    string         `yaml:"apiVersion"`
	Kind          string         `yaml:"kind"`
	Environment   string         `yaml:"environment,omitempty"`
	Interval      *Duration      `yaml:"interval,omitempty"`
	Audit         *Duration      `yaml:"audit,omitempty"` // 0: never
	Parallel      int            `yaml:"parallel,omitempty"`
	Approvals     *Approvals     `yaml:"approvals,omitempty"`
	GitHub        *GitHub        `yaml:"github,omitempty"`
	Repositories  []Repository   `yaml:"repositories"`
	Notifications []Notification `yaml:"notifications,omitempty"`

	// folder is the file's; paths in it are relative to it.
	folder string
}

// A Repository is one manifest repository as it was written.
type Repository struct {
	Name           string               `yaml:"name,omitempty"` // of the source; at most one repository has none
	URL            string               `yaml:"url"`
	Branch         string               `yaml:"branch,omitempty"`
	Catalog        string               `yaml:"catalog,omitempty"`
	Environment    string               `yaml:"environment,omitempty"`
	Namespaces     []string             `yaml:"namespaces,omitempty"` // none: all
	Kinds          []string             `yaml:"kinds,omitempty"`      // ConfigMap, Deployment.apps; none: all
	ServiceAccount string               `yaml:"serviceAccount,omitempty"`
	Approvals      *Approvals           `yaml:"approvals,omitempty"`
	Trust          string               `yaml:"trust"` // a full hash, or TrustNothing
	CanaryFrom     approvals.CanaryFrom `yaml:"canaryFrom,omitempty"`
	Authors        []string             `yaml:"authors,omitempty"`
	SlotTime       *Duration            `yaml:"slotTime,omitempty"`
	Interval       *Duration            `yaml:"interval,omitempty"`
	Adopt          bool                 `yaml:"adopt,omitempty"`
	GitHub         *GitHub              `yaml:"github,omitempty"`
	Notify         []string             `yaml:"notify,omitempty"` // names of notifications; none: all
}

// TrustNothing is what trust says to trust no commit.
const TrustNothing = "none"

// Approvals is the floor under every policy of the catalog.
type Approvals struct {
	Minimum approvals.Policy `yaml:"minimum"`
}

// GitHub says where the API is and who banksman is there. Without a token file
// and an app the environment's token is used.
type GitHub struct {
	API       string `yaml:"api,omitempty"` // none: derived from the repository's url
	TokenFile string `yaml:"tokenFile,omitempty"`
	App       *App   `yaml:"app,omitempty"`
}

// An App is an installation of a GitHub App.
type App struct {
	ID             int64  `yaml:"id"`
	Installation   int64  `yaml:"installation"`
	PrivateKeyFile string `yaml:"privateKeyFile"` // PEM
}

// A Notification is one target: exactly one of URL, URLFile and Webhook is set.
type Notification struct {
	Name     string            `yaml:"name"`
	URL      string            `yaml:"url,omitempty"`     // of shoutrrr, without a secret
	URLFile  string            `yaml:"urlFile,omitempty"` // a file with such a URL
	Webhook  *Webhook          `yaml:"webhook,omitempty"`
	Events   []reconcile.Event `yaml:"events,omitempty"`   // none: all but the noisy ones
	Services []string          `yaml:"services,omitempty"` // globs; none: all
}

// A Webhook takes one signed JSON payload for each notification.
type Webhook struct {
	URL        string `yaml:"url"`
	SecretFile string `yaml:"secretFile,omitempty"` // what the payload is signed with; none: it is not signed
}

// What stands where nobody says anything.
const (
	DefaultBranch   = "main"
	DefaultInterval = 15 * time.Second
	DefaultAudit    = 12 * time.Hour
	DefaultParallel = 128
	DefaultSlotTime = 30 * time.Minute
)

// The least that may be said.
const (
	ShortestInterval = time.Second
	ShortestAudit    = time.Minute
)
