package main

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"banksman.dev/reconcile"
	"banksman.dev/reconcile/api/v1alpha1"
)

// A goal is what status --for waits for.
type goal struct {
	name string
	look func(v1alpha1.Delivery) arrival // nil: it waits for nothing, and ends with an interrupt
}

// An arrival is how far a service is from a goal.
type arrival struct {
	reached bool
	lost    string // why it cannot be reached any more, in a sentence; "" while it can
}

var (
	arrived = arrival{reached: true}
	notYet  = arrival{}
)

func lost(why string) arrival {
	if why = oneLine(why); why == "" {
		why = "it failed"
	}
	return arrival{lost: why}
}

// steps are the values of --for=step=….
var steps = []reconcile.Step{
	reconcile.StepUpToDate, reconcile.StepCanary, reconcile.StepBake, reconcile.StepApproval, reconcile.StepFull,
	reconcile.StepRollback, reconcile.StepHeld, reconcile.StepSuspended, reconcile.StepUnreadable, reconcile.StepRewritten,
	reconcile.StepGone, reconcile.StepNotReleased,
}

// The goals that are about a release; ready says complete.
const (
	goalCanary   = "canary-ready"
	goalApproval = "awaiting-approval"
	goalComplete = "complete"
	goalReady    = "ready"
	goalHeld     = "held"
)

// goalOf reads --for and --commit.
func goalOf(text, commit string) (goal, error) {
	wanted, isStep := strings.CutPrefix(text, "step=")
	switch {
	case commit != "" && !isHash(commit):
		return goal{}, misused("git rev-parse HEAD prints it", "--commit %q is no commit: want a hash of 4 to 40 digits", commit)
	case commit != "" && (text == "" || isStep):
		return goal{}, misused("", "--commit needs --for=%s, %s, %s or %s", goalCanary, goalApproval, goalComplete, goalHeld)
	case text == "":
		return goal{}, nil
	case isStep:
		return stepGoal(text, wanted)
	}
	kind := text
	if kind == goalReady {
		kind = goalComplete
	}
	ofService := map[string]func(v1alpha1.Delivery) arrival{
		goalCanary: canaryArrival, goalApproval: approvalArrival, goalComplete: completeArrival, goalHeld: heldArrival,
	}[kind]
	switch {
	case ofService == nil:
		return goal{}, misused("", "--for %q: want %s, %s, %s, %s, %s or step=STEP", text, goalCanary, goalApproval, goalComplete, goalReady, goalHeld)
	case commit != "":
		return goal{text + " for " + commit, func(d v1alpha1.Delivery) arrival { return commitArrival(d, commit, kind) }}, nil
	}
	return goal{text, ofService}, nil
}

func stepGoal(text, wanted string) (goal, error) {
	words := make([]string, len(steps))
	for i, step := range steps {
		words[i] = wordOf(step)
		if strings.EqualFold(wordOf(step), strings.ReplaceAll(wanted, " ", "-")) {
			return goal{text, func(d v1alpha1.Delivery) arrival { return arrival{reached: d.Status.Step == string(step)} }}, nil
		}
	}
	return goal{}, misused("the steps are "+strings.Join(words, ", "), "--for %q: there is no such step", text)
}

// wordOf is a step as it is typed: up-to-date.
func wordOf(s reconcile.Step) string {
	return strings.ToLower(strings.ReplaceAll(string(s), " ", "-"))
}

// Without a commit a goal is about the release that banksman knows of now.

func canaryArrival(d v1alpha1.Delivery) arrival {
	switch head := d.Status.Head; {
	case stuck(d) != "":
		return lost(stuck(d))
	case proposalPassed(d), isComplete(d), at(d, reconcile.StepApproval):
		return arrived
	case head != nil && hasPassed(d, head.Digest):
		return arrived
	}
	return notYet
}

func approvalArrival(d v1alpha1.Delivery) arrival {
	switch {
	case stuck(d) != "":
		return lost(stuck(d))
	case at(d, reconcile.StepApproval), proposalPassed(d):
		return arrived
	}
	return notYet
}

func completeArrival(d v1alpha1.Delivery) arrival {
	switch {
	case isComplete(d):
		return arrived
	case stuck(d) != "":
		return lost(stuck(d))
	}
	return notYet
}

func heldArrival(d v1alpha1.Delivery) arrival {
	return arrival{reached: at(d, reconcile.StepHeld)}
}

func at(d v1alpha1.Delivery, step reconcile.Step) bool { return d.Status.Step == string(step) }

func isComplete(d v1alpha1.Delivery) bool {
	return condition(d, v1alpha1.ConditionReady) == string(metav1.ConditionTrue) && d.Status.ObservedGeneration >= d.Generation
}

// stuck is why a service does not go on without other content or an order.
func stuck(d v1alpha1.Delivery) string {
	if d.Status.ObservedGeneration < d.Generation {
		return "" // an order may change that
	}
	isStalled := condition(d, v1alpha1.ConditionStalled) == string(metav1.ConditionTrue)
	switch {
	case at(d, reconcile.StepHeld), at(d, reconcile.StepGone),
		isStalled && (at(d, reconcile.StepUnreadable) || at(d, reconcile.StepRewritten)):
		return d.Status.Reason
	}
	return ""
}
