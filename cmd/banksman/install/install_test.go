package install_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"banksman.dev/cmd/banksman/install"
	"banksman.dev/render/kustomize"
)

var update = flag.Bool("update", false, "write the golden files anew")

func options() install.Options {
	return install.Options{
		Namespace: "banksman-system", Image: "registry.example.com/banksman:v1.2.3", Version: "v1.2.3", Replicas: 2,
		Configuration: []byte("apiVersion: banksman.dev/v1alpha1\nkind: Configuration\n"),
		Scopes:        []install.Scope{{Namespaces: []string{"dora-apps"}, Kinds: []string{"ConfigMap", "Deployment.apps"}}},
	}
}

func objectsOf(t *testing.T, o install.Options) []*unstructured.Unstructured {
	t.Helper()
	all, err := install.Objects(o)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestTheManifestsAreThoseThatSomebodyHasRead(t *testing.T) {
	everything := options()
	everything.Namespace, everything.Replicas, everything.Notifies, everything.EgressPorts = "releases", 3, true, []int32{8443, 443}
	everything.MoreEgressPorts = []int32{8883, 587}
	everything.GrantAccounts = true
	everything.Scopes = []install.Scope{
		{},
		{Namespaces: []string{"dora-apps", "dora-jobs"}, Kinds: []string{"ConfigMap", "Ingress.networking.k8s.io"}, ServiceAccount: "dora-apps/deployer"},
	}
	withheld := everything
	withheld.GrantAccounts = false
	for name, o := range map[string]install.Options{"one repository": options(), "everything": everything, "accounts that others grant": withheld} {
		t.Run(name, func(t *testing.T) {
			all := slices.DeleteFunc(objectsOf(t, o), func(u *unstructured.Unstructured) bool {
				return u.GetKind() == "CustomResourceDefinition" // what banksman crd prints
			})
			stream, err := install.Stream(all, "Made for the test.\n")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("testdata", strings.ReplaceAll(name, " ", "-")+".yaml"), stream)
		})
	}
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
	}
}

func TestTheSameOptionsGiveTheSameBytes(t *testing.T) {
	var first []byte
	for range 20 {
		stream, err := install.Stream(objectsOf(t, options()), "")
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = stream
		}
		if !bytes.Equal(first, stream) {
			t.Fatalf("got\n%s\nafter\n%s", stream, first)
		}
	}
}

func TestTheKustomizeBaseHoldsTheSameObjects(t *testing.T) {
	want := objectsOf(t, options())
	files, err := install.Base(want, "Made for the test.")
	if err != nil {
		t.Fatal(err)
	}
	tree := fstest.MapFS{}
	for _, f := range files {
		if _, twice := tree["base/"+f.Name]; twice {
			t.Errorf("two files are called %s", f.Name)
		}
		tree["base/"+f.Name] = &fstest.MapFile{Data: f.Content}
	}
	built, err := kustomize.Build(tree, "base")
	if err != nil {
		t.Fatal(err)
	}
	var got, wanted []string
	for _, o := range built {
		got = append(got, asJSON(t, o))
	}
	for _, o := range want {
		wanted = append(wanted, asJSON(t, o.Object))
	}
	slices.Sort(got)
	slices.Sort(wanted)
	if !slices.Equal(got, wanted) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(wanted, "\n"))
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	content, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestNoSecretIsWritten(t *testing.T) {
	for _, o := range objectsOf(t, options()) {
		if o.GetKind() == "Secret" {
			t.Errorf("%s is among the manifests", o.GetName())
		}
	}
}

func TestEveryObjectSaysToWhichInstallationItBelongs(t *testing.T) {
	for _, o := range objectsOf(t, options()) {
		labels := o.GetLabels()
		if labels[install.LabelName] != "banksman" || labels[install.LabelInstance] != "banksman-system" || labels[install.LabelPartOf] != "banksman" {
			t.Errorf("%s %s has the labels %v", o.GetKind(), o.GetName(), labels)
		}
	}
}

func TestAVersionThatIsNoLabelIsMadeOne(t *testing.T) {
	for version, want := range map[string]string{
		"v1.2.3": "v1.2.3", "(devel)": "devel", "v1.2.3+dirty": "v1.2.3-dirty", "": "", "+": "", strings.Repeat("x", 70): strings.Repeat("x", 63),
	} {
		o := options()
		o.Version = version
		for _, u := range objectsOf(t, o) {
			if u.GetKind() != "Deployment" {
				continue
			}
			if got := u.GetLabels()[install.LabelVersion]; got != want {
				t.Errorf("%q: got %q, want %q", version, got, want)
			}
		}
	}
}

func TestManifestsOfNothingAreRefused(t *testing.T) {
	for name, broken := range map[string]func(*install.Options){
		"a namespace":  func(o *install.Options) { o.Namespace = "" },
		"an image":     func(o *install.Options) { o.Image = "" },
		"at least 1":   func(o *install.Options) { o.Replicas = 0 },
		"a repository": func(o *install.Options) { o.Scopes = nil },
	} {
		o := options()
		broken(&o)
		if _, err := install.Objects(o); err == nil || !strings.Contains(err.Error(), strings.TrimPrefix(name, "a ")) {
			t.Errorf("without %s: got %v", name, err)
		}
	}
}

func TestPortsAreReadAsTheyAreTyped(t *testing.T) {
	for name, c := range map[string]struct {
		words string
		want  []int32
		wrong bool
	}{
		"none":                        {"", nil, false},
		"sorted, each once":           {"8883, 587,587", []int32{587, 8883}, false},
		"the last port":               {"65535", []int32{65535}, false},
		"more than there are":         {"65536", nil, true},
		"no port is nought":           {"0", nil, true},
		"a name is no port":           {"smtp", nil, true},
		"one wrong port is one wrong": {"587,-1", nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := install.ParsePorts(c.words)
			if !slices.Equal(got, c.want) || (err != nil) != c.wrong {
				t.Errorf("got %v and %v, want %v", got, err, c.want)
			}
		})
	}
}
