package main

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

func TestEventsAreThoseOfTheServiceAloneTheNewestLast(t *testing.T) {
	shots := map[frame]string{}
	for _, f := range frames {
		w := begin(t, f.screen(), "family", "events", "fop-gate")
		w.ends(0)
		shots[f] = w.out.String()
	}
	checkFrames(t, shots, false)
	golden(t, "events 80", shots[frame{80, false}])
	golden(t, "events 200", shots[frame{200, false}])
	if colours := strings.Count(shots[frame{80, true}], "\x1b["); colours == 0 || ansi.Strip(shots[frame{80, true}]) != shots[frame{80, false}] {
		t.Errorf("%d colours", colours)
	}
	begin(t, screen{}, "family", "events", "new").ends(0)
}

func TestWithoutAServiceTheEventsAreTheDeliveries(t *testing.T) {
	w := begin(t, screen{}, "family", "events", "-A")
	w.ends(0)
	if got := w.out.String(); !strings.Contains(got, "CanaryStarted") || strings.Contains(got, "BackOff") {
		t.Errorf("printed\n%s", got)
	}
	w = begin(t, screen{}, "family", "events", "-n", "money")
	w.ends(0)
	if got := w.errOut.String(); got != "no Events of the Deliveries of namespace money; banksman history knows the releases\n" {
		t.Errorf("said %q", got)
	}
}

// happen makes an Event of a Pod.
func (w *watchedWorld) happen(name, pod, message string, count int32) {
	w.Helper()
	e := core.Event{
		TypeMeta:       metav1.TypeMeta{APIVersion: "v1", Kind: "Event"},
		ObjectMeta:     metav1.ObjectMeta{Name: name, Namespace: "dora-apps", UID: "event"},
		InvolvedObject: core.ObjectReference{Kind: "Pod", Namespace: "dora-apps", Name: pod, UID: "fop-gate-canary-5f6d-wvqkj"},
		Type:           "Normal", Reason: "Pulled", Message: message, Count: count,
		LastTimestamp: metav1.Date(2026, 11, 21, 9, 0, 0, 0, metav1.Now().UTC().Location()),
	}
	if pod == "stray" {
		e.InvolvedObject.UID = "stray"
	}
	e.UID = e.UID + "-" + e.InvolvedObject.UID
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&e)
	if err != nil {
		w.Fatal(err)
	}
	events := w.client.Resource(core.SchemeGroupVersion.WithResource("events")).Namespace("dora-apps")
	o := &unstructured.Unstructured{Object: content}
	if count == 1 {
		_, err = events.Create(w.Context(), o, metav1.CreateOptions{})
	} else {
		_, err = events.Update(w.Context(), o, metav1.UpdateOptions{})
	}
	if err != nil {
		w.Fatal(err)
	}
}

func TestWatchedEventsArePrintedAsTheyHappenAndOnceEach(t *testing.T) {
	w := begin(t, screen{}, "family", "events", "fop-gate", "--watch")
	w.sees("BackOff")
	w.happen("e", "stray", "not the service's", 1)
	w.happen("f", "fop-gate-canary-5f6d-wvqkj", "pulled it", 1)
	w.sees("11-21 09:00:00Z   Normal   Pulled   Pod fop-gate-canary-5f6d-wvqkj   pulled it\n")
	w.happen("f", "fop-gate-canary-5f6d-wvqkj", "pulled it", 2)
	w.sees("(2 times) pulled it\n")
	w.cancel()
	w.ends(0)
	if got := w.out.String(); strings.Count(got, "pulled it") != 2 || strings.Contains(got, "not the service's") {
		t.Errorf("printed\n%s", got)
	}
}
