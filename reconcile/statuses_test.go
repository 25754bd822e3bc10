package reconcile

import (
	"fmt"
	"strings"
	"testing"

	"banksman.dev/render"
)

func TestAContextIsPendingAsLongAsOneServiceIsAndTheWorstAfterThat(t *testing.T) {
	ok, runs, bad, unreadable := successReport("fine"), pendingReport("rolling out"), failureReport("it crashed"), errorReport("superseded by 1a2b3c4")
	for name, c := range map[string]struct {
		reports reported
		want    string
	}{
		"one service speaks for itself": {reported{"web": {Full: ok}}, "success: fine"},
		"all are done":                  {reported{"api": {Full: ok}, "web": {Full: ok}}, "success: all 2 services"},
		"one still runs":                {reported{"api": {Full: bad}, "web": {Full: runs}}, "pending: 1 of 2 services; web: rolling out"},
		"a failure is worse than an error": {
			reported{"a": {Full: unreadable}, "b": {Full: bad}, "c": {Full: ok}}, "failure: 1 of 3 services; b: it crashed",
		},
		"an error is worse than a success": {reported{"a": {Full: unreadable}, "b": {Full: ok}}, "error: 1 of 2 services; a: superseded by 1a2b3c4"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, s := range Statuses("", c.reports, nil, branchStages) {
				if s.Context == "banksman/full" {
					if got := string(s.State) + ": " + s.Description; got != c.want {
						t.Errorf("%q, want %q", got, c.want)
					}
					return
				}
			}
			t.Error("no status banksman/full")
		})
	}
}

func TestServicesGetContextsOfTheirOwnUpToTwenty(t *testing.T) {
	for n, want := range map[int]int{1: 6, 20: 63, 21: 3} {
		reports := reported{}
		for i := range n {
			reports[render.ServiceName(fmt.Sprintf("s%02d", i))] = Report{Canary: successReport(""), Approval: successReport(""), Full: successReport("")}
		}
		if got := len(Statuses("staging", reports, nil, branchStages)); got != want {
			t.Errorf("%d services: %d contexts, want %d", n, got, want)
		}
	}
	for _, s := range Statuses("staging", reported{"web": {}}, map[render.ServiceName]string{"web": "https://look.example/web"}, branchStages) {
		if s.TargetURL != "https://look.example/web" {
			t.Errorf("%s leads to %q", s.Context, s.TargetURL)
		}
		if !strings.HasPrefix(s.Context, "banksman/staging/") {
			t.Errorf("context %q", s.Context)
		}
	}
}
