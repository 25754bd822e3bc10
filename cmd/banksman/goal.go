package main

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"banksman.dev/reconcile"
	"banksman.dev/reconcile/api/v1alpha1"
)

// A goal is what status --watch waits for.
type goal struct {
	name  string
	holds func(v1alpha1.Delivery) bool // nil: it waits for nothing, and ends with an interrupt
}

// steps are the values of --for=step=….
var steps = []reconcile.Step{
	reconcile.StepUpToDate, reconcile.StepCanary, reconcile.StepBake, reconcile.StepApproval, reconcile.StepFull,
	reconcile.StepRollback, reconcile.StepHeld, reconcile.StepSuspended, reconcile.StepUnreadable, reconcile.StepRewritten,
	reconcile.StepGone, reconcile.StepNotReleased,
}

// goalOf reads --for.
func goalOf(text string) (goal, error) {
	at := func(step reconcile.Step) func(v1alpha1.Delivery) bool {
		return func(d v1alpha1.Delivery) bool { return d.Status.Step == string(step) }
	}
	switch text {
	case "":
		return goal{}, nil
	case "ready":
		return goal{text, func(d v1alpha1.Delivery) bool {
			return condition(d, v1alpha1.ConditionReady) == string(metav1.ConditionTrue) && d.Status.ObservedGeneration >= d.Generation
		}}, nil
	case "awaiting-approval":
		return goal{text, at(reconcile.StepApproval)}, nil
	case "held":
		return goal{text, at(reconcile.StepHeld)}, nil
	}
	words := make([]string, len(steps))
	wanted, isStep := strings.CutPrefix(text, "step=")
	for i, step := range steps {
		words[i] = wordOf(step)
		if isStep && strings.EqualFold(wordOf(step), strings.ReplaceAll(wanted, " ", "-")) {
			return goal{text, at(step)}, nil
		}
	}
	if isStep {
		return goal{}, misused("the steps are "+strings.Join(words, ", "), "--for %q: there is no such step", text)
	}
	return goal{}, misused("", "--for %q: want ready, awaiting-approval, held or step=STEP", text)
}

// wordOf is a step as it is typed: up-to-date.
func wordOf(s reconcile.Step) string {
	return strings.ToLower(strings.ReplaceAll(string(s), " ", "-"))
}
