package render_test

import (
	"runtime"
	"strings"
	"testing"

	"banksman.dev/render"
)

func TestHostileYAMLIsRefusedBeforeItIsExpanded(t *testing.T) {
	var bomb strings.Builder
	bomb.WriteString("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n")
	for i := 1; i < 100; i++ {
		bomb.WriteString(level(i))
	}
	for name, c := range map[string]struct{ content, want string }{
		"a hundred levels of ten aliases": {bomb.String(), "YAML aliases"},
		"20,000 open brackets":            {strings.Repeat("[", 20_000), "max depth"},
		"20,000 open brackets, closed":    {strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000), "max depth"},
		"200 levels of maps":              {strings.Repeat("{a: ", 200) + "1" + strings.Repeat("}", 200), "nested deeper than 100"},
		"a deep block":                    {deepBlock(300), "nested deeper than 100"},
		"too many documents":              {strings.Repeat("---\na: 1\n", 1100), "more than 1000 YAML documents"},
		"too many values":                 {"[" + strings.Repeat("1,", 500_001) + "1]", "more than 500000 values"},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := render.ScanYAML("x.yaml", []byte(c.content))
			runtime.ReadMemStats(&after)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 512<<20 {
				t.Errorf("allocated %d MiB", used>>20)
			}
		})
	}
}

func level(i int) string {
	name := func(i int) string { return "a" + strings.Repeat("b", i) }
	if i == 1 {
		return name(1) + ": &" + name(1) + " [" + strings.TrimSuffix(strings.Repeat("*a0,", 10), ",") + "]\n"
	}
	return name(i) + ": &" + name(i) + " [" + strings.TrimSuffix(strings.Repeat("*"+name(i-1)+",", 10), ",") + "]\n"
}

func deepBlock(depth int) string {
	var b strings.Builder
	for i := range depth {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func TestFilesThatAreNoTextAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ content, want string }{
		"UTF-16":          {"\xff\xfea\x00:\x00 \x001\x00", "not UTF-8"},
		"a broken letter": {"a: \xc3\x28", "not UTF-8"},
		"a zero byte":     {"a: \x00", "not UTF-8"},
		"too long":        {"# " + strings.Repeat("x", 1<<20), "bytes, more than"},
	} {
		t.Run(name, func(t *testing.T) {
			err := check(files("services.yaml", "web: {namespace: a, templates: [web.yaml]}\n", "web.yaml", c.content))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestAnObjectThatNoClusterCanStoreIsRefused(t *testing.T) {
	const head = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\n"
	half := `{{repeat 800000 "x"}}`
	for name, c := range map[string]struct{ template, want string }{
		"too large":            {head + "data: {a: " + half + ", b: " + half + "}\n", "more than the 1500000 that a cluster can store"},
		"too many annotations": {head + `  annotations: {a: {{repeat 300000 "x"}}}` + "\n", "annotations of 300001 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			err := check(files("services.yaml", "web: {namespace: a, templates: [web.yaml]}\n", "web.yaml", c.template))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestOneServicesFaultLeavesTheOthersAlone(t *testing.T) {
	tree := files(
		"services.yaml", "bad: {namespace: a, templates: [missing.yaml]}\ngood: {namespace: a, templates: [good.yaml]}\n",
		"good.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: good}\n")
	releases, err := render.Renderer{}.Check(tree, read(t, tree), commit)
	if err == nil || len(releases) != 1 || releases[0].Service != "good" {
		t.Errorf("got %d releases and %v", len(releases), err)
	}
}

func TestNoTemplateCanNameAnImpureFunction(t *testing.T) {
	for _, name := range render.Functions() {
		for _, word := range []string{"env", "rand", "now", "date", "uuid", "gen", "crypt", "htpasswd", "derive", "getHost", "shuffle", "call"} {
			if strings.Contains(strings.ToLower(name), strings.ToLower(word)) {
				t.Errorf("%s is allowed", name)
			}
		}
	}
}

// Templates hold what a machine can do to them in bounds; the counts are in limits.go.
func TestTemplatesThatGrowWithoutEndAreStopped(t *testing.T) {
	for name, template := range map[string]string{
		"replace":            `{{$x := repeat 1000000 "a"}}{{replace "a" $x $x}}`,
		"regular expression": `{{$x := repeat 1000000 "a"}}{{regexReplaceAll "a" $x $x}}`,
		"join":               `{{$x := repeat 1000000 "a"}}{{join $x (until 10000)}}`,
		"wrapWith":           `{{$x := repeat 1000000 "a"}}{{wrapWith 1 $x $x}}`,
		"printf":             `{{$x := repeat 1000000 "a"}}{{printf (repeat 1000 "%[1]s") $x}}`,
		"indent":             `{{indent 1000 (repeat 100000 "\n")}}`,
		"merge in a circle":  `{{$d := dict "a" 1}}{{$_ := merge $d (dict "x" $d)}}{{printf "%v" $d}}`,
		"set in a circle":    `{{$d := dict}}{{$_ := set $d "d" (list $d)}}{{toJson $d}}`,
		"chunks in a circle": `{{$d := dict}}{{$_ := set $d "d" (chunk 1 (list $d))}}{{printf "%v" $d}}`,
		"a wide tree":        `{{$d := dict}}{{range 60}}{{$d = dict "a" $d "b" $d}}{{end}}{{toYaml $d}}`,
		"a deep tree":        `{{$d := dict}}{{range 9000}}{{$d = dict "a" $d}}{{end}}{{toYaml $d}}`,
		"nested loops":       `{{range until 10000}}{{range until 10000}}{{range until 10000}}{{end}}{{end}}{{end}}`,
		"calls of calls":     `{{define "a"}}{{template "b"}}{{template "b"}}{{end}}{{define "b"}}{{range 2000}}{{template "c"}}{{end}}{{end}}{{define "c"}}{{range 2000}}{{end}}{{end}}{{template "a"}}`,
		"many long strings":  `{{range until 1000}}{{$x := repeat 1000000 "a"}}{{end}}`,
		"quotes of quotes":   `{{$x := "\""}}{{range 60}}{{$x = quote $x}}{{end}}`,
		"star width":         `{{printf "%*d" 999999 1}}`,
		"an address":         `{{printf "%p" .values}}`,
		"a long sequence":    `{{seq 0 1 100000000}}`,
		"steps backwards":    `{{untilStep 0 -100000000 -1}}`,
	} {
		t.Run(name, func(t *testing.T) {
			err := check(files("services.yaml", "web: {namespace: a, templates: [web.yaml]}\n", "web.yaml", template))
			if err == nil || !strings.Contains(err.Error(), "web.yaml:1:") {
				t.Errorf("got %v, want a fault on the line of the template", err)
			}
			if err != nil && len(err.Error()) > 1000 {
				t.Errorf("a message of %d bytes", len(err.Error()))
			}
		})
	}
}
