package health

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"banksman.dev/reconcile"
)

func TestPlainTextLeavesOutWhatMovesAndWhatIsSecret(t *testing.T) {
	for text, want := range map[string]string{
		"back-off 2m40s restarting failed container=app pod=fop-gate-7d4b9c6f5d-x2v4z": "back-off … restarting failed container=app pod=fop-gate",
		"again in 1.5s, 300ms or 1h2m":                                "again in …, … or …",
		"cpu 500m of 2, memory 64Mi":                                  "cpu 500m of 2, memory 64Mi",
		"at 2026-11-21T15:04:05.123Z and 2026-11-21 15:04:05 +0000":   "at … and …",
		"dial tcp 10.244.0.17:8080: no":                               "dial tcp …: no",
		"dial tcp [fd00::17]:8080: no":                                "dial tcp …: no",
		"uid 0e1b4a9e-1f5e-4b1a-8f5e-0e1b4a9e1f5e is gone":            "uid … is gone",
		`container "0e1b4a9e1f5e4b1a8f5e0e1b4a9e1f5e" is gone`:        `container "…" is gone`,
		`pods "fop-gate-7d4b9c6f5d-" is forbidden`:                    `pods "fop-gate" is forbidden`,
		"fop-gate-canary is not a generated name":                     "fop-gate-canary is not a generated name",
		"https://robot:s3cret@registry.example.org/v2":                "https://registry.example.org/v2",
		"https://registry.example.org/token?account=robot&sig=abc no": "https://registry.example.org/token no",
		"password=hunter2 db_password: hunter2 API-KEY='h' end":       "password=… db_password=… API-KEY=… end",
		`Authorization: Bearer abcdefghijkl end`:                      "Authorization=… end",
		"sent Bearer abcdefghijkl end":                                "sent Bearer … end",
		`secret "db" not found`:                                       `secret "db" not found`,
		"two\nlines\tand \x1b[31mcolour":                              "two lines and [31mcolour",
		"ends with a stop.":                                           "ends with a stop",
		strings.Repeat("word ", 40):                                   strings.Repeat("word ", 18) + "word…",
	} {
		if got := plain(text); got != want {
			t.Errorf("%q\n got %q\nwant %q", text, got, want)
		}
	}
}

// said is true of a sentence that may stand in a commit status.
func said(t *testing.T, sentence string, most int) {
	t.Helper()
	if !utf8.ValidString(sentence) || utf8.RuneCountInString(sentence) > most {
		t.Errorf("%d characters: %q", utf8.RuneCountInString(sentence), sentence)
	}
	for _, r := range sentence {
		if !unicode.IsPrint(r) {
			t.Errorf("%q has %q", sentence, r)
		}
	}
}

func FuzzAnyTextOfAnEventMakesASentence(f *testing.F) {
	for _, seed := range []struct{ reason, message string }{
		{"Unhealthy", `Readiness probe failed: Get "http://10.244.0.17:8080/": connect: connection refused`},
		{"FailedMount", `MountVolume.SetUp failed for volume "config" : configmap "settings" not found`},
		{"FailedMount", `Unable to attach or mount volumes: unmounted volumes=[b a]`},
		{"FailedCreate", `Error creating: pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2`},
		{"FailedToRetrieveImagePullSecret", "Unable to retrieve some image pull secrets (a, b); attempting"},
		{"Failed", `Failed to pull image "x:1": 401 Unauthorized`},
		{"Unschedulable", "0/3 nodes are available: 1 Too many pods, 2 Insufficient cpu. preemption: none"},
		{"ProvisioningFailed", `storageclass.storage.k8s.io "fast" not found`},
		{"Waiting", `exec: "x": executable file not found in $PATH: unknown`},
	} {
		f.Add(seed.reason, seed.message)
	}
	f.Fuzz(func(t *testing.T, reason, message string) {
		e := Event{Kind: "Pod", Name: "p", UID: "u", Container: "app", Reason: reason, Message: message, Count: 3}
		status := func(state map[string]any) map[string]any {
			return map[string]any{"containerStatuses": []any{map[string]any{"name": "app", "image": "x:1", "state": state}}}
		}
		waiting := func(why string) map[string]any {
			return status(map[string]any{"waiting": map[string]any{"reason": why, "message": message}})
		}
		for _, s := range []map[string]any{
			waiting("ContainerCreating"), waiting("ImagePullBackOff"), waiting("CreateContainerConfigError"), waiting("RunContainerError"),
			status(map[string]any{"running": map[string]any{}}),
			{"conditions": []any{map[string]any{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}}},
			{"conditions": []any{map[string]any{"type": "Ready", "status": "False", "reason": "ReadinessGatesNotReady", "message": message}}},
		} {
			pod := podFrom([]byte("metadata: {name: p, uid: u}"))
			pod.Object["status"] = s
			said(t, WhyPod(pod, Clue{Events: []Event{e}}).Sentence, 220)
		}
		said(t, notCreated(message), 130)
		said(t, plain(message), longest)
		if once := plain(message); plain(once) != once && !strings.Contains(once, "…") {
			t.Errorf("%q becomes %q", once, plain(once))
		}
	})
}

func FuzzAnyObjectHasAHealth(f *testing.F) {
	f.Add([]byte("apiVersion: v1\nkind: Pod\nstatus: {containerStatuses: [{name: app, state: {waiting: {reason: CrashLoopBackOff}}}]}"))
	f.Add([]byte("apiVersion: apps/v1\nkind: Deployment\nmetadata: {generation: 1}\nstatus: {observedGeneration: 1, conditions: [{type: Progressing, reason: ProgressDeadlineExceeded}]}"))
	f.Add([]byte("apiVersion: example.org/v1\nkind: Gadget\nstatus: {conditions: [{type: Stalled, status: \"True\"}]}"))
	f.Add([]byte("apiVersion: batch/v1\nkind: Job\nstatus: {conditions: [{type: Failed, status: \"True\", reason: DeadlineExceeded}]}"))
	f.Add([]byte("apiVersion: v1\nkind: Event\ninvolvedObject: {kind: Pod, fieldPath: 'spec.containers{app}'}\nseries: {lastObservedTime: x}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		u := podFrom(raw)
		if u == nil {
			t.Skip("not an object")
		}
		state := Of(u, Event{}.Last)
		if (state.Message == "") != (state.Health == reconcile.Healthy) {
			t.Errorf("%+v", state)
		}
		WhyPod(u, Clue{Events: []Event{EventOf(u)}})
		WhyNoPods(u, []Event{EventOf(u)}, Event{}.Last)
		PullSecrets(u)
		Claims(u)
	})
}
