package main

import (
	"bytes"
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"banksman.dev/cmd/banksman/config"
	installation "banksman.dev/cmd/banksman/install"
	"banksman.dev/render"
)

// printPlan says what an installation does, before it does it.
func (p *program) printPlan(c clients, f *installFlags, s settled, ch change) error {
	var b strings.Builder
	sc := p.screen()
	about := facts{out: &b, screen: sc}
	about.add("Cluster", cell{text: c.host})
	about.add("Namespace", cell{text: f.home()})
	about.add("Image", cell{text: imageOf(ch)})
	about.print()
	for _, source := range s.sources {
		b.WriteString("\n")
		s.printSource(&b, sc, source)
	}
	b.WriteString("\n")
	printRights(&b, sc, f, s)
	printWithheld(&b, sc, ch.withheld)
	b.WriteString("\n")
	if err := printParts(&b, sc, s, ch); err != nil {
		return err
	}
	return p.print(&b)
}

func imageOf(ch change) string {
	for _, part := range ch.parts {
		if part.manifest.GetKind() != "Deployment" {
			continue
		}
		now, before := imagesOf(part.manifest), ""
		if part.live != nil {
			before = imagesOf(part.live)
		}
		if before != "" && before != now {
			return now + " (now " + before + ")"
		}
		return now
	}
	return ""
}

func imagesOf(o *unstructured.Unstructured) string {
	m := &member{kind: o.GetKind(), object: o}
	return strings.Join(m.images(), ", ")
}

// printSource says what a repository is trusted with.
func (s settled) printSource(b *strings.Builder, sc screen, source config.Source) {
	about := facts{out: b, screen: sc}
	name := "Repository"
	if source.Name != "" {
		name += " " + source.Name
	}
	about.add(name, cell{text: source.Forge.URL + ", branch " + source.Branch})
	about.add("  approved", s.trustWords(source))
	about.add("  namespaces", cell{text: listOr(source.Namespaces, "all")})
	about.add("  kinds", cell{text: listOr(source.Kinds, "all")})
	about.add("  acts as", cell{text: source.ServiceAccount})
	about.print()
}

func (s settled) trustWords(source config.Source) cell {
	if source.Trust == "" {
		return cell{text: "nothing yet: each service waits for a review"}
	}
	words := "everything up to " + source.Trust.Short()
	if head, ok := s.heads[source.String()]; ok && head.commit == source.Trust {
		words += ", today's head"
		if head.subject != "" {
			words += " (" + head.subject + ")"
		}
	}
	return cell{text: words + "; what comes later needs its review"}
}

func listOr(list []string, none string) string {
	return cmp.Or(strings.Join(list, ", "), none)
}

// printRights says in words what the Roles allow.
func printRights(b *strings.Builder, sc screen, f *installFlags, s settled) {
	granted, _ := installation.Options{Namespace: f.home(), Scopes: s.scopes(), GrantAccounts: f.grantAccounts}.Granted()
	fmt.Fprintln(b, sc.paint.in(bold, "It may"))
	for _, r := range granted {
		fmt.Fprintln(b, "  "+roleWords(r))
		for _, rule := range r.Rules {
			for i, line := range wrapped(ruleWords(rule), sc.roomFor(6)) {
				fmt.Fprintln(b, strings.Repeat(" ", 4+2*min(i, 1))+line)
			}
		}
	}
}

func roleWords(r installation.Role) string {
	where := "everywhere"
	if r.Namespace != "" {
		where = "in namespace " + r.Namespace
	}
	if r.Account != "" {
		where += ", as " + r.Account
	}
	return where
}

// ruleWords is "get, list, watch deployments.apps: to see what runs".
func ruleWords(rule installation.Rule) string {
	var what []string
	for _, group := range rule.APIGroups {
		for _, resource := range rule.Resources {
			what = append(what, strings.TrimSuffix(resource+"."+group, "."))
		}
	}
	slices.Sort(what)
	words := strings.Join(rule.Verbs, ", ") + " " + strings.Join(append(what, rule.NonResourceURLs...), ", ")
	if len(rule.ResourceNames) > 0 {
		words += " named " + strings.Join(rule.ResourceNames, ", ")
	}
	if rule.Why != "" {
		words += ": " + rule.Why
	}
	return words
}

// printWithheld says which Roles others must give.
func printWithheld(b *strings.Builder, sc screen, withheld []installation.Role) {
	if len(withheld) == 0 {
		return
	}
	fmt.Fprintln(b, sc.paint.in(bold, "Not given here")+": the owners of these accounts give these Roles, or --grant-accounts")
	for _, r := range withheld {
		fmt.Fprintln(b, "  "+roleWords(r))
		for _, rule := range r.Rules {
			for i, line := range wrapped(ruleWords(rule), sc.roomFor(6)) {
				fmt.Fprintln(b, strings.Repeat(" ", 4+2*min(i, 1))+line)
			}
		}
	}
}

// printParts lists every object with what becomes of it.
func printParts(b *strings.Builder, sc screen, s settled, ch change) error {
	same := 0
	var changed []part
	for _, one := range ch.parts {
		words := called(one.manifest)
		if one.manifest.GetKind() == "Secret" && s.from != "" {
			words += ", from " + s.from
		}
		switch {
		case one.live == nil:
			fmt.Fprintln(b, sc.paint.in(green, "create")+"  "+words)
		case one.differs():
			fmt.Fprintln(b, sc.paint.in(yellow, "change")+"  "+words)
			changed = append(changed, one)
		default:
			same++
		}
	}
	for _, o := range ch.gone {
		fmt.Fprintln(b, sc.paint.in(red, "remove")+"  "+called(o)+", which it has no more")
	}
	switch {
	case same == len(ch.parts) && len(ch.gone) == 0:
		fmt.Fprintln(b, "nothing changes: it is installed like this already")
	case same > 0:
		fmt.Fprintf(b, "keep    %d more as they are\n", same)
	}
	for _, words := range ch.notes {
		fmt.Fprintln(b, sc.paint.in(yellow, "note")+"    "+indented(words))
	}
	return printChanges(b, sc, changed)
}

// printChanges compares by meaning, Secrets masked.
func printChanges(b *strings.Builder, sc screen, changed []part) error {
	if len(changed) == 0 {
		return nil
	}
	var before, after []render.Object
	for _, one := range changed {
		before, after = append(before, compared(one.live)), append(after, compared(one.would))
	}
	before, after = maskedPair(before, after)
	var out bytes.Buffer
	if err := writeByMeaning(&out, sc, comparison{service: "banksman", beforeName: "installed", afterName: "new"}, before, after); err != nil {
		return fmt.Errorf("compare with what is installed: %w", err)
	}
	b.WriteString("\n" + out.String())
	return nil
}

func sameObject(live, would *unstructured.Unstructured) bool {
	return reflect.DeepEqual(compared(live), compared(would))
}
