package approvals

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// proposal is an open pull request of Paul's that alice labelled after its push.
func proposal(change func(*Proposal)) Proposal {
	by := author
	p := Proposal{
		Number: 12, URL: "https://forge/12", Title: "bump", Head: head, HeadBranch: "bump",
		HeadRepository: 99, BaseRepository: 99, Base: "main", Author: &by, AuthorCanWrite: true,
		CreatedAt: at(1), UpdatedAt: at(9), PushedAt: at(5), Labelled: &Labelled{By: alice, ByCanWrite: true, At: at(6)},
	}
	if change != nil {
		change(&p)
	}
	return p
}

func TestEligibleSaysWhoseContentRunsBeforeTheMerge(t *testing.T) {
	const again = "; take it off and put it on again"
	open := ProposalRules{From: CanaryFromPullRequests, Branch: "main", Authors: []string{"Renovate[bot]"}}
	label := open
	label.From = CanaryFromLabel
	with := func(r ProposalRules, change func(*ProposalRules)) ProposalRules { change(&r); return r }
	labelledBy := func(change func(*Labelled)) Proposal {
		return proposal(func(p *Proposal) { change(p.Labelled) })
	}
	for _, row := range []struct {
		name     string
		proposal Proposal
		rules    ProposalRules
		standing Standing
		reason   string
	}{
		{"a writer's pull request may have the canary", proposal(nil), open, StandingEligible, "#12 may have the canary"},
		{"a labelled one may have the canary", proposal(nil), label, StandingEligible, "#12 may have the canary"},

		{"from the branch none has one", proposal(nil), with(open, func(r *ProposalRules) { r.From = CanaryFromBranch }), StandingAfterMerge, "the canary of #12 runs after the merge"},
		{"without a word it is from the branch", proposal(nil), with(open, func(r *ProposalRules) { r.From = "" }), StandingAfterMerge, "the canary of #12 runs after the merge"},
		{"a word that nobody knows lets none run", proposal(nil), with(open, func(r *ProposalRules) { r.From = "all" }), StandingUnknown, `canaryFrom "all" is not known; write branch, label or pull-requests`},
		{"a closed one is withdrawn", proposal(func(p *Proposal) { p.Closed = true }), open, StandingWithheld, "#12 is closed"},
		{"a fork's runs after the merge", proposal(func(p *Proposal) { p.HeadRepository = 98 }), open, StandingAfterMerge, "#12 comes from a fork: its canary runs after the merge"},
		{"a deleted fork's runs after the merge", proposal(func(p *Proposal) { p.HeadRepository = 0 }), open, StandingAfterMerge, "#12 comes from a fork: its canary runs after the merge"},
		{"two repositories without numbers are not the same", proposal(func(p *Proposal) { p.HeadRepository, p.BaseRepository = 0, 0 }), open, StandingAfterMerge, "#12 comes from a fork: its canary runs after the merge"},
		{"a fork's label does not help", proposal(func(p *Proposal) { p.HeadRepository = 98 }), label, StandingAfterMerge, "#12 comes from a fork: its canary runs after the merge"},
		{"a draft runs after the merge", proposal(func(p *Proposal) { p.Draft = true }), open, StandingAfterMerge, "#12 is a draft: its canary runs after the merge"},
		{"one for another branch has no canary here", proposal(func(p *Proposal) { p.Base = "dev" }), open, StandingAfterMerge, "#12 is for dev, not for main: its canary runs after the merge"},

		{"a problem is unknown and says itself", proposal(func(p *Proposal) { p.Problem = "GitHub fails (502)" }), open, StandingUnknown, "GitHub fails (502)"},
		{"one without a number is unknown", proposal(func(p *Proposal) { p.Number = 0 }), open, StandingUnknown, "what is known of #0 is incomplete: it has no number"},
		{"one without a head is unknown", proposal(func(p *Proposal) { p.Head = "" }), open, StandingUnknown, "what is known of #12 is incomplete: it has no head"},
		{"one without a base is unknown", proposal(func(p *Proposal) { p.Base = "" }), open, StandingUnknown, "what is known of #12 is incomplete: the branch is not known"},
		{"no branch of our own is unknown", proposal(func(p *Proposal) { p.Base = "" }), with(open, func(r *ProposalRules) { r.Branch = "" }), StandingUnknown, "what is known of #12 is incomplete: the branch is not known"},
		{"one without a date is unknown", proposal(func(p *Proposal) { p.CreatedAt = time.Time{} }), open, StandingUnknown, "what is known of #12 is incomplete: it has no date"},
		{"an author without an id is unknown", proposal(func(p *Proposal) { p.Author = &User{Login: "renovate[bot]", Type: "Bot"} }), open, StandingUnknown, "what is known of #12 is incomplete: the account that opened it is incomplete"},
		{"an author without a type is unknown", proposal(func(p *Proposal) { p.Author = &User{ID: 1, Login: "paul"} }), open, StandingUnknown, "what is known of #12 is incomplete: the account that opened it is incomplete"},

		{"a reader's runs after the merge", proposal(func(p *Proposal) { p.AuthorCanWrite = false }), open, StandingAfterMerge, "#12 was opened by Paul, who has no write permission: its canary runs after the merge"},
		{"a reader who is listed may propose", proposal(func(p *Proposal) { p.AuthorCanWrite = false }), with(open, func(r *ProposalRules) { r.Authors = []string{"paul"} }), StandingEligible, "#12 may have the canary"},
		{"a listed bot may propose", proposal(func(p *Proposal) { p.Author, p.AuthorCanWrite = &User{8, "renovate[bot]", "Bot"}, false }), open, StandingEligible, "#12 may have the canary"},
		{"another bot may not, even if it can write", proposal(func(p *Proposal) { p.Author = &robot }), open, StandingAfterMerge, "#12 was opened by robot[bot], which is not listed under authors: its canary runs after the merge"},
		{"an account that is gone proposes nothing", proposal(func(p *Proposal) { p.Author = nil }), open, StandingAfterMerge, "#12 was opened by an account that is gone: its canary runs after the merge"},

		{"without the label it runs after the merge", proposal(func(p *Proposal) { p.Labelled = nil }), label, StandingAfterMerge, "#12 has no label banksman/canary: its canary runs after the merge"},
		{"a reader's label has no effect", labelledBy(func(l *Labelled) { l.By, l.ByCanWrite = carol, false }), label, StandingAfterMerge, "#12 has the label banksman/canary from carol, who has no write permission: its canary runs after the merge"},
		{"a bot's label has no effect", labelledBy(func(l *Labelled) { l.By = robot }), label, StandingAfterMerge, "#12 has the label banksman/canary from robot[bot], which is not a person: its canary runs after the merge"},
		{"nobody's label is withheld", labelledBy(func(l *Labelled) { l.By = User{} }), label, StandingWithheld, "it is not known who put the label banksman/canary on #12" + again},
		{"a label of a login without a number is withheld", labelledBy(func(l *Labelled) { l.By.ID = 0 }), label, StandingWithheld, "it is not known who put the label banksman/canary on #12" + again},
		{"a label without a date is withheld", labelledBy(func(l *Labelled) { l.At = time.Time{} }), label, StandingWithheld, "it is not known who put the label banksman/canary on #12" + again},
		{"a push after the label is withheld", labelledBy(func(l *Labelled) { l.At = at(4) }), label, StandingWithheld, "#12 was pushed after alice put the label banksman/canary on" + again},
		{"a push in the same second is withheld", labelledBy(func(l *Labelled) { l.At = at(5) }), label, StandingWithheld, "#12 was pushed after alice put the label banksman/canary on" + again},
		{"an unknown time of the push is withheld", proposal(func(p *Proposal) { p.PushedAt = time.Time{} }), label, StandingWithheld, "it is not known whether #12 was pushed after alice put the label banksman/canary on" + again},
		{"where no label is asked for its time does not matter", proposal(func(p *Proposal) { p.PushedAt, p.Labelled = time.Time{}, nil }), open, StandingEligible, "#12 may have the canary"},

		{"a refusal withdraws it", proposal(func(p *Proposal) { p.ChangesRequestedBy = []string{"bob"} }), open, StandingWithheld, "bob requested changes in #12: its canary is withdrawn"},
		{"two refusals name both", proposal(func(p *Proposal) { p.ChangesRequestedBy = []string{"bob", "erin"} }), label, StandingWithheld, "bob and erin requested changes in #12: its canary is withdrawn"},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := Eligible(row.proposal, row.rules)
			if e.Standing != row.standing || e.Reason != row.reason {
				t.Errorf("got  %s: %s\nwant %s: %s", e.Standing, e.Reason, row.standing, row.reason)
			}
			if e.Eligible() != (row.standing == StandingEligible) {
				t.Errorf("eligible: %t", e.Eligible())
			}
			if !slices.Equal(e.Waits, row.proposal.ChangesRequestedBy) {
				t.Errorf("waits for %q", e.Waits)
			}
		})
	}
}

func anyProposal(t *rapid.T) Proposal {
	u := rapid.SampledFrom(everybody).Draw(t, "author")
	by := rapid.SampledFrom(everybody).Draw(t, "labelled by")
	return proposal(func(p *Proposal) {
		p.Author, p.AuthorCanWrite = &u, rapid.IntRange(0, 3).Draw(t, "writes") > 0
		p.Draft = rapid.IntRange(0, 5).Draw(t, "draft") == 0
		p.HeadRepository = rapid.SampledFrom([]int64{99, 99, 99, 98}).Draw(t, "from")
		p.Base = rapid.SampledFrom([]string{"main", "main", "main", "dev"}).Draw(t, "for")
		p.PushedAt = at(rapid.IntRange(1, 9).Draw(t, "pushed"))
		p.Labelled = &Labelled{By: by, ByCanWrite: rapid.IntRange(0, 3).Draw(t, "labeller writes") > 0, At: at(rapid.IntRange(1, 9).Draw(t, "labelled at"))}
	})
}

func anyRules(t *rapid.T) ProposalRules {
	return ProposalRules{
		Branch: "main", Authors: rapid.SampledFrom([][]string{nil, {"robot[bot]"}, {"carol"}}).Draw(t, "authors"),
		From: rapid.SampledFrom([]CanaryFrom{CanaryFromBranch, CanaryFromLabel, CanaryFromLabel, CanaryFromPullRequests}).Draw(t, "from"),
	}
}

// doubted takes something away, or adds a reason against it.
func doubted(t *rapid.T, p Proposal) Proposal {
	if p.Labelled != nil {
		l := *p.Labelled
		p.Labelled = &l
	}
	if p.Author != nil {
		u := *p.Author
		p.Author = &u
	}
	switch doubt := rapid.IntRange(0, 17).Draw(t, "doubt"); doubt {
	case 0:
		p.Problem = "not read"
	case 1:
		p.Draft = true
	case 2:
		p.Closed = true
	case 3:
		p.HeadRepository = rapid.SampledFrom([]int64{0, 98}).Draw(t, "fork")
	case 4:
		p.BaseRepository = 0
	case 5:
		p.Base = rapid.SampledFrom([]string{"", "dev"}).Draw(t, "base")
	case 6:
		p.Author = nil
	case 7:
		p.Author.ID = 0
	case 8:
		p.Author.Type = ""
	case 9:
		p.AuthorCanWrite = false
	case 10:
		p.CreatedAt = time.Time{}
	case 11:
		p.Labelled = nil
	case 12:
		p.Head = ""
	case 13:
		p.PushedAt = time.Time{}
	case 14:
		p.PushedAt = p.PushedAt.Add(time.Duration(rapid.IntRange(1, 9).Draw(t, "later")) * time.Minute)
	case 15:
		p.ChangesRequestedBy = []string{"bob"}
	case 16:
		p.Number = 0
	default:
		if p.Labelled != nil {
			p.Labelled.ByCanWrite = false
			p.Labelled.At = rapid.SampledFrom([]time.Time{{}, p.Labelled.At}).Draw(t, "labelled at")
		}
	}
	return p
}

func TestADoubtNeverMakesAPullRequestEligible(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, r := anyProposal(t), anyRules(t)
		for range rapid.IntRange(0, 2).Draw(t, "doubts before") {
			p = doubted(t, p)
			if p.Author == nil {
				p.Author = &User{}
			}
		}
		before := Eligible(p, r)
		if after := Eligible(doubted(t, p), r); !before.Eligible() && after.Eligible() {
			t.Fatalf("%s: %s became eligible", before.Standing, before.Reason)
		}
	})
}

func TestGeneratedProposalsReachEveryStanding(t *testing.T) {
	seen := map[Standing]bool{}
	rapid.Check(t, func(t *rapid.T) {
		p, r := anyProposal(t), anyRules(t)
		e := Eligible(p, r)
		seen[e.Standing], seen[Eligible(doubted(t, p), r).Standing] = true, true
		if e.Eligible() && r.From == CanaryFromLabel && !p.Labelled.At.After(p.PushedAt) {
			t.Fatalf("eligible with a label older than the push")
		}
		if e.Eligible() && (p.HeadRepository != p.BaseRepository || p.Draft || r.From == CanaryFromBranch) {
			t.Fatalf("eligible: %+v", p)
		}
	})
	for _, s := range []Standing{StandingUnknown, StandingAfterMerge, StandingWithheld, StandingEligible} {
		if !seen[s] {
			t.Errorf("no generated pull request is %s", s)
		}
	}
}
