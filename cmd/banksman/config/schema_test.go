package config

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"

	"banksman.dev/approvals"
)

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("configuration.json", document); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("configuration.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func instance(t *testing.T, content []byte) any {
	t.Helper()
	asJSON, err := yaml.YAMLToJSON(content)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestTheSchemaAllowsWhatIsRead(t *testing.T) {
	s := compiled(t)
	for _, name := range []string{"whole.yaml", "least.yaml"} {
		content, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(instance(t, content)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, lines := range []string{"audit: 0", "audit: 0s", "  slotTime: 0s", "github: {tokenFile: t}", "approvals: {minimum: {all: [alice]}}"} {
		content := []byte(one(lines))
		if _, err := Read("f.yaml", content); err != nil {
			t.Error(err)
		}
		if err := s.Validate(instance(t, content)); err != nil {
			t.Errorf("%s: %v", lines, err)
		}
	}
}

func TestTheSchemaRefusesWhatItCanSee(t *testing.T) {
	s := compiled(t)
	for _, c := range refused {
		if c.beyond {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			if err := s.Validate(instance(t, []byte(c.file))); err == nil {
				t.Errorf("it is allowed:\n%s", c.file)
			}
		})
	}
}

// With the next test: the reader knows every key of the types, because it reads
// an example that has them all.
func TestTheSchemaHasTheKeysOfTheTypes(t *testing.T) {
	var all struct {
		shape
		Defs map[string]shape `json:"$defs"`
	}
	if err := json.Unmarshal(Schema(), &all); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		keys  map[string]any
		typed any
	}{
		{"the configuration", all.Properties, Configuration{}},
		{"repository", all.Defs["repository"].Properties, Repository{}},
		{"approvals", all.Defs["approvals"].Properties, Approvals{}},
		{"policy", all.Defs["policy"].Properties, approvals.Policy{}},
		{"github", all.Defs["github"].Properties, GitHub{}},
		{"app", all.Defs["app"].Properties, App{}},
		{"notification", all.Defs["notification"].Properties, Notification{}},
		{"webhook", all.Defs["webhook"].Properties, Webhook{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var typed []string
			for field := range reflect.TypeOf(c.typed).Fields() {
				if key, _, _ := strings.Cut(field.Tag.Get("yaml"), ","); field.IsExported() && key != "-" {
					typed = append(typed, key)
				}
			}
			slices.Sort(typed)
			var said []string
			for key := range c.keys {
				said = append(said, key)
			}
			slices.Sort(said)
			if diff := cmp.Diff(typed, said); diff != "" {
				t.Errorf("types (-) and schema (+):\n%s", diff)
			}
		})
	}
}

func TestTheWholeExampleSaysEverything(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("testdata", "whole.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]bool{}
	keysOf(instance(t, content), said)
	for _, typed := range []any{Configuration{}, Repository{}, Approvals{}, GitHub{}, App{}, Notification{}, Webhook{}} {
		for field := range reflect.TypeOf(typed).Fields() {
			if key, _, _ := strings.Cut(field.Tag.Get("yaml"), ","); field.IsExported() && !said[key] {
				t.Errorf("%T: whole.yaml does not say %s", typed, key)
			}
		}
	}
}

func keysOf(v any, into map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			into[key] = true
			keysOf(value, into)
		}
	case []any:
		for _, value := range v {
			keysOf(value, into)
		}
	}
}

type shape struct {
	Properties map[string]any `json:"properties"`
}

// Every event can be chosen, and the schema knows it.
func TestEveryEventCanBeChosen(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../../reconcile/transition.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var declared []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Event" {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			declared = append(declared, value)
		}
		return true
	})
	var known []string
	for _, e := range Events() {
		known = append(known, string(e))
	}
	if diff := cmp.Diff(declared, known); diff != "" || len(declared) == 0 {
		t.Errorf("declared (-) and known (+):\n%s", diff)
	}
	var all struct {
		Defs struct {
			Notification struct {
				Properties struct {
					Events struct {
						Items struct {
							Enum []string `json:"enum"`
						} `json:"items"`
					} `json:"events"`
				} `json:"properties"`
			} `json:"notification"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(Schema(), &all); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(known, all.Defs.Notification.Properties.Events.Items.Enum); diff != "" {
		t.Errorf("known (-) and in the schema (+):\n%s", diff)
	}
}
