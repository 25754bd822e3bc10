package cluster

import (
	"net/http"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"banksman.dev/reconcile"
)

const lone = `
apiVersion: v1
kind: ConfigMap
metadata: {name: lone, namespace: NS}
data: {volume: quiet}
`

func TestASingleChangeIsNotDryRun(t *testing.T) {
	for name, c := range map[string]struct {
		before func(*bench, reconcile.Set) // what happened to the object
		set    func(*reconcile.Set)
		single bool
	}{
		"a new object":              {single: true},
		"new content":               {before: func(b *bench, s reconcile.Set) { b.apply(s) }, single: true},
		"of an open pull request":   {set: func(s *reconcile.Set) { s.Proposed, s.Unapproved, s.Track = true, true, reconcile.TrackCanary }},
		"an audit":                  {before: func(b *bench, s reconcile.Set) { b.apply(s) }, set: func(s *reconcile.Set) { s.Audit = true }},
		"made by hand with kubectl": {before: func(b *bench, s reconcile.Set) { b.kubectlApply(s) }},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			if c.before != nil {
				c.before(b, b.setOf(lone))
			}
			next := b.setOf(strings.ReplaceAll(lone, "quiet", "loud"))
			if c.set != nil {
				c.set(&next)
			}
			dry := 0
			for _, request := range b.sent.during(func() { b.apply(next) }) {
				if strings.Contains(request, "dryRun=All") {
					dry++
				}
			}
			if (dry == 0) != c.single {
				t.Errorf("%d dry runs", dry)
			}
			if sent := b.sent.during(func() { b.apply(next) }); len(sent) > 0 && !next.Audit {
				t.Errorf("the next apply sent %q", sent)
			}
		})
	}
}

// An apply that changes nothing tells so by the version that comes back.
func TestASingleApplyThatChangesNothingIsNoWrite(t *testing.T) {
	b := newBench(t)
	s := b.setOf(lone)
	b.apply(s)
	a := &application{Cluster: b.cluster, set: s, session: newSession(b.cluster.client, false)}
	if _, err := a.plan(t.Context(), s.Objects, nil); err != nil {
		t.Fatal(err)
	}
	todo := a.all[0]
	todo.make(s.Objects[0], s)
	if _, err := a.session.look(t.Context(), todo.wanted); err != nil {
		t.Fatal(err)
	}
	if err := a.session.applyOnly(t.Context(), todo.wanted); err != nil {
		t.Fatal(err)
	}
	if a.session.wrote(todo.place.id()) {
		t.Error("it counts as written")
	}
}

func TestWhatIsExpectedIsWatchedBeforeItIsAskedFor(t *testing.T) {
	b := newBench(t)
	entries := b.apply(b.set())
	b.restart()
	b.cluster.Expect(entries)
	deadline := time.Now().Add(10 * time.Second)
	for _, e := range entries {
		p, err := b.cluster.find(gvkOf(e), e.Namespace, e.Name)
		if err != nil {
			t.Fatal(err)
		}
		for b.cluster.watches.running(p) == nil || !b.cluster.watches.running(p).isSynced() {
			if time.Now().After(deadline) {
				t.Fatalf("%s is not watched", e.Kind)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// Drift that cannot be repaired must not be taken for health: a release would be
// promoted on it.
func TestARepairThatFailsLeavesTheObjectUnwell(t *testing.T) {
	for name, c := range map[string]struct {
		edit string
		lose bool // the answer to the repair
	}{
		"it is refused":      {edit: `{"data": {"volume": "meddled"}, "immutable": true}`},
		"the answer is lost": {edit: `{"data": {"volume": "meddled"}}`, lose: true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			s := b.setOf(lone)
			b.apply(s)
			b.becomes(s, reconcile.Healthy)
			if _, err := b.kube.CoreV1().ConfigMaps(b.namespace).Patch(t.Context(), "lone", types.MergePatchType, []byte(c.edit), metav1.PatchOptions{FieldManager: "somebody"}); err != nil {
				t.Fatal(err)
			}
			b.becomes(s, reconcile.Progressing)
			if c.lose {
				b.sent.lose(func(r *http.Request) bool { return r.Method == http.MethodPatch })
			}
			if _, err := b.cluster.Apply(t.Context(), s); err == nil {
				t.Fatal("it was repaired")
			}
			if live := b.live(s); live.Health == reconcile.Healthy {
				t.Errorf("it is %v", live)
			}
			b.sent.lose(nil)
			if !c.lose {
				return
			}
			b.apply(s)
			b.becomes(s, reconcile.Healthy)
		})
	}
}
