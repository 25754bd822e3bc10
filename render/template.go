package render

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"
)

// parsedTemplate is one template file, parsed and instrumented. It is read only from then on, so both variants use it.
type parsedTemplate struct {
	file, content string
	trees         map[string]*parse.Tree // the file itself and what it defines
	used          map[string]bool        // the functions it calls
}

// templates are the files of one variant, ready to execute; what one defines, all can include.
type templates struct {
	root  *template.Template
	meter meter
	files map[string]*parsedTemplate
}

func newTemplates(files []*parsedTemplate) (*templates, error) {
	t := &templates{root: template.New("").Option("missingkey=error"), files: map[string]*parsedTemplate{}}
	functions := template.FuncMap{includeName: t.include, turnName: t.meter.turn, showName: t.meter.show}
	definedIn := map[string]string{}
	for _, file := range files {
		t.files[file.file] = file
		for _, name := range keysOf(file.used) {
			if fn, found := library[name]; found && functions[name] == nil {
				functions[name] = t.meter.function(name, fn)
			}
		}
	}
	t.root.Funcs(functions)
	for _, file := range files {
		for _, name := range keysOf(file.trees) {
			if first, found := definedIn[name]; found {
				return nil, &Error{
					File: file.file, Problem: fmt.Sprintf("defines %q, which %s defines too", name, first),
					Try: "rename one of them",
				}
			}
			definedIn[name] = file.file
			if _, err := t.root.AddParseTree(name, file.trees[name]); err != nil {
				return nil, &Error{File: file.file, Problem: "cannot be parsed", Err: err}
			}
		}
	}
	return t, nil
}

// execute renders one file.
func (t *templates) execute(file string, data map[string]any) (string, error) {
	out := &limitedText{}
	if err := t.root.ExecuteTemplate(out, file, data); err != nil {
		return "", t.executeFault(file, err)
	}
	return out.b.String(), nil
}

// include renders a defined template, or another file of the service, to a string.
func (t *templates) include(name string, data any) (string, error) {
	if t.root.Lookup(name) == nil {
		known := map[string]*template.Template{}
		for _, defined := range t.root.Templates() {
			known[defined.Name()] = defined
		}
		return "", fmt.Errorf("no template %q is defined; %s", name, tryInstead(name, known))
	}
	t.meter.depth++
	defer func() { t.meter.depth-- }()
	if t.meter.depth > maxIncludeDepth {
		return "", fmt.Errorf("templates include each other more than %d deep", maxIncludeDepth)
	}
	out := &limitedText{}
	if err := t.root.ExecuteTemplate(out, name, data); err != nil {
		return "", err
	}
	return out.b.String(), nil
}

// limitedText refuses to grow beyond the cap on one template's output.
type limitedText struct{ b strings.Builder }

var errTooMuchText = fmt.Errorf("renders more than %d bytes", maxRenderedBytes)

func (w *limitedText) Write(p []byte) (int, error) {
	if w.b.Len()+len(p) > maxRenderedBytes {
		return 0, errTooMuchText
	}
	return w.b.Write(p)
}

var (
	parseMessage   = regexp.MustCompile(`^template: (.*?:\d+): (?s:(.*))$`)
	executeMessage = regexp.MustCompile(`^template: (.*?:\d+:\d+): executing "(?:[^"]*)" at <(.*?)>: (?s:(.*))$`)
	callMessage    = regexp.MustCompile(`^error calling (\w+): `)
)

func (p *parsedTemplate) parseFault(err error) *Error {
	match := parseMessage.FindStringSubmatch(err.Error())
	if match == nil {
		return &Error{File: p.file, Problem: "not a valid template", Err: err}
	}
	e := p.locate(match[1])
	e.Problem = "not a valid template: " + match[2]
	e.Try = "check the {{ }} on this line"
	return e
}

// locate reads "file:line" or "file:line:column"; the file may be named with colons of its own.
func (p *parsedTemplate) locate(at string) *Error {
	e := &Error{File: p.file}
	numbers := strings.Split(strings.TrimPrefix(at, p.file+":"), ":")
	e.Line, _ = strconv.Atoi(numbers[0]) // 0, "unknown", when it is none
	if len(numbers) > 1 {
		e.Column, _ = strconv.Atoi(numbers[1])
	}
	e.Excerpt = excerpt(p.content, e.Line)
	return e
}

// actionAt is the source of the action that a fault lies in.
func (p *parsedTemplate) actionAt(line, column int) string {
	lines := strings.Split(p.content, "\n")
	if line < 1 || line > len(lines) || column > len(lines[line-1]) {
		return ""
	}
	text := lines[line-1]
	start := strings.LastIndex(text[:column], "{{")
	if start < 0 {
		return ""
	}
	action, _, _ := strings.Cut(text[start+2:], "}}")
	return strings.TrimSpace(strings.Trim(action, "-"))
}

// executeFault tells of the innermost template in which the error arose.
func (t *templates) executeFault(file string, err error) *Error {
	if errors.Is(err, errTooMuchText) {
		return &Error{File: file, Problem: errTooMuchText.Error(), Try: "look for a loop that prints too much"}
	}
	inner := err
	for {
		var nested template.ExecError
		if !errors.As(inner, &nested) {
			break
		}
		err, inner = nested, nested.Err
		if inner = errors.Unwrap(inner); inner == nil {
			break
		}
	}
	match := executeMessage.FindStringSubmatch(err.Error())
	if match == nil {
		return &Error{File: file, Problem: "cannot be executed", Err: err}
	}
	source := t.files[file]
	for name, candidate := range t.files {
		if strings.HasPrefix(match[1], name+":") {
			source = candidate
		}
	}
	e := source.locate(match[1])
	expression := match[2]
	if action := source.actionAt(e.Line, e.Column); action != "" {
		expression = action
	}
	e.Problem, e.Try = explain(expression, match[3])
	return e
}

// explain turns text/template's words for the commonest mistakes into a person's.
func explain(expression, message string) (problem, try string) {
	if call := callMessage.FindStringSubmatch(message); call != nil {
		cause := strings.TrimPrefix(message, call[0])
		switch call[1] {
		case showName:
			return fmt.Sprintf("{{%s}}: %s", clip(expression, 80), cause), "set it in values, or give a default"
		case turnName:
			return cause, "look for a loop that never ends"
		}
		return fmt.Sprintf("{{%s}}: %s", clip(expression, 80), clip(cause, 300)), ""
	}
	if strings.Contains(message, "map has no entry for key") || strings.Contains(message, "nil pointer evaluating") {
		try = "set it in values"
		if strings.Contains(expression, ".system") {
			try = "known under .system: SERVICE, VARIANT, NAMESPACE, BASE"
		} else if strings.HasPrefix(expression, ".") && !strings.HasPrefix(expression, ".values") {
			try = "known here: .system and .values"
		}
	}
	return fmt.Sprintf("{{%s}}: %s", clip(expression, 80), clip(message, 300)), try
}

// mapBack moves faults in the rendered text to the template's line where that is beyond doubt. Otherwise it says that
// the line is the rendered text's.
func (p *parsedTemplate) mapBack(err error, content string) error {
	faults := collect(err, "")
	for _, e := range faults {
		line := p.original(e.Line, content)
		if line == 0 && e.Line > 0 {
			e.Problem += fmt.Sprintf(" (line %d of the rendered text)", e.Line)
			e.Column = 0
		}
		e.Line = line
	}
	return faults.Err()
}

// original is the template's line that line of the rendered text comes from: the only one with the same text. 0 when
// there is none, or more than one.
func (p *parsedTemplate) original(line int, content string) int {
	if content == p.content {
		return line
	}
	lines, source := strings.Split(content, "\n"), strings.Split(p.content, "\n")
	if line < 1 || line > len(lines) {
		return 0
	}
	text := lines[line-1]
	if count(lines, text) != 1 || count(source, text) != 1 {
		return 0
	}
	return 1 + slices.Index(source, text)
}

func count(lines []string, text string) int {
	n := 0
	for _, line := range lines {
		if line == text {
			n++
		}
	}
	return n
}
