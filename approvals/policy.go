package approvals

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Policy says whose approvals a release needs. Logins and teams are compared
// without regard to case. The zero value asks for one approval: no policy asks
// for none.
type Policy struct {
	// Any is how many approvals are needed, of Users and members of Teams if
	// either is given, of anybody with write permission otherwise.
	Any   int      `json:"any,omitempty" yaml:"any,omitempty"`
	Users []string `json:"users,omitempty" yaml:"users,omitempty"`
	Teams []string `json:"teams,omitempty" yaml:"teams,omitempty"` // slugs of the repository owner's teams
	// All are logins each of which must approve.
	All []string `json:"all,omitempty" yaml:"all,omitempty"`
	// Also are further policies that must be met, each without an Also of its
	// own. AtLeast makes them; a catalog cannot write them.
	Also []Policy `json:"also,omitempty" yaml:"-"`
}

// String says the policy for a person: "any 1 of team dora-owners". Two policies
// that ask for the same in the same order say the same.
func (p Policy) String() string {
	var said []string
	for _, part := range p.parts() {
		said = append(said, part.sentence())
	}
	return strings.Join(said, ", and ")
}

func (p Policy) sentence() string {
	var said []string
	if len(p.All) > 0 {
		said = append(said, "all of "+strings.Join(p.All, ", "))
	}
	if p.Any > 0 {
		anyOf := "any " + strconv.Itoa(p.Any)
		if p.restricted() {
			anyOf += " of " + p.countable()
		}
		said = append(said, anyOf)
	}
	return strings.Join(said, " and ")
}

// countable lists who can count for Any: "alice, bob or team dora-owners".
func (p Policy) countable() string {
	names := slices.Clone(p.Users)
	for _, t := range p.Teams {
		names = append(names, "team "+t)
	}
	return enumerate(names, "or")
}

func (p Policy) restricted() bool { return len(p.Users) > 0 || len(p.Teams) > 0 }

// TeamNames are the teams whose members must be known to judge the policy:
// sorted, in lower case, each once.
func (p Policy) TeamNames() []string {
	var names []string
	for _, part := range p.parts() {
		names = append(names, part.Teams...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// AtLeast is the stricter of both, and both where neither contains the other.
// What it returns is met exactly when p and floor are.
func (p Policy) AtLeast(floor Policy) Policy {
	var kept []Policy
	for _, part := range slices.Concat(p.parts(), floor.parts()) {
		if slices.ContainsFunc(kept, func(k Policy) bool { return k.implies(part) }) {
			continue
		}
		kept = slices.DeleteFunc(kept, part.implies)
		kept = append(kept, part)
	}
	strictest := kept[0]
	strictest.Also = kept[1:]
	if len(strictest.Also) == 0 {
		strictest.Also = nil
	}
	return strictest
}

// parts are the policies that must all be met, normalised: names in lower case,
// sorted and without repetition, and never asking for nothing.
func (p Policy) parts() []Policy {
	first := Policy{Any: max(p.Any, 0), Users: names(p.Users), Teams: names(p.Teams), All: names(p.All)}
	if first.Any == 0 && (len(first.All) == 0 || first.restricted()) {
		first.Any = 1
	}
	parts := []Policy{first}
	for _, also := range p.Also {
		parts = append(parts, also.parts()...)
	}
	return parts
}

// implies says whether whoever meets p meets q, for normalised parts. It may
// miss that they do, never the other way round.
func (p Policy) implies(q Policy) bool {
	if !subset(q.All, p.All) {
		return false
	}
	narrower := !q.restricted() || (p.restricted() && subset(p.Users, q.Users) && subset(p.Teams, q.Teams))
	named := 0
	for _, login := range p.All {
		if !q.restricted() || slices.Contains(q.Users, login) {
			named++
		}
	}
	return named >= q.Any || (narrower && p.Any >= q.Any)
}

func subset(of, in []string) bool {
	return !slices.ContainsFunc(of, func(s string) bool { return !slices.Contains(in, s) })
}

func names(given []string) []string {
	if len(given) == 0 {
		return nil
	}
	lower := make([]string, 0, len(given))
	for _, s := range given {
		lower = append(lower, strings.ToLower(s))
	}
	slices.SortFunc(lower, cmp.Compare[string])
	return slices.Compact(lower)
}

// enumerate joins as people do: "a, b and c".
func enumerate(items []string, last string) string {
	if len(items) < 2 {
		return strings.Join(items, "")
	}
	return fmt.Sprintf("%s %s %s", strings.Join(items[:len(items)-1], ", "), last, items[len(items)-1])
}
