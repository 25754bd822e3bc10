package render_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	fopgate "banksman.dev/fixtures/fop-gate"
	"banksman.dev/gitsrc"
	"banksman.dev/render"
	"banksman.dev/render/kustomize"
)

var update = flag.Bool("update", false, "write the golden files anew")

const commit = gitsrc.SHA("1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d")

func TestTheExampleRepositoryRendersAsItsGoldenFiles(t *testing.T) {
	catalog, err := render.ReadCatalog(fopgate.FS(), "")
	if err != nil {
		t.Fatal(err)
	}
	releases, err := render.Renderer{Kustomize: kustomize.Build}.Check(fopgate.FS(), catalog, commit)
	if err != nil {
		t.Fatal(err)
	}
	if len(releases) != 3 {
		t.Fatalf("%d releases, want 3", len(releases))
	}
	for _, release := range releases {
		for part, objects := range map[string][]render.Object{
			"full": release.Full, "canary": release.Canary, "shared": release.Shared,
		} {
			golden(t, string(release.Service)+"."+part+".yaml", encode(t, objects))
		}
		golden(t, string(release.Service)+".digest", string(release.Digest)+"\n")
	}
}

func encode(t *testing.T, objects []render.Object) string {
	t.Helper()
	var b strings.Builder
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	for _, o := range objects {
		if err := encoder.Encode(map[string]any(o)); err != nil {
			t.Fatal(err)
		}
	}
	if len(objects) == 0 {
		return "# none\n"
	}
	return b.String()
}

// golden compares with a file of testdata/golden, or writes it under -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; go test -update writes it", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", file, diff)
	}
}
