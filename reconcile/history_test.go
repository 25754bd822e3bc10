package reconcile

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// history writes a branch as letters, oldest first: equal letters are equal
// content, "!" cannot be rendered, "." is not in the catalog.
func history(letters string) []point {
	var points []point
	for i, l := range letters {
		p := point{commit: gitsrc.SHA(fmt.Sprint(i)), digest: render.Digest(l), rules: render.Digest(l)}
		switch l {
		case '!':
			p.digest, p.rules, p.fault = "", "", "a template is broken"
		case '.':
			p.digest, p.rules, p.fault, p.absent = "", "", "not in the catalog", true
		}
		points = append(points, p)
	}
	return points
}

func knows(letters string) func(render.Digest) bool {
	return func(d render.Digest) bool { return strings.Contains(letters, string(d)) }
}

func said(commits []gitsrc.SHA) string {
	var s []string
	for _, c := range commits {
		s = append(s, string(c))
	}
	return strings.Join(s, " ")
}

func TestTheRangeHoldsEveryCommitWhoseApprovalTheHeadNeeds(t *testing.T) {
	for name, c := range map[string]struct{ history, known, touched, want string }{
		"nothing changed": {"AAA", "A", "", ""},
		"one change":      {"AB", "A", "", "1"},
		"commits that change nothing are not asked about":       {"AABB", "A", "", "2"},
		"an approved tip does not carry the one below it along": {"ABC", "A", "", "1 2"},
		"a change that was taken back is cancelled":             {"ABAC", "A", "", "3"},
		"also when what it went back to was never promoted":     {"ABCBD", "A", "", "1 4"},
		"back at what is promoted, nothing is needed":           {"ABA", "A", "", ""},
		"content that was promoted before starts the range":     {"ABCD", "AC", "", "3"},
		"a broken commit that touched the inputs counts":        {"A!B", "A", "12", "1 2"},
		"a broken commit that is taken back does not":           {"A!A", "A", "12", ""},
		"a broken commit of others does not, its fix does":      {"A!B", "A", "2", "2"},
		"the commit that brings a new service counts":           {"..A", "", "", "2"},
		"and the one that prepared its files":                   {"..A", "", "1", "1 2"},
	} {
		t.Run(name, func(t *testing.T) {
			touches := func(_, after point) bool { return strings.Contains(c.touched, string(after.commit)) }
			if got := said(contentRange(history(c.history), knows(c.known), touches)); got != c.want {
				t.Errorf("range of %s: %q, want %q", c.history, got, c.want)
			}
		})
	}
}

func TestEveryChangeIsInTheRangeOrCancelled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		letters := rapid.StringOfN(rapid.RuneFrom([]rune("ABCD!")), 2, 12, -1).Draw(t, "history")
		points := history(letters)
		always := func(_, _ point) bool { return true }
		got := contentRange(points, knows(""), always)
		for i := 1; i < len(letters); i++ {
			changed := letters[i] != letters[i-1] || letters[i] == '!'
			cancelled := false
			for a := range i {
				for b := i; b < len(letters); b++ {
					cancelled = cancelled || letters[a] == letters[b] && letters[a] != '!'
				}
			}
			in := slices.Contains(got, points[i].commit)
			if in && !changed {
				t.Fatalf("%s: commit %d changed nothing and is asked about", letters, i)
			}
			if changed && !cancelled && !in {
				t.Fatalf("%s: commit %d needs an approval and is not asked about: %v", letters, i, got)
			}
		}
	})
}

func TestTheReleaseIsNamedAfterTheCommitThatBroughtIt(t *testing.T) {
	for letters, want := range map[string]int{"A": 0, "AA": 0, "AB": 1, "ABB": 1, "ABA": 2, "AB!!": 2, "A!B": 2} {
		if got := introduced(history(letters)); got != want {
			t.Errorf("%s: %d, want %d", letters, got, want)
		}
	}
}

func TestChangesAreCountedFromWhatWasSeenLast(t *testing.T) {
	for _, c := range []struct{ history, seen, touched, want string }{
		{"ABC", "0", "", "1 2"},
		{"ABC", "1", "", "2"},
		{"ABC", "2", "", ""},
		{"AABB", "1", "", "2"},
		{"ABC", "unknown", "", "2"},
		{"A!!B", "0", "", "1 3"},
		{"A!!B", "0", "2", "1 2 3"},
		{"A!!!", "0", "2", "1 2"},
		{"A!!!", "unknown", "2", "2"},
		{"AABB", "0", "1 3", "2"}, // what it came to is known
	} {
		touched := func(i int) bool { return strings.Contains(c.touched, fmt.Sprint(i)) }
		if got := said(changesSince(history(c.history), gitsrc.SHA(c.seen), touched)); got != c.want {
			t.Errorf("%s since %s: %q, want %q", c.history, c.seen, got, c.want)
		}
	}
}
