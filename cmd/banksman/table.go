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
}

// A table prints rows in columns. The column named flexible gives way when the
// screen is too narrow for all.
type table struct {
	columns  []string
	flexible string
	noHeader bool
	// oneRow cuts the flexible column and never moves it.
	oneRow bool
	rows   [][]cell
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
	below := false
	if over := sum(widths) + len(columnGap)*(len(widths)-1) - s.width; s.width > 0 && over > 0 && flexible >= 0 {
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
			printRow(w, s, row, widths)
		}
		return
	}
	widths = slices.Delete(widths, flexible, flexible+1)
	for n, row := range rows {
		moved := row[flexible]
		printRow(w, s, slices.Delete(slices.Clone(row), flexible, flexible+1), widths)
		if (n > 0 || t.noHeader) && moved.text != "-" {
			fmt.Fprintln(w, "  "+s.paint.in(moved.colour, cutTo(s, moved.text, 2)))
		}
	}
}

func printRow(w *strings.Builder, s screen, row []cell, widths []int) {
	var line strings.Builder
	for i, c := range row {
		text := cut(c.text, widths[i])
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

func sum(widths []int) int {
	total := 0
	for _, w := range widths {
		total += w
	}
	return total
}
