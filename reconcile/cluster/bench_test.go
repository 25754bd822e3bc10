package cluster

import (
	"strings"
	"testing"

	"banksman.dev/gitsrc"
	"banksman.dev/reconcile"
	"banksman.dev/render"
)

// What a pass costs in which nothing changed, per object of a set.
func BenchmarkAPassThatChangesNothing(b *testing.B) {
	for name, pass := range map[string]func(*bench, reconcile.Set){
		"Apply": func(t *bench, s reconcile.Set) { t.apply(s) },
		"Live":  func(t *bench, s reconcile.Set) { t.live(s) },
	} {
		b.Run(name, func(b *testing.B) {
			t := newBench(b)
			s := t.set()
			s.Ref = reconcile.Ref{Commit: gitsrc.SHA(strings.Repeat("a", 40)), Digest: render.Digest(strings.Repeat("1", 64))}
			t.apply(s)
			t.becomes(s, reconcile.Healthy)
			b.ReportAllocs()
			for b.Loop() {
				pass(t, s)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(s.Objects)), "ns/object")
		})
	}
}
