package render

import (
	"errors"
	"fmt"
	"time"

	"gopkg.in/yaml.v3"

	"banksman.dev/approvals"
)

// The longest times a pipeline may name: longer ones are typing errors.
const (
	maxApplyTimeout = 24 * time.Hour
	maxBake         = 7 * 24 * time.Hour
)

// pipeline is one list of steps under pipelines:.
type pipeline struct {
	at    place
	steps []step
}

type step struct {
	Step
	at place
}

func (r *catalogReader) readPipelines(in *nodes, n *yaml.Node) {
	in.pairs(n, "pipelines", func(key, n *yaml.Node) {
		if first, found := r.pipelines[key.Value]; found {
			in.fault(key, fmt.Sprintf("a second pipeline %s, the first is at %s:%d", key.Value, first.at.file, first.at.line),
				"rename or remove one of them")
			return
		}
		p := &pipeline{at: in.at(key)}
		r.pipelines[key.Value] = p
		if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
			in.fault(key, fmt.Sprintf("pipeline %s is not a list of steps", key.Value), "write - apply below it")
			return
		}
		for _, item := range n.Content {
			if s, ok := in.step(resolve(item)); ok {
				p.steps = append(p.steps, s)
			}
		}
	})
}

// step reads "apply", "apply: {timeout: 10m}", "bake: 5m", "approval" and "approval: {any: 1}".
func (r *nodes) step(n *yaml.Node) (step, bool) {
	before := len(r.faults)
	s := step{at: r.at(n)}
	known := map[string]field{
		"apply":    func(_, n *yaml.Node) { s.Step = r.apply(n) },
		"bake":     func(_, n *yaml.Node) { s.Step = Step{Kind: StepBake, Bake: r.duration(n, "bake", maxBake)} },
		"approval": func(_, n *yaml.Node) { s.Step = r.approval(n) },
	}
	switch {
	case n.Kind == yaml.ScalarNode:
		// "- apply" is "- apply:" with nothing to say about it.
		nothing := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: n.Line, Column: n.Column}
		r.fields(&yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: []*yaml.Node{n, nothing}}, "a pipeline", known)
	case n.Kind == yaml.MappingNode && len(n.Content) != 2:
		r.fault(n, "a step with more or less than one key", "write one step to a line: - apply")
	default:
		r.fields(n, "a step", known)
	}
	return s, len(r.faults) == before
}

func (r *nodes) apply(n *yaml.Node) Step {
	s := Step{Kind: StepApply, Timeout: DefaultApplyTimeout}
	if isNull(n) {
		return s
	}
	r.fields(n, "apply", map[string]field{
		"timeout": func(_, n *yaml.Node) { s.Timeout = r.duration(n, "timeout", maxApplyTimeout) },
	})
	return s
}

func (r *nodes) approval(n *yaml.Node) Step {
	policy, err := approvals.DecodePolicy(n)
	var fault *approvals.PolicyError
	switch {
	case errors.As(err, &fault):
		r.faults = append(r.faults, place{r.file, fault.Line, fault.Column}.fault(r.service, "approval: "+fault.Problem, fault.Try))
	case err != nil:
		r.fault(n, "approval: "+err.Error(), "write approval: {any: 1}")
	}
	return Step{Kind: StepApproval, Approval: policy}
}

func (r *nodes) duration(n *yaml.Node, what string, longest time.Duration) time.Duration {
	if n.Kind != yaml.ScalarNode || isNull(n) {
		r.fault(n, what+" has no duration", fmt.Sprintf("write %s: 5m", what))
		return 0
	}
	d, err := time.ParseDuration(n.Value)
	switch {
	case err != nil:
		r.fault(n, fmt.Sprintf("%s: %q is not a duration", what, clip(n.Value, 40)), "write it like 90s, 5m or 1h30m")
	case d <= 0:
		r.fault(n, fmt.Sprintf("%s: %s is not a positive duration", what, n.Value), "write it like 90s, 5m or 1h30m")
	case d > longest:
		r.fault(n, fmt.Sprintf("%s: %s is longer than %s", what, n.Value, longest), "shorten it")
	}
	return d
}

// canarySteps checks that a pipeline can be a canary's. The reviews gate the full variant, so a canary waits for none.
func (p *pipeline) canarySteps(s *service) ([]Step, Errors) {
	steps, faults := p.plainSteps(s)
	for _, step := range p.steps {
		if step.Kind == StepApproval {
			faults = append(faults, step.at.fault(s.name, "a canary's pipeline cannot wait for an approval",
				"keep apply and bake here, and put the approval into the pipeline of the service itself"))
		}
	}
	if len(steps) > 0 && steps[0].Kind == StepBake {
		faults = append(faults, p.steps[0].at.fault(s.name, "bakes before anything is applied", "put apply first"))
	}
	return steps, faults
}

// fullSteps checks that a pipeline can be a service's own.
func (p *pipeline) fullSteps(s *service) ([]Step, Errors) {
	steps, faults := p.plainSteps(s)
	applied := false
	for _, step := range p.steps {
		if step.Kind == StepApproval && applied {
			faults = append(faults, step.at.fault(s.name, "an approval after apply gates nothing", "put it before apply"))
		}
		if step.Kind == StepBake {
			faults = append(faults, step.at.fault(s.name, "a bake in a service's own pipeline bakes nothing: it is the canary that bakes",
				"put it into the canary's pipeline: that of "+string(s.name)+canarySuffix+", or canary: {replicas: 1, pipeline: ID}"))
		}
		applied = applied || step.Kind == StepApply
	}
	return steps, faults
}

func (p *pipeline) plainSteps(s *service) (steps []Step, faults Errors) {
	applies := 0
	for _, step := range p.steps {
		steps = append(steps, step.Step)
		if step.Kind == StepApply {
			applies++
		}
	}
	if applies != 1 {
		faults = append(faults, p.at.fault(s.name, fmt.Sprintf("its pipeline has %d apply steps", applies),
			"write exactly one - apply"))
	}
	return steps, faults
}

func defaultCanary() []Step { return []Step{{Kind: StepApply, Timeout: DefaultApplyTimeout}} }

func defaultFull() []Step {
	return []Step{
		{Kind: StepApproval, Approval: approvals.Policy{Any: 1}},
		{Kind: StepApply, Timeout: DefaultApplyTimeout},
	}
}
