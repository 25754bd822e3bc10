package health

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// A condition is an entry of status.conditions, as far as it is readable.
type condition struct {
	status, reason, message string
	updated                 time.Time // zero when the condition does not say
	moved                   time.Time // its lastTransitionTime
	generation              int64     // that it is about; 0 when it does not say
}

func conditionOf(u *unstructured.Unstructured, kind string) (condition, bool) {
	list, _, _ := unstructured.NestedFieldNoCopy(u.Object, "status", "conditions")
	items, _ := list.([]any)
	for _, item := range items {
		c, _ := item.(map[string]any)
		if c["type"] != kind {
			continue
		}
		var found condition
		found.status, _ = c["status"].(string)
		found.reason, _ = c["reason"].(string)
		found.message, _ = c["message"].(string)
		found.generation, _ = c["observedGeneration"].(int64)
		found.updated = timeIn(c, "lastUpdateTime")
		found.moved = timeIn(c, "lastTransitionTime")
		return found, true
	}
	return condition{}, false
}

// holds finds a condition whose status is True.
func holds(u *unstructured.Unstructured, kind string) (condition, bool) {
	c, ok := conditionOf(u, kind)
	return c, ok && c.status == "True"
}

func timeIn(m map[string]any, key string) time.Time {
	text, _ := m[key].(string)
	var t metav1.Time
	if err := t.UnmarshalQueryParameter(text); err != nil {
		return time.Time{}
	}
	return t.Time
}
