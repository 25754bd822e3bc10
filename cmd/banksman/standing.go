package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"banksman.dev/reconcile"
	"banksman.dev/reconcile/api/v1alpha1"
)

// ordersInForce are what operators said of a service and what still counts for
// where it stands, or what banksman has not taken note of yet.
func ordersInForce(d v1alpha1.Delivery, now time.Time) []string {
	unnoted := d.Status.ObservedGeneration < d.Generation
	var orders []string
	if s := suspension(d, now); s != nil && (unnoted || d.Status.Step != string(reconcile.StepSuspended)) {
		orders = append(orders, suspendedWords(s))
	}
	open := d.Status.Step != "" && d.Status.Step != string(reconcile.StepUpToDate)
	if d.Spec.Retry != "" && (open || d.Spec.Retry != d.Status.RetryUsed) {
		orders = append(orders, "retried"+byWords(d.Spec.RetryBy)+becauseWords(d.Spec.RetryReason))
	}
	if abort := d.Spec.Abort; abort != "" && isStillAborted(d) {
		orders = append(orders, "aborted "+short(abort)+byWords(d.Spec.AbortBy)+becauseWords(d.Spec.AbortReason))
	}
	if ack := d.Spec.Acknowledge; ack != "" && (open || len(d.Status.Withheld) > 0) {
		orders = append(orders, "acknowledged up to "+short(ack)+byWords(d.Spec.AcknowledgeBy)+becauseWords(d.Spec.AcknowledgeReason))
	}
	if unnoted && d.Generation > 1 {
		orders = append(orders, "banksman has not taken note of the newest order yet")
	}
	return orders
}

// isStillAborted: the order was not followed yet, or what it took back is held.
func isStillAborted(d v1alpha1.Delivery) bool {
	return !strings.HasPrefix(d.Status.AbortUsed, d.Spec.Abort) ||
		slices.ContainsFunc(d.Status.Holds, func(h v1alpha1.Hold) bool { return h.Commit == d.Spec.Abort })
}

// standingFacts are what a person who asks about a service should know besides
// its release: the orders in force, drift, and deletions that wait.
func standingFacts(f *facts, d v1alpha1.Delivery, now time.Time) {
	f.add("Ordered", cell{text: strings.Join(ordersInForce(d, now), "\n"), colour: yellow})
	f.add("Frozen", cell{text: frozenWords(d), colour: yellow})
	f.add("Drift", cell{text: driftWords(d)})
	f.add("Withheld", cell{text: withheldWords(d), colour: yellow})
}

// frozenWords say since when a suspended service stands still.
func frozenWords(d v1alpha1.Delivery) string {
	switch {
	case d.Status.Frozen == nil:
		return ""
	case d.Status.Rolling != nil:
		return "the rollout of " + short(d.Status.Rolling.Commit) + " is paused half way since " + moment(d.Status.Frozen)
	}
	return "nothing is written since " + moment(d.Status.Frozen)
}

// shownObjects is how many objects a sentence names.
const shownObjects = 3

// driftWords say what was put back.
func driftWords(d v1alpha1.Delivery) string {
	drift := d.Status.Drift
	if drift == nil || drift.Count == 0 {
		return ""
	}
	times := fmt.Sprintf("%d times, last", drift.Count)
	if drift.Count == 1 {
		times = "once,"
	}
	words := "what somebody changed was put back " + times + " " + moment(drift.At)
	if len(drift.Last) > 0 {
		words += ": " + someOf(drift.Last)
	}
	return words
}

// someOf is the first of a list, and how many more there are.
func someOf(all []string) string {
	shown := make([]string, 0, shownObjects)
	for _, one := range all[:min(len(all), shownObjects)] {
		shown = append(shown, oneLine(one))
	}
	list := strings.Join(shown, ", ")
	if more := len(all) - len(shown); more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return list
}

// withheldNames are the objects whose deletion waits, sorted.
func withheldNames(d v1alpha1.Delivery) []string {
	names := make([]string, len(d.Status.Withheld))
	for i, e := range d.Status.Withheld {
		names[i] = e.Kind + " " + strings.TrimPrefix(e.Namespace+"/"+e.Name, "/")
	}
	slices.Sort(names)
	return names
}

func withheldWords(d v1alpha1.Delivery) string {
	names := withheldNames(d)
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d objects are to be deleted, which is many: %s", len(names), fullObjects(d), someOf(names))
}

// fullObjects is how many objects full has: of those, many are not deleted unasked.
func fullObjects(d v1alpha1.Delivery) int {
	n := 0
	for _, e := range d.Status.Inventory {
		if e.Track == string(reconcile.TrackStable) {
			n++
		}
	}
	return n
}

// withheldCommand is how a person answers for the deletions.
func withheldCommand(d v1alpha1.Delivery) string {
	for _, ref := range []*v1alpha1.Ref{d.Status.Head, d.Status.Rolling, d.Status.Promoted} {
		if ref != nil && ref.Commit != "" {
			return inNamespace("acknowledge", d, short(ref.Commit))
		}
	}
	return inNamespace("acknowledge", d, "COMMIT")
}
