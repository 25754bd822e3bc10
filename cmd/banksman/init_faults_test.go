package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// A clone's content is its authors': a link that stands in it must not lead a
// write out of the folder.
func TestInitWritesNothingOutsideOfTheFolder(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(outside, []byte("precious\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	clone := t.TempDir()
	if err := os.WriteFile(filepath.Join(clone, "app.yaml"), []byte("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: gate, namespace: shop}\nspec:\n  replicas: 2\n  selector: {matchLabels: {app: gate}}\n  template:\n    metadata: {labels: {app: gate}}\n    spec: {containers: [{name: gate, image: \"reg.example.com/gate:1\"}]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(clone, "services.yaml")); err != nil {
		t.Fatal(err)
	}
	var out, errOut bytes.Buffer
	p := newProgram(genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut})
	p.getenv = func(string) string { return "" }
	code := p.run(t.Context(), []string{"init", "--repo", "dora/manifests", "--path", clone, "--write"})
	content, err := os.ReadFile(outside)
	if err != nil {
		t.Fatal(err)
	}
	if string(content) != "precious\n" {
		t.Errorf("exit code %d, and the file outside holds\n%s", code, content)
	}
	if want := "services.yaml: a symbolic link"; code != 1 || !strings.Contains(errOut.String(), want) {
		t.Errorf("exit code %d and %q, want 1 and %q", code, &errOut, want)
	}
}

// A link may come between the look and the write.
func TestTheCatalogIsWrittenThroughNoLink(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "new")
	clone := t.TempDir()
	if err := os.Symlink(outside, filepath.Join(clone, catalogName)); err != nil {
		t.Fatal(err)
	}
	if err := writeCatalog(clone, []byte("{}\n")); err == nil {
		t.Error("it was written")
	}
	if _, err := os.Lstat(outside); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file outside is there, or cannot be told: %v", err)
	}
}
