package main

import (
	"strings"
	"time"
	"unicode"

	"github.com/charmbracelet/x/ansi"
	"k8s.io/apimachinery/pkg/util/duration"
)

// printable drops what would move a terminal's cursor or hide text: messages
// quote commits, Pods and reviews, which others wrote. Line breaks stay.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == '\u2028', r == '\u2029':
			return -1
		}
		return r
	}, ansi.Strip(s))
}

// oneLine is printable text for a table's cell.
func oneLine(s string) string {
	return strings.Join(strings.Fields(printable(s)), " ")
}

// cut shortens s to at most width columns of a terminal.
func cut(s string, width int) string { return ansi.Truncate(s, width, "…") }

// wrapped breaks s at spaces into lines of at most width columns; 0 is no limit.
func wrapped(s string, width int) []string {
	if width <= 0 || ansi.StringWidth(s) <= width {
		return []string{s}
	}
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		switch {
		case line == "":
			line = word
		case ansi.StringWidth(line)+1+ansi.StringWidth(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}

// age is how long ago something was, in kubectl's way.
func age(now, then time.Time) string {
	if then.IsZero() {
		return "-"
	}
	return duration.HumanDuration(now.Sub(then))
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
