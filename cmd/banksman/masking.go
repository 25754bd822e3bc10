package main

import (
	"encoding/json"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"

	"banksman.dev/render"
)

// lastApplied holds a whole object, also a Secret.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// What stands for the values of a Secret. Where two versions are compared, the
// marks say which value is which and that it differs; equal values stay equal.
const (
	hidden       = "***"
	hiddenBefore = "*** (before)"
	hiddenAfter  = "*** (after)"
)

// masked is a list of objects whose Secrets show no value.
func masked(objects []render.Object) []render.Object {
	all := make([]render.Object, len(objects))
	for i, o := range objects {
		all[i] = o
		if isSecret(o) {
			all[i] = hide(o, nil, hidden)
		}
	}
	return all
}

// maskedPair hides the values of both sides of a comparison.
func maskedPair(before, after []render.Object) ([]render.Object, []render.Object) {
	return maskedBeside(before, after, hiddenBefore), maskedBeside(after, before, hiddenAfter)
}

func maskedBeside(objects, others []render.Object, mark string) []render.Object {
	all := make([]render.Object, len(objects))
	for i, o := range objects {
		all[i] = o
		if !isSecret(o) {
			continue
		}
		var other render.Object
		if at := slices.IndexFunc(others, func(x render.Object) bool { return x.ID() == o.ID() }); at >= 0 {
			other = others[at]
		}
		all[i] = hide(o, other, mark)
	}
	return all
}

func isSecret(o render.Object) bool {
	id := o.ID()
	return id.Group == "" && id.Kind == "Secret"
}

// hide replaces every value of a Secret: by mark where the other version has
// another one, else by ***.
func hide(o, other render.Object, mark string) render.Object {
	o = runtime.DeepCopyJSON(o)
	for _, key := range []string{"data", "stringData"} {
		values, ok := o[key].(map[string]any)
		if !ok {
			if o[key] != nil {
				o[key] = hidden // it is no Secret that an API server takes, and may be one all the same
			}
			continue
		}
		theirs, _ := other[key].(map[string]any)
		for name, value := range values {
			values[name] = hidden
			if theirValue, there := theirs[name]; there && !equalJSON(value, theirValue) {
				values[name] = mark
			}
		}
	}
	if annotations := annotationsOf(o); annotations[lastApplied] != nil {
		theirs := annotationsOf(other)[lastApplied]
		same := theirs == nil || equalJSON(annotations[lastApplied], theirs)
		annotations[lastApplied] = hidden
		if !same {
			annotations[lastApplied] = mark
		}
	}
	return o
}

func annotationsOf(o render.Object) map[string]any {
	metadata, _ := o["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	return annotations
}

func equalJSON(a, b any) bool {
	left, err1 := json.Marshal(a)
	right, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && string(left) == string(right)
}
