package approvals

import (
	"fmt"
	"slices"
	"strings"
)

// requestedChanges is row 8: the latest word of somebody with write permission
// is no, about whichever push. "bob requested changes in #12".
func requestedChanges(q *question) (Verdict, bool) {
	var logins []string
	for _, u := range q.pull.Askers() {
		if q.facts.CanWrite[u.ID] {
			logins = append(logins, u.Login)
		}
	}
	if len(logins) == 0 {
		return undecided()
	}
	v, _ := q.verdict(Blocked, enumerate(logins, "and")+" requested changes in "+q.pull.name())
	v.Waits = logins
	return v, true
}

// unattributedCommit is row 10: where it is not known who made something, it
// cannot be ruled out that they approve it themselves.
func unattributedCommit(q *question) (Verdict, bool) {
	way := ", so a self-approval cannot be ruled out" + q.wayOut("propose it anew, made by accounts that GitHub knows")
	if q.pull.Author == nil {
		return q.verdict(Blocked, "the account that opened "+q.pull.name()+" is gone"+way)
	}
	for _, c := range q.pull.Commits {
		var role string
		switch {
		case c.Author == nil:
			role = "author"
		case c.Committer == nil:
			role = "committer"
		default:
			continue
		}
		return q.verdict(Blocked, fmt.Sprintf("no account is known for the %s of %s in %s%s", role, c.SHA.Short(), q.pull.name(), way))
	}
	return undecided()
}

// unreadPermission: who may count must be known of everybody who said something.
// "cannot tell whether alice has write permission".
func unreadPermission(q *question) (Verdict, bool) {
	candidates := q.pull.Candidates()
	for _, u := range slices.Concat(q.pull.Askers(), candidates) {
		if _, known := q.facts.CanWrite[u.ID]; !known {
			return q.verdict(Unknown, "cannot tell whether "+u.Login+" has write permission")
		}
	}
	for _, part := range q.policy {
		for _, team := range part.Teams {
			for _, u := range candidates {
				if _, known := q.facts.Members[team][u.ID]; !known {
					return q.verdict(Unknown, "cannot tell whether "+u.Login+" is in team "+team+"; the token needs the permission members:read")
				}
			}
		}
	}
	return undecided()
}

// approvals are the reviews that count as row 9 has it: exactly this head, by a
// person who did not make it and has write permission now.
func (q *question) approvals() []Review {
	return slices.DeleteFunc(q.pull.opinions(), func(r Review) bool {
		return !q.pull.couldCount(r) || !q.facts.CanWrite[r.User.ID]
	})
}

// countsFor says whether somebody is one of those that the policy's Any takes.
func (q *question) countsFor(part Policy, u User) bool {
	if !part.restricted() || slices.Contains(part.Users, strings.ToLower(u.Login)) {
		return true
	}
	return slices.ContainsFunc(part.Teams, func(team string) bool { return q.facts.Members[team][u.ID] })
}

// names says whether the policy's All names the login.
func (p Policy) names(login string) bool { return slices.Contains(p.All, strings.ToLower(login)) }
