package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// A cell is one field of a table.
type cell struct {
	text   string
	colour colour
	// keepEnds: it is a list of images, whose tags tell most.
	keepEnds bool
}

func (c cell) cut(width int) string {
	if !c.keepEnds || ansi.StringWidth(c.text) <= width {
		return cut(c.text, width)
	}
	parts := strings.Split(c.text, ", ")
	room := width - len(", ")*(len(parts)-1)
	// The short ones leave more to the others.
	for i, n := range byWidth(parts) {
		mine := room / (len(parts) - i)
		parts[n] = keepEnd(parts[n], mine)
		room -= ansi.StringWidth(parts[n])
	}
	return cut(strings.Join(parts, ", "), width)
}

// byWidth are the indices of texts, the shortest first.
func byWidth(texts []string) []int {
	indices := make([]int, len(texts))
	for i := range indices {
		indices[i] = i
	}
	slices.SortStableFunc(indices, func(a, b int) int { return ansi.StringWidth(texts[a]) - ansi.StringWidth(texts[b]) })
	return indices
}

func keepEnd(text string, width int) string {
	over := ansi.StringWidth(text) - width
	if over <= 0 || width <= 0 {
		return text
	}
	return ansi.TruncateLeft(text, over+1, "…")
}

// A table prints rows in columns. The column named flexible gives way when the
// screen is too narrow for all.
type table struct {
	columns  []string
	flexible string
	noHeader bool
	// oneRow cuts the flexible column and never moves it.
	oneRow bool
	// below moves the flexible column wherever it would fit.
	below bool
	// whole breaks the flexible column's text into lines and never cuts it.
	whole bool
	rows  [][]cell
}

const (
	columnGap       = "   "
	leastOfFlexible = 24
)

func (t *table) add(cells ...cell) { t.rows = append(t.rows, cells) }

// print cuts the flexible column, or moves it to lines of its own where too
// little of it would be left.
func (t *table) print(w *strings.Builder, s screen) {
	widths := t.widths()
	flexible := slices.Index(t.columns, t.flexible)
	below := t.below
	if over := t.width() - s.width; !below && s.width > 0 && over > 0 && flexible >= 0 {
		below = !t.oneRow && widths[flexible]-over < leastOfFlexible
		widths[flexible] = max(widths[flexible]-over, 0)
	}
	header := make([]cell, len(t.columns))
	for i, name := range t.columns {
		header[i] = cell{text: name}
	}
	rows := append([][]cell{header}, t.rows...)
	if t.noHeader {
		rows = t.rows
	}
	if !below {
		for _, row := range rows {
			t.printLines(w, s, row, widths, flexible)
		}
		return
	}
	widths = slices.Delete(widths, flexible, flexible+1)
	for n, row := range rows {
		moved := row[flexible]
		printRow(w, s, slices.Delete(slices.Clone(row), flexible, flexible+1), widths)
		if (n > 0 || t.noHeader) && moved.text != "-" {
			for _, line := range t.linesOf(moved, s.roomFor(2)) {
				fmt.Fprintln(w, "  "+s.paint.in(moved.colour, line))
			}
		}
	}
}

// printLines prints one row: a line, or several where a text is to stay whole.
func (t *table) printLines(w *strings.Builder, s screen, row []cell, widths []int, flexible int) {
	if !t.whole || flexible < 0 {
		printRow(w, s, row, widths)
		return
	}
	for i, line := range t.linesOf(row[flexible], widths[flexible]) {
		if i > 0 {
			row = make([]cell, len(row))
		}
		row = slices.Clone(row)
		row[flexible] = cell{text: line, colour: row[flexible].colour}
		printRow(w, s, row, widths)
	}
}

// linesOf is a text that has width columns: one line, or several where it is to
// stay whole.
func (t *table) linesOf(c cell, width int) []string {
	if !t.whole {
		return []string{cut(c.text, width)}
	}
	var lines []string
	for _, line := range brokenLines(c.text, width) {
		lines = append(lines, strings.Split(ansi.Hardwrap(line, width, true), "\n")...)
	}
	return lines
}

func printRow(w *strings.Builder, s screen, row []cell, widths []int) {
	var line strings.Builder
	for i, c := range row {
		text := c.cut(widths[i])
		line.WriteString(s.paint.in(c.colour, text))
		if i < len(row)-1 {
			line.WriteString(strings.Repeat(" ", widths[i]-ansi.StringWidth(text)) + columnGap)
		}
	}
	fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
}

func (t *table) widths() []int {
	widths := make([]int, len(t.columns))
	for i, name := range t.columns {
		if !t.noHeader {
			widths[i] = ansi.StringWidth(name)
		}
		for _, row := range t.rows {
			widths[i] = max(widths[i], ansi.StringWidth(row[i].text))
		}
	}
	return widths
}

// width is what the table needs to show everything.
func (t *table) width() int {
	widths := t.widths()
	return sum(widths) + len(columnGap)*(len(widths)-1)
}

func sum(widths []int) int {
	total := 0
	for _, w := range widths {
		total += w
	}
	return total
}
