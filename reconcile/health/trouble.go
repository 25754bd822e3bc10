package health

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// A Trouble is why Pods are not ready, or not there. It names containers,
// images, volumes and quotas, never a Pod, so that nine Pods with one trouble
// give one sentence. The zero Trouble is none.
type Trouble struct {
	kind     troubleKind
	Sentence string
}

// IsNone says whether there is nothing to tell.
func (t Trouble) IsNone() bool { return t.Sentence == "" }

// A troubleKind says how much a trouble explains. The smallest explains most.
type troubleKind int

const (
	noPods   troubleKind = iota // they cannot be created
	noImage                     // it cannot be pulled
	noStart                     // the container cannot be made
	noVolume                    // it cannot be mounted
	noRoom                      // no node takes the Pod
	crashes                     // the container ends again and again
	ended                       // the container ended, for good
	notReady                    // a probe fails
	notGated                    // a readiness gate does not open
	lostNode                    // the node gave the Pod up
)

// A Clue is what is known of a Pod beside the Pod itself.
type Clue struct {
	Events []Event // of the Pod and of its claims, in any order
	// Missing are pull secrets that the Pod names and that do not exist; sorted.
	Missing []string
}

// WhyPod says why a Pod is not ready. It says nothing of a Pod that is ready or
// merely on its way.
func WhyPod(pod *unstructured.Unstructured, clue Clue) Trouble {
	if _, ready := holds(pod, "Ready"); ready {
		return Trouble{}
	}
	events := eventsAbout(clue.Events, pod)
	for _, s := range containersOf(pod) {
		if t := s.trouble(pod, clue, events); !t.IsNone() {
			return t
		}
	}
	for _, ask := range []func() Trouble{
		func() Trouble { return unscheduled(pod, clue.Events) },
		func() Trouble { return unmounted(pod, events) },
		func() Trouble { return unready(pod, events) },
		func() Trouble { return gated(pod) },
		func() Trouble { return givenUp(pod) },
	} {
		if t := ask(); !t.IsNone() {
			return t
		}
	}
	return Trouble{}
}

// PodTrouble is what WhyPod says of a Pod of which nothing else is known.
func PodTrouble(pod *unstructured.Unstructured) string {
	return WhyPod(pod, Clue{}).Sentence
}

// Reason is the one sentence that explains most of the troubles of a workload's
// Pods, whatever their order and number.
func Reason(troubles []Trouble) string {
	var told []Trouble
	for _, t := range troubles {
		if !t.IsNone() {
			told = append(told, t)
		}
	}
	if len(told) == 0 {
		return ""
	}
	return slices.MinFunc(told, func(a, b Trouble) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.Sentence, b.Sentence))
	}).Sentence
}

// givenUp is about a Pod that its node ended or refused.
func givenUp(pod *unstructured.Unstructured) Trouble {
	phase, _, _ := unstructured.NestedString(pod.Object, "status", "phase")
	reason, _, _ := unstructured.NestedString(pod.Object, "status", "reason")
	if phase != "Failed" || reason == "" {
		return Trouble{}
	}
	if reason == "Evicted" {
		return Trouble{lostNode, "a Pod was evicted from its node (Evicted)"}
	}
	return Trouble{lostNode, "a Pod was given up by its node (" + plain(reason) + ")"}
}
