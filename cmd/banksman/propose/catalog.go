package propose

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"banksman.dev/render"
	"banksman.dev/render/kustomize"
)

// A Proposal is a first catalog.
type Proposal struct {
	Services []Service
	// Skipped is what was not taken, sorted by path.
	Skipped []Skip
	// Files is how many manifests the services are made of.
	Files int
}

// A Service is one entry.
type Service struct {
	Name      string
	Namespace string   // for objects that name none; "" where all do
	Templates []string // files; nil for a kustomization
	Kustomize string   // a folder
	Canary    bool

	bare bool // a kustomization has objects without a namespace
}

// A Skip is a file or folder that was left out, and why.
type Skip struct{ Path, Why string }

// file is what a catalog is called.
const file = "services.yaml"

// Catalog proposes services for the manifests of a tree. Objects that name no
// namespace get the given one.
func Catalog(tree fs.FS, namespace string) (Proposal, error) {
	found, err := find(tree)
	if err != nil {
		return Proposal{}, err
	}
	p := Proposal{Services: distinct(append(kustomized(tree, &found), grouped(found)...)), Skipped: found.skipped}
	for i := range p.Services {
		p.Services[i].Namespace = found.namespaceOf(p.Services[i], namespace)
	}
	if err := p.renderable(tree); err != nil {
		return Proposal{}, err
	}
	for _, s := range p.Services {
		p.Files += max(len(s.Templates), 1)
	}
	slices.SortFunc(p.Skipped, func(a, b Skip) int { return strings.Compare(a.Path+a.Why, b.Path+b.Why) })
	return p, nil
}

// Count is how many services there are; X-canary beside X is a part of it.
func (p Proposal) Count() int {
	count := 0
	for _, s := range p.Services {
		base, ok := strings.CutSuffix(s.Name, canarySuffix)
		if !ok || !slices.ContainsFunc(p.Services, func(o Service) bool { return o.Name == base }) {
			count++
		}
	}
	return count
}

// canarySuffix makes an entry the canary of another.
const canarySuffix = "-canary"

// renderable leaves out what cannot be rendered: first the canary of a service,
// then the service.
func (p *Proposal) renderable(tree fs.FS) error {
	for len(p.Services) > 0 {
		faults, err := p.faults(tree)
		if err != nil || len(faults) == 0 {
			return err
		}
		before := len(p.Services)
		changed := false
		p.Services = slices.DeleteFunc(p.Services, func(s Service) bool {
			fault, found := faults[s.Name]
			if found && !s.Canary {
				p.Skipped = append(p.Skipped, Skip{s.where(), fault})
			}
			return found && !s.Canary
		})
		for i, s := range p.Services {
			if _, found := faults[s.Name]; found && s.Canary {
				p.Services[i].Canary, changed = false, true
			}
		}
		if len(p.Services) == before && !changed {
			return fmt.Errorf("the proposed catalog does not render: %v", faults)
		}
	}
	return nil
}

// faults are the first fault of each service that has any.
func (p *Proposal) faults(tree fs.FS) (map[string]string, error) {
	with := overlay{tree, p.YAML()}
	catalog, err := render.ReadCatalog(with, file)
	if err == nil {
		_, err = render.Renderer{Kustomize: kustomize.Build}.Check(with, catalog, "")
	}
	if err == nil {
		return nil, nil
	}
	var several render.Errors
	var one *render.Error
	if !errors.As(err, &several) {
		if !errors.As(err, &one) {
			return nil, err
		}
		several = render.Errors{one}
	}
	faults := map[string]string{}
	for _, e := range several {
		name := string(e.Service)
		if _, found := faults[name]; !found && name != "" {
			faults[name] = e.Problem
		}
	}
	if len(faults) == 0 {
		return nil, err
	}
	return faults, nil
}

// where is the service's files, for people.
func (s Service) where() string {
	if s.Kustomize != "" {
		return s.Kustomize
	}
	return strings.Join(s.Templates, ", ")
}

// distinct gives each service a name of its own.
func distinct(services []Service) []Service {
	taken := map[string]bool{}
	for i := range services {
		name := services[i].Name
		for n := 2; taken[name]; n++ {
			name = fmt.Sprintf("%s-%d", services[i].Name, n)
		}
		taken[name] = true
		services[i].Name = name
	}
	// X-canary beside X is X's canary already.
	for i, s := range services {
		if taken[s.Name+canarySuffix] {
			services[i].Canary = false
		}
		if base, ok := strings.CutSuffix(s.Name, canarySuffix); ok && taken[base] {
			services[i].Canary = false
		}
	}
	slices.SortFunc(services, func(a, b Service) int { return strings.Compare(a.Name, b.Name) })
	return services
}
