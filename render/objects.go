package render

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// rendered is an object with where it came from.
type rendered struct {
	Object
	place
}

// Objects reads the objects of rendered YAML: several documents, and lists flattened. file names the template or
// folder they come from.
func Objects(file, content string) ([]Object, error) {
	read, err := readObjects(file, content)
	if err != nil {
		return nil, err
	}
	objects := make([]Object, len(read))
	for i, o := range read {
		objects[i] = o.Object
	}
	return objects, nil
}

func readObjects(file, content string) ([]rendered, error) {
	documents, err := ScanYAML(file, []byte(content))
	if err != nil {
		return nil, err
	}
	var objects []rendered
	for _, document := range documents {
		v, err := value(file, document)
		if err != nil {
			return nil, withExcerpt(err, content)
		}
		flat, err := flatten(v, place{file, document.Line, document.Column}, document, 0)
		if err != nil {
			return nil, withExcerpt(err, content)
		}
		objects = append(objects, flat...)
	}
	return objects, nil
}

func withExcerpt(err error, content string) error {
	faults := collect(err, "")
	for _, e := range faults {
		e.Excerpt = excerpt(content, e.Line)
	}
	return faults.Err()
}

// flatten gives the object, or the items of a list of objects.
func flatten(v any, at place, n *yaml.Node, depth int) ([]rendered, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return nil, at.fault("", "a YAML document that is not an object", "every document needs apiVersion, kind and metadata.name")
	}
	items, isList := m["items"].([]any)
	if !isList || !strings.HasSuffix(text(m, "kind"), "List") {
		return []rendered{{Object(m), at}}, checkObject(Object(m), at)
	}
	if depth > 3 {
		return nil, at.fault("", "lists of objects nested deeper than 3", "write the objects as documents")
	}
	places := itemPlaces(n, at)
	var objects []rendered
	for i, item := range items {
		where := at
		if i < len(places) {
			where = places[i]
		}
		flat, err := flatten(item, where, &yaml.Node{}, depth+1)
		if err != nil {
			return nil, err
		}
		objects = append(objects, flat...)
	}
	return objects, nil
}

func itemPlaces(list *yaml.Node, at place) []place {
	var places []place
	for i := 0; i+1 < len(list.Content); i += 2 {
		if list.Content[i].Value != "items" {
			continue
		}
		for _, item := range resolve(list.Content[i+1]).Content {
			places = append(places, place{at.file, item.Line, item.Column})
		}
	}
	return places
}

// checkObject refuses what no API server takes, and drops what only an API server writes.
func checkObject(o Object, at place) error {
	const try = "every document needs apiVersion, kind and metadata.name"
	switch {
	case o.APIVersion() == "":
		return at.fault("", "an object without apiVersion", try)
	case o.Kind() == "":
		return at.fault("", "an object without kind", try)
	}
	if instead := removed(o.APIVersion(), o.Kind()); instead != "" {
		return at.fault("", fmt.Sprintf("%s: Kubernetes no longer serves %s in %s", named(o), o.Kind(), o.APIVersion()), instead)
	}
	metadata, ok := o["metadata"].(map[string]any)
	if !ok {
		return at.fault("", fmt.Sprintf("a %s without metadata", o.Kind()), try)
	}
	if _, found := metadata["generateName"]; found {
		return at.fault("", fmt.Sprintf("a %s with metadata.generateName", o.Kind()),
			"write metadata.name: the same commit must always name the same object")
	}
	if name, isString := metadata["name"].(string); !isString || name == "" {
		return at.fault("", fmt.Sprintf("a %s without metadata.name", o.Kind()), "give it a name; quote one that is a number")
	}
	if name := o.Name(); len(name) > 253 || strings.ContainsAny(name, "/% \t\n") || name == "." || name == ".." {
		return at.fault("", fmt.Sprintf("%s: %q cannot be a name", o.Kind(), clip(name, 80)), "use lower-case letters, digits and dashes")
	}
	if err := checkNamespace(o, at); err != nil {
		return err
	}
	if err := checkStrings(o, metadata, at); err != nil {
		return err
	}
	for _, key := range []string{"uid", "resourceVersion", "managedFields", "selfLink", "generation"} {
		if _, found := metadata[key]; found {
			return at.fault("", fmt.Sprintf("%s: metadata.%s is written by the API server only", o, key),
				"remove it; the file looks like a copy of a live object")
		}
	}
	delete(metadata, "creationTimestamp")
	delete(o, "status")
	return nil
}

func checkNamespace(o Object, at place) error {
	namespace, found := o.metadata()["namespace"]
	if !found {
		return nil
	}
	if ns, isString := namespace.(string); !isString || (ns != "" && !dnsLabel.MatchString(ns)) {
		return at.fault("", fmt.Sprintf("%s %s: metadata.namespace is not a name", o.Kind(), o.Name()),
			"use lower-case letters, digits and dashes, and quote a number")
	}
	return nil
}

// checkStrings refuses labels and annotations that are not strings, the commonest mistake in them.
func checkStrings(o Object, metadata map[string]any, at place) error {
	for _, field := range []string{"labels", "annotations"} {
		v, found := metadata[field]
		if !found || v == nil {
			continue
		}
		m, ok := v.(map[string]any)
		if !ok {
			return at.fault("", fmt.Sprintf("%s: metadata.%s is not a map", o, field), "write it as key: value lines")
		}
		size := 0
		for _, key := range keysOf(m) {
			word, isString := m[key].(string)
			if !isString {
				return at.fault("", fmt.Sprintf("%s: metadata.%s[%s] is not a string", o, field, key), "quote its value")
			}
			size += len(key) + len(word)
		}
		if field == "annotations" && size > maxAnnotations {
			return at.fault("", fmt.Sprintf("%s: annotations of %d bytes, more than the %d that Kubernetes takes", o, size, maxAnnotations),
				"shorten them")
		}
	}
	return nil
}

// named names an object whose metadata was not checked yet.
func named(o Object) string {
	if o.Name() == "" {
		return o.Kind()
	}
	return o.Kind() + " " + o.Name()
}
