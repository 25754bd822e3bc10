package notify_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"banksman.dev/reconcile"
	"banksman.dev/reconcile/notify"
)

func TestATargetThatHangsHoldsUpNobody(t *testing.T) {
	hung, asked := hanging(t)
	r := receiving(t)
	slow := r.hook(t)
	slow.Name, slow.Webhook.URL = "slow", hung.URL
	w := begin(t, slow, r.hook(t))
	w.tell(promoted("1"))
	<-asked
	for i := range 20 {
		w.tell(promoted(fmt.Sprint("more-", i)))
	}
	wait(t, func() bool { return w.counted(notify.Sent) == 21 })
	w.close() // and it does not hold up the end
	if w.counted(notify.Failed) != 1 || w.counted(notify.Dropped) != 20 {
		t.Errorf("counted %v", w.counts)
	}
}

func TestTheOldestGiveWayInAFullQueueWhichIsSaidOnce(t *testing.T) {
	hung, asked := hanging(t)
	target := receiving(t).hook(t)
	target.Webhook.URL = hung.URL
	w := begin(t, target)
	w.tell(promoted("first"))
	<-asked // so that it waits in no queue
	for i := range 1024 + 10 {
		w.tell(promoted(fmt.Sprint(i)))
	}
	if n := w.counted(notify.Dropped); n != 10 {
		t.Errorf("%d were dropped, want 10", n)
	}
	if n := strings.Count(w.said(), "dropped"); n != 1 || !strings.Contains(w.said(), "id=production/dora/0 ") {
		t.Errorf("the log says %q", w.said())
	}
}

func TestATargetThatFailsIsSaidOnceAndItsReturnToo(t *testing.T) {
	r := receiving(t, answer{code: 400}, answer{code: 400}, answer{code: 400}, answer{code: 200})
	w := begin(t, r.hook(t))
	w.tell(promoted("1"), promoted("2"), promoted("3"), promoted("4"), promoted("5"))
	w.finish()
	log := w.said()
	if strings.Count(log, "lost") != 1 || strings.Count(log, "taken again") != 1 {
		t.Errorf("the log says %q", log)
	}
}

func TestWhatIsTooOldIsNotSent(t *testing.T) {
	told := make(chan struct{})
	r := receiving(t, answer{code: 503, after: told}, answer{code: 200})
	w := begin(t, r.hook(t))
	w.late = 20 * time.Minute // the machine sleeps
	w.tell(promoted("1"), promoted("2"))
	close(told)
	w.finish()
	if w.counted(notify.Sent) != 1 || w.counted(notify.Dropped) != 1 {
		t.Errorf("counted %v", w.counts)
	}
	if !strings.Contains(w.said(), "id=production/dora/2") {
		t.Errorf("the log says %q", w.said())
	}
}

// No ID is told twice to a target that took it, whatever is told again and
// whatever the target answers meanwhile, also over a change of the target.
func TestNoIDIsToldTwiceToATargetThatTookIt(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		codes := rapid.SliceOfN(rapid.SampledFrom([]int{200, 204, 408, 429, 500, 503, 404, 302}), 1, 40).Draw(rt, "codes")
		ids := rapid.SliceOfN(rapid.IntRange(0, 6), 1, 30).Draw(rt, "ids")
		changeAt := rapid.IntRange(0, len(ids)).Draw(rt, "changeAt")
		var mu sync.Mutex
		took, requests := map[string]int{}, 0
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			code := codes[requests%len(codes)]
			requests++
			id := req.Header.Get("Banksman-Delivery")
			if took[id] > 0 {
				took[id]++ // again, whatever is answered now
			} else if code < 300 {
				took[id] = 1
			}
			w.WriteHeader(code)
		}))
		defer s.Close()
		w := &world{t: t}
		target := notify.Target{Name: "audit", Webhook: &notify.Webhook{URL: s.URL}}
		n, err := notify.Start(w.options(), []notify.Target{target})
		if err != nil {
			rt.Fatal(err)
		}
		w.notifier = n
		for i, id := range ids {
			if i == changeAt {
				target.Services = []string{"*"}
				if err := n.Aim([]notify.Target{target}); err != nil {
					rt.Fatal(err)
				}
			}
			w.tell(promoted(fmt.Sprint(id)))
		}
		w.finish()
		for id, times := range took {
			if times > 1 {
				rt.Errorf("%s was told %d times", id, times)
			}
		}
		slices.Sort(ids)
		if ends := w.counted(notify.Sent) + w.counted(notify.Failed) + w.counted(notify.Dropped); ends != len(slices.Compact(ids)) {
			rt.Errorf("%d ends of %d notifications", ends, len(slices.Compact(ids)))
		}
	})
}

func TestWhoHearsWhat(t *testing.T) {
	for name, c := range map[string]struct {
		target  notify.Target
		source  notify.Source
		event   reconcile.Event
		service string
		hears   bool
	}{
		"a target that chooses nothing hears of a promotion":        {event: reconcile.EventPromoted, service: "fop-gate", hears: true},
		"and not of a canary that starts":                           {event: reconcile.EventCanaryStarted, service: "fop-gate"},
		"nor of one that is ready: that a review is due comes next": {event: reconcile.EventCanaryReady, service: "fop-gate"},
		"nor of a rollout that starts":                              {event: reconcile.EventRolloutStarted, service: "fop-gate"},
		"unless it chooses it":                                      {target: notify.Target{Events: []reconcile.Event{reconcile.EventCanaryStarted}}, event: reconcile.EventCanaryStarted, service: "fop-gate", hears: true},
		"what is not among the chosen is not told":                  {target: notify.Target{Events: []reconcile.Event{reconcile.EventHeld}}, event: reconcile.EventPromoted, service: "fop-gate"},
		"a glob chooses services":                                   {target: notify.Target{Services: []string{"x", "fop-*"}}, event: reconcile.EventPromoted, service: "fop-gate", hears: true},
		"a service that no glob names is not told":                  {target: notify.Target{Services: []string{"fop"}}, event: reconcile.EventPromoted, service: "fop-gate"},
		"what concerns all services is told to whoever chose some":  {target: notify.Target{Services: []string{"fop"}}, event: reconcile.EventUnreadable, hears: true},
		"a source that names its targets tells these":               {source: notify.Source{Targets: []string{"audit"}}, event: reconcile.EventPromoted, service: "fop-gate", hears: true},
		"and no other": {source: notify.Source{Targets: []string{"releases"}}, event: reconcile.EventPromoted, service: "fop-gate"},
	} {
		t.Run(name, func(t *testing.T) {
			r := receiving(t)
			hook := r.hook(t)
			c.target.Name, c.target.Webhook = hook.Name, hook.Webhook
			w := begin(t, c.target)
			x := promoted("1")
			x.Event, x.Service = c.event, ""
			if c.service != "" {
				x.Service = "fop-gate"
			}
			w.notifier.Tell(c.source, x)
			w.finish()
			if got := len(r.letters()) == 1; got != c.hears {
				t.Errorf("hears: %t, want %t", got, c.hears)
			}
		})
	}
}

func TestTwoEnvironmentsHaveTwoIDs(t *testing.T) {
	r := receiving(t)
	w := begin(t, r.hook(t))
	w.notifier.Tell(notify.Source{Environment: "staging"}, promoted("1"))
	w.notifier.Tell(notify.Source{Environment: "production"}, promoted("1"))
	w.notifier.Tell(notify.Source{}, promoted("an odd\nname"))
	w.finish()
	var ids []string
	for _, l := range r.letters() {
		var n notify.Notification
		if err := json.Unmarshal([]byte(l.body), &n); err != nil {
			t.Fatal(err)
		}
		if n.ID != l.header.Get("Banksman-Delivery") {
			t.Errorf("%q in the body, %q in the header", n.ID, l.header.Get("Banksman-Delivery"))
		}
		ids = append(ids, n.ID)
	}
	if want := []string{"staging/1", "production/1", "an_odd_name"}; !slices.Equal(ids, want) {
		t.Errorf("got %q, want %q", ids, want)
	}
}

func TestOtherTargetsTakeEffectAtOnce(t *testing.T) {
	first, next := receiving(t), receiving(t)
	w := begin(t, first.hook(t))
	w.tell(promoted("1"))
	if err := w.notifier.Aim([]notify.Target{next.hook(t)}); err != nil {
		t.Fatal(err)
	}
	w.tell(promoted("1"), promoted("2"))
	if err := w.notifier.Aim([]notify.Target{{Name: "wrong"}}); err == nil {
		t.Error("a target without an address is taken")
	}
	w.tell(promoted("3"))
	if err := w.notifier.Aim(nil); err != nil {
		t.Fatal(err)
	}
	w.tell(promoted("4"))
	w.finish()
	if a, b := len(first.letters()), len(next.letters()); a != 1 || b != 2 {
		t.Errorf("the first got %d, the next %d", a, b)
	}
	if err := w.notifier.Aim(nil); err == nil {
		t.Error("targets after the end")
	}
	w.tell(promoted("5")) // is heard by nobody, and harms nobody
}

func TestToTellNeverWaitsNeitherDuringTheEnd(t *testing.T) {
	hung, asked := hanging(t)
	target := receiving(t).hook(t)
	target.Webhook.URL = hung.URL
	w := begin(t, target)
	w.tell(promoted("1"))
	<-asked
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() { w.notifier.Close(ctx) })
	group.Go(func() {
		for i := range 1000 {
			w.tell(promoted(fmt.Sprint(i)))
		}
		cancel()
	})
	group.Wait()
}
