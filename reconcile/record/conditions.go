package record

import (
	"strings"
	"unicode"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"banksman.dev/reconcile"
	"banksman.dev/reconcile/api/v1alpha1"
)

// setConditions says a view in the three conditions that kstatus, and the tools
// that follow it, know.
func setConditions(conditions *[]metav1.Condition, v reconcile.View, generation int64, now metav1.Time) {
	moving := !v.Ready && !v.Stalled && v.Step != reconcile.StepSuspended
	for _, c := range []struct {
		kind string
		is   bool
	}{
		{v1alpha1.ConditionReady, v.Ready},
		{v1alpha1.ConditionReconciling, moving},
		{v1alpha1.ConditionStalled, v.Stalled},
	} {
		meta.SetStatusCondition(conditions, metav1.Condition{
			Type: c.kind, Status: truth(c.is), Reason: camel(string(v.Step)), Message: v.Reason,
			ObservedGeneration: generation, LastTransitionTime: now,
		})
	}
}

func truth(is bool) metav1.ConditionStatus {
	if is {
		return metav1.ConditionTrue
	}
	return metav1.ConditionFalse
}

// camel makes "UpToDate" of "Up to date": a condition's reason is one word.
func camel(step string) string {
	var b strings.Builder
	for _, word := range strings.Fields(step) {
		letters := []rune(word)
		b.WriteRune(unicode.ToUpper(letters[0]))
		b.WriteString(string(letters[1:]))
	}
	if b.Len() == 0 {
		return "Unknown"
	}
	return b.String()
}
