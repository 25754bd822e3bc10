package main

import (
	"fmt"
	"slices"
	"strings"

	"banksman.dev/reconcile"
	"banksman.dev/reconcile/api/v1alpha1"
)

// pullsOf are the open pull requests that change a service, each a sentence.
func pullsOf(d v1alpha1.Delivery) []string {
	all := make([]string, len(d.Status.Pulls))
	for i, sentence := range d.Status.Pulls {
		all[i] = oneLine(sentence)
	}
	return all
}

// pullNumbers are what the sentences begin with: #12,#13.
func pullNumbers(d v1alpha1.Delivery) cell {
	var numbers []string
	for _, sentence := range pullsOf(d) {
		if number, _, _ := strings.Cut(sentence, " "); strings.HasPrefix(number, "#") {
			numbers = append(numbers, strings.TrimRight(number, ":,;"))
		}
	}
	return cell{text: orDash(strings.Join(numbers, ","))}
}

// printPulls is a section of its own; without any there is none.
func printPulls(b *strings.Builder, s screen, pulls []string) {
	if len(pulls) == 0 {
		return
	}
	fmt.Fprintln(b, "\nOPEN PULL REQUESTS")
	printSentences(b, s, pulls)
}

// printSentences breaks lines where the screen needs it.
func printSentences(b *strings.Builder, s screen, sentences []string) {
	for _, sentence := range sentences {
		for i, line := range wrapped(sentence, s.roomFor(4)) {
			fmt.Fprintln(b, strings.Repeat(" ", 2+2*min(i, 1))+line)
		}
	}
}

// ofPull marks a commit that is none of the branch: 1a2b3c4 (#12).
func ofPull(commit string, pull int) string {
	if pull == 0 {
		return commit
	}
	return fmt.Sprintf("%s (#%d)", commit, pull)
}

// proposalPassed: a pull request's canary has passed its steps, and nothing goes
// on before somebody reviews or merges it.
func proposalPassed(d v1alpha1.Delivery) bool {
	p := d.Status.Proposed
	return p != nil && d.Status.Canary != nil && d.Status.Canary.Pull == p.Pull &&
		slices.ContainsFunc(d.Status.Passed, func(passed v1alpha1.Pass) bool { return passed.Digest == p.Digest })
}

// reasonInList is why a service stands where it stands, on one line: of one that
// is up to date, which its commits tell, where the pull requests stand.
func reasonInList(d v1alpha1.Delivery) string {
	if len(d.Status.Pulls) == 0 || d.Status.Step != string(reconcile.StepUpToDate) {
		return waitsOrReason(d)
	}
	return waitsAnd(d, firstPull(d, 0))
}

// firstPull is the first sentence, cut to so many columns, and how many more
// there are; 0 is no limit.
func firstPull(d v1alpha1.Delivery, width int) string {
	pulls, rest := pullsOf(d), ""
	if more := len(pulls) - 1; more > 0 {
		rest = fmt.Sprintf("; and %d more pull requests", more)
	}
	if width > 0 {
		return cut(pulls[0], width-len(rest)) + rest
	}
	return pulls[0] + rest
}
