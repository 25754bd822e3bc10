package main

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"banksman.dev/gitsrc"
)

// facts prints names with their values, the values under each other. A fact
// without a value is left out.
type facts struct {
	out    *strings.Builder
	screen screen
	lines  []fact
}

type fact struct {
	name  string
	value cell
	// whole: a command in it is not broken into lines, because it is copied.
	whole bool
}

// lines are the value's, for so many columns; 0 is no limit.
func (f fact) lines(room int) []string {
	text := printable(f.value.text)
	if !f.whole {
		return brokenLines(text, room)
	}
	for _, program := range []string{"kubectl ", "banksman "} {
		if words, command, ok := strings.Cut(text, ": "+program); ok && room > 0 && ansi.StringWidth(text) > room {
			return append(wrapped(words+":", room), program+command)
		}
	}
	return strings.Split(text, "\n")
}

func (f *facts) add(name string, value cell) { f.append(fact{name: name, value: value}) }

// addCommand adds what a person may copy.
func (f *facts) addCommand(name, value string) {
	f.append(fact{name: name, value: cell{text: value}, whole: true})
}

func (f *facts) append(one fact) {
	if one.value.text != "" {
		f.lines = append(f.lines, one)
	}
}

func (f *facts) print() {
	width := 0
	for _, one := range f.lines {
		width = max(width, ansi.StringWidth(one.name))
	}
	for _, one := range f.lines {
		room := 0
		if f.screen.width > 0 {
			room = max(f.screen.width-width-len(columnGap), leastOfFlexible)
		}
		name := one.name
		for _, line := range one.lines(room) {
			padding := strings.Repeat(" ", width-ansi.StringWidth(name)) + columnGap
			fmt.Fprintln(f.out, strings.TrimRight(f.screen.paint.in(dim, name)+padding+f.screen.paint.in(one.value.colour, line), " "))
			name = ""
		}
	}
}

// brokenLines keeps line breaks and adds those that the width needs.
func brokenLines(s string, width int) []string {
	var all []string
	for _, line := range strings.Split(s, "\n") {
		all = append(all, wrapped(line, width)...)
	}
	return all
}

func cutTo(s screen, text string, indent int) string {
	if s.width <= 0 {
		return text
	}
	return cut(text, max(s.width-indent, leastOfFlexible))
}

func short(commit string) string { return orDash(gitsrc.SHA(commit).Short()) }
