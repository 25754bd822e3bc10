package approvals

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// PolicyError is a fault in a written policy.
type PolicyError struct {
	Line, Column int    // from 1, in the document that the node is from; 0 when unknown
	Problem      string // a clause without a full stop
	Try          string // what to do, in the imperative
}

// Error is "line 12: unknown key \"anny\"; write any, all, users or teams".
func (e *PolicyError) Error() string {
	return fmt.Sprintf("line %d: %s; %s", e.Line, e.Problem, e.Try)
}

const (
	mostApprovals = 100
	mostNames     = 100
)

var (
	// Managed users of GitHub Enterprise have an underscore in their login.
	loginForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$`)
	slugForm  = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$`)
)

// DecodePolicy reads what an approval step says:
//
//	{any: 2}                          two people with write permission
//	{any: 1, teams: [dora-owners]}    one member of the team
//	{users: [alice, bob]}             one of the two
//	{all: [alice, bob]}               both
//
// An empty mapping or nothing at all is any: 1. It is strict: what it does not
// know, what is said twice and what nobody could meet is a *PolicyError.
func DecodePolicy(n *yaml.Node) (Policy, error) {
	var p Policy
	if n = resolve(n); n == nil || n.ShortTag() == "!!null" {
		return Policy{Any: 1}, nil
	}
	if n.Kind != yaml.MappingNode {
		return Policy{}, fault(n, "a policy is a mapping", "write {any: 1}")
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], resolve(n.Content[i+1])
		if seen[key.Value] {
			return Policy{}, fault(key, fmt.Sprintf("%s is said twice", clip(key.Value)), "keep one of them")
		}
		seen[key.Value] = true
		if err := p.decodeKey(key, value); err != nil {
			return Policy{}, err
		}
	}
	if p.Any == 0 && (len(p.All) == 0 || p.restricted()) {
		p.Any = 1
	}
	if len(p.Teams) == 0 && len(p.Users) > 0 && p.Any > len(p.Users) {
		return Policy{}, fault(n, fmt.Sprintf("any: %d can never be met by %d users", p.Any, len(p.Users)),
			"list more users or lower any")
	}
	return p, nil
}

func (p *Policy) decodeKey(key, value *yaml.Node) error {
	var err error
	switch {
	case key.Kind != yaml.ScalarNode:
		return fault(key, "a key is not a word", "write any, all, users or teams")
	case key.Value == "any":
		p.Any, err = decodeCount(value)
	case key.Value == "all":
		p.All, err = decodeNames(value, "all", "login", loginForm)
	case key.Value == "users":
		p.Users, err = decodeNames(value, "users", "login", loginForm)
	case key.Value == "teams":
		p.Teams, err = decodeNames(value, "teams", "team", slugForm)
	default:
		return fault(key, fmt.Sprintf("unknown key %q", clip(key.Value)), "write any, all, users or teams")
	}
	return err
}

func decodeCount(n *yaml.Node) (int, error) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" {
		return 0, fault(n, "any is not a number", "write any: 1")
	}
	count, err := strconv.Atoi(n.Value)
	switch {
	case err != nil || count > mostApprovals:
		return 0, fault(n, fmt.Sprintf("any: %s is not a number from 1 to %d", clip(n.Value), mostApprovals), "write any: 1")
	case count < 1:
		return 0, fault(n, fmt.Sprintf("any: %d asks for no approval", count), "write any: 1, or leave the approval step out")
	}
	return count, nil
}

func decodeNames(n *yaml.Node, key, what string, form *regexp.Regexp) ([]string, error) {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		return nil, fault(n, fmt.Sprintf("%s is not a list with a %s in it", key, what), fmt.Sprintf("write %s: [name]", key))
	}
	if len(n.Content) > mostNames {
		return nil, fault(n, fmt.Sprintf("%s lists more than %d names", key, mostNames), "use a team")
	}
	var list, lower []string
	for _, item := range n.Content {
		item = resolve(item)
		switch {
		case item.Kind != yaml.ScalarNode || item.ShortTag() == "!!null":
			return nil, fault(item, fmt.Sprintf("%s lists something that is not a %s", key, what), "write the name alone")
		case strings.HasSuffix(item.Value, "[bot]"):
			return nil, fault(item, fmt.Sprintf("%s is a bot, and bots never approve", clip(item.Value)), "list people")
		case !form.MatchString(item.Value):
			return nil, fault(item, fmt.Sprintf("%q is not a %s", clip(item.Value), what), "write the name alone, without @ and organisation")
		case slices.Contains(lower, strings.ToLower(item.Value)):
			return nil, fault(item, fmt.Sprintf("%s lists %s twice", key, item.Value), "keep one of them")
		}
		list = append(list, item.Value)
		lower = append(lower, strings.ToLower(item.Value))
	}
	return list, nil
}

// resolve follows documents and aliases. A chain of aliases does not exist in
// YAML, so the steps are few.
func resolve(n *yaml.Node) *yaml.Node {
	for range 3 {
		switch {
		case n == nil || n.Kind == 0:
			return nil
		case n.Kind == yaml.DocumentNode && len(n.Content) == 1:
			n = n.Content[0]
		case n.Kind == yaml.AliasNode:
			n = n.Alias
		default:
			return n
		}
	}
	return n
}

func fault(n *yaml.Node, problem, try string) *PolicyError {
	return &PolicyError{Line: n.Line, Column: n.Column, Problem: problem, Try: try}
}

// clip keeps hostile or mistaken input from flooding a message.
func clip(s string) string {
	const longest = 40
	if r := []rune(s); len(r) > longest {
		return string(r[:longest]) + ellipsis
	}
	return s
}
