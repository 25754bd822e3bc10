package cluster

import (
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"banksman.dev/reconcile"
)

// restart is another process that knows the inventory.
func (b *bench) restart() {
	b.Helper()
	b.cluster.Close()
	b.cluster = b.open(Options{})
}

// objectRequests are the requests about single objects: not the questions about
// kinds, and not the lists and watches.
func objectRequests(requests []string) []string {
	return slices.DeleteFunc(slices.Clone(requests), func(r string) bool {
		return strings.HasPrefix(r, "GET ") && !strings.Contains(r, "/fop-gate")
	})
}

func (b *bench) edit(words string) {
	b.Helper()
	if _, err := b.kube.CoreV1().ConfigMaps(b.namespace).Patch(b.Context(), "fop-gate", types.MergePatchType, []byte(words), metav1.PatchOptions{FieldManager: "somebody"}); err != nil {
		b.Fatal(err)
	}
}

func TestAfterARestartTheInventoryProvesWhatIsAsWanted(t *testing.T) {
	b := newBench(t)
	s := b.set()
	s.Known = b.apply(s)
	for _, e := range s.Known {
		if len(e.Want) != 16 || len(e.Owned) != 16 {
			t.Errorf("entry %+v", e)
		}
	}
	b.becomes(s, reconcile.Healthy)
	b.restart()
	var entries []reconcile.Entry
	if sent := objectRequests(b.sent.during(func() { entries = b.apply(s) })); len(sent) > 0 {
		t.Errorf("sent %q", sent)
	}
	if !slices.Equal(entries, s.Known) {
		t.Errorf("entries\n%v\nand before the restart\n%v", entries, s.Known)
	}
	if live := b.live(s); live.Health != reconcile.Healthy {
		t.Errorf("live: %+v", live)
	}
}

func TestAfterARestartOnlyWhatIsNotProvenIsLookedAt(t *testing.T) {
	type wants struct {
		looks, writes int
		repaired      []string
	}
	configMap := func(s reconcile.Set, change func(*reconcile.Entry)) {
		for i := range s.Known {
			if s.Known[i].Kind == "ConfigMap" {
				change(&s.Known[i])
			}
		}
	}
	for name, c := range map[string]struct {
		meanwhile func(*bench, reconcile.Set)
		want      wants
	}{
		"somebody edited it": {func(b *bench, _ reconcile.Set) {
			b.edit(`{"data":{"mode":"loud"}}`)
		}, wants{2, 1, []string{"ConfigMap"}}},
		"somebody deleted it": {func(b *bench, _ reconcile.Set) { b.deleteConfigMap() }, wants{1, 1, []string{"ConfigMap"}}},
		"somebody applied it by hand": {func(b *bench, _ reconcile.Set) {
			body := `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"fop-gate"},"data":{"mode":"quiet","more":"words"}}`
			if _, err := b.kube.CoreV1().ConfigMaps(b.namespace).Patch(b.Context(), "fop-gate", types.ApplyPatchType, []byte(body), metav1.PatchOptions{FieldManager: "kubectl"}); err != nil {
				b.Fatal(err)
			}
		}, wants{2, 2, []string{"ConfigMap"}}},
		"the record is older than the last apply": {func(_ *bench, s reconcile.Set) {
			configMap(s, func(e *reconcile.Entry) { e.Owned = strings.Repeat("0", 16) })
		}, wants{2, 0, nil}},
		"the record is about another content": {func(_ *bench, s reconcile.Set) {
			configMap(s, func(e *reconcile.Entry) { e.Want = strings.Repeat("0", 16) })
		}, wants{2, 0, nil}},
		"the record is about another object": {func(_ *bench, s reconcile.Set) {
			configMap(s, func(e *reconcile.Entry) { e.UID = "x" })
		}, wants{2, 0, nil}},
		"the record does not know the hashes": {func(_ *bench, s reconcile.Set) {
			configMap(s, func(e *reconcile.Entry) { e.Want, e.Owned = "", "" })
		}, wants{2, 0, nil}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			s := b.set()
			s.Known = b.apply(s)
			b.becomes(s, reconcile.Healthy)
			b.cluster.Close()
			s.Known = slices.Clone(s.Known)
			c.meanwhile(b, s)
			b.cluster = b.open(Options{})
			applied := reconcile.Applied{}
			sent := objectRequests(b.sent.during(func() {
				var err error
				if applied, err = b.cluster.Apply(t.Context(), s); err != nil {
					t.Fatal(err)
				}
			}))
			w := writes(sent)
			if len(w) != c.want.writes || len(sent)-len(w) != c.want.looks {
				t.Errorf("sent %q, want %+v", sent, c.want)
			}
			var repaired []string
			for _, id := range applied.Repaired {
				repaired = append(repaired, id.Kind)
			}
			if !slices.Equal(repaired, c.want.repaired) {
				t.Errorf("repaired %v, want %v", repaired, c.want.repaired)
			}
			s.Known = applied.Entries
			b.restart()
			if sent := objectRequests(b.sent.during(func() { b.apply(s) })); len(sent) > 0 {
				t.Errorf("after another restart it sent %q", sent)
			}
			if got := b.configMap().Data["mode"]; got != "quiet" {
				t.Errorf("mode %q", got)
			}
		})
	}
}

// Two applies within one second leave the same hash of our entry: it names the
// same fields, and the second. The content tells them apart.
func TestAForgottenApplyInTheSameSecondIsNotTakenForTheOneBefore(t *testing.T) {
	b := newBench(t)
	s, next := b.set(), b.set("quiet", "loud")
	same := false
	for range 20 {
		s.Known = b.apply(s)
		entries := b.apply(next)
		if same = entryFor(t, entries, "ConfigMap").Owned == entryFor(t, s.Known, "ConfigMap").Owned; same {
			break
		}
	}
	if !same {
		t.Skip("this machine is too slow to apply twice within one second")
	}
	b.restart()
	b.apply(s)
	if got := b.configMap().Data["mode"]; got != "quiet" {
		t.Errorf("mode %q", got)
	}
}
