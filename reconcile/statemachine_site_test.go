package reconcile

import (
	"fmt"
	"strings"

	"banksman.dev/render"
)

// A site is what the files of one commit say of two services, as a value:
// equal sites are equal trees, and a revert is an assignment. Each field of it
// is one file, so that a merge takes the fields that one side changed.
type site struct {
	catalog siteCatalog
	work    [2]siteWork
	extras  [2]uint16 // which of the numbered ConfigMaps a service has
}

type siteCatalog struct {
	broken  bool
	entries [2]siteEntry
}

type siteEntry struct {
	there, alone, deletes, warns bool // alone: without a canary
	steps                        int
}

type siteWork struct {
	image  int
	broken bool // a template refers to a value that is not there
}

var siteNames = [2]render.ServiceName{"web", "api"}

// mostExtras is enough to drop more than the deletion budget at once.
const mostExtras = 12

func serviceIndex(name render.ServiceName) int {
	if name == siteNames[1] {
		return 1
	}
	return 0
}

func firstSite() site {
	var s site
	for i := range s.work {
		s.catalog.entries[i].there = true
		s.work[i].image = 1 + i
		s.extras[i] = 0b11
	}
	return s
}

// content names what a service renders to: "" when it renders to nothing.
func (s site) content(i int) string {
	e := s.catalog.entries[i]
	if s.catalog.broken || !e.there || s.work[i].broken {
		return ""
	}
	return s.matter(i)
}

// matter is what the files say of a service's objects, whether or not they can
// be rendered.
func (s site) matter(i int) string {
	e := s.catalog.entries[i] // of what is not there nobody can read whether it is alone
	return fmt.Sprintf("%s image %d extras %b alone %v", siteNames[i], s.work[i].image, s.extras[i], e.alone && e.there)
}

// rules names what the catalog says of a service's steps; "" when it says nothing.
func (s site) rules(i int) string {
	e := s.catalog.entries[i]
	if s.catalog.broken || !e.there {
		return ""
	}
	return fmt.Sprint(e.steps, e.deletes, e.alone)
}

// merged is a pull request's site merged onto a branch, path by path.
func (s site) merged(base, onto site) (_ site, clean bool) {
	clean = true
	if s.catalog != base.catalog {
		clean = clean && (onto.catalog == base.catalog || onto.catalog == s.catalog)
		onto.catalog = s.catalog
	}
	for i := range s.work {
		if s.work[i] != base.work[i] {
			clean = clean && (onto.work[i] == base.work[i] || onto.work[i] == s.work[i])
			onto.work[i] = s.work[i]
		}
		if s.extras[i] != base.extras[i] {
			clean = clean && (onto.extras[i] == base.extras[i] || onto.extras[i] == s.extras[i])
			onto.extras[i] = s.extras[i]
		}
	}
	return onto, clean
}

// siteSteps are the pipelines: the canary's and the service's own.
var siteSteps = [][2]string{
	{"[{apply: {timeout: 10m}}, {bake: 5m}]", "[{approval: {any: 1}}, {apply: {timeout: 30m}}]"},
	{"[{apply: {timeout: 10m}}]", "[{approval: {any: 2}}, {apply: {timeout: 30m}}]"},
	{"[{apply: {timeout: 10m}}]", "[{apply: {timeout: 20m}}]"},
}

func (s site) files() map[string]string {
	files := map[string]string{"services.yaml": s.catalog.text()}
	for i, name := range siteNames {
		files[string(name)+"/deployment.yaml"] = s.work[i].text()
		files[string(name)+"/extras.yaml"] = extrasText(s.extras[i])
	}
	return files
}

func (c siteCatalog) text() string {
	var b strings.Builder
	b.WriteString("services:\n")
	for i, e := range c.entries {
		if !e.there {
			continue
		}
		words := fmt.Sprintf("templates: [%[1]s/deployment.yaml, %[1]s/extras.yaml], namespace: shop", siteNames[i])
		fmt.Fprintf(&b, "  %s: {%s, pipeline: full-%d", siteNames[i], words, e.steps)
		if e.deletes {
			b.WriteString(", onRemoval: delete")
		}
		if e.warns {
			b.WriteString(", drift: warn")
		}
		b.WriteString("}\n")
		if !e.alone {
			fmt.Fprintf(&b, "  %s-canary: {%s, pipeline: canary-%d}\n", siteNames[i], words, e.steps)
		}
	}
	if !c.entries[0].there && !c.entries[1].there {
		b.Reset()
		b.WriteString("services: {}\n")
	}
	b.WriteString("pipelines:\n")
	for i, steps := range siteSteps {
		fmt.Fprintf(&b, "  canary-%d: %s\n  full-%d: %s\n", i, steps[0], i, steps[1])
	}
	if c.broken {
		b.WriteString("services: [\n")
	}
	return b.String()
}

func (w siteWork) text() string {
	text := fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{.system.SERVICE}}"}
spec:
  replicas: 2
  selector: {matchLabels: {app: "{{.system.BASE}}"}}
  template:
    metadata: {labels: {app: "{{.system.BASE}}"}}
    spec: {containers: [{name: app, image: "app:%[1]d"}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{.system.SERVICE}}-own"}
data: {text: "%[1]d"}
`, w.image)
	if w.broken {
		text += "# {{.values.missing}}\n"
	}
	return text
}

func extrasText(extras uint16) string {
	var b strings.Builder
	b.WriteString("apiVersion: v1\nkind: Service\nmetadata: {name: \"{{.system.BASE}}\"}\nspec: {selector: {app: \"{{.system.BASE}}\"}, ports: [{port: 80}]}\n")
	for n := range mostExtras {
		if extras&(1<<n) != 0 {
			fmt.Fprintf(&b, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"{{.system.BASE}}-%d\"}\ndata: {text: \"%d\"}\n", n, n)
		}
	}
	return b.String()
}

// objects are what the full variant of a service's content consists of, and the
// canary's own: identity and what of it can be told from outside.
func (s site) objects(i int) (full, canary map[render.ObjectID]string) {
	name := string(siteNames[i])
	image := fmt.Sprint(s.work[i].image)
	of := func(name string) map[render.ObjectID]string {
		return map[render.ObjectID]string{
			{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: name}: "app:" + image,
			{Kind: "ConfigMap", Namespace: "shop", Name: name + "-own"}:        image,
		}
	}
	full = of(name)
	full[render.ObjectID{Kind: "Service", Namespace: "shop", Name: name}] = ""
	for n := range mostExtras {
		if s.extras[i]&(1<<n) != 0 {
			full[render.ObjectID{Kind: "ConfigMap", Namespace: "shop", Name: fmt.Sprintf("%s-%d", name, n)}] = fmt.Sprint(n)
		}
	}
	if !s.catalog.entries[i].alone {
		canary = of(name + "-canary")
	}
	return full, canary
}

// wordOf is what can be told of an object from outside: its image or its text.
func wordOf(o render.Object) string {
	if data, ok := o["data"].(map[string]any); ok {
		text, _ := data["text"].(string)
		return text
	}
	spec, _ := o["spec"].(map[string]any)
	template, _ := spec["template"].(map[string]any)
	pod, _ := template["spec"].(map[string]any)
	containers, _ := pod["containers"].([]any)
	if len(containers) == 0 {
		return ""
	}
	first, _ := containers[0].(map[string]any)
	image, _ := first["image"].(string)
	return image
}
