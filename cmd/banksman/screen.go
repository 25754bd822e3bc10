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
	s := screen{}
	if n, err := strconv.Atoi(getenv("COLUMNS")); err == nil && n > 0 {
		s.width = n
	}
	f, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return s
	}
	drawable := getenv("TERM") != "dumb" && getenv("TERM") != ""
	if width, height, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
		s.width = width
		if drawable {
			s.height = height
		}
	}
	s.paint = paint(drawable && getenv("NO_COLOR") == "")
	return s
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
