package health

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// pullFailures are the reasons for waiting that are about the image, in words.
var pullFailures = map[string]string{
	"ImagePullBackOff":          "cannot pull its image",
	"ErrImagePull":              "cannot pull its image",
	"RegistryUnavailable":       "cannot pull its image",
	"SignatureValidationFailed": "may not run its image, whose signature is not valid",
	"ImageInspectError":         "has an image that cannot be inspected",
	"InvalidImageName":          "has an image name that cannot be read",
	"ErrImageNeverPull":         "may not pull its image and the node has none",
	"ImageVolumeMountFailed":    "has an image that cannot be mounted",
}

// PullSecrets are the names of a Pod's pull secrets when one of its images
// cannot be pulled, so that somebody may look whether they exist.
func PullSecrets(pod *unstructured.Unstructured) []string {
	for _, c := range containersOf(pod) {
		if isPull(c.waiting) {
			return pullSecretsOf(pod)
		}
	}
	return nil
}

func isPull(reason string) bool {
	return pullFailures[reason] == pullFailures["ErrImagePull"]
}

func pullSecretsOf(pod *unstructured.Unstructured) []string {
	found, _, _ := unstructured.NestedFieldNoCopy(pod.Object, "spec", "imagePullSecrets")
	items, _ := found.([]any)
	var names []string
	for _, item := range items {
		m, _ := item.(map[string]any)
		if name, _ := m["name"].(string); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// pullTrouble gives one name to the states that the kubelet takes by turns
// while it tries again.
func (c container) pullTrouble(pod *unstructured.Unstructured, what string, absent []string, events []Event) Trouble {
	says := "container " + c.name + " " + what
	if !isPull(c.waiting) {
		return Trouble{noImage, says + " " + oneLine(c.image) + " (" + c.waiting + ")"}
	}
	if why := c.pullCause(pod, absent, events); why != "" {
		says += ", " + why + ":"
	}
	return Trouble{noImage, says + " " + oneLine(c.image) + " (ImagePullBackOff)"}
}

// A cause is a word of a message, and what it means.
type cause struct{ word, means string }

// pullCauses, the most telling first, in the words of containerd, CRI-O and the
// registries.
var pullCauses = []cause{
	{"x509", "the registry's certificate is not trusted"},
	{"no such host", "the registry's name is unknown to DNS"},
	{"server gave http response", "the registry speaks no HTTPS"},
	{"connection refused", "the registry cannot be reached"},
	{"no route to host", "the registry cannot be reached"},
	{"i/o timeout", "the registry does not answer"},
	{"deadline exceeded", "the registry does not answer"},
	{"tls handshake timeout", "the registry does not answer"},
	{"toomanyrequests", "the registry limits pulls (429)"},
	{"too many requests", "the registry limits pulls (429)"},
	{"no match for platform", "the image does not fit the node's platform"},
	{"no image found in manifest list", "the image does not fit the node's platform"},
	{"no space left", "the node's disk is full"},
	{"500 internal server error", "the registry fails"},
	{"502 bad gateway", "the registry fails"},
	{"503 service unavailable", "the registry fails"},
	{"504 gateway timeout", "the registry fails"},
	{"unauthorized", accessDenied},
	{"authentication required", accessDenied},
	{"authorization failed", accessDenied},
	{"access denied", accessDenied},
	{"forbidden", accessDenied},
	{"denied", accessDenied},
	{"manifest unknown", noSuchImage},
	{"name unknown", noSuchImage},
	{"not found", noSuchImage},
}

const (
	accessDenied = "the registry denies access"
	noSuchImage  = "the registry has no such image"
)

// pullCause says why. A pull secret that does not exist is the cause unless the
// registry was never asked: one that hides its images calls them not found.
func (c container) pullCause(pod *unstructured.Unstructured, absent []string, events []Event) string {
	why := c.pullWords()
	if why == "" {
		why = pullWordsOf(events, c.image)
	}
	if why != "" && why != accessDenied && why != noSuchImage {
		return why
	}
	if len(absent) == 0 {
		absent = unretrieved(events)
	}
	switch {
	case len(absent) == 1:
		return "pull secret " + absent[0] + " does not exist"
	case len(absent) > 1:
		return "pull secrets " + strings.Join(absent, ", ") + " do not exist"
	case why != accessDenied:
		return why
	}
	if names := pullSecretsOf(pod); len(names) > 0 {
		return why + " with pull secret " + strings.Join(names, ", ")
	}
	return why + " and the Pod names no pull secret"
}

// pullWords reads the message of the waiting state. That of ImagePullBackOff
// repeats the cause since Kubernetes 1.31.
func (c container) pullWords() string {
	return meaning(pullCauses, withoutImage(c.says, c.image))
}

// pullWordsOf reads the kubelet's Events instead.
func pullWordsOf(events []Event, image string) string {
	for _, e := range events {
		if e.Reason == "Failed" && strings.HasPrefix(e.Message, "Failed to pull image") && strings.Contains(e.Message, image) {
			if why := meaning(pullCauses, withoutImage(e.Message, image)); why != "" {
				return why
			}
		}
	}
	return ""
}

// withoutImage keeps an image called access-denied from explaining itself.
func withoutImage(says, image string) string {
	if image == "" {
		return says
	}
	return strings.ReplaceAll(says, image, "")
}

func meaning(causes []cause, says string) string {
	says = strings.ToLower(says)
	for _, c := range causes {
		if strings.Contains(says, c.word) {
			return c.means
		}
	}
	return ""
}

// unretrieved reads the names out of the kubelet's "Unable to retrieve some
// image pull secrets (a, b); attempting to pull the image may not succeed."
func unretrieved(events []Event) []string {
	for _, e := range events {
		if e.Reason != "FailedToRetrieveImagePullSecret" {
			continue
		}
		_, rest, ok := strings.Cut(e.Message, "(")
		names, _, closed := strings.Cut(rest, ")")
		if ok && closed && names != "" {
			return namesIn(names)
		}
	}
	return nil
}
