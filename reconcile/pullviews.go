package reconcile

import (
	"fmt"
	"slices"

	"banksman.dev/approvals"
	"banksman.dev/render"
)

// mostShown is of how many pull requests a Delivery speaks.
const mostShown = 10

// lookAtProposals says which pull request has the service's slot, and what is
// said of the others that change the service.
func (l *Loop) lookAtProposals(o *Observed) {
	p := &l.proposals
	if l.Pulls == nil {
		return
	}
	if !p.read {
		o.ProposedUnread = "the open pull requests are not read yet"
		p.told[o.Record.Service] = o.ProposedUnread
		if p.unread != "" {
			o.ProposedUnread = p.unread
		}
		return
	}
	t := l.toldOf(o.Record.Service)
	o.ProposedAlone = t.alone
	o.Proposed, o.ProposedUnread, o.ProposedVerdict, o.Proposals = t.ref, t.unread, t.verdict, t.others
	p.told[o.Record.Service] = t.String()
}

// A telling is what a decision is told of the open pull requests.
type telling struct {
	ref     *Ref
	alone   bool
	unread  string
	verdict approvals.Verdict
	others  []string
}

func (t telling) String() string {
	if t.ref == nil {
		return fmt.Sprint(t.unread, t.others)
	}
	return fmt.Sprint(*t.ref, t.verdict.State, t.verdict.Reason, t.others)
}

func (l *Loop) toldOf(name render.ServiceName) telling {
	p := &l.proposals
	var t telling
	for _, o := range p.touching[name] {
		c, has := o.merged.changes[name], p.has(o, name)
		switch {
		case has && c != nil && p.started(o):
			t.alone = len(c.shared) > 0
			t.ref = &Ref{Commit: o.head(), Digest: c.release.Digest, Pull: o.Number}
			t.verdict = l.pullVerdict(o, PolicyOf(l.rulesFor(name), l.Floor))
		case has || o.eligible.Standing != approvals.StandingAfterMerge:
			report, all := l.canaryOfAll(o)
			if !all {
				report = l.pullCanary(o, name)
			}
			t.others = append(t.others, o.name()+": "+report.Description+l.afterCanary(o, name, report))
		}
	}
	if number := p.given[name]; number != 0 && t.ref == nil {
		t.unread = fmt.Sprintf("#%d is looked at once more", number)
	}
	if more := len(t.others) - mostShown; more > 0 {
		t.others = append(t.others[:mostShown], fmt.Sprintf("and %d more", more))
	}
	return t
}

// afterCanary is what a pull request waits for that no canary holds up.
func (l *Loop) afterCanary(o *openPull, name render.ServiceName, canary StageReport) string {
	if canary.State != approvals.Success || l.approvedBefore(o, name) != "" {
		return ""
	}
	switch v := l.pullVerdict(o, PolicyOf(l.rulesFor(name), l.Floor)); v.State {
	case approvals.Approved:
		return "; it can be merged"
	case approvals.Waiting, approvals.Blocked:
		return "; " + v.Reason
	case approvals.Unknown:
	}
	return ""
}

// toTell are the services whose last decision was told something else.
func (l *Loop) toTell() []render.ServiceName {
	var due []render.ServiceName
	for name, told := range l.proposals.told {
		if told != l.toldOf(name).String() {
			due = append(due, name)
		}
	}
	slices.Sort(due)
	return due
}

// viewPulls says where the pull request stands that has the slot, and the
// others.
func (d *draft) viewPulls() []string {
	p := d.o.Proposed
	if p == nil || d.o.ProposedUnread != "" {
		return d.o.Proposals
	}
	says := fmt.Sprintf("#%d has the canary: ", p.Pull)
	switch _, passed := d.record.passed(p.Digest); {
	case d.suspended():
		says += suspendedSentence(d.o.Orders.Suspend)
	case !d.slotHolds(p.Digest):
		says = fmt.Sprintf("#%d is next, after the branch's own canary", p.Pull)
	case passed && !d.record.Canary.Healthy && d.record.Canary.HealthSince.Equal(d.record.Canary.Since):
		says += "it is rolled out again" + progress(d.o.Canary)
	case passed && !d.record.Canary.Healthy:
		says += "it passed and is not healthy now" + progress(d.o.Canary)
	case passed:
		says += "it is healthy; " + d.o.ProposedVerdict.Reason
	case d.record.Canary.Healthy:
		says += "it is healthy and bakes for " + shortDuration(d.record.bake())
	default:
		says += "it is rolling out" + progress(d.o.Canary)
	}
	return append([]string{says}, d.o.Proposals...)
}
