package render

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// service is one entry as the catalog writes it, before twins are folded.
type service struct {
	source
	at                          place
	namespace, pipeline         located
	canaryOf, canaryPipeline    located
	replicas                    replicas
	onRemoval, drift, dashboard located
}

var dnsLabel = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// service reads one entry of services.
func (r *catalogReader) service(in *nodes) field {
	return func(key, n *yaml.Node) {
		name := ServiceName(key.Value)
		in.service = name
		defer func() { in.service = "" }()
		if !dnsLabel.MatchString(key.Value) {
			in.fault(key, fmt.Sprintf("%q cannot be a service's name", clip(key.Value, 80)),
				"use at most 63 lower-case letters, digits and dashes")
			return
		}
		if first, found := r.services[name]; found {
			in.fault(key, fmt.Sprintf("a second service of this name, the first is at %s:%d", first.at.file, first.at.line),
				"rename or remove one of them")
			return
		}
		s := &service{at: in.at(key)}
		s.name = name
		s.read(in, key, n)
		r.services[name] = s
	}
}

func (s *service) read(in *nodes, key, n *yaml.Node) {
	before := len(in.faults)
	in.fields(n, "a service", map[string]field{
		"templates":  func(_, n *yaml.Node) { s.templates = in.words(n, "templates") },
		"kustomize":  func(_, n *yaml.Node) { s.kustomize = in.word(n, "kustomize") },
		"values":     func(_, n *yaml.Node) { s.values = in.valueMap(n) },
		"valuesFile": func(_, n *yaml.Node) { s.valuesFile = in.word(n, "valuesFile") },
		"namespace":  func(_, n *yaml.Node) { s.namespace = in.label(n, "namespace") },
		"pipeline":   func(_, n *yaml.Node) { s.pipeline = in.word(n, "pipeline") },
		"canaryOf":   func(_, n *yaml.Node) { s.canaryOf = in.word(n, "canaryOf") },
		"canary":     func(_, n *yaml.Node) { s.replicas, s.canaryPipeline = in.canary(n) },
		"onRemoval": func(_, n *yaml.Node) {
			s.onRemoval = located{in.at(n), in.choice(n, "onRemoval", string(OnRemovalOrphan), string(OnRemovalDelete))}
		},
		"drift": func(_, n *yaml.Node) {
			s.drift = located{in.at(n), in.choice(n, "drift", string(DriftRepair), string(DriftWarn))}
		},
		"dashboard": func(_, n *yaml.Node) { s.dashboard = in.dashboard(n) },
	})
	templates, kustomize := len(s.templates) > 0, s.kustomize.text != ""
	switch {
	case templates && kustomize:
		in.fault(key, "has both templates and kustomize", "keep one of them")
	case !templates && !kustomize && len(in.faults) == before:
		in.fault(key, "has neither templates nor kustomize", "add templates: with a list of files")
	case kustomize && (s.values != nil || s.valuesFile.text != ""):
		in.fault(key, "values mean nothing to a kustomize service", "remove values and valuesFile, or use templates")
	}
}

func (r *nodes) label(n *yaml.Node, what string) located {
	w := r.word(n, what)
	if w.text != "" && !dnsLabel.MatchString(w.text) {
		r.fault(n, fmt.Sprintf("%s: %q is not a valid name", what, clip(w.text, 80)),
			"use at most 63 lower-case letters, digits and dashes")
	}
	return w
}

func (r *nodes) valueMap(n *yaml.Node) map[string]any {
	v, err := value(r.file, n)
	if err != nil {
		r.faults = append(r.faults, collect(err, r.service)...)
		return nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		r.fault(n, "values is not a map", "write it as key: value lines")
	}
	return m
}

// canary reads "canary: {replicas: 1, pipeline: ID}", "canary: {replicas: 10%}" and
// "canary: 10%".
func (r *nodes) canary(n *yaml.Node) (size replicas, pipeline located) {
	at := n
	if n.Kind == yaml.MappingNode {
		at = nil
		r.fields(n, "canary", map[string]field{
			"replicas": func(_, n *yaml.Node) { at = n },
			"pipeline": func(_, n *yaml.Node) { pipeline = r.word(n, "pipeline") },
		})
	}
	return r.replicas(n, at), pipeline
}

func (r *nodes) replicas(n, size *yaml.Node) replicas {
	const try = "write canary: {replicas: 1} or canary: 10%"
	if size == nil || size.Kind != yaml.ScalarNode {
		r.fault(n, "canary has no replicas", try)
		return replicas{}
	}
	digits, isPercent := strings.CutSuffix(size.Value, "%")
	count, err := strconv.ParseInt(digits, 10, 32)
	switch {
	case err != nil, count < 1, isPercent && count > 100, size == n && !isPercent:
		r.fault(size, fmt.Sprintf("canary: %q is no size for a canary", size.Value), try)
		return replicas{}
	case isPercent:
		return replicas{percent: count, at: r.at(size)}
	}
	return replicas{count: count, at: r.at(size)}
}

// The placeholders of a dashboard's URL.
const (
	dashboardService  = "{service}"
	dashboardRevision = "{revision}"
)

func (r *nodes) dashboard(n *yaml.Node) located {
	w := r.word(n, "dashboard")
	if w.text == "" {
		return w
	}
	filled := fillDashboard(w.text, "service", "revision")
	u, err := url.Parse(filled)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http"):
		r.fault(n, "dashboard is not an http(s) address", "write https://…")
	case strings.ContainsAny(filled, "{}"):
		r.fault(n, "dashboard has an unknown placeholder", "known: "+dashboardService+", "+dashboardRevision)
	}
	return w
}

func fillDashboard(template, service, revision string) string {
	return strings.NewReplacer(dashboardService, url.QueryEscape(service),
		dashboardRevision, url.QueryEscape(revision)).Replace(template)
}
