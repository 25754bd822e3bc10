package main

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// leaves: it was there before, and the installation uses it as it is. A
// Namespace has others in it, whom a Pod Security level would refuse. An account
// that an administrator made carries what a cloud or a registry knows it by; it
// gets no labels, so that it is not removed with the installation either.
func leaves(live *unstructured.Unstructured) bool {
	switch live.GetKind() {
	case "Namespace":
		return true
	case "ServiceAccount":
		return !isOurs(live)
	}
	return false
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
