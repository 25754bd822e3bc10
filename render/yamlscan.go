package render

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// ScanYAML parses text and refuses what could exhaust whoever decodes it: alias bombs, deep nesting, too many
// documents or values. It also refuses keys that stand twice in one mapping. The nodes keep their aliases; whoever
// expands them gets at most maxValues values per document. Empty documents are left out. Faults are *Error.
func ScanYAML(file string, content []byte) ([]*yaml.Node, error) {
	decoder := yaml.NewDecoder(strings.NewReader(string(content)))
	var documents []*yaml.Node
	for {
		var document yaml.Node
		err := decodeNode(decoder, &document)
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil {
			return nil, syntaxFault(file, string(content), err)
		}
		if len(document.Content) == 0 || isNull(document.Content[0]) {
			continue
		}
		root := document.Content[0]
		if len(documents) == maxDocuments {
			return nil, &Error{
				File: file, Line: root.Line,
				Problem: fmt.Sprintf("has more than %d YAML documents", maxDocuments), Try: "split the file",
			}
		}
		scan := scan{file: file, seen: map[*yaml.Node]int{}}
		if _, err := scan.size(root, 0); err != nil {
			err.Excerpt = excerpt(string(content), err.Line)
			return nil, err
		}
		documents = append(documents, root)
	}
}

// decodeNode turns a panic of the parser into an error: older releases of it had some, on malformed input.
func decodeNode(decoder *yaml.Decoder, document *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("malformed YAML (%v)", r)
		}
	}()
	return decoder.Decode(document)
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// scan counts the values that one document has once its aliases are expanded, without expanding them.
type scan struct {
	file    string
	seen    map[*yaml.Node]int // the size of an anchored node; -1 while inside it
	aliased int                // values that aliases added
}

// size is the number of values under n. It adds with a cap, so that it cannot overflow.
func (s *scan) size(n *yaml.Node, depth int) (int, *Error) {
	if depth > maxDepth {
		return 0, s.fault(n, fmt.Sprintf("YAML nested deeper than %d", maxDepth), "flatten it")
	}
	if n.Kind == yaml.AliasNode {
		return s.alias(n)
	}
	if n.Anchor != "" {
		s.seen[n] = -1
	}
	total := 1
	if n.Kind == yaml.MappingNode {
		if err := s.duplicates(n); err != nil {
			return 0, err
		}
	}
	for _, child := range n.Content {
		size, err := s.size(child, depth+1)
		if err != nil {
			return 0, err
		}
		if total += size; total > maxValues {
			return 0, s.fault(n, fmt.Sprintf("YAML of more than %d values", maxValues), "split it")
		}
	}
	if n.Anchor != "" {
		s.seen[n] = total
	}
	return total, nil
}

func (s *scan) alias(n *yaml.Node) (int, *Error) {
	size := s.seen[n.Alias]
	if size < 0 {
		return 0, s.fault(n, fmt.Sprintf("the alias *%s contains itself", n.Value), "write the value out")
	}
	if s.aliased += size; s.aliased > maxAliasValues {
		return 0, s.fault(n, fmt.Sprintf("YAML aliases that expand to more than %d values", maxAliasValues),
			"write the values out")
	}
	return size, nil
}

func (s *scan) duplicates(n *yaml.Node) *Error {
	keys := make(map[string]*yaml.Node, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			return s.fault(key, "a YAML key that is not a plain word", "use a string as the key")
		}
		if first, found := keys[key.Value]; found {
			return s.fault(key, fmt.Sprintf("duplicate key %q, first on line %d", key.Value, first.Line),
				"keep one of them")
		}
		keys[key.Value] = key
	}
	return nil
}

func (s *scan) fault(n *yaml.Node, problem, try string) *Error {
	return &Error{File: s.file, Line: n.Line, Column: n.Column, Problem: problem, Try: try}
}

var (
	yamlLine      = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)
	unknownAnchor = regexp.MustCompile(`unknown anchor '(.*)' referenced`)
)

// syntaxFault moves the line out of the parser's message.
func syntaxFault(file, content string, err error) *Error {
	message := err.Error()
	match := yamlLine.FindStringSubmatch(message)
	line, _ := strconv.Atoi(match[1]) // 0, "unknown", when it names none
	if anchor := unknownAnchor.FindStringSubmatch(message); anchor != nil && line == 0 {
		if before, _, found := strings.Cut(content, "*"+anchor[1]); found {
			line = 1 + strings.Count(before, "\n")
		}
	}
	return &Error{
		File: file, Line: line,
		Problem: "not valid YAML: " + strings.TrimPrefix(message, match[0]),
		Try:     "check the indentation and quoting around it",
		Excerpt: excerpt(content, line),
	}
}
