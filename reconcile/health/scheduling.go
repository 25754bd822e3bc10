package health

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// unscheduled is the scheduler's sentence without its numbers: how many nodes
// there are changes while the fact does not.
func unscheduled(pod *unstructured.Unstructured, events []Event) Trouble {
	c, ok := conditionOf(pod, "PodScheduled")
	if !ok || c.status != "False" {
		return Trouble{}
	}
	if c.reason == "SchedulingGated" {
		return Trouble{noRoom, "a Pod waits for its scheduling gates (SchedulingGated)"}
	}
	why := schedulerWords(c.message)
	if strings.Contains(c.message, "unbound immediate PersistentVolumeClaims") {
		return Trouble{noRoom, unboundClaim(pod, events)}
	}
	if absent := absence(c.message); absent != "" {
		return Trouble{noRoom, "a Pod cannot be scheduled: " + absent + " (Unschedulable)"}
	}
	if why == "" {
		return Trouble{noRoom, "a Pod cannot be scheduled (" + cmp.Or(plain(c.reason), "Unschedulable") + ")"}
	}
	return Trouble{noRoom, "no node takes a Pod: " + why + " (Unschedulable)"}
}

var (
	nodesAvailable = regexp.MustCompile(`^(\d+/\d+) nodes are available:\s*`)
	afterReasons   = regexp.MustCompile(`[.,]?\s*(?:preemption:|no new claims to deallocate|still not schedulable).*$`)
	nodeCount      = regexp.MustCompile(`^\d+\s+`)
	nodesBefore    = regexp.MustCompile(`^node\(s\)\s+`)
)

// schedulerWords are the reasons in "0/3 nodes are available: 1 Too many pods,
// 2 Insufficient cpu. preemption: …": sorted, without counts.
func schedulerWords(message string) string {
	says := oneLine(message)
	if strings.HasPrefix(says, "no nodes available") {
		return "the cluster has no nodes"
	}
	if !nodesAvailable.MatchString(says) {
		return plain(afterReasons.ReplaceAllString(says, ""))
	}
	says = nodesAvailable.ReplaceAllString(says, "")
	says = strings.TrimRight(afterReasons.ReplaceAllString(says, ""), " .,")
	var reasons []string
	for _, r := range splitReasons(says) {
		r = nodesBefore.ReplaceAllString(nodeCount.ReplaceAllString(r, ""), "")
		if r != "" {
			reasons = append(reasons, strings.ReplaceAll(r, ": }", "}"))
		}
	}
	slices.Sort(reasons)
	return plain(strings.Join(slices.Compact(reasons), ", "))
}

// splitReasons splits at the commas before a count: a taint may have one too.
func splitReasons(says string) []string {
	var all []string
	for _, part := range strings.Split(says, ", ") {
		if len(all) == 0 || nodeCount.MatchString(part) {
			all = append(all, part)
			continue
		}
		all[len(all)-1] += ", " + part
	}
	return all
}

// unboundClaim names the claim and, from its Events, why it has no volume.
func unboundClaim(pod *unstructured.Unstructured, events []Event) string {
	claims := Claims(pod)
	for _, claim := range claims {
		for _, e := range events {
			if e.Kind == "PersistentVolumeClaim" && e.Name == claim && e.Reason == "ProvisioningFailed" {
				return "PersistentVolumeClaim " + claimName(claim, pod) + " gets no volume: " + provisioning(e.Message) + " (ProvisioningFailed)"
			}
		}
	}
	if len(claims) == 1 {
		return "a Pod waits for PersistentVolumeClaim " + claimName(claims[0], pod) + " to be bound (Unschedulable)"
	}
	return "a Pod waits for its PersistentVolumeClaims to be bound (Unschedulable)"
}

// claimName leaves the name of a StatefulSet's Pod out of that of its claim.
func claimName(claim string, pod *unstructured.Unstructured) string {
	return cmp.Or(strings.TrimSuffix(claim, "-"+pod.GetName()), claim)
}

var noStorageClass = regexp.MustCompile(`storageclass(?:\.storage\.k8s\.io)? "([^"]+)" not found`)

func provisioning(says string) string {
	if m := noStorageClass.FindStringSubmatch(says); m != nil {
		return "StorageClass " + plain(m[1]) + " does not exist"
	}
	return plain(says)
}
