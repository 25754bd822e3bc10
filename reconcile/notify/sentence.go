package notify

import (
	"slices"
	"strconv"
	"strings"
	"unicode"

	"banksman.dev/gitsrc"
)

// title names the service and what happened: the subject of a mail, the first
// line of a chat.
func (m message) title() string {
	title := plain(m.about()) + ": " + phrase(m.Event)
	if m.Environment != "" {
		title += " (" + m.Environment + ")"
	}
	return title
}

func (m message) about() string {
	switch {
	case len(m.others) == 1:
		return m.Service + " and " + m.others[0]
	case len(m.others) > 1:
		return m.Service + " and " + strconv.Itoa(len(m.others)) + " others"
	case m.Service != "":
		return m.Service
	case m.Source != "":
		return m.Source
	}
	return "banksman"
}

// text is what a person reads below the title: the sentence of the statuses and
// of why, then what it is about, on whom it waits, and what to do.
func (m message) text() string {
	lines := []string{plain(m.Reason), m.release(), m.services()}
	if len(m.By) > 0 {
		lines = append(lines, "by "+plain(strings.Join(m.By, ", ")))
	}
	if !isSaid(m.Reason, m.Waits) {
		lines = append(lines, "waits for "+plain(strings.Join(m.Waits, ", ")))
	}
	if m.Next != "" {
		lines = append(lines, "next: "+plain(m.Next))
	}
	if m.URL != "" && !strings.Contains(m.Next, m.URL) {
		lines = append(lines, plain(m.URL))
	}
	return strings.Join(slices.DeleteFunc(lines, func(l string) bool { return l == "" }), "\n")
}

func (m message) release() string {
	var words []string
	if m.Commit != "" {
		words = append(words, "commit "+gitsrc.SHA(m.Commit).Short())
	}
	if m.Pull > 0 {
		words = append(words, "of #"+strconv.Itoa(m.Pull))
	}
	if m.Namespace != "" && len(m.others) == 0 {
		words = append(words, "in namespace "+m.Namespace)
	}
	return strings.Join(words, " ")
}

// services lists all where there are several.
func (m message) services() string {
	if len(m.others) < 2 {
		return "" // the title names them
	}
	return plain("services: " + strings.Join(slices.Sorted(slices.Values(append([]string{m.Service}, m.others...))), ", "))
}

// isSaid: the sentence names all of them already.
func isSaid(sentence string, waits []string) bool {
	return !slices.ContainsFunc(waits, func(w string) bool { return !strings.Contains(sentence, w) })
}

// longestLine keeps one line of a chat readable, whatever an error quotes.
const longestLine = 600

// plain is text that comes from a repository or a server, fit for a chat: on one
// line, and waking nobody. Slack takes <!channel> for a call to everybody, others
// @everyone, @here or @all.
func plain(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if r := []rune(s); len(r) > longestLine {
		s = string(r[:longestLine-1]) + "…"
	}
	return callers().Replace(s)
}

// callers put a character without width into what calls people.
func callers() *strings.Replacer {
	const nothing = "\u200b"
	var pairs []string
	for _, call := range []string{"<!", "<@", "@everyone", "@here", "@channel", "@all"} {
		pairs = append(pairs, call, call[:1]+nothing+call[1:])
	}
	return strings.NewReplacer(pairs...)
}
