package main

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"banksman.dev/render"
)

func secretOf(data, stringData map[string]any, annotation any) render.Object {
	return render.Object{
		"apiVersion": "v1", "kind": "Secret", "data": data, "stringData": stringData,
		"metadata": map[string]any{"name": "s", "annotations": map[string]any{lastApplied: annotation, "kept": "kept"}},
	}
}

// shown is the whole text of objects; they print as their names alone.
func shown(t rapid.TB, lists ...[]render.Object) string {
	content, err := json.Marshal(lists)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestNoValueOfASecretIsShown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringMatching("hunter[0-9]{8}")
		draw := func(what string) render.Object {
			return secretOf(map[string]any{"a": value.Draw(t, what), "b": int64(7)}, map[string]any{"c": value.Draw(t, what)}, value.Draw(t, what))
		}
		before, after := []render.Object{draw("before")}, []render.Object{draw("after")}
		left, right := maskedPair(before, after)
		if text := shown(t, left, right, masked(before)); strings.Contains(text, "hunter") {
			t.Fatalf("a value is shown: %s", text)
		}
		if !strings.Contains(shown(t, before), "hunter") {
			t.Fatal("masking changed what it was given")
		}
	})
}

func TestTheMarksTellWhatDiffers(t *testing.T) {
	before := secretOf(map[string]any{"same": "x", "other": "x"}, map[string]any{"gone": "x"}, "x")
	after := secretOf(map[string]any{"same": "x", "other": "y"}, nil, "y")
	left, right := maskedPair([]render.Object{before}, []render.Object{after})
	want := secretOf(map[string]any{"same": hidden, "other": hiddenBefore}, map[string]any{"gone": hidden}, hiddenBefore)
	if !equalJSON(left[0], want) {
		t.Errorf("before: %v", left[0])
	}
	want = secretOf(map[string]any{"same": hidden, "other": hiddenAfter}, nil, hiddenAfter)
	if !equalJSON(right[0], want) {
		t.Errorf("after: %v", right[0])
	}
}

func TestASecretThatIsNoneIsHiddenAllTheSame(t *testing.T) {
	o := render.Object{"apiVersion": "v1", "kind": "Secret", "data": "hunter1", "metadata": map[string]any{"name": "s"}}
	if text := shown(t, masked([]render.Object{o})); strings.Contains(text, "hunter") {
		t.Error(text)
	}
}
