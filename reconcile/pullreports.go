package reconcile

import (
	"fmt"
	"maps"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// policies are what the services ask for that a pull request changes. The name
// "" stands for those of a pull request that cannot be looked into, a fork's
// among them: the floor is asked for then, and the services' own policies after
// the merge.
func (l *Loop) policies(o *openPull) map[render.ServiceName]approvals.Policy {
	of := map[render.ServiceName]approvals.Policy{}
	if !isFetched(o.Proposal) || o.merged.blind {
		of[""] = l.Floor
	}
	for _, name := range o.merged.touched {
		if c := o.merged.changes[name]; c != nil && c.fault == "" && c.outside == "" && l.approvedBefore(o, name) != "" {
			continue
		}
		of[name] = PolicyOf(l.rulesFor(name), l.Floor)
	}
	return of
}

// rulesFor govern a service now.
func (l *Loop) rulesFor(name render.ServiceName) Rules {
	if record, _, ok := l.peek(name); ok && record.Governing != nil {
		return *record.Governing
	}
	return l.startRules(name)
}

func (l *Loop) pullVerdict(o *openPull, policy approvals.Policy) approvals.Verdict {
	h, ok := l.proposals.heard[o.Number]
	switch {
	case !ok:
		return approvals.Verdict{Reason: "the reviews of " + o.name() + " are not read yet"}
	case h.facts.Problem == "" && h.facts.Commit != o.Head:
		return approvals.Verdict{Reason: o.name() + " is being pushed to"}
	}
	return approvals.JudgeOpen(h.facts, policy)
}

// pullReports are what the statuses of a pull request's head say. The name ""
// stands for all services alike.
func (l *Loop) pullReports(o *openPull) reported {
	reports := reported{}
	for name, policy := range l.policies(o) {
		reports[name] = Report{Approval: approvalReport(l.pullVerdict(o, policy))}
	}
	for name := range o.merged.changes {
		if was := l.approvedBefore(o, name); was != "" {
			reports[name] = Report{Approval: successReport("restores " + was.Short() + ", which was approved before")}
		}
	}
	whole, all := l.canaryOfAll(o)
	if len(reports) == 0 {
		reports[""] = Report{Approval: unaffected(o)}
	}
	for name, r := range reports {
		if r.Canary = whole; !all {
			r.Canary = l.pullCanary(o, name)
		}
		reports[name] = r
	}
	return reports
}

// isKnown: what is asked about it was answered, if only by an error. Until then
// there is no news.
func (l *Loop) isKnown(o *openPull) bool {
	for name := range o.merged.changes {
		if l.proposals.has(o, name) && !l.proposals.started(o) {
			return false
		}
	}
	h, heard := l.proposals.heard[o.Number]
	return len(l.policies(o)) == 0 || heard && (h.facts.Problem != "" || h.facts.Commit == o.Head)
}

// approvedBefore is the commit whose content a pull request restores, steps and all.
func (l *Loop) approvedBefore(o *openPull, name render.ServiceName) gitsrc.SHA {
	if c := o.merged.changes[name]; c == nil || !c.sameSteps {
		return ""
	}
	return l.partOf(o, name).restores
}

// unaffected is what is said of the approval when no service is known to change.
func unaffected(o *openPull) StageReport {
	switch m := o.merged; {
	case m.unread != nil:
		return pendingReport("cannot be read: " + oneLine(m.unread))
	case m.unfetched:
		return pendingReport(m.fault)
	case m.fault != "":
		return errorReport(m.fault)
	case len(m.conflicts) > 0 || m.changes == nil:
		return pendingReport("what it changes is not known yet")
	}
	return successReport(o.name() + " changes no service")
}

// canaryOfAll is what is said of the canaries of all services alike, if that is so.
func (l *Loop) canaryOfAll(o *openPull) (StageReport, bool) {
	m := o.merged
	switch {
	case m.unread != nil:
		return pendingReport("cannot be read: " + oneLine(m.unread)), true
	case isFetched(o.Proposal) && m.changes != nil && m.fault == "" && len(m.conflicts) == 0 && len(m.changes) == 0:
		return successReport(o.name() + " changes no service"), true
	case len(m.changes) > 0 && l.onlyRestores(o):
		return StageReport{}, false
	case o.eligible.Standing == approvals.StandingAfterMerge:
		return ineligible(o.eligible), true
	case m.unfetched:
		return pendingReport(m.fault), true
	case m.blind:
		return successReport(m.fault + ": its canary runs after the merge"), true
	case m.fault != "":
		return errorReport(m.fault), true
	case len(m.conflicts) > 0:
		return errorReport(conflictSentence(m.conflicts, l.Branch, o)), true
	case !l.mayRun(o):
		return ineligible(o.eligible), true
	}
	return StageReport{}, false
}

func conflictSentence(paths []string, branch string, o *openPull) string {
	more := ""
	if len(paths) > 1 {
		more = fmt.Sprintf(" and %d more", len(paths)-1)
	}
	return fmt.Sprintf("%q%s changed on %s and in %s: update the branch of the pull request", paths[0], more, branch, o.name())
}

func (l *Loop) onlyRestores(o *openPull) bool {
	for name := range o.merged.changes {
		if l.partOf(o, name).restores == "" {
			return false
		}
	}
	return true
}

// groupReports are the worst of what is said of each pull request in a group.
// Where it is not sure which these are, nothing is said: the queue's branches
// can be older than the queue, and anybody who can push can make one.
func (l *Loop) groupReports(g approvals.MergeGroup) (reported, bool) {
	all := reported{}
	if based, err := l.Source.IsAncestor(gitsrc.SHA(g.Base), l.head); err != nil || !based {
		return nil, false
	}
	for _, number := range g.Pulls {
		o := l.proposals.pull(number)
		if o == nil || o.isGone || !l.isKnown(o) {
			return nil, false
		}
		all = worst(all, l.pullReports(o))
	}
	return all, len(all) > 0
}

// worst is, for each service, the worse of what is said.
func worst(a, b reported) reported {
	all := maps.Clone(b)
	for name, was := range a {
		r, both := all[name]
		if !both || severity(was.Canary.State) > severity(r.Canary.State) {
			r.Canary = was.Canary
		}
		if !both || severity(was.Approval.State) > severity(r.Approval.State) {
			r.Approval = was.Approval
		}
		all[name] = r
	}
	return all
}

// openReports are what the statuses of the open pull requests' heads and of the
// merge queue's commits say.
func (l *Loop) openReports() map[gitsrc.SHA]saying {
	l.proposals.parts = map[partKey]pullPart{}
	defer func() { l.proposals.parts = nil }()
	says := map[gitsrc.SHA]saying{}
	for _, own := range []bool{true, false} {
		for _, o := range l.proposals.open {
			said, taken := says[o.head()]
			if isFetched(o.Proposal) != own || !own && taken {
				continue // a fork says nothing of a commit that is somebody else's
			}
			if o.isGone || said.isSilent || !l.isKnown(o) {
				says[o.head()] = saying{isSilent: true}
				continue
			}
			says[o.head()] = saying{reports: worst(said.reports, l.pullReports(o)), revision: o.head(), catalogAt: l.head}
		}
	}
	for _, g := range l.proposals.groups {
		sha := gitsrc.SHA(g.SHA)
		_, taken := says[sha]
		if landed, err := l.Source.IsAncestor(sha, l.head); err != nil || landed || taken {
			continue
		}
		if reports, ok := l.groupReports(g); ok {
			says[sha] = saying{reports: reports, revision: sha, catalogAt: l.head}
		}
	}
	return says
}
