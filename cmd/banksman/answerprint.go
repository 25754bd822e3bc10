package main

import (
	"fmt"
	"strings"
)

// shownAnswered is how many commits and objects a person is shown of each.
const shownAnswered = 20

// print says what exactly is answered for.
func (a answer) print(b *strings.Builder, s screen) {
	for _, line := range wrapped(fmt.Sprintf("You answer for %s, up to %s:", nameOfService(a.delivery), a.commit), s.width) {
		fmt.Fprintln(b, s.paint.in(bold, line))
	}
	if len(a.commits) > 0 {
		a.printCommits(b, s)
	}
	a.printDeletions(b, s)
	if old := a.delivery.Spec.Acknowledge; old != "" && old != string(a.commit) {
		printSentences(b, s, []string{"this takes the place of: acknowledged up to " + short(old) + byWords(a.delivery.Spec.AcknowledgeBy) + becauseWords(a.delivery.Spec.AcknowledgeReason)})
	}
}

func (a answer) printCommits(b *strings.Builder, s screen) {
	t := &table{columns: []string{"COMMIT", "APPROVAL", "SAYS"}, flexible: "SAYS", whole: true}
	if a.named() {
		t = &table{columns: []string{"COMMIT", "APPROVAL", "BY", "SUBJECT"}, flexible: "SUBJECT", whole: true}
	}
	for _, c := range a.commits[:min(len(a.commits), shownAnswered)] {
		row := []cell{{text: c.commit.Short()}, stateCell(c.state)}
		if a.named() {
			row = append(row, cell{text: orDash(c.author)}, cell{text: orDash(c.subject)})
		} else {
			row = append(row, cell{text: orDash(c.says)})
		}
		t.add(row...)
	}
	t.print(b, s)
	var notes []string
	if more := len(a.commits) - shownAnswered; more > 0 {
		notes = append(notes, fmt.Sprintf("and %d more commits", more))
	}
	if !a.whole {
		notes = append(notes, "and for what else came before it since "+a.since()+": --repo URL lists every commit")
	}
	printSentences(b, s, notes)
}

// named: it is known who made the commits.
func (a answer) named() bool { return a.commits[0].author != "" }

// since is where the commits begin that an answer is about.
func (a answer) since() string {
	if p := a.delivery.Status.Promoted; p != nil && p.Commit != "" {
		return short(p.Commit) + ", which full runs"
	}
	return "the beginning"
}

func (a answer) printDeletions(b *strings.Builder, s screen) {
	withheld := withheldNames(a.delivery)
	if len(withheld) == 0 {
		return
	}
	fmt.Fprintln(b, s.paint.in(red, fmt.Sprintf("These %d of %d objects are deleted:", len(withheld), fullObjects(a.delivery))))
	lines := withheld[:min(len(withheld), shownAnswered)]
	if more := len(withheld) - len(lines); more > 0 {
		lines = append(lines[:len(lines):len(lines)], fmt.Sprintf("and %d more: banksman get delivery %s -n %s -o yaml", more, a.delivery.Name, a.delivery.Namespace))
	}
	printSentences(b, s, lines)
}
