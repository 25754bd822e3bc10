package reconcile

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"banksman.dev/render"
)

// anyValue is a value that a manifest may hold.
func anyValue(depth int) *rapid.Generator[any] {
	plain := []*rapid.Generator[any]{
		rapid.String().AsAny(), rapid.Bool().AsAny(), rapid.Int64().AsAny(), rapid.Just[any](nil),
		rapid.Float64Range(-1e300, 1e300).AsAny(), rapid.SampledFrom([]any{1e21, 1e-7, 0.5, "<&>\u2028", "a: b"}),
	}
	if depth > 0 {
		plain = append(plain,
			rapid.Map(rapid.SliceOfN(anyValue(depth-1), 0, 3), func(v []any) any { return append([]any{}, v...) }),
			rapid.Map(rapid.MapOfN(rapid.String(), anyValue(depth-1), 0, 3), func(v map[string]any) any { return v }))
	}
	return rapid.OneOf(plain...)
}

func someObject(t *rapid.T, name string) render.Object {
	return render.Object{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": name},
		"data": anyValue(3).Draw(t, "data of "+name),
	}
}

func digested(t interface{ Fatal(...any) }, r render.Release) render.Release {
	digest, err := r.Recomputed()
	if err != nil {
		t.Fatal(err)
	}
	r.Digest = digest
	return r
}

func TestWhatIsKeptComesBackAsItWentIn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := render.Release{Service: "web", Commit: "c1", Namespace: "shop", Full: []render.Object{someObject(t, "full")}}
		if r.HasCanary = rapid.Bool().Draw(t, "canary"); r.HasCanary {
			r.Canary = []render.Object{someObject(t, "canary")}
			r.Shared = []render.Object{someObject(t, "shared")}
		}
		r = digested(t, r)
		k, err := keptOf(r, render.DriftWarn)
		if err != nil {
			t.Fatal(err)
		}
		again, err := keptOf(r, render.DriftWarn)
		if err != nil || !reflect.DeepEqual(k, again) {
			t.Fatalf("the same release is kept as something else, %v", err)
		}
		got, drift, err := k.release("web", r.Digest)
		if err != nil || drift != render.DriftWarn {
			t.Fatalf("%v, drift %q", err, drift)
		}
		if is, err := got.Recomputed(); err != nil || is != r.Digest {
			t.Fatalf("its digest is %s and was %s, %v", is, r.Digest, err)
		}
		got.Digest, r.Sources = r.Digest, nil
		for _, of := range []*render.Release{&got, &r} {
			of.Full, of.Canary, of.Shared = sameNumbers(of.Full), sameNumbers(of.Canary), sameNumbers(of.Shared)
		}
		if !reflect.DeepEqual(got, r) {
			t.Fatalf("%+v came back as %+v", r, got)
		}
	})
}

// sameNumbers makes whole numbers integers: JSON tells them apart by nothing.
func sameNumbers(objects []render.Object) []render.Object {
	var out []render.Object
	for _, o := range objects {
		out = append(out, wholes(map[string]any(o)).(map[string]any))
	}
	return out
}

func wholes(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := map[string]any{}
		for k, item := range v {
			m[k] = wholes(item)
		}
		return m
	case []any:
		list := []any{}
		for _, item := range v {
			list = append(list, wholes(item))
		}
		return list
	case int64:
		return float64(v)
	}
	return v
}

func TestNothingIsUsedThatIsNotExactlyWhatIsPromoted(t *testing.T) {
	r := digested(t, render.Release{
		Service: "web", Commit: "c1", Namespace: "shop", HasCanary: true,
		Full:   []render.Object{{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "a"}, "data": map[string]any{"n": int64(7)}}},
		Canary: []render.Object{{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "b"}}},
	})
	whole, err := keptOf(r, render.DriftRepair)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		spoil func(*Kept)
		says  string // part of the error; "" when it is used
	}{
		"as it was kept":                     {func(*Kept) {}, ""},
		"of another digest by its name":      {func(k *Kept) { k.Digest = "0000000" }, "it is of 0000000 and not of"},
		"an object was changed":              {spoilt(`"n":7`, `"n":8`), "its objects give"},
		"an object became another kind":      {spoilt(`"ConfigMap"`, `"Secret"`), "its objects give"},
		"an object was taken out":            {spoilt(`"full":[`, `"fulls":[`), "its objects give"},
		"a canary's object became full's":    {spoilt(`"canary":`, `"shared":`), "its objects give"},
		"it says that there is no canary":    {spoilt(`"hasCanary":true`, `"hasCanary":false`), "not what banksman keeps of web"},
		"it is another service's":            {spoilt(`"service":"web"`, `"service":"api"`), "not what banksman keeps of web"},
		"the digest in it was changed alone": {spoilt(string(r.Digest), strings.Repeat("0", 64)), ""},
		"a number is none":                   {spoilt(`"n":7`, `"n":1e999`), `"1e999" is no number`},
		"it was cut":                         {func(k *Kept) { k.Content = k.Content[:len(k.Content)/2] }, "it cannot be read"},
		"it is empty":                        {func(k *Kept) { k.Content = nil }, "it cannot be read"},
		"it is something else":               {func(k *Kept) { k.Content = []byte("[]") }, "it cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			k := Kept{Commit: whole.Commit, Digest: whole.Digest, Content: bytes.Clone(whole.Content)}
			c.spoil(&k)
			_, _, err := k.release("web", r.Digest)
			switch {
			case c.says == "" && err != nil:
				t.Error(err)
			case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
				t.Errorf("%v, want %q", err, c.says)
			case err != nil && strings.Contains(err.Error(), "ConfigMap"):
				t.Errorf("the error tells what is kept: %v", err)
			}
		})
	}
	if _, _, err := whole.release("web", "another"); err == nil {
		t.Error("it is used for another release")
	}
}

func spoilt(from, to string) func(*Kept) {
	return func(k *Kept) { k.Content = bytes.Replace(k.Content, []byte(from), []byte(to), 1) }
}
