package reconcile

import (
	"fmt"
	"slices"
	"strings"

	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// A Scope is what a repository may touch in the cluster.
type Scope struct {
	// Namespaces are where its objects and Deliveries may stand; empty: everywhere.
	Namespaces []string
	// Kinds are what its objects may be, as "ConfigMap" or "Deployment.apps"; empty:
	// everything. Where namespaces are named, an object in none must be of a named
	// kind.
	Kinds []string
}

// ownGroup is the group of banksman's own kinds.
const ownGroup = "banksman.dev"

// Outside says why an object is none of the repository's, in a user's sentence; ""
// if it may be.
func (s Scope) Outside(id render.ObjectID) string {
	where := "in namespace " + id.Namespace
	if id.Namespace == "" {
		where = "in no namespace"
	}
	if id.Group == ownGroup {
		// Its spec is an operator's word: a canary, which needs no review, could approve.
		return fmt.Sprintf("%s %s %s: kinds of %s are banksman's own, and say what operators order: no repository may deploy one",
			id.Kind, id.Name, where, ownGroup)
	}
	listed := slices.Contains(s.Kinds, KindName(id))
	switch {
	case len(s.Kinds) > 0 && !listed:
		return fmt.Sprintf("%s %s %s: this repository may only deploy %s (kinds: in the configuration)",
			id.Kind, id.Name, where, strings.Join(s.Kinds, ", "))
	case id.Namespace == "" && listed, s.Covers(id.Namespace):
		return ""
	}
	why := fmt.Sprintf("%s %s %s: this repository may only deploy to %s (namespaces: in the configuration)",
		id.Kind, id.Name, where, strings.Join(s.Namespaces, ", "))
	if id.Namespace == "" {
		why += "; to allow it all the same, list its kind " + KindName(id) + " under kinds:"
	}
	return why
}

// Covers says whether a namespace is one of the repository's.
func (s Scope) Covers(namespace string) bool {
	return len(s.Namespaces) == 0 || slices.Contains(s.Namespaces, namespace)
}

// KindName is a kind as a Scope names it.
func KindName(id render.ObjectID) string {
	if id.Group == "" {
		return id.Kind
	}
	return id.Kind + "." + id.Group
}

// refuse says why a release must not be applied though it can be rendered: the
// first object that is out of the scope, with the file that it is rendered from.
func (s Scope) refuse(release render.Packed) error {
	var first *render.Error
	more := 0
	for _, id := range release.IDs() {
		why := s.Outside(id)
		switch {
		case why == "":
		case first == nil:
			first = &render.Error{File: release.Source(id), Problem: why}
		default:
			more++
		}
	}
	switch {
	case first == nil:
		return nil
	case more > 0:
		first.Try = fmt.Sprintf("so it is with %d more objects; ", more)
	}
	first.Try += "take it out, or allow it in the configuration (banksman install --repo does, for what the catalog needs)"
	return first
}

// admissible is why a service that can be rendered at a commit must not be applied:
// it takes from another service, or reaches out of the scope.
func (c *contents) admissible(l *Loop, name render.ServiceName, commit gitsrc.SHA) error {
	if err := c.overlap(l, name, commit); err != nil {
		return err
	}
	if at := c.release(l, name, commit); at.err == nil && at.unread == nil {
		return l.refuse(at.release)
	}
	return nil
}
