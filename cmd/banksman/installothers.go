package main

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// leaves: it was there before, and the installation uses it as it is. A
// Namespace has others in it, whom a Pod Security level would refuse.
func leaves(live *unstructured.Unstructured) bool {
	return live.GetKind() == "Namespace"
}

const enforcedLevel = "pod-security.kubernetes.io/enforce"

// levelWords say what the namespace of the installation admits beside banksman,
// "" where that is little. No level refuses banksman itself: it keeps to the
// strictest one.
func levelWords(live *unstructured.Unstructured) string {
	level := live.GetLabels()[enforcedLevel]
	switch level {
	case "restricted":
		return ""
	case "":
		level = "no Pod Security level"
	default:
		level = "the Pod Security level " + level
	}
	return fmt.Sprintf("Namespace %s was there before, enforces %s, and stays as it is; where all its Pods keep to restricted:\n  kubectl label --overwrite namespace %s %s=restricted",
		live.GetName(), level, live.GetName(), enforcedLevel)
}
