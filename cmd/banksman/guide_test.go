package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	sigsyaml "sigs.k8s.io/yaml"

	"banksman.dev/cmd/banksman/config"
	"banksman.dev/cmd/banksman/guide"
	"banksman.dev/gitsrc"
	"banksman.dev/reconcile"
	"banksman.dev/reconcile/metrics"
	"banksman.dev/reconcile/notify"
	"banksman.dev/render"
	"banksman.dev/render/kustomize"
)

func topics(t *testing.T) []guide.Topic {
	t.Helper()
	all, err := guide.Topics()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A block is a fenced example of the guide.
type block struct {
	topic, language, text string
	file                  string // its first line, where that is "# FILE"
}

var fence = regexp.MustCompile("(?ms)^ *```([a-z]*)\n(.*?)\n *```$")

func blocks(topic guide.Topic) (all []block) {
	for _, m := range fence.FindAllStringSubmatch(topic.Text, -1) {
		b := block{topic: topic.Name, language: m[1], text: m[2] + "\n"}
		if first, rest, _ := strings.Cut(m[2], "\n"); strings.HasPrefix(first, "# ") && strings.HasSuffix(first, ".yaml") {
			b.file = strings.TrimPrefix(first, "# ")
			b.text = rest + "\n"
		}
		all = append(all, b)
	}
	return all
}

func TestEveryExampleOfTheGuideHasALanguageThatIsChecked(t *testing.T) {
	for _, topic := range topics(t) {
		for _, b := range blocks(topic) {
			switch {
			case slices.Contains([]string{"sh", "json", "python", ""}, b.language):
			case b.language == "yaml" && b.file != "":
			default:
				t.Errorf("%s: a block of %q without a file's name in its first line:\n%s", topic.Name, b.language, b.text)
			}
		}
	}
}

// The files of a topic are one repository, as far as there is a catalog among
// them. A second file of the same name is shown instead of the first; a second
// catalog begins another repository.
func repositories(topic guide.Topic) (all []fstest.MapFS) {
	var tree fstest.MapFS
	for _, b := range blocks(topic) {
		if b.file == "" || b.file == "banksman.yaml" {
			continue
		}
		_, again := tree[b.file]
		switch {
		case tree == nil || again && b.file == "services.yaml":
			tree = fstest.MapFS{}
			all = append(all, tree)
		case again:
			tree = maps.Clone(tree)
			all = append(all, tree)
		}
		tree[b.file] = &fstest.MapFile{Data: []byte(b.text)}
	}
	return all
}

func TestTheCatalogsOfTheGuideAreRead(t *testing.T) {
	read := 0
	for _, topic := range topics(t) {
		for _, tree := range repositories(topic) {
			if tree["services.yaml"] == nil {
				t.Errorf("%s: manifests without a catalog", topic.Name)
				continue
			}
			if _, err := render.ReadCatalog(tree, ""); err != nil {
				t.Errorf("%s: %v", topic.Name, err)
			}
			read++
		}
	}
	if read < 6 {
		t.Errorf("only %d catalogs were found", read)
	}
}

// Where the guide shows all files of a service, it renders, and its canary runs
// something of its own.
func TestTheServicesOfTheGuideThatAreShownWholeRender(t *testing.T) {
	want := map[string]string{"coming-from-helm": "ledger", "coming-from-flux": "podinfo", "coming-from-argocd": "guestbook", "secrets": "ledger"}
	for _, topic := range topics(t) {
		name, whole := want[topic.Name]
		if !whole {
			continue
		}
		t.Run(topic.Name, func(t *testing.T) {
			for _, tree := range repositories(topic) {
				catalog, err := render.ReadCatalog(tree, "")
				if err != nil {
					t.Fatal(err)
				}
				renderer := render.Renderer{Kustomize: kustomize.Build}
				release, err := renderer.Release(tree, catalog, render.ServiceName(name), gitsrc.SHA(strings.Repeat("1", 40)))
				if err != nil {
					t.Fatal(err)
				}
				if len(release.Canary) == 0 || len(release.Full) == 0 {
					t.Errorf("canary %v, full %v", release.Canary, release.Full)
				}
				if topic.Name == "coming-from-helm" && (len(release.Shared) != 1 || release.Canary[0].Name() != "ledger-canary") {
					t.Errorf("shared %v, canary %v", release.Shared, release.Canary)
				}
			}
		})
	}
}

func TestTheConfigurationsOfTheGuideAreRead(t *testing.T) {
	read := 0
	for _, topic := range topics(t) {
		for _, b := range blocks(topic) {
			if b.file != "banksman.yaml" {
				continue
			}
			read++
			if _, err := sourcesOf("banksman.yaml", []byte(b.text)); err != nil {
				t.Errorf("%s: %v", topic.Name, err)
			}
		}
	}
	if read < 2 {
		t.Errorf("only %d configurations were found", read)
	}
}

func TestTheNotificationOfTheGuideKeepsToTheSchema(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(notify.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiler.AddResource("notification.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("notification.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks(topicNamed(t, "notifications")) {
		if b.language != "json" {
			continue
		}
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(b.text))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(v); err != nil {
			t.Error(err)
		}
		var read notify.Notification
		strict := json.NewDecoder(strings.NewReader(b.text))
		strict.DisallowUnknownFields()
		if err := strict.Decode(&read); err != nil {
			t.Error(err)
		}
		return
	}
	t.Error("there is none")
}

func topicNamed(t *testing.T, name string) guide.Topic {
	t.Helper()
	for _, topic := range topics(t) {
		if topic.Name == name {
			return topic
		}
	}
	t.Fatalf("no topic %s", name)
	return guide.Topic{}
}

func TestTheGuideNamesEveryKeyOfTheCatalog(t *testing.T) {
	text := topicNamed(t, "catalog").Text
	for what, catalog := range map[string]string{
		"a service":   "services: {x: {zzzzzzzz: 1}}",
		"the catalog": "services: {}\nzzzzzzzz: 1",
		"a step":      "services: {}\npipelines: {x: [{zzzzzzzz: 1}]}",
	} {
		_, err := render.ReadCatalog(fstest.MapFS{"services.yaml": {Data: []byte(catalog)}}, "")
		if err == nil {
			t.Fatalf("%s has any key", what)
		}
		_, list, found := strings.Cut(err.Error(), "known here: ")
		if !found {
			t.Fatalf("%s: %v", what, err)
		}
		list, _, _ = strings.Cut(list, "\n")
		for _, key := range strings.Split(list, ", ") {
			if !strings.Contains(text, "`"+key) {
				t.Errorf("%s: the guide does not name %q", what, key)
			}
		}
	}
}

func TestTheGuideNamesEveryKeyOfTheConfiguration(t *testing.T) {
	var schema any
	if err := sigsyaml.Unmarshal(config.Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	text := topicNamed(t, "configuration").Text + topicNamed(t, "notifications").Text + topicNamed(t, "pipelines").Text
	keys := propertiesIn(schema)
	if len(keys) < 30 {
		t.Fatalf("only %d keys", len(keys))
	}
	for _, key := range keys {
		if !regexp.MustCompile("[`.{ ]" + regexp.QuoteMeta(key) + "[`:.,]").MatchString(text) {
			t.Errorf("the guide does not name %q", key)
		}
	}
}

// propertiesIn are the names under properties, however deep.
func propertiesIn(v any) (keys []string) {
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			if properties, ok := inner.(map[string]any); ok && key == "properties" {
				for name := range properties {
					keys = append(keys, name)
				}
			}
			keys = append(keys, propertiesIn(inner)...)
		}
	case []any:
		for _, inner := range v {
			keys = append(keys, propertiesIn(inner)...)
		}
	}
	return keys
}

func TestTheGuideNamesEveryEventAndWhetherItIsTold(t *testing.T) {
	text := topicNamed(t, "notifications").Text
	for _, event := range reconcile.Events() {
		told := "no"
		if slices.Contains(notify.Usual(), event) {
			told = "yes"
		}
		row := regexp.MustCompile("(?m)^\\|[^|]*`" + string(event) + "`[^|]*\\|[^|]*\\| (yes|no) \\|$").FindStringSubmatch(text)
		if row == nil || row[1] != told {
			t.Errorf("%s: %v, want a row that says %s", event, row, told)
		}
	}
}

func TestTheMetricsAndAlertsOfTheGuideExist(t *testing.T) {
	text, alerts, real := topicNamed(t, "operations").Text, topicNamed(t, "troubleshooting").Text, metrics.Dashboard()+metrics.Rules()
	names := regexp.MustCompile(`banksman_[a-z_]+`).FindAllString(text, -1)
	if len(names) < 20 {
		t.Errorf("only %d metrics were found", len(names))
	}
	for _, name := range names {
		if !regexp.MustCompile(name + `(_bucket)?[^a-z_]`).MatchString(real) {
			t.Errorf("neither the dashboard nor an alert knows %s", name)
		}
	}
	for _, m := range regexp.MustCompile(`alert: (\w+)`).FindAllStringSubmatch(metrics.Rules(), -1) {
		if !strings.Contains(alerts, m[1]) {
			t.Errorf("the guide does not say what to do about %s", m[1])
		}
	}
}

// What the guide says that banksman prints stands in its source, but for names,
// numbers and what is left out.
func TestTheSentencesOfTheGuideAreThoseOfTheProgram(t *testing.T) {
	source := programText(t)
	left := regexp.MustCompile(`…|: |\bby\b|\b[0-9]+m?\b|#12|\b(?:author|alice|bob|carol|main|gate|fop-gate|X|Flux|Argo CD|Helm|Deployment|hpa-operator)\b`)
	quoted := 0
	for line := range strings.Lines(topicNamed(t, "troubleshooting").Text) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			continue
		}
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[1], -1) {
			for _, part := range left.Split(m[1], -1) {
				if part = strings.Trim(part, " :;,.()"); len(part) < 8 {
					continue
				}
				quoted++
				if !strings.Contains(source, part) {
					t.Errorf("%q: nothing prints %q", m[1], part)
				}
			}
		}
	}
	if quoted < 40 {
		t.Errorf("only %d sentences were found", quoted)
	}
}

// programText is all Go source of the module without its tests and fixtures.
func programText(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	root := os.DirFS("../..")
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (name == "fixtures" || name == "bin" || name != "." && strings.HasPrefix(name, ".")):
			return fs.SkipDir
		case !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		content, err := fs.ReadFile(root, name)
		b.Write(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTheCommandLinesOfTheGuideAndTheReadmeExist(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, topic := range append(topics(t), guide.Topic{Name: "README", Text: string(readme)}) {
		for _, b := range blocks(topic) {
			shell := b.text
			switch b.language {
			case "sh":
			case "console": // what begins with $ is typed, the rest is printed
				shell = strings.Join(regexp.MustCompile(`(?m)^\$ (.*(?:\\\n.*)*)$`).FindAllString(b.text, -1), "\n")
				shell = regexp.MustCompile(`(?m)^\$ `).ReplaceAllString(shell, "")
			default:
				continue
			}
			for _, line := range commandLines(shell) {
				checked++
				if err := accepts(line, true); err != nil {
					t.Errorf("%s: %s: %v", topic.Name, strings.Join(line, " "), err)
				}
			}
		}
		for _, m := range regexp.MustCompile("`(banksman\\s[^`]*)`").FindAllStringSubmatch(fence.ReplaceAllString(topic.Text, ""), -1) {
			checked++
			for _, line := range commandLines(strings.ReplaceAll(m[1], "\n", " ")) {
				if err := accepts(line, false); err != nil {
					t.Errorf("%s: %s: %v", topic.Name, m[1], err)
				}
			}
		}
	}
	if checked < 60 {
		t.Errorf("only %d command lines were found", checked)
	}
}

// commandLines are the words of each call of banksman in a piece of shell.
func commandLines(shell string) (lines [][]string) {
	shell = strings.ReplaceAll(shell, "\\\n", " ")
	for line := range strings.Lines(shell) {
		for _, command := range regexp.MustCompile(`&&|\|\||[|;>]`).Split(line, -1) {
			words := shellWords(command)
			for i, w := range words {
				if w == "banksman" || strings.HasSuffix(w, "/banksman") && (i == 0 || words[i-1] == "--") {
					if i == 0 || words[i-1] == "--" || strings.Contains(words[i-1], "=") {
						lines = append(lines, words[i+1:])
					}
					break
				}
			}
		}
	}
	return lines
}

// shellWords splits at spaces outside of quotes; a comment ends it.
func shellWords(s string) (words []string) {
	for _, m := range regexp.MustCompile(`(?:'[^']*'|"[^"]*"|[^\s'"])+`).FindAllString(s, -1) {
		if strings.HasPrefix(m, "#") {
			break
		}
		words = append(words, strings.NewReplacer("'", "", `"`, "").Replace(m))
	}
	return words
}

// accepts asks the real command tree whether it knows the command and its flags,
// and, of whole command lines, whether it takes the arguments.
func accepts(words []string, whole bool) error {
	root := newProgram(genericiooptions.IOStreams{In: strings.NewReader(""), Out: io.Discard, ErrOut: io.Discard}).command()
	cmd, rest, err := root.Find(words)
	if err != nil {
		return err
	}
	if cmd == root && len(rest) > 0 {
		return fmt.Errorf("no command %q", rest[0])
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	arguments := cmd.Flags().Args()
	if cmd.Name() == "guide" && len(arguments) == 1 && arguments[0] != "TOPIC" {
		all, err := guide.Topics()
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(all, func(t guide.Topic) bool { return t.Name == arguments[0] }) {
			return fmt.Errorf("no topic %q", arguments[0])
		}
	}
	if !whole || cmd.Args == nil {
		return nil
	}
	return cmd.Args(cmd, arguments)
}

func TestTheCheckOfCommandLinesFindsWhatIsWrong(t *testing.T) {
	for line, want := range map[string]string{
		"banksman stats -A":                          "no command",
		"banksman status --everywhere":               "unknown flag",
		"banksman guide nothing":                     "no topic",
		"banksman why":                               "needs",
		"export A=b && banksman statsu":              "no command",
		"kubectl exec x -- /ko-app/banksman run --x": "unknown flag",
	} {
		lines := commandLines(line)
		if len(lines) != 1 {
			t.Errorf("%s: found %v", line, lines)
			continue
		}
		if err := accepts(lines[0], true); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
	if lines := commandLines("git clone https://github.com/dora/banksman # banksman xyz"); len(lines) > 0 {
		t.Errorf("found %v", lines)
	}
}

// Lines of the guide are read on a terminal and in a diff.
func TestTheLinesOfTheGuideAreShort(t *testing.T) {
	for _, topic := range topics(t) {
		for line := range strings.Lines(topic.Text) {
			if n := len([]rune(line)); n > 133 && !strings.HasPrefix(line, "|") {
				t.Errorf("%s: %d characters: %s", topic.Name, n, line)
			}
		}
		for _, b := range blocks(topic) {
			for line := range strings.Lines(b.text) {
				if len([]rune(strings.TrimRight(line, "\n"))) > widestText-4 {
					t.Errorf("%s: it would be broken in two on a terminal: %s", topic.Name, line)
				}
			}
		}
		if strings.Contains(topic.Summary, "\n") || len(topic.Summary) > 130 {
			t.Errorf("%s: its first paragraph is no summary: %s", topic.Name, topic.Summary)
		}
	}
}

func TestATopicIsLaidOutForATerminal(t *testing.T) {
	const text = "# A title\n\nWhat `banksman guide` prints, *and* **how**, on a line that is longer than the terminal.\n\n" +
		"## Below\n\n- one\n- two\n\n1. first\n\n| a | b |\n|---|---|\n| c | d |\n\n```sh\nbanksman status -A\n```\n\n> quoted\n"
	for _, width := range []int{40, 100} {
		got, err := layOut(text, width)
		if err != nil {
			t.Fatal(err)
		}
		goldenIn(t, "golden", fmt.Sprintf("guide in %d columns", width), got)
	}
}
