package render

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// value converts a scanned node to the plain values of Object. Plain scalars mean what they mean to kubectl: yes, no,
// on and off are booleans, 0644 is octal, and a number without a fraction is an integer however it is written.
func value(file string, n *yaml.Node) (any, error) {
	switch n.Kind {
	case yaml.AliasNode:
		return value(file, n.Alias)
	case yaml.MappingNode:
		return mapping(file, n)
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, child := range n.Content {
			item, err := value(file, child)
			if err != nil {
				return nil, err
			}
			list[i] = item
		}
		return list, nil
	case yaml.ScalarNode:
		return scalar(file, n)
	case yaml.DocumentNode:
	}
	return nil, nodeFault(file, n, "a YAML construct that is not supported", "write plain YAML")
}

func mapping(file string, n *yaml.Node) (any, error) {
	if n.Tag != "!!map" {
		return nil, tagFault(file, n)
	}
	m := make(map[string]any, len(n.Content)/2)
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Tag == "!!merge" {
			merges = append(merges, n.Content[i+1])
			continue
		}
		item, err := value(file, n.Content[i+1])
		if err != nil {
			return nil, err
		}
		m[key.Value] = item
	}
	for _, merged := range merges {
		if err := merge(file, m, merged); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// merge adds what "<<: *base" or "<<: [*a, *b]" brings; what m already has wins.
func merge(file string, m map[string]any, n *yaml.Node) error {
	v, err := value(file, n)
	if err != nil {
		return err
	}
	list, several := v.([]any)
	if !several {
		list = []any{v}
	}
	for _, item := range list {
		base, ok := item.(map[string]any)
		if !ok {
			return nodeFault(file, n, "a merge key << whose value is not a map", "merge an alias of a map")
		}
		for key, item := range base {
			if _, found := m[key]; !found {
				m[key] = item
			}
		}
	}
	return nil
}

func scalar(file string, n *yaml.Node) (any, error) {
	switch n.Tag {
	case "!!str", "!!timestamp":
		if n.Style == 0 && n.Tag == "!!str" {
			if b, found := kubectlBool(n.Value); found {
				return b, nil
			}
		}
		return n.Value, nil
	case "!!null":
		return nil, nil
	case "!!bool":
		var b bool
		if err := n.Decode(&b); err != nil {
			return nil, nodeFault(file, n, fmt.Sprintf("%q is not a boolean", n.Value), "write true or false")
		}
		return b, nil
	case "!!int", "!!float":
		return number(file, n)
	case "!!merge":
		return n.Value, nil
	}
	return nil, tagFault(file, n)
}

func kubectlBool(word string) (value, found bool) {
	switch word {
	case "yes", "Yes", "YES", "on", "On", "ON", "y", "Y":
		return true, true
	case "no", "No", "NO", "off", "Off", "OFF", "n", "N":
		return false, true
	}
	return false, false
}

func number(file string, n *yaml.Node) (any, error) {
	plainInt := strings.ReplaceAll(n.Value, "_", "")
	if i, err := strconv.ParseInt(plainInt, 0, 64); err == nil && n.Tag == "!!int" {
		return i, nil
	}
	var f float64
	if err := n.Decode(&f); err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, nodeFault(file, n, fmt.Sprintf("%q is not a number that Kubernetes can hold", n.Value), "quote it")
	}
	// An API server answers 1.0 and 1e3 as the integers 1 and 1000.
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return int64(f), nil
	}
	return f, nil
}

func tagFault(file string, n *yaml.Node) *Error {
	return nodeFault(file, n, fmt.Sprintf("the YAML tag %s is not supported", n.Tag), "remove the tag")
}

func nodeFault(file string, n *yaml.Node, problem, try string) *Error {
	return place{file, n.Line, n.Column}.fault("", problem, try)
}
