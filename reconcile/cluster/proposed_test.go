package cluster

import (
	"errors"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"banksman.dev/reconcile"
)

// proposed makes a set the canary of an open pull request.
func proposed(s reconcile.Set) reconcile.Set {
	s.Track, s.Proposed = reconcile.TrackCanary, true
	return s
}

func byHand(labels map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "fop-gate", Labels: labels}, Data: map[string]string{"made": "by hand"}}
}

func (b *bench) createByHand(labels map[string]string) {
	b.Helper()
	if _, err := b.kube.CoreV1().ConfigMaps(b.namespace).Create(b.Context(), byHand(labels), metav1.CreateOptions{}); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) deleteConfigMap() {
	b.Helper()
	if err := b.kube.CoreV1().ConfigMaps(b.namespace).Delete(b.Context(), "fop-gate", metav1.DeleteOptions{}); err != nil {
		b.Fatal(err)
	}
}

// refusedUntouched applies a set that must be refused for good because of its
// ConfigMap, and sees that nothing was written.
func (b *bench) refusedUntouched(s reconcile.Set, says string) {
	b.Helper()
	before := b.configMap()
	var err error
	wrote := writes(b.sent.during(func() { _, err = b.cluster.Apply(b.Context(), s) }))
	var e *reconcile.ApplyError
	if !errors.As(err, &e) || !e.Permanent || e.Object.Kind != "ConfigMap" || e.Try != mergeFirst || !strings.Contains(e.Error(), says) {
		b.Errorf("%v\nwant %q", err, says)
	}
	if len(wrote) > 0 {
		b.Errorf("wrote %q", wrote)
	}
	if after := b.configMap(); !reflect.DeepEqual(before, after) {
		b.Errorf("it was\n%+v\nand is\n%+v", before, after)
	}
}

func TestAProposedSetLeavesAloneWhatIsNotItsServicesCanary(t *testing.T) {
	canary := map[string]string{LabelService: "fop-gate", LabelTrack: "canary"}
	for name, c := range map[string]struct {
		is   func(b *bench)
		says string
	}{
		"what somebody made by hand":                 {func(b *bench) { b.createByHand(nil) }, "banksman did not make it"},
		"what somebody labelled like it":             {func(b *bench) { b.createByHand(canary) }, "banksman did not make it"},
		"what the service's full variant has":        {func(b *bench) { b.apply(b.set()) }, `its banksman.dev/track is "stable"`},
		"what the canary of another service has":     {func(b *bench) { s := proposed(b.set()); s.Service = "other"; b.apply(s) }, "it is of the service other"},
		"what was the canary's and lost its label":   {func(b *bench) { b.apply(proposed(b.set())); b.label(`{"banksman.dev/service":null}`) }, "it lost the label banksman.dev/service"},
		"what was the canary's and is another's now": {func(b *bench) { b.apply(proposed(b.set())); b.label(`{"banksman.dev/service":"x"}`) }, "it is of the service x"},
		"what was deleted and made again by hand": {func(b *bench) {
			b.apply(proposed(b.set()))
			b.becomes(proposed(b.set()), reconcile.Healthy)
			b.deleteConfigMap()
			b.createByHand(canary)
			b.becomes(proposed(b.set()), reconcile.Missing)
		}, "banksman did not make it"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			c.is(b)
			s := proposed(b.set("quiet", "loud", "fop-gate:1", "fop-gate:2"))
			s.Ref.Digest = "2"
			b.refusedUntouched(s, c.says)
			for _, o := range []Options{{}, {Adopt: true}} { // after a restart, and taking over what others claim
				b.cluster = b.open(o)
				b.refusedUntouched(s, c.says)
				b.refusedUntouched(s, c.says) // as drift repair would
			}
			if live := b.live(s); live.Health != reconcile.Missing {
				t.Errorf("live: %+v", live)
			}
		})
	}
}

// label changes labels of the ConfigMap as a person would, and waits until the
// watch has seen it.
func (b *bench) label(words string) {
	b.Helper()
	b.becomes(proposed(b.set()), reconcile.Healthy)
	if _, err := b.kube.CoreV1().ConfigMaps(b.namespace).Patch(b.Context(), "fop-gate", types.MergePatchType, []byte(`{"metadata":{"labels":`+words+`}}`), metav1.PatchOptions{FieldManager: "kubectl-label"}); err != nil {
		b.Fatal(err)
	}
	b.eventually("the watch shows the label", func() bool { return b.live(proposed(b.set())).Health != reconcile.Healthy })
}

func TestAnApprovedCanaryTakesOverWhatTheProposedOneLeft(t *testing.T) {
	b := newBench(t)
	b.createByHand(nil)
	s := proposed(b.set())
	b.refusedUntouched(s, "banksman did not make it")
	s.Proposed = false
	b.apply(s)
	b.becomes(s, reconcile.Healthy)
}

func TestAProposedSetIsACanaryAndDefinesNothing(t *testing.T) {
	b := newBench(t)
	stable := b.set()
	stable.Proposed = true
	namespace := proposed(b.setOf("apiVersion: v1\nkind: Namespace\nmetadata: {name: NS-more}\n"))
	for what, s := range map[string]reconcile.Set{"as the canary only": stable, "defines no Namespace": namespace} {
		var err error
		sent := b.sent.during(func() { _, err = b.cluster.Apply(t.Context(), s) })
		var e *reconcile.ApplyError
		if !errors.As(err, &e) || !e.Permanent || !strings.Contains(err.Error(), what) || len(sent) > 0 {
			t.Errorf("%v, sent %q", err, sent)
		}
	}
}

func TestAProposedCanaryIsAppliedLikeAnyOther(t *testing.T) {
	b := newBench(t)
	s := proposed(b.set("mode: quiet", "mode: quiet, more: words"))
	if entries := b.apply(s); len(entries) != 3 || entries[0].UID == "" || entries[0].Track != reconcile.TrackCanary {
		t.Errorf("entries %v", entries)
	}
	b.becomes(s, reconcile.Healthy)
	if sent := b.sent.during(func() { b.apply(s); b.live(s) }); len(sent) > 0 {
		t.Errorf("at rest %q was sent", sent)
	}
	for _, f := range b.configMap().ManagedFields {
		if f.Manager != Owner || f.Operation != metav1.ManagedFieldsOperationApply {
			t.Errorf("the creation left the owner %s by %s", f.Manager, f.Operation)
		}
	}
}

func TestAFieldThatAProposedCanaryDropsIsGone(t *testing.T) {
	for name, creation := range map[string]bool{"after a tidy creation": false, "after one that somebody wrote into": true} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			if creation {
				b.sent.lose(func(r *http.Request) bool { // the step that tidies up
					return r.Method == http.MethodPatch && r.Header.Get("Content-Type") == string(types.JSONPatchType)
				})
			}
			b.apply(proposed(b.set("mode: quiet", "mode: quiet, more: words")))
			b.sent.lose(nil)
			next := proposed(b.set())
			next.Ref.Digest = "2"
			b.apply(next)
			if got := b.configMap(); len(got.Data) != 1 {
				t.Errorf("data %v", got.Data)
			}
			b.becomes(next, reconcile.Healthy)
		})
	}
}

func TestTheSameContentCostsNothingWhenItIsApprovedAndBack(t *testing.T) {
	b := newBench(t)
	s := proposed(b.set())
	approved := s
	approved.Proposed = false
	b.apply(s)
	b.becomes(s, reconcile.Healthy)
	for what, set := range map[string]reconcile.Set{"approved": approved, "proposed": s} {
		if sent := b.sent.during(func() { b.apply(set); b.live(set) }); len(sent) > 0 {
			t.Errorf("%s: sent %q", what, sent)
		}
	}
	b.cluster = b.open(Options{})
	for what, set := range map[string]reconcile.Set{"approved": approved, "proposed": s} {
		if w := writes(b.sent.during(func() { b.apply(set) })); len(w) > 0 {
			t.Errorf("%s after a restart: wrote %q", what, w)
		}
	}
}

func TestDriftOfAProposedCanaryIsPutBack(t *testing.T) {
	b := newBench(t)
	s := proposed(b.set())
	b.apply(s)
	b.becomes(s, reconcile.Healthy)
	b.hush()
	if _, err := b.kube.CoreV1().ConfigMaps(b.namespace).Patch(t.Context(), "fop-gate", types.MergePatchType, []byte(`{"data":{"mode":"loud"}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	b.heard("the drift")
	b.eventually("the drift shows", func() bool { return b.live(s).Health != reconcile.Healthy })
	b.apply(s)
	b.becomes(s, reconcile.Healthy)
	if got := b.configMap().Data["mode"]; got != "quiet" {
		t.Errorf("mode %q", got)
	}
	b.hush()
	b.deleteConfigMap()
	b.heard("the deletion")
	b.becomes(s, reconcile.Missing)
	b.apply(s)
	b.becomes(s, reconcile.Healthy)
}

// Between the check and the write somebody puts an object of theirs in the place.
func TestAProposedSetNeverWritesToWhatCameAfterTheCheck(t *testing.T) {
	for name, existed := range map[string]bool{"where nothing was": false, "in the place of the canary's": true} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			s := proposed(b.set())
			if existed {
				b.apply(s)
				b.becomes(s, reconcile.Healthy)
				s = proposed(b.set("quiet", "loud"))
				s.Ref.Digest = "2"
			}
			var once sync.Once
			b.sent.lose(func(r *http.Request) bool {
				if r.Method != http.MethodGet && !strings.Contains(r.URL.RawQuery, "dryRun") && strings.Contains(r.URL.Path, "/configmaps") {
					once.Do(func() {
						if existed {
							b.deleteConfigMap()
						}
						b.createByHand(nil)
					})
				}
				return false
			})
			_, err := b.cluster.Apply(t.Context(), s)
			b.sent.lose(nil)
			var e *reconcile.ApplyError
			if !errors.As(err, &e) || e.Permanent || e.Object.Kind != "ConfigMap" {
				t.Errorf("%v", err)
			}
			if got := b.configMap(); got.Data["made"] != "by hand" || len(got.Labels) > 0 || len(got.Annotations) > 0 {
				t.Errorf("it was written to: %+v", got)
			}
			b.refusedUntouched(s, "banksman did not make it")
		})
	}
}

// A creation whose apply got lost is the canary's.
func TestAProposedCanaryThatWasOnlyCreatedIsFinished(t *testing.T) {
	b := newBench(t)
	s := proposed(b.set())
	b.sent.lose(func(r *http.Request) bool { return isWrite(r, "/configmaps/") })
	applied, err := b.cluster.Apply(t.Context(), s)
	var e *reconcile.ApplyError
	if !errors.As(err, &e) || e.Permanent {
		t.Fatalf("%v", err)
	}
	found := false
	for _, entry := range applied.Entries {
		found = found || entry.Kind == "ConfigMap" && entry.UID != ""
	}
	if !found {
		t.Errorf("the inventory does not name what was created: %v", applied.Entries)
	}
	b.sent.lose(nil)
	b.apply(s)
	b.becomes(s, reconcile.Healthy)
	if sent := b.sent.during(func() { b.apply(s) }); len(sent) > 0 {
		t.Errorf("sent %q", sent)
	}
}

func TestWhatWasReplacedIsWorthAnotherLook(t *testing.T) {
	invalid := func(name string) error {
		return apierrors.NewInvalid(autoscalerKind, "x", field.ErrorList{field.Invalid(field.NewPath(name), "x", "field is immutable")})
	}
	jsonPatch := client.RawPatch(types.JSONPatchType, nil)
	for name, c := range map[string]struct {
		proposed  bool
		patch     client.Patch
		err       error
		permanent bool
	}{
		"a failed test of the UID":                  {true, jsonPatch, invalid("spec"), false},
		"an apply to another UID":                   {true, client.Apply, invalid("metadata.uid"), false}, //nolint:staticcheck // what ssa sends
		"an apply of something invalid":             {true, client.Apply, invalid("spec"), true},          //nolint:staticcheck // what ssa sends
		"a patch of a set that is not a proposal's": {false, jsonPatch, invalid("spec"), true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := refusal(thing, newSession(nil, c.proposed).refused(thing, c.patch, c.err)); got.Permanent != c.permanent {
				t.Errorf("%v: for good %v", got, got.Permanent)
			}
		})
	}
}
