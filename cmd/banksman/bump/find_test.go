package bump

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"

	"banksman.dev/render"
)

const newest = "sha256:2222222222222222222222222222222222222222222222222222222222222222"

const catalogOfOne = "services:\n  gate:\n    templates: [gate.yaml]\n    namespace: shop\n"

// deploymentOf is a template with one or more containers: name=image.
func deploymentOf(name string, containers ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: %s}\nspec:\n  replicas: 2\n  selector: {matchLabels: {app: gate}}\n"+
		"  template:\n    metadata: {labels: {app: gate}}\n    spec:\n      containers:\n", name)
	for _, c := range containers {
		name, image, _ := strings.Cut(c, "=")
		fmt.Fprintf(&b, "      - name: %s\n        image: %s # what runs\n", name, image)
	}
	return b.String()
}

func treeOf(files map[string]string) fstest.MapFS {
	tree := fstest.MapFS{}
	for name, content := range files {
		tree[name] = &fstest.MapFile{Data: []byte(content), Mode: 0o644}
	}
	return tree
}

func TestTheOnePlaceThatSaysWhichImageRunsIsFound(t *testing.T) {
	twins := "gate: {templates: [gate.yaml], namespace: shop%s}\ngate-canary: {templates: [%s], namespace: shop%s}\n"
	for name, c := range map[string]struct {
		files   map[string]string
		wish    string
		options Options
		want    string // FILE:LINE OLD>NEW, or the error
	}{
		"a tag in a template": {
			map[string]string{"services.yaml": catalogOfOne, "gate.yaml": deploymentOf("gate", "gate=reg/gate:1.0")},
			"image=1.1",
			Options{},
			"gate.yaml:12 1.0>1.1",
		},
		"a tag that is a number elsewhere": {
			map[string]string{"services.yaml": catalogOfOne, "gate.yaml": deploymentOf("gate", "gate=reg/gate:2")},
			"image=3",
			Options{},
			"gate.yaml:12 2>3",
		},
		"an image in quotes": {
			map[string]string{"services.yaml": catalogOfOne, "gate.yaml": deploymentOf("gate", "gate='reg:5000/gate:1.0'")},
			"gate=1.1",
			Options{},
			"gate.yaml:12 1.0>1.1",
		},
		"a container by its name": {
			map[string]string{"services.yaml": catalogOfOne, "gate.yaml": deploymentOf("gate", "gate=reg/gate:1.0", "side=reg/side:1.0")},
			"side=1.1",
			Options{},
			"gate.yaml:14 1.0>1.1",
		},
		"a container by its image's last word": {
			map[string]string{"services.yaml": catalogOfOne, "gate.yaml": deploymentOf("gate", "main=reg/gate:1.0", "side=reg/side:1.0")},
			"gate=1.1",
			Options{},
			"gate.yaml:12 1.0>1.1",
		},
		"another repository": {
			map[string]string{"services.yaml": catalogOfOne, "gate.yaml": deploymentOf("gate", "gate=reg/gate:1.0")},
			"gate=new.example.com/dora/gate:2.0",
			Options{},
			"gate.yaml:12 reg/gate:1.0>new.example.com/dora/gate:2.0",
		},
		"no tag yet": {
			map[string]string{"services.yaml": catalogOfOne, "gate.yaml": deploymentOf("gate", "gate=reg/gate")},
			"image=1.1",
			Options{},
			"gate.yaml:12 reg/gate>reg/gate:1.1",
		},
		"a digest": {
			map[string]string{"services.yaml": catalogOfOne, "gate.yaml": deploymentOf("gate", "gate=reg/gate@sha256:"+strings.Repeat("1", 64))},
			"image=@" + newest,
			Options{},
			"gate.yaml:12 sha256:" + strings.Repeat("1", 64) + ">" + newest,
		},
		"a digest behind a tag": {
			map[string]string{"services.yaml": catalogOfOne, "gate.yaml": deploymentOf("gate", "gate=reg/gate:1.0")},
			"image=@" + newest,
			Options{},
			"gate.yaml:12 1.0>1.0@" + newest,
		},
		"values in the catalog": {
			map[string]string{"services.yaml": catalogOfOne + "    values: {tag: 1.0.3, replicas: 1}\n", "gate.yaml": deploymentOf("gate", "gate=reg/gate:{{.values.tag}}")},
			"image=1.1.0",
			Options{},
			"services.yaml:5 1.0.3>1.1.0",
		},
		"values in a file, for both variants": {
			map[string]string{
				"services.yaml": fmt.Sprintf(twins, ", valuesFile: v.yaml", "gate.yaml", ", valuesFile: v.yaml"),
				"v.yaml":        "# 1.0.3 since March\nimage: reg/gate:1.0.3\n", "gate.yaml": deploymentOf("'{{.system.SERVICE}}'", "gate='{{.values.image}}'"),
			},
			"image=1.1.0",
			Options{},
			"v.yaml:2 1.0.3>1.1.0",
		},
		"a tag that YAML would read as a number": {
			map[string]string{"services.yaml": catalogOfOne + "    values:\n      tag: v1\n", "gate.yaml": deploymentOf("gate", "gate='reg/gate:{{.values.tag}}'")},
			"image=1.10",
			Options{},
			`services.yaml:6 v1>"1.10"`,
		},
		"a kustomization": {
			map[string]string{
				"services.yaml":        "services:\n  gate: {kustomize: k, namespace: shop}\n",
				"k/kustomization.yaml": "resources: [gate.yaml]\nimages:\n- name: gate\n  newName: reg/gate\n  newTag: v1\n",
				"k/gate.yaml":          deploymentOf("gate", "gate=gate"),
			},
			"image=v2",
			Options{},
			"k/kustomization.yaml:5 v1>v2",
		},
		"full and canary say it apart": {
			map[string]string{
				"services.yaml": fmt.Sprintf(twins, "", "canary.yaml", ""),
				"gate.yaml":     deploymentOf("gate", "gate=reg/gate:1"), "canary.yaml": deploymentOf("gate-canary", "gate=reg/gate:1"),
			},
			"image=2",
			Options{},
			"it takes several places: canary.yaml:12, gate.yaml:12",
		},
		"full and canary say it apart, and both are meant": {
			map[string]string{
				"services.yaml": fmt.Sprintf(twins, "", "canary.yaml", ""),
				"gate.yaml":     deploymentOf("gate", "gate=reg/gate:1"), "canary.yaml": deploymentOf("gate-canary", "gate=reg/gate:1"),
			},
			"image=2",
			Options{All: true},
			"canary.yaml:12 1>2, gate.yaml:12 1>2",
		},
		"several images": {
			map[string]string{"services.yaml": catalogOfOne, "gate.yaml": deploymentOf("gate", "gate=reg/gate:1.0", "side=reg/side:1.0")},
			"image=1.1",
			Options{},
			"gate runs several images: gate=reg/gate:1.0, side=reg/side:1.0",
		},
		"no such container": {
			map[string]string{"services.yaml": catalogOfOne, "gate.yaml": deploymentOf("gate", "gate=reg/gate:1.0")},
			"other=1.1",
			Options{},
			"no container of gate is named other: it has gate=reg/gate:1.0",
		},
		"nothing would change": {
			map[string]string{"services.yaml": catalogOfOne, "gate.yaml": deploymentOf("gate", "gate=reg/gate:1.0")},
			"image=1.0",
			Options{},
			"1.0 is what it runs already",
		},
		"a digest that a tag would not move": {
			map[string]string{"services.yaml": catalogOfOne, "gate.yaml": deploymentOf("gate", "gate=reg/gate:1.0@"+newest)},
			"image=1.1",
			Options{},
			"container gate of Deployment shop/gate: reg/gate:1.0@" + newest + " is pinned by its digest, so another tag would change nothing",
		},
		"a tag that is put together": {
			map[string]string{"services.yaml": catalogOfOne + "    values: {major: 1, minor: 0}\n", "gate.yaml": deploymentOf("gate", "gate='reg/gate:{{.values.major}}.{{.values.minor}}'")},
			"image=1.1",
			Options{},
			`no place says so in so many words: "1.0" of gate`,
		},
		"another file": {
			map[string]string{"services.yaml": catalogOfOne, "gate.yaml": deploymentOf("gate", "gate=reg/gate:1.0")},
			"image=1.1",
			Options{File: "README.md"},
			"gate is not rendered from README.md",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, err := ParseWish(c.wish)
			if err != nil {
				t.Fatal(err)
			}
			e, err := Find(treeOf(c.files), "gate", w, c.options)
			if got := said(e, err); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func said(e Edit, err error) string {
	var places []string
	var ambiguous *AmbiguousError
	switch {
	case errors.As(err, &ambiguous) && len(ambiguous.Places) > 0:
		for _, p := range ambiguous.Places {
			places = append(places, fmt.Sprintf("%s:%d", p.File, p.Line))
		}
		return err.Error() + ": " + strings.Join(places, ", ")
	case err != nil:
		return err.Error()
	}
	for _, p := range e.Places {
		places = append(places, fmt.Sprintf("%s:%d %s>%s", p.File, p.Line, p.Old, p.New))
	}
	return strings.Join(places, ", ")
}

// Whatever stands around the place, it stays byte by byte, and the service runs
// what was wished for.
func TestEverythingButThePlaceStaysAsItIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tag := rapid.StringMatching(`[a-z0-9]{1,4}(\.[0-9]{1,3}){0,2}`)
		old, is := tag.Draw(t, "old"), tag.Draw(t, "new")
		if old == is {
			t.Skip("nothing changes")
		}
		quote := rapid.SampledFrom([]string{"", "'", `"`}).Draw(t, "quote")
		comment := rapid.StringMatching(`( # [ -~äß]{0,20})?`).Draw(t, "comment")
		content := deploymentOf("gate", "gate="+quote+"reg.example.com/gate:"+old+quote+comment)
		if rapid.Bool().Draw(t, "CRLF") {
			content = strings.ReplaceAll(content, "\n", "\r\n")
		}
		content = rapid.StringMatching(`(# [ -~]{0,30}\n){0,3}`).Draw(t, "above") + content + rapid.StringMatching(`(#[ -~]{0,30}\n?)?`).Draw(t, "below")
		if strings.Contains(content, "{{") {
			t.Skip("a template")
		}
		tree := treeOf(map[string]string{"services.yaml": catalogOfOne, "gate.yaml": content})
		if _, err := imagesOf(tree, "", "gate"); err != nil {
			t.Skip("it cannot be rendered before")
		}
		e, err := Find(tree, "gate", Wish{Tag: is}, Options{})
		if err != nil {
			t.Fatalf("%v\n%s", err, content)
		}
		p := e.Places[0]
		after := string(e.Files["gate.yaml"])
		if len(e.Places) != 1 || len(e.Files) != 1 || after[:p.At] != content[:p.At] || after[p.At+len(p.New):] != content[p.At+len(p.Old):] || p.Old != old || p.New != is {
			t.Fatalf("%+v\n%q\n%q", p, content, after)
		}
		if images, err := imagesOf(treeOf(map[string]string{"services.yaml": catalogOfOne, "gate.yaml": after}), "", "gate"); err != nil || !runsOnly(images, "reg.example.com/gate:"+is) {
			t.Fatalf("%v %v", images, err)
		}
		back, err := Find(treeOf(map[string]string{"services.yaml": catalogOfOne, "gate.yaml": after}), "gate", Wish{Tag: old}, Options{})
		if err != nil || string(back.Files["gate.yaml"]) != content {
			t.Fatalf("and back: %v\n%q", err, back.Files["gate.yaml"])
		}
	})
}

func runsOnly(images map[container]string, want string) bool {
	for _, is := range images {
		if is != want {
			return false
		}
	}
	return len(images) > 0
}

func TestAWishIsReadOrRefused(t *testing.T) {
	for text, want := range map[string]string{
		"image=1.2":                "{ 1.2 }",
		"gate=1.2":                 "{gate 1.2 }",
		"gate=reg:5000/a/gate:1.2": "{gate reg:5000/a/gate 1.2 }",
		"gate=gate:1":              "{gate gate 1 }",
		"image=@" + newest:         "{ @" + newest + "}",
		"gate=1@" + newest:         "{gate 1 @" + newest + "}",
		"gate=reg/gate@" + newest:  "{gate reg/gate @" + newest + "}",
		"image":                    `"image": want image=TAG, NAME=TAG, NAME=IMAGE:TAG or NAME=@sha256:DIGEST`,
		"=1":                       `"=1": want image=TAG, NAME=TAG, NAME=IMAGE:TAG or NAME=@sha256:DIGEST`,
		"image=a b":                `"image=a b": "a b" is no image with a tag`,
		"image=reg/gate":           `"image=reg/gate": "reg/gate" is no image with a tag`,
		"image=@sha256:12":         `"image=@sha256:12": "sha256:12" is no digest: want sha256: and 64 hex digits`,
		"image=x:{{.values.a}}":    `"image=x:{{.values.a}}": "x:{{.values.a}}" is no image with a tag`,
	} {
		w, err := ParseWish(text)
		got := "{" + w.Name
		for _, part := range []string{" " + w.Repository, " " + w.Tag} {
			if part != " " {
				got += part
			}
		}
		got += " "
		if w.Digest != "" {
			got += "@" + w.Digest
		}
		got += "}"
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func FuzzFind(f *testing.F) {
	f.Add(deploymentOf("gate", "gate=reg/gate:1.0"), "2.0")
	f.Add("kind: x\r\n# 1.0\r\n", "2.0")
	f.Fuzz(func(t *testing.T, template, tag string) {
		w, err := ParseWish("image=" + tag)
		if err != nil {
			return
		}
		tree := treeOf(map[string]string{"services.yaml": catalogOfOne, "gate.yaml": template})
		e, err := Find(tree, render.ServiceName("gate"), w, Options{})
		if err != nil {
			return
		}
		before := map[string]string{"services.yaml": catalogOfOne, "gate.yaml": template}
		for name, content := range e.Files {
			want := before[name]
			for i := len(e.Places) - 1; i >= 0; i-- {
				if p := e.Places[i]; p.File == name {
					want = want[:p.At] + p.New + want[p.At+len(p.Old):]
				}
			}
			if string(content) != want {
				t.Errorf("%s: %q is not %q", name, content, want)
			}
		}
	})
}
