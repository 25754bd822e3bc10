package main

import (
	"io"
	"os"
	"strconv"

	"golang.org/x/term"
)

// A screen is where a command's answer goes: how wide it is, and whether it
// shows colours.
type screen struct {
	width  int // in columns; 0 is no limit
	height int // in lines; 0 where nothing can be drawn anew
	paint  paint
}

// screenOf looks at the output and the environment. Without a terminal nothing
// is coloured, and nothing is cut unless $COLUMNS asks for it.
func screenOf(out io.Writer, getenv func(string) string) screen {
	f, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return screen{width: columnsOf(getenv)}
	}
	width, height, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 {
		width, height = columnsOf(getenv), 0
	}
	return terminalOf(width, height, getenv)
}

// terminalOf is a terminal of that size; a dumb one, or one without a name, is
// neither coloured nor drawn anew.
func terminalOf(width, height int, getenv func(string) string) screen {
	if getenv("TERM") == "dumb" || getenv("TERM") == "" {
		return screen{width: width}
	}
	return screen{width: width, height: height, paint: getenv("NO_COLOR") == ""}
}

func columnsOf(getenv func(string) string) int {
	n, err := strconv.Atoi(getenv("COLUMNS"))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// roomFor is what is left of a line behind an indent; 0 is no limit.
func (s screen) roomFor(indent int) int {
	if s.width <= 0 {
		return 0
	}
	return max(s.width-indent, leastOfFlexible)
}

// redraws: what was printed can be drawn anew in its place.
func (s screen) redraws() bool { return s.height > 0 }

// paint says whether there are colours.
type paint bool

// A colour is an SGR parameter of the terminal's own palette, so that it suits
// the person's theme.
type colour string

const (
	plain  colour = ""
	bold   colour = "1"
	dim    colour = "2"
	red    colour = "31"
	green  colour = "32"
	yellow colour = "33"
	cyan   colour = "36"
)

func (p paint) in(c colour, s string) string {
	if !p || c == plain || s == "" {
		return s
	}
	return "\x1b[" + string(c) + "m" + s + "\x1b[0m"
}
