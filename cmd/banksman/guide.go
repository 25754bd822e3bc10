package main

import (
	"fmt"
	"strings"

	"charm.land/glamour/v2"
	"charm.land/glamour/v2/ansi"
	"github.com/spf13/cobra"

	"banksman.dev/cmd/banksman/guide"
)

const guideLong = `Print a topic of the guide: how to get from nothing to a running banksman, the
reference of the catalog and of the configuration, how a release is decided, how to
run it, what it trusts, and what to do when something is wrong. Without a TOPIC, the
list of them.

On a terminal it is laid out for its width; elsewhere, and with NO_COLOR, it is the
Markdown as it stands in the repository, in cmd/banksman/guide.`

func (p *program) guideCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "guide [TOPIC]",
		Short: "Read the guide: how to start, references, and what to do when something is wrong",
		Long:  guideLong,
		Example: `  banksman guide
  banksman guide start
  banksman guide troubleshooting | less`,
		Args: arguments(0, 1, ""),
	}
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		topics, err := guide.Topics()
		if err != nil || len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		found := make([]string, len(topics))
		for i, t := range topics {
			found[i] = t.Name + "\t" + t.Title
		}
		return found, cobra.ShellCompDirectiveNoFileComp
	}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		topics, err := guide.Topics()
		if err != nil {
			return failed(err, "")
		}
		if len(args) == 0 {
			return p.listTopics(topics)
		}
		return p.printTopic(topics, args[0])
	}
	return cmd
}

func (p *program) listTopics(topics []guide.Topic) error {
	var b strings.Builder
	sc := p.screen()
	list := facts{out: &b, screen: sc}
	for _, t := range topics {
		list.add(t.Name, cell{text: t.Summary})
	}
	list.print()
	fmt.Fprintln(&b, "\nbanksman guide TOPIC prints one.")
	return p.print(&b)
}

func (p *program) printTopic(topics []guide.Topic, name string) error {
	all := make([]string, len(topics))
	for i, t := range topics {
		all[i] = t.Name
		if t.Name == name {
			return p.printMarkdown(t.Text)
		}
	}
	try := "banksman guide lists the topics"
	if near := nearest(name, all); near != "" {
		try = "did you mean banksman guide " + near + "? " + try
	}
	return misused(try, "the guide has no topic %q", name)
}

// widestText is where lines become hard to read.
const widestText = 100

func (p *program) printMarkdown(text string) error {
	var b strings.Builder
	b.WriteString(text)
	if sc := p.screen(); sc.paint {
		width := widestText
		if sc.width > 0 {
			width = min(width, sc.width)
		}
		laidOut, err := layOut(text, width)
		if err != nil {
			return failed(err, "NO_COLOR=1 banksman guide … prints it as it is")
		}
		b.Reset()
		b.WriteString(laidOut)
	}
	return p.print(&b)
}

func layOut(markdown string, width int) (string, error) {
	renderer, err := glamour.NewTermRenderer(glamour.WithStyles(guideStyle()), glamour.WithWordWrap(width))
	if err != nil {
		return "", fmt.Errorf("lay out the guide: %w", err)
	}
	text, err := renderer.Render(markdown)
	if err != nil {
		return "", fmt.Errorf("lay out the guide: %w", err)
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n") // the padding is in the way of whoever copies a command
	}
	return b.String(), nil
}

// guideStyle has the colours of the terminal's own palette, as everything that
// banksman prints.
func guideStyle() ansi.StyleConfig {
	const codeColour = "6" // cyan
	margin, indent, yes := uint(2), uint(1), true
	bar, code := "│ ", codeColour
	heading := func(prefix string) ansi.StyleBlock {
		return ansi.StyleBlock{StylePrimitive: ansi.StylePrimitive{Prefix: prefix, Bold: &yes}}
	}
	return ansi.StyleConfig{
		Document:       ansi.StyleBlock{StylePrimitive: ansi.StylePrimitive{BlockSuffix: "\n"}},
		BlockQuote:     ansi.StyleBlock{Indent: &indent, IndentToken: &bar},
		List:           ansi.StyleList{LevelIndent: margin},
		Heading:        ansi.StyleBlock{StylePrimitive: ansi.StylePrimitive{BlockSuffix: "\n", Bold: &yes}},
		H1:             heading(""),
		H2:             heading("## "),
		H3:             heading("### "),
		Emph:           ansi.StylePrimitive{Italic: &yes},
		Strong:         ansi.StylePrimitive{Bold: &yes},
		HorizontalRule: ansi.StylePrimitive{Format: "\n────\n"},
		Item:           ansi.StylePrimitive{BlockPrefix: "• "},
		Enumeration:    ansi.StylePrimitive{BlockPrefix: ". "},
		Link:           ansi.StylePrimitive{Underline: &yes},
		LinkText:       ansi.StylePrimitive{Bold: &yes},
		Code:           ansi.StyleBlock{StylePrimitive: ansi.StylePrimitive{Color: &code}},
		CodeBlock:      ansi.StyleCodeBlock{StyleBlock: ansi.StyleBlock{StylePrimitive: ansi.StylePrimitive{Color: &code}, Margin: &margin}},
	}
}
