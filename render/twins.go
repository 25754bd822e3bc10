package render

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

const canarySuffix = "-canary"

// entries folds the canary twins into their services and resolves the pipelines.
func (r *catalogReader) entries() map[ServiceName]Entry {
	twins := r.twins()
	entries := map[ServiceName]Entry{}
	for _, s := range r.sorted() {
		if r.serviceOf(s) == "" {
			entries[s.name] = r.entry(s, twins[s.name])
		}
	}
	return entries
}

func (r *catalogReader) sorted() []*service {
	list := make([]*service, 0, len(r.services))
	for _, s := range r.services {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b *service) int { return cmp.Compare(a.name, b.name) })
	return list
}

// serviceOf is the service whose canary s is, "" when s is a service itself.
func (r *catalogReader) serviceOf(s *service) ServiceName {
	if s.canaryOf.text != "" {
		return ServiceName(s.canaryOf.text)
	}
	base, found := strings.CutSuffix(string(s.name), canarySuffix)
	if _, exists := r.services[ServiceName(base)]; found && exists {
		return ServiceName(base)
	}
	return ""
}

// twins gives each service its canary's entry.
func (r *catalogReader) twins() map[ServiceName]*service {
	twins := map[ServiceName]*service{}
	for _, twin := range r.sorted() {
		of := r.serviceOf(twin)
		if of == "" {
			continue
		}
		s, exists := r.services[of]
		switch {
		case !exists:
			r.fault(twin.canaryOf.fault(twin.name, fmt.Sprintf("is the canary of %s, which is no service", of),
				tryInstead(string(of), r.names())))
		case of == twin.name:
			r.fault(twin.canaryOf.fault(twin.name, "is its own canary", "name the service that it is the canary of"))
		case r.serviceOf(s) != "":
			r.fault(twin.at.fault(twin.name, fmt.Sprintf("is the canary of %s, which is a canary itself", of),
				"name the service itself"))
		case twins[of] != nil:
			r.fault(twin.at.fault(twin.name, fmt.Sprintf("is a second canary of %s, beside %s", of, twins[of].name),
				"keep one of them"))
		default:
			twins[of] = twin
			r.checkTwin(s, twin)
		}
	}
	return twins
}

// checkTwin refuses on a canary's entry what belongs to its service.
func (r *catalogReader) checkTwin(s, twin *service) {
	if s.replicas.set() {
		r.fault(s.replicas.at.fault(s.name, fmt.Sprintf("has both canary: and the entry %s", twin.name),
			"remove one of them"))
	}
	misplaced := []struct {
		key string
		at  place
		set bool
	}{
		{"canary", twin.replicas.at, twin.replicas.set()},
		{"onRemoval", twin.onRemoval.place, twin.onRemoval.text != ""},
		{"drift", twin.drift.place, twin.drift.text != ""},
		{"dashboard", twin.dashboard.place, twin.dashboard.text != ""},
	}
	for _, m := range misplaced {
		if m.set {
			r.fault(m.at.fault(twin.name, fmt.Sprintf("%s means nothing on a canary's entry", m.key),
				fmt.Sprintf("move it to %s", s.name)))
		}
	}
	if twin.namespace.text != "" && twin.namespace.text != s.namespace.text {
		r.fault(twin.namespace.fault(twin.name, fmt.Sprintf("is in another namespace than %s", s.name),
			"give both entries the same namespace"))
	}
}

func (r *catalogReader) entry(s, twin *service) Entry {
	e := Entry{
		Name:      s.name,
		Namespace: s.namespace.text,
		OnRemoval: cmp.Or(OnRemoval(s.onRemoval.text), OnRemovalOrphan),
		Drift:     cmp.Or(Drift(s.drift.text), DriftRepair),
		Dashboard: s.dashboard.text,
		full:      s.source,
		at:        s.at,
	}
	e.Pipeline = Pipeline{ID: s.pipeline.text, Full: r.steps(s, s.pipeline, (*pipeline).fullSteps, defaultFull())}
	switch {
	case twin != nil:
		e.CanaryName, e.canary = twin.name, twin.source
		e.Pipeline.Canary = r.steps(twin, twin.pipeline, (*pipeline).canarySteps, defaultCanary())
	case s.replicas.set():
		e.CanaryName, e.replicas = s.name+canarySuffix, s.replicas
		e.Pipeline.Canary = r.steps(s, s.canaryPipeline, (*pipeline).canarySteps, defaultCanary())
	}
	return e
}

func (r *catalogReader) steps(s *service, id located, check func(*pipeline, *service) ([]Step, Errors), byDefault []Step) []Step {
	if id.text == "" {
		return byDefault
	}
	p, found := r.pipelines[id.text]
	if !found {
		try := "add it under pipelines:, or remove the key for the default steps"
		if near := Nearest(id.text, keysOf(r.pipelines)); near != "" {
			try = fmt.Sprintf("did you mean %q?", near)
		}
		r.fault(id.fault(s.name, fmt.Sprintf("pipeline %s is not under pipelines:", id.text), try))
		return nil
	}
	steps, faults := check(p, s)
	r.faults = append(r.faults, faults...)
	return steps
}

func (r *catalogReader) fault(e *Error) { r.faults = append(r.faults, e) }

func (r *catalogReader) names() map[string]*service {
	names := make(map[string]*service, len(r.services))
	for name, s := range r.services {
		names[string(name)] = s
	}
	return names
}

func keysOf[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
