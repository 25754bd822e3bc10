package v1alpha1

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

func definition(t *testing.T) apiextensions.CustomResourceDefinition {
	t.Helper()
	var d apiextensions.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(CRD(), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// A field that the schema does not name is dropped by the API server without a
// word, so the record would forget it. Go types and schema must name the same.
func TestTheSchemaNamesEveryFieldOfTheTypes(t *testing.T) {
	schema := definition(t).Spec.Versions[0].Schema.OpenAPIV3Schema
	compare(t, "spec", reflect.TypeFor[DeliverySpec](), schema.Properties["spec"])
	compare(t, "status", reflect.TypeFor[DeliveryStatus](), schema.Properties["status"])
}

func compare(t *testing.T, path string, typ reflect.Type, s apiextensions.JSONSchemaProps) {
	t.Helper()
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	want := map[reflect.Kind]string{
		reflect.String: "string", reflect.Bool: "boolean", reflect.Int: "integer", reflect.Int64: "integer",
		reflect.Slice: "array", reflect.Struct: "object",
	}[typ.Kind()]
	if typ == reflect.TypeFor[metav1.Time]() || typ == reflect.TypeFor[metav1.Duration]() {
		want = "string"
	}
	if s.Type != want {
		t.Errorf("%s is %q in the schema and %s in Go; run go generate", path, s.Type, typ)
		return
	}
	switch want {
	case "array":
		compare(t, path+"[]", typ.Elem(), *s.Items.Schema)
	case "object":
		fields := fieldsOf(typ)
		if got, want := slices.Sorted(maps.Keys(s.Properties)), slices.Sorted(maps.Keys(fields)); !slices.Equal(got, want) {
			t.Errorf("%s has %v in the schema and %v in Go; run go generate", path, got, want)
			return
		}
		for name, field := range fields {
			compare(t, path+"."+name, field, s.Properties[name])
		}
	}
}

// fieldsOf are the JSON names of a struct's fields, embedded ones included.
func fieldsOf(typ reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" && options == "inline" {
			maps.Copy(fields, fieldsOf(f.Type))
			continue
		}
		fields[name] = f.Type
	}
	return fields
}

func TestTheDefinitionIsWhatKubectlUsersTypeAndSee(t *testing.T) {
	d := definition(t)
	if d.Spec.Group != Version.Group || d.Spec.Names.Plural != Resource.Resource || d.Spec.Names.Kind != Kind {
		t.Errorf("names: %+v", d.Spec)
	}
	if !slices.Equal(d.Spec.Names.ShortNames, []string{"dl"}) || d.Spec.Scope != apiextensions.NamespaceScoped {
		t.Errorf("short names %v, scope %s", d.Spec.Names.ShortNames, d.Spec.Scope)
	}
	v := d.Spec.Versions[0]
	if v.Name != Version.Version || v.Subresources == nil || v.Subresources.Status == nil {
		t.Errorf("version: %+v", v)
	}
	var columns, wide []string
	for _, c := range v.AdditionalPrinterColumns {
		if c.Priority == 0 {
			columns = append(columns, c.Name)
		} else {
			wide = append(wide, c.Name)
		}
	}
	if want := []string{"Full", "Canary", "PR", "Step", "Ready", "Waits on", "Reason", "Age"}; !slices.Equal(columns, want) {
		t.Errorf("columns %v", columns)
	}
	if want := []string{"Pods", "Images", "Canary images", "Next"}; !slices.Equal(wide, want) {
		t.Errorf("wide columns %v", wide)
	}
}

func TestAnAcknowledgementIsAWholeCommitHashOrNothing(t *testing.T) {
	pattern := definition(t).Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"].Properties["acknowledge"].Pattern
	re := regexp.MustCompile(pattern)
	for text, want := range map[string]bool{
		"":                               true,
		strings.Repeat("a", 40):          true,
		strings.Repeat("a", 39):          false,
		strings.Repeat("A", 40):          false,
		strings.Repeat("a", 40) + "\nrm": false,
		"main":                           false,
	} {
		if re.MatchString(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}
