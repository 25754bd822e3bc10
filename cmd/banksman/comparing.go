package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"
	"github.com/charmbracelet/x/ansi"
	"github.com/gonvenience/bunt"
	"github.com/gonvenience/ytbx"
	"github.com/homeport/dyff/pkg/dyff"
	"sigs.k8s.io/yaml"

	"banksman.dev/render"
)

// printComparison prints what differs, and returns errDifferent if anything does.
func (p *program) printComparison(c comparison, unified bool) error {
	before, after := maskedPair(c.before, c.after)
	var out bytes.Buffer
	var err error
	if unified {
		err = writeUnified(&out, p.screen().paint, c, before, after)
	} else {
		err = writeByMeaning(&out, p.screen(), c, before, after)
	}
	if err != nil {
		return fmt.Errorf("compare the objects of %s: %w", c.service, err)
	}
	if out.Len() == 0 {
		return nil
	}
	if _, err := out.WriteTo(p.streams.Out); err != nil {
		return err
	}
	return errDifferent
}

// writeByMeaning compares values, not lines: the order of keys says nothing, and
// list elements with a name are found by it.
func writeByMeaning(w *bytes.Buffer, s screen, c comparison, before, after []render.Object) error {
	// The library keeps its colours for the whole process.
	if s.paint {
		bunt.SetColorSettings(bunt.ON, bunt.OFF)
	} else {
		bunt.SetColorSettings(bunt.OFF, bunt.OFF)
	}
	from, err := inputOf(c.beforeName, before)
	if err != nil {
		return err
	}
	to, err := inputOf(c.afterName, after)
	if err != nil {
		return err
	}
	report, err := dyff.CompareInputFiles(from, to, dyff.KubernetesEntityDetection(true), dyff.DetectRenames(false))
	if err != nil || len(report.Diffs) == 0 {
		return err
	}
	fmt.Fprintf(w, "%s %s\n", s.paint.in(bold, c.service+":"), c.beforeName+" → "+c.afterName)
	var text bytes.Buffer
	human := &dyff.HumanReport{Report: report, OmitHeader: true, NoTableStyle: true, DoNotInspectCerts: true, Indent: 2, MultilineContextLines: 3}
	if err := human.WriteReport(&text); err != nil {
		return err
	}
	_, err = io.WriteString(w, "\n"+withoutGaps(brokenHeadings(colouredOnly(text.String()), s.width))+"\n")
	return err
}

// brokenHeadings puts the object on a line of its own where a path and it do not
// fit on one.
func brokenHeadings(text string, width int) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		isHeading := !strings.HasPrefix(ansi.Strip(line), " ")
		if path, object, ok := strings.Cut(line, "  "); ok && isHeading && width > 0 && ansi.StringWidth(line) > width {
			lines[i] = path + "\n  " + object
		}
	}
	return strings.Join(lines, "\n")
}

// withoutGaps leaves one empty line where the library leaves several.
func withoutGaps(s string) string {
	var kept []string
	for _, line := range strings.Split(strings.TrimSpace(s), "\n") {
		line = strings.TrimRight(line, " ")
		if line != "" || kept[len(kept)-1] != "" {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

// inputOf is what the library compares. An empty list of objects is no document.
func inputOf(name string, objects []render.Object) (ytbx.InputFile, error) {
	content, err := documents(objects)
	if err != nil || len(objects) == 0 {
		return ytbx.InputFile{Location: name}, err
	}
	nodes, err := ytbx.LoadYAMLDocuments(content)
	return ytbx.InputFile{Location: name, Documents: nodes}, err
}

func documents(objects []render.Object) ([]byte, error) {
	var out bytes.Buffer
	for _, o := range objects {
		content, err := yaml.Marshal(o)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o, err)
		}
		out.WriteString("---\n")
		out.Write(content)
	}
	return out.Bytes(), nil
}

// writeUnified compares the text of each object with that of the same one.
func writeUnified(w *bytes.Buffer, colours paint, c comparison, before, after []render.Object) error {
	fromText, err := textsOf(before)
	if err != nil {
		return err
	}
	toText, err := textsOf(after)
	if err != nil {
		return err
	}
	for _, id := range identities(before, after) {
		hunks := udiff.Unified(c.beforeName+": "+id.String(), c.afterName+": "+id.String(), fromText[id], toText[id])
		for _, line := range strings.SplitAfter(hunks, "\n") {
			end := strings.TrimSuffix(line, "\n")
			w.WriteString(colours.in(hunkColour(end), end) + line[len(end):])
		}
	}
	return nil
}

func hunkColour(line string) colour {
	switch {
	case strings.HasPrefix(line, "+++"), strings.HasPrefix(line, "---"):
		return bold
	case strings.HasPrefix(line, "@@"):
		return cyan
	case strings.HasPrefix(line, "+"):
		return green
	case strings.HasPrefix(line, "-"):
		return red
	}
	return plain
}

func textsOf(objects []render.Object) (map[render.ObjectID]string, error) {
	texts := map[render.ObjectID]string{}
	for _, o := range objects {
		content, err := yaml.Marshal(o)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o, err)
		}
		texts[o.ID()] = string(content)
	}
	return texts, nil
}

func identities(lists ...[]render.Object) []render.ObjectID {
	var ids []render.ObjectID
	for _, o := range slices.Concat(lists...) {
		ids = append(ids, o.ID())
	}
	slices.SortFunc(ids, render.ObjectID.Compare)
	return slices.Compact(ids)
}

// colouredOnly lets through line breaks and colours, and nothing else that
// drives a terminal: the values are others' text.
func colouredOnly(s string) string {
	var out strings.Builder
	for len(s) > 0 {
		if end := colourEnd(s); end > 0 {
			out.WriteString(s[:end])
			s = s[end:]
			continue
		}
		next := strings.IndexByte(s[1:], '\x1b') + 1
		if next == 0 {
			next = len(s)
		}
		out.WriteString(printable(s[:next]))
		s = s[next:]
	}
	return out.String()
}

// colourEnd is the length of the colour that s begins with, else 0.
func colourEnd(s string) int {
	if !strings.HasPrefix(s, "\x1b[") {
		return 0
	}
	rest := strings.TrimLeft(s[2:], "0123456789;")
	if !strings.HasPrefix(rest, "m") {
		return 0
	}
	return len(s) - len(rest) + 1
}
