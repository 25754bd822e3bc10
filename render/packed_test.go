package render

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

func anyValue(depth int) *rapid.Generator[any] {
	plain := []*rapid.Generator[any]{
		rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.String().AsAny(), rapid.Int64().AsAny(),
		rapid.Float64Range(-1e30, 1e30).AsAny(), rapid.SampledFrom([]any{0.0, 1.0, -1.5, 1e21, 9007199254740993.0, "<&>", "\u2028"}),
	}
	if depth == 0 {
		return rapid.OneOf(plain...)
	}
	deeper := anyValue(depth - 1)
	return rapid.OneOf(append(plain,
		rapid.MapOfN(rapid.String(), deeper, 0, 4).AsAny(), rapid.SliceOfN(deeper, 0, 4).AsAny())...)
}

func TestWhatIsUnpackedHasTheDigestOfWhatWasPacked(t *testing.T) {
	object := func(t *rapid.T, name string) Object {
		return Object{
			"apiVersion": "v1", "kind": "ConfigMap",
			"metadata": map[string]any{"name": name, "namespace": "a"}, "data": anyValue(3).Draw(t, name),
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		r := Release{
			Service: "web", Commit: "c", Namespace: "a", HasCanary: true, Sources: map[ObjectID]string{{Kind: "ConfigMap"}: "x.yaml"},
			Full: []Object{object(t, "full")}, Canary: []Object{object(t, "canary")}, Shared: []Object{object(t, "s1"), object(t, "s2")},
		}
		var err error
		if r.Digest, err = r.digest(); err != nil {
			t.Fatal(err)
		}
		back, err := r.Pack().Release()
		if err != nil {
			t.Fatal(err)
		}
		again, err := back.digest()
		if err != nil || again != r.Digest || back.Digest != r.Digest {
			t.Fatalf("digest %s, then %s, %s, %v", r.Digest, back.Digest, again, err)
		}
		twice, err := back.Pack().Release()
		if err != nil || !reflect.DeepEqual(twice, back) {
			t.Fatalf("%v\nis not\n%v (%v)", twice, back, err)
		}
		back.Full, back.Canary, back.Shared, r.Full, r.Canary, r.Shared = nil, nil, nil, nil, nil, nil
		if !reflect.DeepEqual(back, r) {
			t.Fatalf("%v\nis not\n%v", back, r)
		}
	})
}

func TestAPackedReleaseNamesItsObjects(t *testing.T) {
	named := func(name string) Object {
		return Object{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": name}}
	}
	p := Release{Full: []Object{named("a")}, Canary: []Object{named("b")}, Shared: []Object{named("c")}}.Pack()
	want := []ObjectID{named("a").ID(), named("b").ID(), named("c").ID()}
	if got := p.IDs(); !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
}
