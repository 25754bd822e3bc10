package cluster

import (
	"testing"

	"banksman.dev/reconcile"
	"banksman.dev/render"
)

func TestWhatStandsIsWhatDidNotComeWithTheCanary(t *testing.T) {
	b := newBench(t)
	s := b.set()
	found := func() []render.ObjectID {
		t.Helper()
		ids, err := b.cluster.Standing(t.Context(), s.Service, s.Objects)
		if err != nil {
			t.Fatal(err)
		}
		return ids
	}
	if ids := found(); len(ids) > 0 {
		t.Errorf("in an empty namespace there is %v", ids)
	}
	canary := s
	canary.Track = reconcile.TrackCanary
	b.apply(canary)
	if ids := found(); len(ids) > 0 {
		t.Errorf("what came with the canary counts: %v", ids)
	}
	b.apply(s)
	if ids := found(); len(ids) != len(s.Objects) {
		t.Errorf("of full there is %v", ids)
	}
}

func TestWhatSomebodyElseMadeStands(t *testing.T) {
	b := newBench(t)
	s := b.set()
	b.kubectlApply(s)
	found := func() []render.ObjectID {
		t.Helper()
		ids, err := b.cluster.Standing(t.Context(), s.Service, s.Objects)
		if err != nil {
			t.Fatal(err)
		}
		return ids
	}
	if ids := found(); len(ids) != len(s.Objects) {
		t.Errorf("found %v", ids)
	}
}
