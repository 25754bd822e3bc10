package cluster

import (
	"context"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"banksman.dev/reconcile"
	"banksman.dev/render"
)

func (b *bench) applied(s reconcile.Set) reconcile.Applied {
	b.Helper()
	applied, err := b.cluster.Apply(b.Context(), s)
	if err != nil {
		b.Fatal(err)
	}
	return applied
}

// drifts waits until Live names exactly these kinds as changed and left so.
func (b *bench) drifts(s reconcile.Set, kinds ...string) reconcile.Live {
	b.Helper()
	var live reconcile.Live
	b.eventually("the drift of "+strings.Join(kinds, ", "), func() bool {
		live = b.live(s)
		return slices.Equal(kindsOf(live.Drifted), kinds)
	})
	return live
}

func kindsOf(ids []render.ObjectID) []string {
	var kinds []string
	for _, id := range ids {
		kinds = append(kinds, id.Kind)
	}
	return kinds
}

func (b *bench) scale(n int32) {
	b.Helper()
	scale, err := b.kube.AppsV1().Deployments(b.namespace).GetScale(b.Context(), "fop-gate", metav1.GetOptions{})
	if err != nil {
		b.Fatal(err)
	}
	scale.Spec.Replicas = n
	if _, err := b.kube.AppsV1().Deployments(b.namespace).UpdateScale(b.Context(), "fop-gate", scale, metav1.UpdateOptions{}); err != nil {
		b.Fatal(err)
	}
}

func TestDriftThatIsKeptIsShownAndNotSent(t *testing.T) {
	for name, c := range map[string]struct {
		deed func(*bench)
		kind string
		then reconcile.Health
	}{
		"a Deployment that was scaled": {func(b *bench) { b.scale(5) }, "Deployment", reconcile.Healthy},
		"a ConfigMap that was edited":  {func(b *bench) { b.edit(`{"data":{"mode":"loud"}}`) }, "ConfigMap", reconcile.Healthy},
		"a ConfigMap that was deleted": {func(b *bench) { b.deleteConfigMap() }, "ConfigMap", reconcile.Missing},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			s := b.set()
			s.KeepDrift = true
			s.Known = b.apply(s)
			b.becomes(s, reconcile.Healthy)
			c.deed(b)
			b.drifts(s, c.kind)
			b.becomes(s, c.then)
			if applied := b.applied(s); len(applied.Repaired) > 0 {
				t.Errorf("repaired %v", applied.Repaired)
			}
			b.hush()
			b.apply(s)
			if sent := b.sent.during(func() { b.apply(s); b.drifts(s, c.kind) }); len(sent) > 0 {
				t.Errorf("known drift costs %q", sent)
			}
			b.restart()
			if w := writes(b.sent.during(func() { b.drifts(s, c.kind); b.apply(s); b.drifts(s, c.kind) })); len(w) > 0 {
				t.Errorf("after a restart it wrote %q", w)
			}
			next := b.set("quiet", "silent", "replicas: 3", "replicas: 2")
			next.KeepDrift, next.Known, next.Ref.Digest = true, s.Known, render.Digest(strings.Repeat("2", 64))
			if applied := b.applied(next); len(applied.Repaired) > 0 {
				t.Errorf("a new content is no repair: %v", applied.Repaired)
			}
			b.becomes(next, reconcile.Healthy)
			if live := b.live(next); len(live.Drifted) > 0 || b.configMap().Data["mode"] != "silent" || *b.deployment().Spec.Replicas != 2 {
				t.Errorf("a new content did not end the drift: %+v", live)
			}
		})
	}
}

func TestKeptDriftEndsWhenItIsTakenBackAndWhenItIsNotKeptAnyMore(t *testing.T) {
	b := newBench(t)
	s := b.set()
	s.KeepDrift = true
	b.apply(s)
	b.becomes(s, reconcile.Healthy)
	b.edit(`{"data":{"mode":"loud"}}`)
	b.drifts(s, "ConfigMap")
	b.apply(s)
	b.edit(`{"data":{"mode":"quiet"}}`)
	b.eventually("the drift is over", func() bool { b.apply(s); return len(b.live(s).Drifted) == 0 })
	b.edit(`{"data":{"mode":"loud"}}`)
	b.eventually("another drift", func() bool { b.apply(s); return len(b.live(s).Drifted) == 1 })
	s.KeepDrift = false
	if applied := b.applied(s); !slices.Equal(kindsOf(applied.Repaired), []string{"ConfigMap"}) {
		t.Errorf("repaired %v", applied.Repaired)
	}
	if got := b.configMap().Data["mode"]; got != "quiet" {
		t.Errorf("mode %q", got)
	}
}

// A release that was applied and forgotten, because the process died before it
// saved the record, is no drift of the one before.
func TestGoingBackFromAForgottenReleaseIsNoDrift(t *testing.T) {
	b := newBench(t)
	s := b.set()
	s.KeepDrift = true
	s.Known = b.apply(s)
	next := b.set("quiet", "loud", "fop-gate:1", "fop-gate:2")
	next.Ref.Digest = render.Digest(strings.Repeat("2", 64))
	b.apply(next)
	b.restart()
	if applied := b.applied(s); len(applied.Repaired) > 0 {
		t.Errorf("repaired %v", applied.Repaired)
	}
	if got := b.configMap().Data["mode"]; got != "quiet" {
		t.Errorf("mode %q: the old release was not written", got)
	}
	b.becomes(s, reconcile.Healthy)
}

func TestAnAuditAsksAboutEachObjectAndWritesWhatDiffers(t *testing.T) {
	b := newBench(t)
	s := b.set()
	b.apply(s)
	b.becomes(s, reconcile.Healthy)
	audit := s
	audit.Audit = true
	sent := b.sent.during(func() { b.apply(audit) })
	if len(sent) != 2*len(s.Objects) || len(writes(sent)) > 0 {
		t.Errorf("sent %q", sent)
	}
	if sent := b.sent.during(func() { b.apply(s) }); len(sent) > 0 {
		t.Errorf("afterwards it sent %q", sent)
	}
	// What no watch has shown: the witness is told that it is as wanted.
	b.edit(`{"data":{"mode":"loud"}}`)
	b.eventually("the watch shows the edit", func() bool { return b.live(s).Health != reconcile.Healthy })
	id := render.ObjectID{Kind: "ConfigMap", Namespace: b.namespace, Name: "fop-gate"}
	said, _ := b.cluster.witness.of(id)
	seen, _ := b.cluster.witness.sight(id)
	b.cluster.witness.note(id, said.want, seen)
	if sent := b.sent.during(func() { b.apply(s) }); len(sent) > 0 {
		t.Fatalf("the witness was not fooled: %q", sent)
	}
	audit.KeepDrift = true
	b.applied(audit)
	audit.KeepDrift = false
	if applied := b.applied(audit); !slices.Equal(kindsOf(applied.Repaired), []string{"ConfigMap"}) {
		t.Errorf("repaired %v", applied.Repaired)
	}
	if got := b.configMap().Data["mode"]; got != "quiet" {
		t.Errorf("mode %q", got)
	}
}

func TestNothingIsInSyncBeforeTheWatchesHaveShownEverything(t *testing.T) {
	b := newBench(t)
	s := b.set()
	s.Known = b.apply(s)
	b.restart()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if live, err := b.cluster.Live(ctx, s); err == nil {
		t.Errorf("live: %+v", live)
	}
	if applied, err := b.cluster.Apply(ctx, s); err == nil {
		t.Errorf("applied: %+v", applied)
	}
}
