package health

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// A container is the status of one, as far as it tells of troubles.
type container struct {
	name, image string
	ready       bool
	restarts    int64
	waiting     string // the reason
	says        string // the message of the waiting state
	running     bool
	now, last   *termination
}

// A termination is how a container ended.
type termination struct {
	code         int64
	reason, says string
}

// containersOf are a Pod's containers, those of its start first.
func containersOf(pod *unstructured.Unstructured) []container {
	var all []container
	for _, list := range []string{"initContainerStatuses", "containerStatuses"} {
		found, _, _ := unstructured.NestedFieldNoCopy(pod.Object, "status", list)
		items, _ := found.([]any)
		for _, item := range items {
			if s, ok := item.(map[string]any); ok {
				all = append(all, containerOf(s))
			}
		}
	}
	return all
}

func containerOf(s map[string]any) container {
	var c container
	c.name, _ = s["name"].(string)
	c.image, _ = s["image"].(string)
	c.ready, _ = s["ready"].(bool)
	c.restarts, _ = s["restartCount"].(int64)
	c.waiting, _, _ = unstructured.NestedString(s, "state", "waiting", "reason")
	c.says, _, _ = unstructured.NestedString(s, "state", "waiting", "message")
	_, c.running, _ = unstructured.NestedFieldNoCopy(s, "state", "running")
	c.now, c.last = terminationOf(s, "state"), terminationOf(s, "lastState")
	return c
}

func terminationOf(s map[string]any, state string) *termination {
	found, ok, _ := unstructured.NestedFieldNoCopy(s, state, "terminated")
	m, isMap := found.(map[string]any)
	if !ok || !isMap {
		return nil
	}
	var t termination
	t.code, _ = m["exitCode"].(int64)
	t.reason, _ = m["reason"].(string)
	if t.notStarted() {
		t.says, _ = m["message"].(string)
	}
	return &t
}

// notStarted: the runtime could not start it. Only then is the message the
// runtime's; else it is what the container wrote at its end.
func (t *termination) notStarted() bool {
	return t.reason == "StartError" || t.reason == "ContainerCannotRun"
}

// waitingInVain are the reasons for waiting that do not pass by themselves,
// beside those about images.
var waitingInVain = map[string]string{
	"CreateContainerConfigError": "cannot be configured",
	"CreateContainerError":       "cannot be created",
	"PreCreateHookError":         "cannot be created",
	"PreStartHookError":          "cannot be started",
	"PostStartHookError":         "is ended because its postStart hook fails",
}

func (c container) trouble(pod *unstructured.Unstructured, clue Clue, events []Event) Trouble {
	if c.ready {
		return Trouble{}
	}
	if what, ok := pullFailures[c.waiting]; ok {
		return c.pullTrouble(pod, what, clue.Missing, events)
	}
	if what, ok := waitingInVain[c.waiting]; ok {
		sentence := "container " + c.name + " " + what
		if why := missing(c.says); why != "" {
			sentence += ": " + why
		}
		return Trouble{noStart, fmt.Sprintf("%s (%s)", sentence, c.waiting)}
	}
	if c.waiting == "RunContainerError" {
		return c.startTrouble(c.says)
	}
	if t, again := c.exits(); again {
		return c.crashTrouble(t, events)
	}
	return c.endTrouble(pod)
}

// exits says whether a container ends again and again, and how it ended last.
// The container that crashed runs for a while between two crashes, which does
// not change the fact.
func (c container) exits() (*termination, bool) {
	switch {
	case c.waiting == "CrashLoopBackOff":
		return c.last, true
	case c.running && c.restarts >= 2 && c.last != nil:
		return c.last, true
	case c.now != nil && c.restarts >= 1 && c.last != nil:
		return c.now, true
	}
	return nil, false
}

const crashLoop = "(CrashLoopBackOff)"

func (c container) crashTrouble(t *termination, events []Event) Trouble {
	says := "container " + c.name + " "
	switch {
	case t == nil:
		return Trouble{crashes, says + "starts and exits again and again " + crashLoop}
	case t.notStarted():
		return c.startTrouble(t.says)
	case t.reason == "OOMKilled":
		return Trouble{crashes, fmt.Sprintf("%sneeds more memory than its limit and is killed again and again, exit code %d (OOMKilled)", says, t.code)}
	}
	if p, ok := probeOf(events, c.name, "Liveness", "Startup"); ok {
		return Trouble{crashes, fmt.Sprintf("%sis restarted again and again because its %s probe fails%s %s", says, p.kind, p.why(), crashLoop)}
	}
	return Trouble{crashes, fmt.Sprintf("%sstarts and exits again and again, the last time with exit code %d%s %s", says, t.code, inWords(t.code), crashLoop)}
}

// inWords says what an exit code means by convention of shells and kernels.
func inWords(code int64) string {
	switch code {
	case 0:
		return ", which is no error"
	case 126:
		return ", its command cannot be run"
	case 127:
		return ", its command is not found"
	case 134:
		return ", aborted"
	case 137:
		return ", killed"
	case 139:
		return ", segmentation fault"
	case 143:
		return ", terminated"
	}
	return ""
}

// startTrouble is about a container that the runtime cannot start. The kubelet
// calls it RunContainerError, StartError and CrashLoopBackOff by turns.
func (c container) startTrouble(says string) Trouble {
	sentence := "container " + c.name + " cannot be started"
	if _, why, found := strings.Cut(says, "exec: "); found {
		sentence += ": " + plain(strings.TrimSuffix(strings.TrimSpace(why), ": unknown"))
	}
	return Trouble{noStart, sentence + " (StartError)"}
}

// endTrouble is about a container that ended and is not started again, as those
// of a Job.
func (c container) endTrouble(pod *unstructured.Unstructured) Trouble {
	phase, _, _ := unstructured.NestedString(pod.Object, "status", "phase")
	switch {
	case phase != "Failed", c.now == nil, c.now.code == 0:
		return Trouble{}
	case c.now.notStarted():
		return c.startTrouble(c.now.says)
	case c.now.reason == "OOMKilled":
		return Trouble{ended, fmt.Sprintf("container %s needed more memory than its limit and was killed, exit code %d (OOMKilled)", c.name, c.now.code)}
	}
	return Trouble{ended, fmt.Sprintf("container %s ended with exit code %d%s", c.name, c.now.code, inWords(c.now.code))}
}
