package approvals

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// JudgeRange says what the verdicts on several commits come to: Approved when
// all are, otherwise the worst of them with its commit. What is certain counts
// before what could not be read: a commit that is blocked stays blocked whatever
// the others turn out to be. Of equals the first is named.
func JudgeRange(vs []Verdict) Verdict {
	switch len(vs) {
	case 0:
		return Verdict{State: Approved, Reason: "nothing to approve"}
	case 1:
		return vs[0]
	}
	worst := vs[0]
	for _, v := range vs[1:] {
		if severity(v.State) > severity(worst.State) {
			worst = v
		}
	}
	if worst.State == Approved {
		return allApproved(vs)
	}
	if short := worst.Commit.Short(); short != "" && !strings.Contains(worst.Reason, short) {
		worst.Reason = short + ": " + worst.Reason
	}
	return worst
}

func severity(s State) int {
	switch s {
	case Approved:
		return 0
	case Unknown:
		return 1
	case Waiting:
		return 2
	case Blocked:
		return 3
	}
	return 1
}

// allApproved speaks of the newest commit, which comes last, and names everybody.
func allApproved(vs []Verdict) Verdict {
	v := vs[len(vs)-1]
	v.Approvers = nil
	var logins, reasons []string
	var pulls []int
	for _, one := range vs {
		reasons = append(reasons, one.Reason)
		pulls = append(pulls, one.PullRequest)
		for _, a := range one.Approvers {
			v.Approvers = append(v.Approvers, a)
			logins = append(logins, a.Login)
		}
	}
	slices.SortFunc(v.Approvers, func(a, b Approver) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a.Login), strings.ToLower(b.Login)), cmp.Compare(a.ReviewID, b.ReviewID))
	})
	v.Approvers = slices.Compact(v.Approvers)
	if slices.Sort(reasons); len(slices.Compact(reasons)) == 1 {
		return v
	}
	slices.Sort(logins)
	slices.Sort(pulls)
	var names []string
	for _, n := range slices.Compact(pulls) {
		if n != 0 { // 0: nothing had to be approved
			names = append(names, fmt.Sprintf("#%d", n))
		}
	}
	if len(names) == 0 {
		return v
	}
	v.Reason = "approved by " + enumerate(slices.Compact(logins), "and") + " in " + enumerate(names, "and")
	return v
}
