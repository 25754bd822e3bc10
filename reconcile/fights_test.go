package reconcile

import (
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"banksman.dev/approvals"
	"banksman.dev/render"
)

func TestRepairsOfOneObjectWaitLongerAndLongerOnceItIsAFight(t *testing.T) {
	t.Parallel()
	s := func(n int) time.Duration { return time.Duration(n) * time.Second }
	for name, c := range map[string]struct {
		after []time.Duration // from one repair to the next
		want  time.Duration   // how long the next repair waits
	}{
		"the first is at once":                             {[]time.Duration{0}, 0},
		"the fifth within a minute is at once":             {slices.Repeat([]time.Duration{s(1)}, 5), 0},
		"after the sixth within a minute they wait":        {slices.Repeat([]time.Duration{s(1)}, 6), s(1)},
		"six in more than a minute are no fight":           {slices.Repeat([]time.Duration{s(12)}, 6), 0},
		"six in just less than a minute are":               {slices.Repeat([]time.Duration{s(11)}, 6), s(1)},
		"each waits twice as long as the one before":       {slices.Repeat([]time.Duration{s(1)}, 9), s(8)},
		"none waits longer than a minute":                  {slices.Repeat([]time.Duration{s(1)}, 30), s(60)},
		"a fight that goes on slowly goes on":              {append(slices.Repeat([]time.Duration{s(1)}, 8), s(60), s(60)), s(16)},
		"what changes once in a while is put back at once": {slices.Repeat([]time.Duration{s(70)}, 30), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var f fight
			now := noon
			for _, after := range c.after {
				now = now.Add(after)
				f = f.repaired(now, "rival")
			}
			if got := f.until.Sub(now); got != c.want {
				t.Errorf("waits %s, want %s", got, c.want)
			}
			if f.isOn() != (c.want > 0) {
				t.Errorf("a fight: %v", f.isOn())
			}
		})
	}
}

// A rival undoes each repair of one object in a cluster of the small world.
func TestAFightIsSlowedDownShownAndEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quickDir(t), approvals.CanaryFromBranch, newTally())
	for range 5 {
		w.quietTick(t.Context(), 6*time.Minute)
	}
	var said strings.Builder
	w.Log = slog.New(slog.NewTextHandler(&said, nil))
	id := render.ObjectID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}
	other := render.ObjectID{Kind: "ConfigMap", Namespace: "shop", Name: "web-0"}
	if w.cluster.things[id] == nil || w.cluster.things[other] == nil {
		t.Fatal(w.cluster.ids())
	}
	repairs := 0
	w.cluster.rival = "greedy-controller"
	for range 600 { // ten minutes
		if !w.cluster.things[id].drifted {
			repairs++
		}
		w.cluster.things[id].drifted = true
		w.quietTick(t.Context(), time.Second)
	}
	// Six at once, six while the wait grows to a minute, and then one in each.
	if repairs < 15 || repairs > 25 {
		t.Errorf("%d repairs in ten minutes", repairs)
	}
	if wake := w.wakeAt["web"]; !w.cluster.things[id].drifted || wake.IsZero() || wake.After(w.now.Add(longestTruce)) {
		t.Errorf("the repair that waits is due at %s, and it is %s", wake, w.now)
	}
	why := "somebody changes Deployment shop/web again and again: greedy-controller; its repairs wait, up to 1m"
	if got := w.views["web"].Reason; !strings.Contains(got, why) {
		t.Errorf("why says %q", got)
	}
	w.cluster.things[other].drifted = true
	w.quietTick(t.Context(), time.Second)
	if w.cluster.things[other].drifted {
		t.Error("another object waits for its repair, too")
	}
	for range 200 {
		w.quietTick(t.Context(), time.Second)
	}
	if w.cluster.things[id].drifted {
		t.Error("the last change is never put back")
	}
	if got := w.views["web"]; strings.Contains(got.Reason, "again and again") || !got.Ready {
		t.Errorf("the fight is over and why says %q", got.Reason)
	}
	w.cluster.things[id].drifted = true
	w.quietTick(t.Context(), time.Second)
	if w.cluster.things[id].drifted {
		t.Error("after the fight nothing is repaired at once")
	}
	for line, want := range map[string]int{"again after each repair": 1, "nobody changes the object any more": 1} {
		if got := strings.Count(said.String(), line); got != want {
			t.Errorf("%q is logged %d times", line, got)
		}
	}
}

func TestAFightNamesWhomTheObjectNames(t *testing.T) {
	t.Parallel()
	var f fight
	for _, by := range []string{"b", "", "a", "b", "c", "d"} {
		f = f.repaired(noon, by)
	}
	if want := []string{"a", "b", "c"}; !reflect.DeepEqual(f.by, want) {
		t.Errorf("%v, want %v", f.by, want)
	}
}
