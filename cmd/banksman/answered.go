package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"banksman.dev/gitsrc"
	"banksman.dev/reconcile"
	"banksman.dev/reconcile/api/v1alpha1"
)

// An answer is what a person answers for by acknowledging a commit.
type answer struct {
	delivery v1alpha1.Delivery
	commit   gitsrc.SHA
	// commits are those up to it since what full runs, newest first, as far as
	// they are known.
	commits []answered
	whole   bool // the commits are all there are: they were read from the repository
}

// An answered commit is one that somebody answers for.
type answered struct {
	commit  gitsrc.SHA
	author  string // "" unknown
	subject string
	state   string // of its approval's status; "" unknown
	says    string
}

// answerOf finds the commit that was typed, and what comes with it.
func (p *program) answerOf(ctx context.Context, f acknowledgeFlags, d v1alpha1.Delivery, typed string) (answer, error) {
	if len(typed) < leastDigits || len(typed) > 40 || strings.Trim(typed, "0123456789abcdef") != "" {
		return answer{}, misused("banksman why "+d.Name+" prints it", "%q is no commit: want a hash of 4 to 40 digits", typed)
	}
	a := answer{delivery: d}
	var err error
	switch {
	case f.from.repo != "":
		err = a.fromRepository(ctx, p, f, typed)
	default:
		if a.commit, err = namedCommit(d, typed, f.unlisted); err == nil && !a.runs() {
			a.commits = reportedUpTo(d, a.commit)
		}
	}
	if err != nil {
		return answer{}, err
	}
	return a, a.stillTrueOf(d)
}

// runs: full runs the commit, and only what it deletes is answered for.
func (a answer) runs() bool {
	p := a.delivery.Status.Promoted
	return p != nil && p.Commit == string(a.commit)
}

// leastDigits is how much of a hash says which commit is meant, as with git.
const leastDigits = 4

// stillTrueOf says why there is nothing to answer for, if so.
func (a answer) stillTrueOf(d v1alpha1.Delivery) error {
	switch {
	case len(d.Status.Withheld) > 0:
		if !slices.Equal(d.Status.Withheld, a.delivery.Status.Withheld) {
			return failed(fmt.Errorf("what is to be deleted of %s has just changed: nothing was written", nameOfService(d)), "look at it again")
		}
	case d.Spec.Acknowledge == string(a.commit):
		return failed(fmt.Errorf("%s of %s is acknowledged already%s", a.commit.Short(), nameOfService(d), byWords(d.Spec.AcknowledgeBy)), inNamespace("why", d)+" says what it waits for")
	case a.runs() && d.Status.Step == string(reconcile.StepUpToDate):
		return failed(fmt.Errorf("full of %s runs %s already: there is nothing to answer for", nameOfService(d), a.commit.Short()), "")
	}
	return nil
}

// namedCommit is the one commit of a Delivery that begins so.
func namedCommit(d v1alpha1.Delivery, typed string, unlisted bool) (gitsrc.SHA, error) {
	named := namedCommits(d)
	var matches []gitsrc.SHA
	for _, c := range named {
		if strings.HasPrefix(string(c), typed) {
			matches = append(matches, c)
		}
	}
	whole, wrong := gitsrc.ParseSHA(typed)
	switch {
	case len(matches) == 1:
		return matches[0], nil
	case len(matches) > 1:
		return "", misused("give more digits", "%s could be %s", typed, shortList(matches))
	case wrong == nil && unlisted:
		return whole, nil
	}
	try := "--repo URL looks it up on the branch; --unlisted takes any whole hash"
	if len(named) > 0 {
		try = "it names " + shortList(named[:min(len(named), mostNamed)]) + "; " + try
	}
	return "", failed(fmt.Errorf("the Delivery of %s names no commit %s", nameOfService(d), typed), try)
}

// mostNamed is how many commits a failure offers.
const mostNamed = 5

var wholeHash = regexp.MustCompile(`\b[0-9a-f]{40}\b`)

// namedCommits are those that a Delivery names: the head of the branch first,
// then what runs, then what was.
func namedCommits(d v1alpha1.Delivery) []gitsrc.SHA {
	var named []gitsrc.SHA
	add := func(commit string) {
		if sha, err := gitsrc.ParseSHA(commit); err == nil && !slices.Contains(named, sha) {
			named = append(named, sha)
		}
	}
	for _, ref := range []*v1alpha1.Ref{d.Status.Head, d.Status.Rolling, d.Status.Promoted} {
		if ref != nil {
			add(ref.Commit)
		}
	}
	for _, commit := range wholeHash.FindAllString(d.Status.Next+" "+d.Status.Reason, -1) {
		add(commit)
	}
	add(d.Status.ObservedCommit)
	for _, r := range d.Status.Reports {
		add(r.Commit)
	}
	for _, h := range d.Status.Holds {
		add(h.Commit)
	}
	for _, h := range d.Status.History {
		add(h.Commit)
	}
	return named
}

// reportedUpTo are the commits up to one that the Delivery has statuses of and
// that no review has approved: newest first, down to what full runs.
func reportedUpTo(d v1alpha1.Delivery, commit gitsrc.SHA) []answered {
	reports := d.Status.Reports
	if at := slices.IndexFunc(reports, func(r v1alpha1.Report) bool { return r.Commit == string(commit) }); at >= 0 {
		reports = reports[at:]
	}
	all := []answered{{commit: commit}}
	for _, r := range reports {
		if d.Status.Promoted != nil && r.Commit == d.Status.Promoted.Commit {
			break
		}
		one := answered{commit: gitsrc.SHA(r.Commit)}
		if r.Approval != nil {
			one.state, one.says = r.Approval.State, oneLine(r.Approval.Description)
		}
		switch {
		case r.Commit == string(commit):
			all[0] = one
		case one.state != "success":
			all = append(all, one)
		}
	}
	return all
}

// mostAnswered is how many commits are read for an answer.
const mostAnswered = 2000

// fromRepository looks the commit up on the branch, and all that it brings.
func (a *answer) fromRepository(ctx context.Context, p *program, f acknowledgeFlags, typed string) error {
	from, err := p.openRemote(ctx, f.from)
	if err != nil {
		return err
	}
	defer from.close()
	if a.commit, err = from.onBranch(typed); err != nil || a.runs() {
		return err
	}
	ends := map[gitsrc.SHA]bool{gitsrc.SHA(a.delivery.Status.Settled): true}
	if promoted := a.delivery.Status.Promoted; promoted != nil {
		if older, err := from.IsAncestor(a.commit, gitsrc.SHA(promoted.Commit)); err == nil && older {
			return failed(fmt.Errorf("%s came before %s, which full of %s runs: there is nothing to answer for",
				a.commit.Short(), short(promoted.Commit), nameOfService(a.delivery)), "")
		}
		ends[gitsrc.SHA(promoted.Commit)] = true
	}
	commits, err := from.FirstParents(a.commit, mostAnswered, func(c gitsrc.Commit) bool { return ends[c.SHA] })
	if err != nil && !errors.Is(err, gitsrc.ErrWalkTooLong) {
		return failed(fmt.Errorf("read the history of %s: %w", a.commit.Short(), err), "")
	}
	a.whole = err == nil
	for _, c := range commits {
		one := answered{commit: c.SHA, author: oneLine(c.Author.Name), subject: oneLine(c.Subject)}
		for _, r := range a.delivery.Status.Reports {
			if r.Commit == string(c.SHA) && r.Approval != nil {
				one.state, one.says = r.Approval.State, oneLine(r.Approval.Description)
			}
		}
		a.commits = append(a.commits, one)
	}
	return nil
}

// onBranch is the commit of the branch that begins so. Only its first parents
// count: banksman comes by no others.
func (r *remote) onBranch(typed string) (gitsrc.SHA, error) {
	head, err := r.Head()
	if err != nil {
		return "", failed(err, "")
	}
	commits, err := r.FirstParents(head, furthestAbbreviation, nil)
	if err != nil && !errors.Is(err, gitsrc.ErrWalkTooLong) {
		return "", failed(err, "")
	}
	var matches []gitsrc.SHA
	for _, c := range commits {
		if strings.HasPrefix(string(c.SHA), typed) {
			matches = append(matches, c.SHA)
		}
	}
	switch len(matches) {
	case 0:
		return "", failed(fmt.Errorf("%s of %s has no commit %s", r.branch, r.url, typed),
			"git log --first-parent lists the branch's own commits; one that came with a merge is answered for with the merge")
	case 1:
		return matches[0], nil
	}
	return "", misused("give more digits", "%s could be %s", typed, shortList(matches))
}
