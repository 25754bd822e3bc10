package github

import (
	"testing"
	"time"

	"banksman.dev/approvals"
)

func TestTheLabelCountsFromWhoPutItOnAfterThePush(t *testing.T) {
	const again = "; take it off and put it on again"
	const unknown = "it is not known whether #1 was pushed after alice put the label banksman/canary on" + again
	event := func(kind string, by object, minute int) object {
		return object{"event": kind, "actor": by, "created_at": stamp(minute), "label": object{"name": "banksman/canary"}}
	}
	for _, row := range []struct {
		name   string
		set    func(*forge)
		reason string
	}{
		{"after the push", func(f *forge) { f.pushed(1, 10); f.labelled(1, alice, 11) }, "#1 may have the canary"},
		{"before the push", func(f *forge) { f.pushed(1, 12); f.labelled(1, alice, 11) }, "#1 was pushed after alice put the label banksman/canary on" + again},
		{"before a push back to what was there before", func(f *forge) { f.pushed(1, 10); f.labelled(1, alice, 11); f.pushed(1, 12) }, "#1 was pushed after alice put the label banksman/canary on" + again},
		{"by a reader", func(f *forge) { f.pushed(1, 10); f.labelled(1, carol, 11) }, "#1 has the label banksman/canary from carol, who has no write permission: its canary runs after the merge"},
		{"by a reader after a writer", func(f *forge) { f.pushed(1, 10); f.labelled(1, alice, 11); f.labelled(1, carol, 12) }, "#1 has the label banksman/canary from carol, who has no write permission: its canary runs after the merge"},
		{"by an account that is gone", func(f *forge) { f.pushed(1, 10); f.labelled(1, nil, 11) }, "it is not known who put the label banksman/canary on #1" + again},
		{"by a bot", func(f *forge) { f.pushed(1, 10); f.labelled(1, object{"id": 9, "login": "x[bot]", "type": "Bot"}, 11) }, "#1 has the label banksman/canary from x[bot], which is not a person: its canary runs after the merge"},
		{"taken off since the list was read", func(f *forge) {
			f.pushed(1, 10)
			f.labelled(1, alice, 11)
			f.timelines["1"] = append(f.timelines["1"], event("unlabeled", alice, 12))
		}, "#1 has no label banksman/canary: its canary runs after the merge"},
		{"off and on again", func(f *forge) {
			f.labelled(1, alice, 11)
			f.pushed(1, 12)
			f.timelines["1"] = append(f.timelines["1"], event("unlabeled", carol, 13), event("labeled", alice, 14))
		}, "#1 may have the canary"},
		{"on another page of the timeline", func(f *forge) {
			f.pushed(1, 10)
			for range 150 {
				f.timelines["1"] = append(f.timelines["1"], object{"event": "commented", "actor": bob, "created_at": stamp(1)})
			}
			f.labelled(1, alice, 11)
		}, "#1 may have the canary"},
		{"another label's event does not count", func(f *forge) {
			f.pushed(1, 10)
			f.labelled(1, alice, 11)
			f.timelines["1"] = []object{{"event": "labeled", "actor": alice, "created_at": stamp(11), "label": object{"name": "bug"}}}
		}, "it is not known who put the label banksman/canary on #1" + again},
		{"events of other shapes do not matter", func(f *forge) {
			f.pushed(1, 10)
			f.labelled(1, alice, 11)
			f.timelines["1"] = append(f.timelines["1"], object{"event": "committed", "sha": shaOf(1), "author": object{"date": stamp(99)}, "source": 7}, object{"event": "reviewed", "user": nil, "id": "a word"})
		}, "#1 may have the canary"},
		{"GitHub does not list the push", func(f *forge) { f.labelled(1, alice, 11) }, unknown},
		{"GitHub's newest push is another", func(f *forge) {
			f.pushed(1, 10)
			f.labelled(1, alice, 11)
			f.activity["refs/heads/bump-1"][0]["after"] = shaOf(77)
		}, unknown},
		{"GitHub's newest push is of another branch", func(f *forge) {
			f.pushed(1, 10)
			f.labelled(1, alice, 11)
			f.activity["refs/heads/bump-1"][0]["ref"] = "refs/heads/bump-11"
		}, unknown},
		{"a push without a time", func(f *forge) {
			f.pushed(1, 10)
			f.labelled(1, alice, 11)
			delete(f.activity["refs/heads/bump-1"][0], "timestamp")
		}, unknown},
		{"a server without activities", func(f *forge) { f.noTimes = true; f.labelled(1, alice, 11) }, unknown},
		{"activities that the token may not see", func(f *forge) { f.labelled(1, alice, 11); f.wrong["activity"] = 403 }, "read when #1 was pushed: GitHub refuses (403: as you wish); give the token the permission contents:read"},
		{"a timeline that fails", func(f *forge) { f.labelled(1, alice, 11); f.wrong["issues timeline 1"] = 502 }, "read who labelled #1: GitHub fails (502); it is asked again"},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := newForge(t, 1)
			f.level["carol"] = "read"
			row.set(f)
			p := looked(t, f.client(t), false)[1]
			if e := approvals.Eligible(p, approvals.ProposalRules{From: approvals.CanaryFromLabel, Branch: "main"}); e.Reason != row.reason {
				t.Errorf("got  %s: %s\nwant %s", e.Standing, e.Reason, row.reason)
			}
		})
	}
}

func TestALabelLongAfterTheHeadWasSeenNeedsNoTimeOfThePush(t *testing.T) {
	f := newForge(t, 2)
	f.noTimes = true
	c := f.client(t)
	looked(t, c, false)
	inMinutes := func(n int) int {
		return int(time.Until(time.Date(2026, 1, 2, 3, n, 0, 0, time.UTC)).Minutes())
	}
	minute := -inMinutes(0)
	f.labelled(1, alice, minute+5)
	f.labelled(2, alice, minute+5)
	f.change(2, object{"head": object{"ref": "bump-2", "sha": shaOf(22), "repo": object{"id": 99}}})
	label := approvals.ProposalRules{From: approvals.CanaryFromLabel, Branch: "main"}
	all := looked(t, c, false)
	if e := approvals.Eligible(all[1], label); !e.Eligible() {
		t.Errorf("the head was seen before: %s", e.Reason)
	}
	c.heads.put(2, dated[approvals.SHA]{approvals.SHA(shaOf(22)), time.Now().Add(time.Hour)})
	if e := approvals.Eligible(looked(t, c, false)[2], label); e.Eligible() {
		t.Error("the head was seen after the label")
	}
}
