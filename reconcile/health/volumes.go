package health

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// unmounted is about a Pod none of whose containers has started because a
// volume is not there.
func unmounted(pod *unstructured.Unstructured, events []Event) Trouble {
	for _, c := range containersOf(pod) {
		if c.waiting != "ContainerCreating" && c.waiting != "PodInitializing" {
			return Trouble{}
		}
	}
	var told []mountFailure
	for _, e := range events {
		if f, ok := readMount(e); ok {
			told = append(told, f)
		}
	}
	if len(told) == 0 {
		return Trouble{}
	}
	return Trouble{noVolume, slices.MinFunc(told, func(a, b mountFailure) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.sentence, b.sentence))
	}).sentence}
}

type mountFailure struct {
	rank     int // the smallest tells most
	sentence string
}

var (
	volumeFailed = regexp.MustCompile(`for volume "([^"]+)"\s*:?\s*(.*)$`)
	unmountedAre = regexp.MustCompile(`unmounted volumes=\[([^\]]*)\]`)
	notThere     = regexp.MustCompile(`(?i)\b(configmap|secret|persistentvolumeclaim|serviceaccount) "([^"]+)" not found`)
	noKeyIn      = regexp.MustCompile(`couldn't find key (\S+) in (ConfigMap|Secret) (\S+)`)
	noSuchKey    = regexp.MustCompile(`references non-existent (?:secret|config) key: (\S+)`)
)

func readMount(e Event) (mountFailure, bool) {
	switch e.Reason {
	case "FailedCreatePodSandBox":
		return mountFailure{3, "the sandbox of a Pod cannot be created" + sandbox(e.Message) + " (FailedCreatePodSandBox)"}, true
	case "FailedMount", "FailedMapVolume", "FailedAttachVolume":
	default:
		return mountFailure{}, false
	}
	says := oneLine(e.Message)
	if m := volumeFailed.FindStringSubmatch(says); m != nil {
		return mountOf(e.Reason, m[1], m[2])
	}
	if m := unmountedAre.FindStringSubmatch(says); m != nil {
		if names := strings.Fields(m[1]); len(names) > 0 {
			slices.Sort(names)
			return mountFailure{2, "volume " + plain(strings.Join(names, ", ")) + " cannot be mounted in time (FailedMount)"}, true
		}
	}
	return mountFailure{2, "a volume cannot be mounted (" + e.Reason + ")"}, true
}

// mountOf leaves out what passes by itself: the kubelet's caches that have not
// heard of the Pod's objects yet.
func mountOf(reason, volume, why string) (mountFailure, bool) {
	if strings.HasPrefix(volume, "kube-api-access-") || strings.Contains(why, "not registered") || strings.HasPrefix(why, "failed to sync ") {
		return mountFailure{}, false
	}
	if strings.Contains(why, "already exclusively attached") || strings.Contains(why, "already used by pod") {
		return mountFailure{1, "a volume is still attached to another node (FailedAttachVolume)"}, true
	}
	if absent := absence(why); absent != "" {
		return mountFailure{0, absent + ", volume " + plain(volume) + " needs it (" + reason + ")"}, true
	}
	return mountFailure{1, "volume " + volumeName(volume) + " cannot be mounted: " + plain(why) + " (" + reason + ")"}, true
}

// volumeName leaves out the names that a provisioner made.
func volumeName(volume string) string {
	if strings.HasPrefix(volume, "pvc-") {
		return "of a claim"
	}
	return plain(volume)
}

// absence says what a message says is not there, or "".
func absence(says string) string {
	if m := notThere.FindStringSubmatch(says); m != nil {
		return kindNames[strings.ToLower(m[1])] + " " + plain(m[2]) + " does not exist"
	}
	if m := noKeyIn.FindStringSubmatch(says); m != nil {
		return m[2] + " " + plain(m[3][strings.LastIndexByte(m[3], '/')+1:]) + " has no key " + plain(m[1])
	}
	if m := noSuchKey.FindStringSubmatch(says); m != nil {
		return "there is no key " + plain(m[1])
	}
	return ""
}

var kindNames = map[string]string{
	"configmap": "ConfigMap", "secret": "Secret",
	"persistentvolumeclaim": "PersistentVolumeClaim", "serviceaccount": "ServiceAccount",
}

// missing is absence, or the message as it is.
func missing(says string) string {
	return cmp.Or(absence(says), plain(says))
}

// sandbox says why the network of a Pod is not there, where that is known.
func sandbox(says string) string {
	switch {
	case strings.Contains(says, "failed to assign an IP address"), strings.Contains(says, "no available IP"), strings.Contains(says, "no IP addresses available"):
		return ", the network has no address left"
	case strings.Contains(says, "network"), strings.Contains(says, "cni"):
		return ", its network cannot be set up"
	}
	return ""
}

// Claims are the names of the claims that a Pod mounts.
func Claims(pod *unstructured.Unstructured) []string {
	found, _, _ := unstructured.NestedFieldNoCopy(pod.Object, "spec", "volumes")
	items, _ := found.([]any)
	var names []string
	for _, item := range items {
		v, _ := item.(map[string]any)
		name, _, _ := unstructured.NestedString(v, "persistentVolumeClaim", "claimName")
		if name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
