package approvals

import "fmt"

// Standing is what an open pull request may expect.
type Standing int

// The standings of a pull request. The zero value runs nothing.
const (
	StandingUnknown    Standing = iota // something could not be read
	StandingAfterMerge                 // as it is, its canary runs after the merge
	StandingWithheld                   // somebody must act before it runs
	StandingEligible                   // it may have the canary
)

// String is the standing in lower case.
func (s Standing) String() string {
	switch s {
	case StandingUnknown:
		return "unknown"
	case StandingAfterMerge:
		return "after the merge"
	case StandingWithheld:
		return "withheld"
	case StandingEligible:
		return "eligible"
	}
	return "unknown"
}

// Eligibility says whether an open pull request may have the canary.
type Eligibility struct {
	Standing Standing
	Reason   string   // one sentence for a person, without a full stop
	Waits    []string // on whom
}

// Eligible says whether it may.
func (e Eligibility) Eligible() bool { return e.Standing == StandingEligible }

// Eligible says whether an open pull request may have the canary before it is
// merged. It goes through an ordered list of rules; the first that has something
// to say decides. Whether it changes a service, and whether it merges cleanly, is
// not asked here.
//
// A fork's or a draft's pull request is never eligible, whatever else is known.
func Eligible(p Proposal, r ProposalRules) Eligibility {
	for _, rule := range []func(Proposal, ProposalRules) (Eligibility, bool){
		onlyAfterMerge,
		closedProposal,
		fromFork,
		draftProposal,
		unreadProposal,
		ofAnotherBranch,
		unknownProposer,
		notLabelled,
		labelledBeforePush,
		withdrawnByReview,
	} {
		if e, decided := rule(p, r); decided {
			return e
		}
	}
	return Eligibility{Standing: StandingEligible, Reason: p.name() + " may have the canary"}
}

func (p Proposal) name() string { return PullRequest{Number: p.Number}.name() }

func pass() (Eligibility, bool) { return Eligibility{}, false }

const afterMerge = ": its canary runs after the merge"

func (p Proposal) afterMerge(why string) (Eligibility, bool) {
	return Eligibility{Standing: StandingAfterMerge, Reason: p.name() + " " + why + afterMerge}, true
}

func (p Proposal) withheld(reason string) (Eligibility, bool) {
	return Eligibility{Standing: StandingWithheld, Reason: reason}, true
}

// onlyAfterMerge: "the canary of #12 runs after the merge".
func onlyAfterMerge(p Proposal, r ProposalRules) (Eligibility, bool) {
	switch r.From {
	case CanaryFromLabel, CanaryFromPullRequests:
		return pass()
	case CanaryFromBranch, "":
		return Eligibility{Standing: StandingAfterMerge, Reason: "the canary of " + p.name() + " runs after the merge"}, true
	}
	return Eligibility{Reason: fmt.Sprintf("canaryFrom %q is not known; write %s, %s or %s", clip(string(r.From)),
		CanaryFromBranch, CanaryFromLabel, CanaryFromPullRequests)}, true
}

func closedProposal(p Proposal, _ ProposalRules) (Eligibility, bool) {
	if !p.Closed {
		return pass()
	}
	return p.withheld(p.name() + " is closed")
}

// fromFork: "#12 comes from a fork: its canary runs after the merge".
func fromFork(p Proposal, _ ProposalRules) (Eligibility, bool) {
	if p.HeadRepository != 0 && p.HeadRepository == p.BaseRepository {
		return pass()
	}
	return p.afterMerge("comes from a fork")
}

func draftProposal(p Proposal, _ ProposalRules) (Eligibility, bool) {
	if !p.Draft {
		return pass()
	}
	return p.afterMerge("is a draft")
}

// unreadProposal: what is not known is no ground to run it.
func unreadProposal(p Proposal, r ProposalRules) (Eligibility, bool) {
	var what string
	switch {
	case p.Problem != "":
		return Eligibility{Reason: p.Problem}, true
	case p.Number <= 0:
		what = "it has no number"
	case p.Head == "":
		what = "it has no head"
	case p.Base == "" || r.Branch == "":
		what = "the branch is not known"
	case p.CreatedAt.IsZero():
		what = "it has no date"
	case p.Author != nil && (p.Author.ID == 0 || p.Author.Login == "" || p.Author.Type == ""):
		what = "the account that opened it is incomplete"
	default:
		return pass()
	}
	return Eligibility{Reason: "what is known of " + p.name() + " is incomplete: " + what}, true
}

func ofAnotherBranch(p Proposal, r ProposalRules) (Eligibility, bool) {
	if p.Base == r.Branch {
		return pass()
	}
	return p.afterMerge(fmt.Sprintf("is for %s, not for %s", clip(p.Base), r.Branch))
}

// unknownProposer: "#12 was opened by erin, who has no write permission: its
// canary runs after the merge".
func unknownProposer(p Proposal, r ProposalRules) (Eligibility, bool) {
	switch {
	case p.Author == nil:
		return p.afterMerge("was opened by an account that is gone")
	case r.mayPropose(*p.Author, p.AuthorCanWrite):
		return pass()
	case p.Author.Type != TypeUser:
		return p.afterMerge("was opened by " + p.Author.Login + ", which is not listed under authors")
	}
	return p.afterMerge("was opened by " + p.Author.Login + ", who has no write permission")
}

// notLabelled: somebody with write permission must have put the label on.
func notLabelled(p Proposal, r ProposalRules) (Eligibility, bool) {
	by := p.Labelled
	switch {
	case r.From != CanaryFromLabel:
		return pass()
	case by == nil:
		return p.afterMerge("has no label " + CanaryLabel)
	case by.By.ID == 0 || by.By.Login == "" || by.At.IsZero():
		return p.withheld(fmt.Sprintf("it is not known who put the label %s on %s; %s", CanaryLabel, p.name(), again))
	case by.By.Type != TypeUser:
		return p.afterMerge(fmt.Sprintf("has the label %s from %s, which is not a person", CanaryLabel, by.By.Login))
	case !by.ByCanWrite:
		return p.afterMerge(fmt.Sprintf("has the label %s from %s, who has no write permission", CanaryLabel, by.By.Login))
	}
	return pass()
}

const again = "take it off and put it on again"

// labelledBeforePush: the label is for the content that whoever put it on saw.
func labelledBeforePush(p Proposal, r ProposalRules) (Eligibility, bool) {
	switch {
	case r.From != CanaryFromLabel:
		return pass()
	case p.PushedAt.IsZero():
		return p.withheld(fmt.Sprintf("it is not known whether %s was pushed after %s put the label %s on; %s",
			p.name(), p.Labelled.By.Login, CanaryLabel, again))
	case !p.Labelled.At.After(p.PushedAt):
		return p.withheld(fmt.Sprintf("%s was pushed after %s put the label %s on; %s",
			p.name(), p.Labelled.By.Login, CanaryLabel, again))
	}
	return pass()
}

// withdrawnByReview: "bob requested changes in #12: its canary is withdrawn".
func withdrawnByReview(p Proposal, _ ProposalRules) (Eligibility, bool) {
	if len(p.ChangesRequestedBy) == 0 {
		return pass()
	}
	e, _ := p.withheld(enumerate(p.ChangesRequestedBy, "and") + " requested changes in " + p.name() + ": its canary is withdrawn")
	e.Waits = p.ChangesRequestedBy
	return e, true
}
