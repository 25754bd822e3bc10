package approvals

// Judge says what the reviews come to. It goes through an ordered list of rules;
// the first that has something to say decides. That list is the whole of it.
func Judge(f Facts, p Policy) Verdict {
	return (&question{facts: f, policy: p.parts()}).judge(notOnePullRequest)
}

// JudgeOpen says what the reviews of a pull request come to that is still open:
// Facts.Commit is its head. It goes through the rules of Judge, but for the one
// that finds the pull request of a branch commit.
func JudgeOpen(f Facts, p Policy) Verdict {
	return (&question{facts: f, policy: p.parts(), open: true}).judge(notOneOpenPullRequest)
}

type rule func(*question) (Verdict, bool)

// judge takes the rule that finds the one pull request that is judged.
func (q *question) judge(notOne rule) Verdict {
	for _, rule := range []rule{
		unreadable,
		notOne,
		// Not judged yet: what landed is what was reviewed (the tree of the merge).
		// Not judged yet: a label that holds a pull request.
		incompletePullRequest,
		requestedChanges,
		// Not judged yet: the approval is younger than the head that it is for.
		unattributedCommit,
		unreadPermission,
		impossiblePolicy,
		unmetPolicy,
		// Not judged yet: required checks.
	} {
		if v, decided := rule(q); decided {
			return v
		}
	}
	return q.approved()
}

// question is what the rules share: the facts, the policy's parts, and the pull
// request once there is exactly one.
type question struct {
	facts  Facts
	policy []Policy
	pull   PullRequest
	open   bool // the pull request is
}

func (q *question) verdict(s State, reason string) (Verdict, bool) {
	return Verdict{
		State: s, Reason: reason, Commit: q.facts.Commit,
		PullRequest: q.pull.Number, PullRequestURL: q.pull.URL, PullRequestHead: q.pull.Head,
	}, true
}

// wayOut says what to do where no further review helps.
func (q *question) wayOut(whileOpen string) string {
	if q.open {
		return "; " + whileOpen
	}
	return "; revert it, or acknowledge it"
}

func undecided() (Verdict, bool) { return Verdict{}, false }

// approved is what remains when every part of the policy is met.
func (q *question) approved() Verdict {
	var approvers []Approver
	for _, r := range q.approvals() {
		for _, part := range q.policy {
			if part.names(r.User.Login) || part.Any > 0 && q.countsFor(part, *r.User) {
				approvers = append(approvers, Approver{Login: r.User.Login, UserID: r.User.ID, ReviewID: r.ID})
				break
			}
		}
	}
	logins := make([]string, 0, len(approvers))
	for _, a := range approvers {
		logins = append(logins, a.Login)
	}
	v, _ := q.verdict(Approved, "approved by "+enumerate(logins, "and")+" in "+q.pull.name())
	v.Approvers = approvers
	return v
}
