package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// mostNamed is up to how many services of a commit get contexts of their own.
const mostNamed = 20

// branchStages are what the statuses of the branch's commits speak of; those of
// a pull request's head leave out full, which is not its matter.
var (
	branchStages = []Stage{StageCanary, StageApproval, StageFull}
	pullStages   = []Stage{StageCanary, StageApproval}
)

// reported are the reports on one commit, by service.
type reported map[render.ServiceName]Report

// Statuses are the commit statuses that the reports on one commit amount to:
// one for each stage over all services, and one for each service and stage
// when there are few enough to read. The service "" stands for all of them and
// has no contexts of its own. Links say where a person looks at a service.
func Statuses(environment string, reports map[render.ServiceName]Report, links map[render.ServiceName]string, stages []Stage) []approvals.Status {
	names := slices.Sorted(maps.Keys(reports))
	var statuses []approvals.Status
	for _, stage := range stages {
		all := make([]StageReport, 0, len(names))
		for _, name := range names {
			s := reports[name].stage(stage)
			if s.State == "" {
				s = pendingReport("not looked at yet")
			}
			all = append(all, s)
			if name != "" && len(names) <= mostNamed {
				statuses = append(statuses, approvals.NewStatus(
					statusContext(environment, name, stage), s.State, s.Description, links[name]))
			}
		}
		state, text := summary(names, all)
		link := ""
		if len(names) == 1 {
			link = links[names[0]]
		}
		statuses = append(statuses, approvals.NewStatus(statusContext(environment, "", stage), state, text, link))
	}
	return statuses
}

// statusContext is the name of a stage's status: of one service, or of all.
func statusContext(environment string, name render.ServiceName, stage Stage) string {
	parts := []string{"banksman"}
	for _, part := range []string{environment, string(name)} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(append(parts, string(stage)), "/")
}

// summary is pending as long as one is, and the worst after that.
func summary(names []render.ServiceName, all []StageReport) (approvals.StatusState, string) {
	worst := 0
	for i, s := range all {
		if severity(s.State) > severity(all[worst].State) {
			worst = i
		}
	}
	if len(all) == 1 {
		return all[0].State, all[0].Description
	}
	if !slices.ContainsFunc(all, func(s StageReport) bool { return s != all[0] }) && all[0].State != approvals.Success {
		return all[0].State, all[0].Description
	}
	state := all[worst].State
	same := 0
	for _, s := range all {
		if s.State == state {
			same++
		}
	}
	if state == approvals.Success {
		return state, fmt.Sprintf("all %d services", len(all))
	}
	if names[worst] == "" {
		return state, all[worst].Description
	}
	return state, fmt.Sprintf("%d of %d services; %s: %s", same, len(all), names[worst], all[worst].Description)
}

func severity(s approvals.StatusState) int {
	switch s {
	case approvals.Success:
		return 0
	case approvals.Error:
		return 1
	case approvals.Failure:
		return 2
	case approvals.Pending:
		return 3
	}
	return 3
}

func (r Report) stage(s Stage) StageReport {
	switch s {
	case StageCanary:
		return r.Canary
	case StageApproval:
		return r.Approval
	case StageFull:
		return r.Full
	}
	return StageReport{}
}

// postAll writes the statuses that differ from what stands on the commits.
func (l *Loop) postAll(ctx context.Context) error {
	commits, mirrors := l.branchReports()
	leaving := maps.Clone(l.leaving)
	var errs []error
	for _, c := range slices.Sorted(maps.Keys(commits)) {
		statuses := Statuses(l.Environment, commits[c], l.dashboards(c, c, commits[c]), branchStages)
		if _, err := l.postOne(ctx, l.said, c, statuses); err != nil {
			errs = append(errs, err)
		}
		if len(errs) == mostFailures {
			return errors.Join(errs...) // the forge is down, or takes no more now
		}
	}
	for c := range l.said {
		if commits[c] == nil {
			delete(l.said, c)
		}
	}
	// One commit that takes no status must not keep the others from theirs.
	err := errors.Join(append(errs, l.postPulls(ctx, mirrors))...)
	if err == nil {
		l.forgetLeft(leaving)
	}
	return err
}

// newestMirrors is how many of a service's ended commits are looked at once more
// after a restart: the process before may have ended before it said so.
const newestMirrors = 3

// branchReports are the reports on the branch's commits, and the heads of the
// pull requests that say the same because they became these commits.
func (l *Loop) branchReports() (commits map[gitsrc.SHA]reported, mirrors map[gitsrc.SHA]saying) {
	commits, mirrors = map[gitsrc.SHA]reported{}, map[gitsrc.SHA]saying{}
	for _, name := range l.Services() {
		record, _, ok := l.peek(name)
		if !ok {
			continue
		}
		newest := record.Reports[:min(len(record.Reports), newestMirrors)]
		for _, r := range slices.Concat(l.leaving[name], record.Reports) {
			if commits[r.Commit] == nil {
				commits[r.Commit] = reported{}
			}
			commits[r.Commit][name] = r
			head := r.Mirror
			if head == "" {
				head = l.proposals.landed[r.Commit]
			}
			// What ended long ago was said: after a restart it is not read again.
			if head != "" && (!r.ended() || slices.Contains(newest, r) || record.standsAt(r.Commit) || l.proposals.said[head] != nil) {
				// Rebased, it became several commits.
				of := worst(mirrors[head].reports, commits[r.Commit])
				mirrors[head] = saying{reports: of, revision: r.Commit, catalogAt: r.Commit}
			}
		}
	}
	for head := range mirrors {
		if commits[head] != nil {
			delete(mirrors, head) // the branch took the head itself
		}
	}
	return commits, mirrors
}

// standsAt says whether a commit is the newest that was promoted.
func (r Record) standsAt(c gitsrc.SHA) bool { return r.Promoted != nil && r.Promoted.Commit == c }

// forgetLeft forgets the reports that were said now. Others may have come since.
func (l *Loop) forgetLeft(said map[render.ServiceName][]Report) {
	for name, reports := range said {
		if l.leaving[name] = l.leaving[name][len(reports):]; len(l.leaving[name]) == 0 {
			delete(l.leaving, name)
		}
	}
}

// letGo keeps the reports that leave a record until they were said.
func (l *Loop) letGo(before, after Record) {
	for _, r := range before.Reports {
		if _, stays := after.report(r.Commit); !stays {
			l.leaving[before.Service] = append(l.leaving[before.Service], r)
		}
	}
}

// dashboards are the links to one revision that the catalog of a commit gives.
func (l *Loop) dashboards(catalogAt, revision gitsrc.SHA, reports reported) map[render.ServiceName]string {
	links := map[render.ServiceName]string{}
	in := l.content.catalog(l, catalogAt)
	if in.catalog == nil {
		return links
	}
	for name := range reports {
		if e, ok := in.catalog.Entries[name]; ok {
			links[name] = e.DashboardURL(string(revision))
		}
	}
	return links
}

// postOne asks once what stands on a commit, so that a restart says nothing
// twice. What it reads is never an input to a decision. It says how many
// statuses it sent.
func (l *Loop) postOne(ctx context.Context, all map[gitsrc.SHA]map[string]approvals.Status, c gitsrc.SHA, statuses []approvals.Status) (sent int, err error) {
	said := all[c]
	if said == nil {
		var there []approvals.Status
		l.outside(func() {
			ctx, end := l.reading(ctx)
			defer end()
			there, err = l.Posted(ctx, c)
		})
		if err != nil {
			return 0, err
		}
		said = map[string]approvals.Status{}
		for _, s := range there {
			said[s.Context] = s
		}
		all[c] = said
	}
	for _, s := range statuses {
		if said[s.Context] == s {
			continue
		}
		sent++
		l.outside(func() { err = l.Post(ctx, c, s) })
		if err != nil {
			delete(all, c) // it may have been taken: what stands there is read again
			return sent, err
		}
		said[s.Context] = s
	}
	return sent, nil
}
