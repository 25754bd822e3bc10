package cluster

import (
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"pgregory.net/rapid"
)

// values draws what rendered objects are made of.
func values(depth int) *rapid.Generator[any] {
	simple := []*rapid.Generator[any]{
		rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.Int64Range(-2, 2).AsAny(),
		rapid.SampledFrom([]any{0.5, 1.0, 2.0}), rapid.SampledFrom([]any{"", "a", "b", "1"}),
	}
	if depth == 0 {
		return rapid.OneOf(simple...)
	}
	deeper := values(depth - 1)
	return rapid.OneOf(append(simple,
		rapid.SliceOfN(deeper, 0, 3).AsAny(),
		rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "c"}), deeper, 0, 3).AsAny(),
	)...)
}

func TestObjectsHaveTheSamePrintWhenTheyAreEqualAndOnlyThen(t *testing.T) {
	p := newPrinter()
	rapid.Check(t, func(t *rapid.T) {
		a, b := values(3).Draw(t, "a"), values(3).Draw(t, "b")
		one, ok1 := p.of(a)
		copied, ok2 := p.of(runtime.DeepCopyJSONValue(a))
		other, ok3 := p.of(b)
		if !ok1 || !ok2 || !ok3 {
			t.Fatal("it has no print")
		}
		if one != copied {
			t.Fatal("a copy has another print")
		}
		if same := equal(a, b); same != (one == other) {
			t.Fatalf("equal %v, prints equal %v", same, one == other)
		}
	})
}

// equal compares like the API server: an empty list is not no list.
func equal(a, b any) bool {
	switch a := a.(type) {
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !equal(a[i], b[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k := range a {
			if other, has := b[k]; !has || !equal(a[k], other) {
				return false
			}
		}
		return true
	}
	switch b.(type) {
	case []any, map[string]any:
		return false
	}
	return a == b
}

func TestAValueThatNoObjectHasHasNoPrint(t *testing.T) {
	if _, ok := newPrinter().of(map[string]any{"a": []any{struct{}{}}}); ok {
		t.Error("it has one")
	}
}
