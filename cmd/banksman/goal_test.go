package main

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"banksman.dev/reconcile/api/v1alpha1"
)

// arrivals are what each goal says of a state: yes, no, or lost.
type arrivals struct{ canary, approval, complete, held string }

func wordOfArrival(a arrival) string {
	switch {
	case a.reached:
		return "yes"
	case a.lost != "":
		return "lost"
	}
	return "no"
}

func (w arrivals) check(t *testing.T, status, commit string) {
	t.Helper()
	var d v1alpha1.Delivery
	if err := yaml.UnmarshalStrict([]byte(status), &d.Status); err != nil {
		t.Fatal(err)
	}
	d.Generation = 1
	if d.Status.ObservedGeneration == 0 {
		d.Status.ObservedGeneration = 1
	}
	for word, want := range map[string]string{goalCanary: w.canary, goalApproval: w.approval, goalComplete: w.complete, goalReady: w.complete, goalHeld: w.held} {
		g, err := goalOf(word, commit)
		if err != nil {
			t.Fatal(err)
		}
		a := g.look(d)
		if got := wordOfArrival(a); got != want {
			t.Errorf("%s: %s (%s), want %s", word, got, a.lost, want)
		}
	}
}

func TestAGoalIsReachedOrLostAsTheServiceStands(t *testing.T) {
	for name, c := range map[string]struct {
		status string
		want   arrivals
	}{
		"nothing is known yet": {`{}`, arrivals{"no", "no", "no", "no"}},
		"the canary rolls out": {`{step: Canary, head: {commit: c2, digest: d2}}`, arrivals{"no", "no", "no", "no"}},
		"the canary bakes":     {`{step: Bake, head: {commit: c2, digest: d2}}`, arrivals{"no", "no", "no", "no"}},
		"it waits for a review": {
			`{step: Approval, head: {commit: c2, digest: d2}, passed: [{digest: d2}]}`, arrivals{"yes", "yes", "no", "no"},
		},
		"full rolls out":   {`{step: Full, head: {commit: c2, digest: d2}, passed: [{digest: d2}]}`, arrivals{"yes", "no", "no", "no"}},
		"it is up to date": {`{step: Up to date, conditions: [{type: Ready, status: "True", reason: x, message: "", lastTransitionTime: null}]}`, arrivals{"yes", "no", "yes", "no"}},
		"it is held":       {`{step: Held, reason: it failed, head: {commit: c2, digest: d2}}`, arrivals{"lost", "lost", "lost", "yes"}},
		"an order for what is held was not followed yet": {
			`{step: Held, reason: it failed, observedGeneration: -1, head: {commit: c2, digest: d2}}`, arrivals{"no", "no", "no", "yes"},
		},
		"a pull request's canary has passed": {
			`{step: Up to date, proposed: {commit: c3, digest: d3, pull: 12}, canary: {commit: c3, pull: 12}, passed: [{digest: d3}]}`, arrivals{"yes", "yes", "no", "no"},
		},
		"a pull request's canary rolls out": {
			`{step: Up to date, proposed: {commit: c3, digest: d3, pull: 12}, canary: {commit: c3, pull: 12}}`, arrivals{"no", "no", "no", "no"},
		},
		"it cannot be rendered": {
			`{step: Unreadable, reason: bad, conditions: [{type: Stalled, status: "True", reason: x, message: "", lastTransitionTime: null}]}`, arrivals{"lost", "lost", "lost", "no"},
		},
		"the Git server is down": {`{step: Unreadable, reason: no answer, waits: [the Git server]}`, arrivals{"no", "no", "no", "no"}},
		"it is suspended":        {`{step: Suspended, reason: month end}`, arrivals{"no", "no", "no", "no"}},
	} {
		t.Run(name, func(t *testing.T) { c.want.check(t, c.status, "") })
	}
}

func TestAGoalForACommitIsReachedOrLostByThatCommitAlone(t *testing.T) {
	const mine = "2222222222222222222222222222222222222222"
	report := func(canary, approval, full string) string {
		return `{step: Held, reason: something else, head: {commit: "3333", digest: d3}, reports: [{commit: "` + mine +
			`", canary: {state: ` + canary + `, description: c}, approval: {state: ` + approval + `, description: a}, full: {state: ` + full + `, description: f}}]}`
	}
	for name, c := range map[string]struct {
		status string
		want   arrivals
	}{
		"another one is held":                      {`{step: Held, reason: it failed, holds: [{commit: "3333", digest: d3}]}`, arrivals{"no", "no", "no", "no"}},
		"its canary rolls out":                     {report("pending", "pending", "pending"), arrivals{"no", "no", "no", "no"}},
		"its canary rolls out, and it is approved": {report("pending", "success", "pending"), arrivals{"no", "no", "no", "no"}},
		"its canary has passed":                    {report("success", "pending", "pending"), arrivals{"yes", "yes", "no", "no"}},
		"it rolls out":                             {report("success", "success", "pending"), arrivals{"yes", "yes", "no", "no"}},
		"full runs it":                             {report("success", "success", "success"), arrivals{"yes", "yes", "yes", "lost"}},
		"changes are requested":                    {report("success", "failure", "error"), arrivals{"yes", "yes", "lost", "lost"}},
		"its canary failed":                        {report("failure", "error", "error"), arrivals{"lost", "lost", "lost", "lost"}},
		"it was superseded":                        {report("success", "error", "error"), arrivals{"yes", "lost", "lost", "lost"}},
		"it is held, or aborted":                   {`{step: Held, reason: r, holds: [{commit: "` + mine + `", digest: d2, reason: "aborted by carol"}]}`, arrivals{"lost", "lost", "lost", "yes"}},
		"it is a pull request's head, and was merged": {
			`{reports: [{commit: "4444", mirror: "` + mine + `", canary: {state: success}, approval: {state: success}, full: {state: pending}}]}`, arrivals{"yes", "yes", "no", "no"},
		},
		"it is an open pull request's, whose canary rolls out": {`{canarySlot: {commit: "` + mine + `", digest: d2, pull: 12}}`, arrivals{"no", "no", "no", "no"}},
		"it is an open pull request's, whose canary passed": {
			`{canarySlot: {commit: "` + mine + `", digest: d2, pull: 12, healthy: true}, passed: [{digest: d2}]}`, arrivals{"yes", "yes", "no", "no"},
		},
		"it is an open pull request's, whose canary is ill again": {
			`{canarySlot: {commit: "` + mine + `", digest: d2, pull: 12}, passed: [{digest: d2}]}`, arrivals{"no", "no", "no", "no"},
		},
		"only the history knows it":               {`{history: [{outcome: retried, commit: "` + mine + `"}, {outcome: promoted, commit: "` + mine + `"}]}`, arrivals{"yes", "yes", "yes", "lost"}},
		"the history knows that it was withdrawn": {`{history: [{outcome: approval withdrawn, commit: "` + mine + `"}]}`, arrivals{"lost", "lost", "lost", "lost"}},
		"it changes nothing": {
			`{observedCommit: "` + mine + `", conditions: [{type: Ready, status: "True", reason: x, message: "", lastTransitionTime: null}]}`, arrivals{"yes", "yes", "yes", "lost"},
		},
		"nothing is known of it": {`{observedCommit: "5555", step: Up to date}`, arrivals{"no", "no", "no", "no"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.want.check(t, c.status, mine)
			c.want.check(t, c.status, mine[:7])
		})
	}
}

func TestAWatchForWhatCannotComeAnyMoreFailsWithWhy(t *testing.T) {
	w := watchIn(t, screen{}, "fop-gate", "--for=complete", "--commit=2222222", "--timeout=1h")
	w.sees("the canary of 2222222 is rolling out")
	w.set("fop-gate", "dora-apps", func(d *v1alpha1.Delivery) {
		d.Status.Step, d.Status.Reason = "Held", "2222222 is held"
		now := metav1.Now()
		d.Status.Holds = []v1alpha1.Hold{{Commit: "2222222222222222222222222222222222222222", Digest: "d2", Reason: "aborted by carol: it is wrong", Since: &now}}
	})
	w.ends(1)
	const want = `banksman: fop-gate cannot become complete for 2222222 any more: aborted by carol: it is wrong
  banksman why fop-gate -n dora-apps
`
	if got := w.errOut.String(); got != want {
		t.Errorf("failed with\n%s\nwant\n%s", got, want)
	}
}
