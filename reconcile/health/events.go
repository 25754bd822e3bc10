package health

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// An Event is what a component of Kubernetes said about an object.
type Event struct {
	Kind, Name string // of the object
	UID        types.UID
	Container  string // of the Pod; "" when it is about the whole
	Reason     string
	Message    string
	Count      int64     // how often it was said; 0 when that cannot be read
	Last       time.Time // when it was last said; zero when that cannot be read
}

// EventOf reads an Event of the core API.
func EventOf(u *unstructured.Unstructured) Event {
	text := func(path ...string) string {
		s, _, _ := unstructured.NestedString(u.Object, path...)
		return s
	}
	e := Event{
		Kind: text("involvedObject", "kind"), Name: text("involvedObject", "name"),
		UID:    types.UID(text("involvedObject", "uid")),
		Reason: text("reason"), Message: strings.TrimPrefix(text("message"), combined),
		Count: max(number(u, 0, "count"), number(u, 0, "series", "count")),
	}
	_, name, _ := strings.Cut(text("involvedObject", "fieldPath"), "ontainers{")
	e.Container, _, _ = strings.Cut(name, "}")
	for _, m := range []map[string]any{
		{"at": text("series", "lastObservedTime")}, {"at": text("lastTimestamp")}, {"at": text("eventTime")}, {"at": text("firstTimestamp")},
	} {
		if e.Last = timeIn(m, "at"); !e.Last.IsZero() {
			break
		}
	}
	return e
}

// combined is what client-go puts before the message of many Events in one.
const combined = "(combined from similar events): "

// Explains says whether a reason may come from an Event. A probe that failed
// less often than Kubernetes' failureThreshold by default is what the start of
// a container looks like.
func (e Event) Explains() bool {
	const failureThreshold = 3
	switch e.Reason {
	case "FailedMount", "FailedAttachVolume", "FailedMapVolume", "FailedCreatePodSandBox",
		"Failed", "FailedToRetrieveImagePullSecret", "FailedCreate", "ProvisioningFailed":
		return true
	case "Unhealthy":
		return e.Count >= failureThreshold
	}
	return false
}

// eventsAbout are the Events about one Pod, in an order that their arrival does
// not change. Pods of a StatefulSet have the names of those before them.
func eventsAbout(events []Event, pod *unstructured.Unstructured) []Event {
	var about []Event
	for _, e := range events {
		if e.Kind == "Pod" && e.UID == pod.GetUID() && e.Explains() {
			about = append(about, e)
		}
	}
	slices.SortStableFunc(about, func(a, b Event) int {
		return cmp.Or(cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Container, b.Container), cmp.Compare(a.Message, b.Message))
	})
	return about
}

// A probe is one that fails.
type probe struct {
	kind  string // readiness, liveness or startup
	cause string // "" when only the container's own words would tell
}

func (p probe) why() string {
	if p.cause == "" {
		return ""
	}
	return ", " + p.cause
}

var probeKinds = map[string]string{"Readiness": "readiness", "Liveness": "liveness", "Startup": "startup"}

// probeOf finds out which probe of a container fails, and how. A probe whose
// failures take turns is told by the most telling of those that are about as
// new as the newest.
func probeOf(events []Event, name string, kinds ...string) (probe, bool) {
	const together = 2 * time.Minute
	var newest time.Time
	var found []Event
	for _, e := range events {
		if e.Reason == "Unhealthy" && e.Container == name && slices.Contains(kinds, firstWord(e.Message)) {
			found = append(found, e)
			if e.Last.After(newest) {
				newest = e.Last
			}
		}
	}
	best, rank := probe{}, len(probeCauses)+1
	for _, e := range found {
		if newest.Sub(e.Last) > together {
			continue
		}
		p, r := readProbe(e.Message)
		if r < rank || r == rank && p.kind+p.cause < best.kind+best.cause {
			best, rank = p, r
		}
	}
	return best, best.kind != ""
}

func firstWord(s string) string {
	word, _, _ := strings.Cut(s, " ")
	return word
}

var statusCode = regexp.MustCompile(`statuscode: (\d{3})\b`)

// probeCauses, the most telling first. An exec probe fails with what its command
// wrote, which is not repeated: it may be anything.
var probeCauses = []cause{
	{"not_serving", "gRPC status NOT_SERVING"},
	{"x509", "its certificate is not valid"},
	{"server gave http response", "it speaks no HTTPS"},
	{"executable file not found", "its command is not found"},
	{"deadline exceeded", "no answer in time"},
	{"client.timeout", "no answer in time"},
	{"i/o timeout", "no answer in time"},
	{"timed out", "no answer in time"},
	{"timeout:", "no answer in time"},
	{"connection refused", "connection refused"},
	{"connection reset", "connection reset"},
	{"eof", "connection closed without an answer"},
}

func readProbe(message string) (p probe, rank int) {
	p.kind = probeKinds[firstWord(message)]
	if m := statusCode.FindStringSubmatch(message); m != nil {
		p.cause = "HTTP " + m[1]
		return p, 0
	}
	_, says, _ := strings.Cut(message, " probe ")
	network := strings.HasPrefix(says, "failed: Get ") || strings.HasPrefix(says, "failed: dial ") ||
		strings.HasPrefix(says, "failed: service unhealthy") || strings.HasPrefix(says, "failed: timeout") ||
		strings.HasPrefix(says, "failed: command timed out") || strings.HasPrefix(says, "failed: command \"") ||
		strings.HasPrefix(says, "errored")
	if network {
		p.cause = meaning(probeCauses, says)
	}
	for i, c := range probeCauses {
		if p.cause != "" && c.means == p.cause {
			return p, i + 1
		}
	}
	return p, len(probeCauses)
}

// unready is about containers that run and that a probe keeps from being ready.
func unready(pod *unstructured.Unstructured, events []Event) Trouble {
	for _, c := range containersOf(pod) {
		if c.ready || !c.running {
			continue
		}
		if p, ok := probeOf(events, c.name, "Readiness", "Liveness", "Startup"); ok {
			return Trouble{notReady, "container " + c.name + " is not ready: its " + p.kind + " probe fails" + p.why() + " (Unhealthy)"}
		}
	}
	return Trouble{}
}

var gateNames = regexp.MustCompile(`pod readiness gate "([^"]+)"`)

// gated is about a Pod whose containers are ready and that somebody else keeps
// from being ready.
func gated(pod *unstructured.Unstructured) Trouble {
	c, ok := conditionOf(pod, "Ready")
	if !ok || c.status != "False" || c.reason != "ReadinessGatesNotReady" {
		return Trouble{}
	}
	var names []string
	for _, m := range gateNames.FindAllStringSubmatch(c.message, -1) {
		names = append(names, plain(m[1]))
	}
	if len(names) == 0 {
		return Trouble{notGated, "a readiness gate is not true yet (ReadinessGatesNotReady)"}
	}
	slices.Sort(names)
	return Trouble{notGated, "readiness gate " + plain(strings.Join(slices.Compact(names), ", ")) + " is not true yet (ReadinessGatesNotReady)"}
}

// namesIn splits a list of names, sorts it and leaves out doubles.
func namesIn(list string) []string {
	var names []string
	for _, name := range strings.Split(list, ",") {
		if name = plain(name); name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
