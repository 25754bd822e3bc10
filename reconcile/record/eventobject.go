package record

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"banksman.dev/reconcile"
	"banksman.dev/reconcile/api/v1alpha1"
)

const (
	mostNote      = 1024 // bytes of an Event's message
	mostEventName = 200  // of the service's name in an Event's
)

// eventOf is the Event that says a transition. Its name follows from the
// transition's ID.
func eventOf(t reconcile.Transition, d *v1alpha1.Delivery) *corev1.Event {
	at, kind := metav1.NewTime(t.At.UTC()), corev1.EventTypeNormal
	if t.Event.Warns() {
		kind = corev1.EventTypeWarning
	}
	sum := sha256.Sum256([]byte(t.ID))
	name := strings.TrimRight(d.Name[:min(len(d.Name), mostEventName)], ".-")
	return &corev1.Event{
		TypeMeta: metav1.TypeMeta{APIVersion: corev1.SchemeGroupVersion.String(), Kind: "Event"},
		ObjectMeta: metav1.ObjectMeta{
			Name: name + "." + hex.EncodeToString(sum[:8]), Namespace: d.Namespace, Annotations: notesOf(t),
			Labels: map[string]string{managedBy: owner},
		},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: v1alpha1.Version.String(), Kind: v1alpha1.Kind,
			Namespace: d.Namespace, Name: d.Name, UID: d.UID, ResourceVersion: d.ResourceVersion,
		},
		Type: kind, Reason: reasonOf(t.Event), Message: messageOf(t),
		Source: corev1.EventSource{Component: owner}, ReportingController: owner,
		FirstTimestamp: at, LastTimestamp: at, Count: 1,
	}
}

// notesOf are for programs.
func notesOf(t reconcile.Transition) map[string]string {
	notes := map[string]string{v1alpha1.AnnotationEvent: string(t.Event)}
	for name, value := range map[string]string{
		v1alpha1.AnnotationCommit: string(t.Ref.Commit), v1alpha1.AnnotationDigest: string(t.Ref.Digest), v1alpha1.AnnotationURL: t.URL,
	} {
		if value != "" {
			notes[name] = value
		}
	}
	if t.Ref.Pull != 0 {
		notes[v1alpha1.AnnotationPull] = strconv.Itoa(t.Ref.Pull)
	}
	return notes
}

// reasonOf makes "AwaitingApproval" of "awaiting-approval".
func reasonOf(e reconcile.Event) string { return camel(strings.ReplaceAll(string(e), "-", " ")) }

func messageOf(t reconcile.Transition) string {
	text := t.Reason
	if len(t.Waits) > 0 {
		text += fmt.Sprintf("; waits for %s", strings.Join(t.Waits, ", "))
	}
	if t.Next != "" {
		text += "; next: " + t.Next
	}
	if len(text) <= mostNote {
		return text
	}
	text = text[:mostNote-len("…")]
	for !utf8.ValidString(text) {
		text = text[:len(text)-1]
	}
	return text + "…"
}

func unstructuredOf(e *corev1.Event) (*unstructured.Unstructured, error) {
	o, err := runtime.DefaultUnstructuredConverter.ToUnstructured(e)
	if err != nil {
		return nil, fmt.Errorf("write Event %s/%s: %w", e.Namespace, e.Name, err)
	}
	return &unstructured.Unstructured{Object: o}, nil
}
