package reconcile

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
)

// Bounds of what is sent about pull requests. GitHub takes about 500 statuses an
// hour. What the branch has to say goes first, and always finds room.
const (
	mostSent       = 60 // between two looks
	mostSentHourly = 300
)

// A saying is what the statuses of one commit are to say.
type saying struct {
	reports reported
	// The links lead to a revision, as the catalog of a commit of the branch says.
	revision, catalogAt gitsrc.SHA
	isSilent            bool // nothing new, until more is known
}

// postPulls brings the statuses of the open pull requests and of the merge
// queue up to date. mirrors are heads that speak for a branch commit.
func (l *Loop) postPulls(ctx context.Context, mirrors map[gitsrc.SHA]saying) error {
	p := &l.proposals
	if l.Pulls == nil || !p.read || !p.unsaid && l.unsaid == nil {
		return nil
	}
	// A list of before the branch moved may show what it moved to as open.
	upToDate := p.listedAt == l.head
	p.unsaid = false
	says := maps.Clone(mirrors)
	if upToDate {
		for head, s := range l.openReports() {
			// One that was merged before and is open anew speaks for itself.
			if mirrored, ok := mirrors[head]; !ok || mirrored.reports.ended() {
				says[head] = s
			}
		}
	}
	err := l.sendPulls(ctx, says)
	if !upToDate {
		return err
	}
	// One that was closed while this was sent ends now.
	maps.DeleteFunc(p.closed, func(head gitsrc.SHA, _ string) bool {
		_, mirrored := mirrors[head]
		return mirrored || p.isOpenHead(head)
	})
	err = errors.Join(err, l.endClosed(ctx))
	left := map[gitsrc.SHA]bool{}
	for _, of := range p.left {
		left[of.head] = true
	}
	maps.DeleteFunc(p.said, func(c gitsrc.SHA, _ map[string]approvals.Status) bool {
		_, still := says[c]
		return !still && !left[c]
	})
	return err
}

// isOpenHead says whether a commit is the head of an open pull request now.
func (p *proposals) isOpenHead(head gitsrc.SHA) bool {
	for _, o := range p.open {
		if o.head() == head {
			return true
		}
	}
	return false
}

// ended: nothing of it is pending any more.
func (r reported) ended() bool {
	for _, one := range r {
		if !one.ended() {
			return false
		}
	}
	return true
}

// sendPulls sends what differs, as much as GitHub takes now.
func (l *Loop) sendPulls(ctx context.Context, says map[gitsrc.SHA]saying) error {
	p := &l.proposals
	if l.Now().Sub(p.hour) >= time.Hour {
		p.hour, p.sentHourly = l.Now(), 0
	}
	var errs []error
	for _, c := range slices.SortedFunc(maps.Keys(says), l.firstToSay()) {
		if !l.isOnce && p.sent >= mostSent || p.sentHourly >= mostSentHourly {
			break // the others come at later looks
		}
		s := says[c]
		if s.isSilent {
			continue
		}
		links := l.dashboards(s.catalogAt, s.revision, s.reports)
		statuses := Statuses(l.Environment, s.reports, links, pullStages)
		n, err := l.postOne(ctx, p.said, c, append(statuses, l.outdated(c, statuses)...))
		p.sent, p.sentHourly = p.sent+1, p.sentHourly+n
		if err != nil {
			errs = append(errs, err)
		}
		if len(errs) == mostFailures {
			break // the forge takes no more now, or is down
		}
	}
	return errors.Join(errs...)
}

// outdated ends what is pending on a head for a service that its pull request
// does not change any more, or that is not told apart any more: it says what is
// said of all.
func (l *Loop) outdated(c gitsrc.SHA, statuses []approvals.Status) []approvals.Status {
	wanted := map[string]approvals.Status{}
	for _, s := range statuses {
		wanted[s.Context] = s
	}
	var ends []approvals.Status
	for _, name := range l.known() {
		for _, stage := range pullStages {
			context := statusContext(l.Environment, name, stage)
			_, told := wanted[context]
			if s := l.proposals.said[c][context]; s.State == approvals.Pending && !told {
				end := wanted[statusContext(l.Environment, "", stage)]
				ends = append(ends, approvals.NewStatus(context, end.State, end.Description, end.TargetURL))
			}
		}
	}
	return ends
}

// firstToSay puts those first whose canary people wait for, then what is not a
// pull request's own head, then who was changed last.
func (l *Loop) firstToSay() func(a, b gitsrc.SHA) int {
	p := &l.proposals
	of, given := map[gitsrc.SHA]*openPull{}, map[int]bool{}
	for _, o := range p.open {
		of[o.head()] = o
	}
	for _, number := range p.given {
		given[number] = true
	}
	rank := func(o *openPull) int {
		switch {
		case o == nil:
			return 1
		case given[o.Number]:
			return 0
		}
		return 2
	}
	return func(a, b gitsrc.SHA) int {
		x, y := of[a], of[b]
		if d := rank(x) - rank(y); d != 0 {
			return d
		}
		if x != nil && y != nil && !x.UpdatedAt.Equal(y.UpdatedAt) {
			return y.UpdatedAt.Compare(x.UpdatedAt)
		}
		return strings.Compare(string(a), string(b))
	}
}

// endClosed ends what was said to be pending on heads that will never be merged.
func (l *Loop) endClosed(ctx context.Context) error {
	p := &l.proposals
	var errs []error
	for _, head := range slices.Sorted(maps.Keys(p.closed)) {
		before := len(errs)
		if _, err := l.postOne(ctx, p.said, head, nil); err != nil { // what stands there, if that is not known
			errs = append(errs, err)
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(p.said[head])) {
			s := p.said[head][name]
			if s.State != approvals.Pending && !strings.HasPrefix(s.Description, canaryIsHealthy) {
				continue // it stays true
			}
			s = approvals.NewStatus(s.Context, approvals.Error, p.closed[head], s.TargetURL)
			var err error
			l.outside(func() { err = l.Post(ctx, head, s) })
			if err != nil {
				errs = append(errs, err)
				delete(p.said, head) // it may have been taken
				break
			}
			p.said[head][name] = s
		}
		if p.unended[head]++; len(errs) == before || p.unended[head] == mostTries {
			delete(p.closed, head) // what it did not take by now it hardly will
			delete(p.unended, head)
		}
		if len(errs) == mostFailures {
			break
		}
	}
	return errors.Join(errs...)
}
