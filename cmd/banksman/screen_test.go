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

func TestATerminalSaysWhetherItWantsColour(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string
		want screen
	}{
		"a terminal":                    {map[string]string{"TERM": "xterm-256color"}, screen{80, 24, true}},
		"NO_COLOR":                      {map[string]string{"TERM": "xterm", "NO_COLOR": "1"}, screen{80, 24, false}},
		"NO_COLOR without a value":      {map[string]string{"TERM": "xterm", "NO_COLOR": ""}, screen{80, 24, true}},
		"a dumb terminal":               {map[string]string{"TERM": "dumb"}, screen{80, 0, false}},
		"a terminal that names nothing": {nil, screen{80, 0, false}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := terminalOf(80, 24, func(key string) string { return c.env[key] }); got != c.want {
				t.Errorf("terminalOf = %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestEveryColourHasItsWord(t *testing.T) {
	var plainly, painted strings.Builder
	for out, p := range map[*strings.Builder]paint{&plainly: false, &painted: true} {
		tbl := table{columns: []string{"A", "B"}, flexible: "B"}
		tbl.add(cell{text: "one", colour: red}, cell{text: "two", colour: green})
		tbl.add(cell{text: "three", colour: plain}, cell{text: "", colour: yellow})
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

func TestImagesThatDoNotFitKeepTheirTags(t *testing.T) {
	for _, c := range []struct {
		images string
		width  int
		want   string
	}{
		{"gate:1, sidecar:2", 17, "gate:1, sidecar:2"},
		{"gate:20190218-6-master", 12, "…18-6-master"},
		{"gate:20190218-6-master, log:4", 20, "…218-6-master, log:4"},
		{"gate:20190218-6-master, logexporter:20190105-3-master", 22, "…-6-master, …-3-master"},
		{"a:1, b:2, c:3", 4, "a:1…"},
	} {
		if got := (cell{text: c.images, keepEnds: true}).cut(c.width); got != c.want {
			t.Errorf("cut(%q, %d) = %q, want %q", c.images, c.width, got, c.want)
		}
	}
}

func TestAHeadingThatDoesNotFitIsBrokenAndAValueIsNot(t *testing.T) {
	const text = "\x1b[1mdata\x1b[0m.key  (v1/ConfigMap/dora-apps/a)\n\x1b[31m  - a value  of many columns, much too long\x1b[0m\nshort  (v1/a)"
	const want = "\x1b[1mdata\x1b[0m.key\n  (v1/ConfigMap/dora-apps/a)\n\x1b[31m  - a value  of many columns, much too long\x1b[0m\nshort  (v1/a)"
	if got := brokenHeadings(text, 30); got != want {
		t.Errorf("brokenHeadings = %q, want %q", got, want)
	}
	if got := brokenHeadings(text, 0); got != text {
		t.Errorf("without a limit: %q", got)
	}
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
