package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"
)

func TestNoTerminalNoColour(t *testing.T) {
	s := screenOf(&bytes.Buffer{}, func(key string) string { return map[string]string{"TERM": "xterm"}[key] })
	if s.paint || s.width != 0 {
		t.Errorf("screenOf(a buffer) = %+v, want no colour and no limit", s)
	}
}

func TestEveryColourHasItsWord(t *testing.T) {
	var plainly, painted strings.Builder
	for out, p := range map[*strings.Builder]paint{&plainly: false, &painted: true} {
		tbl := table{columns: []string{"A", "B"}, flexible: "B"}
		tbl.add(cell{"one", red}, cell{"two", green})
		tbl.add(cell{"three", plain}, cell{"", yellow})
		tbl.print(out, screen{paint: p})
	}
	if !strings.Contains(painted.String(), "\x1b[31mone\x1b[0m") {
		t.Errorf("no colour in %q", painted.String())
	}
	if got := ansi.Strip(painted.String()); got != plainly.String() {
		t.Errorf("with colour:\n%s\nwithout:\n%s", got, plainly.String())
	}
}

func TestATableFitsItsScreen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.StringOfN(rapid.RuneFrom([]rune("ab 世界é")), 0, 40, -1)
		tbl := table{columns: []string{"SERVICE", "REASON", "AGE"}, flexible: "REASON"}
		for range rapid.IntRange(0, 4).Draw(t, "rows") {
			tbl.add(cell{text: oneLine(rapid.StringN(0, 8, 16).Draw(t, "service"))},
				cell{text: oneLine(words.Draw(t, "reason"))}, cell{text: "3d"})
		}
		width := rapid.IntRange(40, 120).Draw(t, "width")
		var out strings.Builder
		tbl.print(&out, screen{width: width})
		for _, line := range strings.Split(out.String(), "\n") {
			if got := ansi.StringWidth(line); got > width {
				t.Fatalf("a line of %d columns on a screen of %d: %q", got, width, line)
			}
		}
	})
}

func TestTextOfOthersCannotDriveATerminal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		got := oneLine(rapid.String().Draw(t, "text"))
		if strings.ContainsAny(got, "\x1b\a\b\r\n\t\u202e\u2028\u009b") {
			t.Fatalf("oneLine left a control character: %q", got)
		}
	})
	if got := oneLine("a\x1b]0;title\ab\x1b[2Jc\u202ed\n e"); got != "abcd e" {
		t.Errorf("oneLine = %q, want %q", got, "abcd e")
	}
}
