package render

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// nodes reads strictly from one catalog file's YAML and keeps the faults it finds.
type nodes struct {
	file    string
	service ServiceName // in whose entry the reader is
	faults  Errors
}

func (r *nodes) at(n *yaml.Node) place { return place{r.file, n.Line, n.Column} }

func (r *nodes) fault(n *yaml.Node, problem, try string) {
	r.faults = append(r.faults, r.at(n).fault(r.service, problem, try))
}

// field reads the value of one known key.
type field func(key, value *yaml.Node)

// fields reads a mapping whose keys are all known. what names it in faults: "the service fop-gate".
func (r *nodes) fields(n *yaml.Node, what string, known map[string]field) {
	r.pairs(n, what, func(key, value *yaml.Node) {
		if read, found := known[key.Value]; found {
			read(key, value)
			return
		}
		r.fault(key, fmt.Sprintf("unknown key %q in %s", key.Value, what), tryInstead(key.Value, known))
	})
}

// pairs calls each for the keys of a mapping in the order of the file, aliases resolved.
func (r *nodes) pairs(n *yaml.Node, what string, each field) {
	n = resolve(n)
	if n.Kind != yaml.MappingNode {
		r.fault(n, what+" is not a map", "write it as key: value lines")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if key := n.Content[i]; key.Tag == "!!merge" {
			r.fault(key, "merge keys (<<) are not supported in the catalog", "write the keys out")
		} else {
			each(key, resolve(n.Content[i+1]))
		}
	}
}

// word reads a string; a number or a boolean is taken as it is written, so that ids like 569325e6 stay what they are.
func (r *nodes) word(n *yaml.Node, what string) located {
	n = resolve(n)
	if n.Kind != yaml.ScalarNode || isNull(n) || n.Value == "" {
		r.fault(n, what+" is not a word", "write "+what+" as a string")
		return located{}
	}
	return located{r.at(n), n.Value}
}

func (r *nodes) words(n *yaml.Node, what string) []located {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		r.fault(n, what+" is not a list", "write it as a list with one line for each: - "+oneOf(what))
		return nil
	}
	var list []located
	for _, item := range n.Content {
		list = append(list, r.word(item, oneOf(what)))
	}
	return list
}

func oneOf(what string) string {
	if what == "include" {
		return "path"
	}
	return strings.TrimSuffix(what, "s")
}

// choice reads one of the allowed words.
func (r *nodes) choice(n *yaml.Node, what string, allowed ...string) string {
	w := r.word(n, what)
	if w.text != "" && !slices.Contains(allowed, w.text) {
		r.fault(n, fmt.Sprintf("%s: %q is none of %s", what, w.text, strings.Join(allowed, ", ")),
			"write "+strings.Join(allowed, " or "))
	}
	return w.text
}

func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// tryInstead proposes the known word that was probably meant, else lists them all.
func tryInstead[V any](word string, known map[string]V) string {
	words := make([]string, 0, len(known))
	for w := range known {
		words = append(words, w)
	}
	slices.Sort(words)
	if near := Nearest(word, words); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "known here: " + strings.Join(words, ", ")
}

// Nearest is the word at most two edits away (one, for short words), "" if there is none.
func Nearest(word string, words []string) string {
	best, closest := "", 3
	if len(word) < 5 {
		closest = 2
	}
	for _, w := range words {
		if strings.EqualFold(w, word) {
			return w
		}
		if d := edits(word, w); d < closest {
			best, closest = w, d
		}
	}
	return best
}

// edits is the number of insertions, deletions, substitutions and swaps of neighbours that lead from a to b.
func edits(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
