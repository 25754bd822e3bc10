package render

import (
	"slices"
	"time"

	"banksman.dev/approvals"
)

type (
	// ServiceName is a key of the catalog's services: "fop-gate", "fop-gate-canary".
	ServiceName string
	// Variant is one of the two renderings of a service.
	Variant string
	// StepKind is what a step of a pipeline does.
	StepKind string
	// OnRemoval says what becomes of a service's objects when the service leaves the catalog.
	OnRemoval string
	// Drift says what is done when somebody else changes a live object.
	Drift string
)

// The words of the catalog and the record.
const (
	VariantCanary Variant = "canary" // the few Pods that a release reaches first
	VariantFull   Variant = "full"   // the rest

	StepApply    StepKind = "apply"    // apply the variant and wait until it is healthy
	StepBake     StepKind = "bake"     // watch the applied variant for a while
	StepApproval StepKind = "approval" // wait for the reviews

	OnRemovalOrphan OnRemoval = "orphan" // leave the objects, the default
	OnRemovalDelete OnRemoval = "delete"

	DriftRepair Drift = "repair" // put it back, the default
	DriftWarn   Drift = "warn"   // only say so
)

// DefaultApplyTimeout is an apply step's time to become healthy when the step names none.
const DefaultApplyTimeout = 10 * time.Minute

// Step is one step of a pipeline. Only the field of its kind is set.
type Step struct {
	Kind     StepKind
	Timeout  time.Duration    // StepApply
	Bake     time.Duration    // StepBake
	Approval approvals.Policy // StepApproval
}

// Pipeline is what a release of one service runs through: the canary's own steps, then the service's own. Defaults
// are filled in: canary [apply], full [approval any: 1, apply].
type Pipeline struct {
	ID     string // the id that the service's entry names, "" for the default
	Canary []Step // empty for a service without a canary
	Full   []Step
}

// Entry is one delivered service of the catalog; its canary twin is folded in. A twin takes nothing from its service
// but the namespace: templates and values are its own.
type Entry struct {
	Name       ServiceName
	CanaryName ServiceName // "" without a canary
	Namespace  string      // for objects that name none; may be ""
	Pipeline   Pipeline
	OnRemoval  OnRemoval
	Drift      Drift
	Dashboard  string // URL template, "" when none

	full, canary source   // what renders each variant
	replicas     replicas // canary: {replicas: …}, when there is no twin
	at           place    // the entry's key in the catalog
}

// HasCanary says whether a release of the service has a canary variant.
func (e Entry) HasCanary() bool { return e.CanaryName != "" }

// DashboardURL is the page where a person looks at one revision of the service, "" when the entry names none.
func (e Entry) DashboardURL(revision string) string {
	return fillDashboard(e.Dashboard, string(e.Name), revision)
}

// RulesDigest covers what governs a delivery and is not in its objects: the pipeline's steps and onRemoval.
func (e Entry) RulesDigest() Digest {
	return digestOf(map[string]any{
		"canary":    rules(e.Pipeline.Canary),
		"full":      rules(e.Pipeline.Full),
		"onRemoval": string(e.OnRemoval),
	})
}

func rules(steps []Step) []any {
	list := make([]any, len(steps))
	for i, s := range steps {
		list[i] = map[string]any{
			"kind":     string(s.Kind),
			"timeout":  s.Timeout.String(),
			"bake":     s.Bake.String(),
			"approval": s.Approval.String(),
		}
	}
	return list
}

// Catalog is the manifest repository's list of services.
type Catalog struct {
	Path    string // of the file it was read from
	Entries map[ServiceName]Entry
}

// Names are the delivered services, sorted; canary twins are not among them.
func (c *Catalog) Names() []ServiceName {
	names := make([]ServiceName, 0, len(c.Entries))
	for name := range c.Entries {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// place is where something stands in the repository.
type place struct {
	file         string
	line, column int
}

func (p place) fault(service ServiceName, problem, try string) *Error {
	return &Error{File: p.file, Line: p.line, Column: p.column, Service: service, Problem: problem, Try: try}
}

// located is a string of the catalog with its place.
type located struct {
	place
	text string
}

// source is what one variant is rendered from: templates in order, or a kustomize folder.
type source struct {
	name       ServiceName // .system.SERVICE
	templates  []located   // paths or globs
	kustomize  located
	values     map[string]any
	valuesFile located
}

// replicas is the size of a canary without an entry of its own: a number of Pods, or a percentage of the full ones.
type replicas struct {
	count, percent int64
	at             place
}

func (r replicas) set() bool { return r.count > 0 || r.percent > 0 }
