// Package guide is the guide to banksman: one Markdown file for each topic,
// readable here and printed by banksman guide.
//
// It knows nothing of terminals. Its entry point is Topics. What the files say is
// checked by the tests of cmd/banksman: their catalogs, configurations and
// command lines are read by the code that they are about.
package guide

import (
	"embed"
	"errors"
	"fmt"
	"strings"
)

//go:embed *.md
var files embed.FS

// A Topic is one file of the guide.
type Topic struct {
	Name    string
	Title   string // its heading
	Summary string // its first paragraph, one line
	Text    string // Markdown, the heading included
}

// names are the topics in the order in which they are read.
func names() []string {
	return []string{
		"start", "catalog", "pipelines", "rollback",
		"operations", "configuration", "notifications", "security", "secrets",
		"coming-from-flux", "coming-from-argocd", "coming-from-helm",
		"troubleshooting",
	}
}

// Topics are all, in the order in which they are read.
func Topics() ([]Topic, error) {
	topics := make([]Topic, 0, len(names()))
	var errs []error
	for _, name := range names() {
		topic, err := read(name)
		errs = append(errs, err)
		topics = append(topics, topic)
	}
	return topics, errors.Join(errs...)
}

func read(name string) (Topic, error) {
	content, err := files.ReadFile(name + ".md")
	if err != nil {
		return Topic{}, fmt.Errorf("read the guide: %w", err)
	}
	text := string(content)
	heading, rest, _ := strings.Cut(text, "\n")
	title, isHeading := strings.CutPrefix(heading, "# ")
	first, _, _ := strings.Cut(strings.TrimLeft(rest, "\n"), "\n\n")
	if !isHeading || first == "" {
		return Topic{}, fmt.Errorf("read the guide: %s.md does not begin with a heading and a paragraph", name)
	}
	return Topic{Name: name, Title: title, Summary: strings.ReplaceAll(first, "\n", " "), Text: text}, nil
}
