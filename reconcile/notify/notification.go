package notify

import (
	_ "embed"
	"slices"
	"strings"
	"time"

	"banksman.dev/reconcile"
)

// A Notification is what a target is told, and the body of a webhook: one JSON
// object, described by Schema. Its fields are public; one is never removed, and
// never means something else, under the same apiVersion.
type Notification struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// ID is the transition's, made unique over environments and sources.
	ID          string          `json:"id"`
	Event       reconcile.Event `json:"event"`
	Environment string          `json:"environment,omitempty"`
	Source      string          `json:"source,omitempty"`
	Service     string          `json:"service,omitempty"`
	Namespace   string          `json:"namespace,omitempty"`
	Commit      string          `json:"commit,omitempty"` // 40 hex digits
	Pull        int             `json:"pull,omitempty"`   // of the open pull request whose content it is
	Step        string          `json:"step"`
	Reason      string          `json:"reason"` // a sentence, the same as in the status and in why
	Waits       []string        `json:"waits"`
	Next        string          `json:"next,omitempty"`
	By          []string        `json:"by"`
	URL         string          `json:"url,omitempty"`
	At          time.Time       `json:"at"` // UTC, in seconds
}

const (
	apiVersion = "banksman.dev/v1alpha1"
	kind       = "Notification"
)

//go:embed notification.schema.json
var schema []byte

// Schema is the JSON Schema (2020-12) of a Notification.
func Schema() []byte { return slices.Clone(schema) }

// A Source is where transitions come from: one repository of one environment.
type Source struct {
	Name        string // "" for the nameless one
	Environment string // may be ""
	// Targets are the names of those that hear of it. Empty: all.
	Targets []string
}

func notificationOf(s Source, t reconcile.Transition) Notification {
	return Notification{
		APIVersion:  apiVersion,
		Kind:        kind,
		ID:          idIn(s, t.ID),
		Event:       t.Event,
		Environment: s.Environment,
		Source:      s.Name,
		Service:     string(t.Service),
		Namespace:   t.Namespace,
		Commit:      string(t.Ref.Commit),
		Pull:        t.Ref.Pull,
		Step:        string(t.Step),
		Reason:      t.Reason,
		Waits:       append([]string{}, t.Waits...), // an empty list, never null
		Next:        t.Next,
		By:          append([]string{}, t.By...),
		URL:         t.URL,
		At:          t.At.UTC().Truncate(time.Second),
	}
}

// idIn is unique where a staging and a production banksman tell one receiver of
// the same commit. It stands in a header: what cannot is left out.
func idIn(s Source, id string) string {
	parts := slices.DeleteFunc([]string{s.Environment, s.Name, id}, func(p string) bool { return p == "" })
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f {
			return '_'
		}
		return r
	}, strings.Join(parts, "/"))
}
