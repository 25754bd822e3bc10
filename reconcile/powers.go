package reconcile

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// powers are what objects may do beyond computing, each as the end of a
// sentence, with the greater powers that include it.
type powers map[string][]string

// include says whether a power, or a greater one, is among those that are had.
func (had powers) include(power string, greater []string) bool {
	_, same := had[power]
	return same || slices.ContainsFunc(greater, func(g string) bool {
		_, found := had[g]
		return found
	})
}

// A reading goes through an object and notes the powers that it asks for. It
// guesses nothing: a value of another shape than expected is unreadable.
type reading struct {
	powers     powers
	unreadable map[string]bool // by path
}

func newReading() *reading { return &reading{powers{}, map[string]bool{}} }

func (r *reading) can(power string, within ...string) { r.powers[power] = within }

// A node is a map inside the object. It remembers which of its keys were asked
// for, so that none is overlooked.
type node struct {
	*reading
	path   string // without indexes: the same power has the same words in each container
	values map[string]any
	asked  map[string]bool
}

func (r *reading) node(path string, values map[string]any) node {
	return node{r, path, values, map[string]bool{}}
}

func (n node) at(key string) string { return strings.TrimPrefix(n.path+"."+key, ".") }

// get returns nil for what is absent, null or an empty map or list.
func (n node) get(key string) any {
	n.asked[key] = true
	switch v := n.values[key].(type) {
	case map[string]any:
		if len(v) > 0 {
			return v
		}
	case []any:
		if len(v) > 0 {
			return v
		}
	default:
		return v
	}
	return nil
}

// ask reads a value of one shape; the zero value when it is absent.
func ask[T any](n node, key string) (value T, found bool) {
	v := n.get(key)
	if v == nil {
		return value, false
	}
	value, found = v.(T)
	if !found {
		n.unreadable[n.at(key)] = true
	}
	return value, found
}

func (n node) text(key string) string { s, _ := ask[string](n, key); return s }

func (n node) isTrue(key string) bool { b, _ := ask[bool](n, key); return b }

func (n node) inner(key string) node {
	m, _ := ask[map[string]any](n, key)
	return n.node(n.at(key), m)
}

func (n node) each(key string) []node {
	list, _ := ask[[]any](n, key)
	nodes := make([]node, 0, len(list))
	for _, item := range list {
		m, ok := item.(map[string]any)
		if !ok {
			n.unreadable[n.at(key)] = true
			continue
		}
		nodes = append(nodes, n.node(n.at(key)+"[]", m))
	}
	return nodes
}

func (n node) texts(key string) []string {
	list, _ := ask[[]any](n, key)
	words := make([]string, 0, len(list))
	for _, item := range list {
		word, ok := item.(string)
		if !ok {
			n.unreadable[n.at(key)] = true
			continue
		}
		words = append(words, word)
	}
	return words
}

// pairs are the labels, annotations or selectors of a map of strings.
func (n node) pairs(key string) map[string]string {
	m, _ := ask[map[string]any](n, key)
	pairs := make(map[string]string, len(m))
	for k, v := range m {
		word, ok := v.(string)
		if !ok {
			n.unreadable[n.at(key)] = true
			continue
		}
		pairs[k] = word
	}
	return pairs
}

// others makes a power of every key that nobody has asked for and that is not
// known to be harmless: what is unknown may do anything.
func (n node) others(harmless ...string) {
	for key := range n.values {
		if n.asked[key] || slices.Contains(harmless, key) {
			continue
		}
		if v := n.values[key]; v != nil { // an empty map may well mean something
			n.can(fmt.Sprintf("sets %s to %s", plain(n.at(key)), canonical(v)))
		}
	}
}

// canonical is the JSON of a value, the same for equal values.
func canonical(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%#v", v) // infinity, which no API server takes
	}
	return string(raw)
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9._/:*\[\]@-]+$`)

// plain quotes what is not a plain word, so that no name can pass for a sentence.
func plain(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return fmt.Sprintf("%q", word)
}
