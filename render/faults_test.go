package render_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"banksman.dev/render"
	"banksman.dev/render/kustomize"
)

// Each file of testdata/faults is a repository with a fault, and under -- want -- what a person is told.
func TestEachFaultSaysWhatHappenedWhereAndWhatToTry(t *testing.T) {
	files, err := filepath.Glob("testdata/faults/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no faults: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			tree, want := repository(archive)
			got := told(t, check(tree))
			if *update {
				archive.Files = append(archive.Files[:len(archive.Files)-1], txtar.File{Name: "want", Data: []byte(got)})
				if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// repository makes a tree of all files but the last, which is what is wanted.
func repository(archive *txtar.Archive) (tree fstest.MapFS, want string) {
	tree = fstest.MapFS{}
	for _, file := range archive.Files {
		if file.Name == "want" {
			want = string(file.Data)
			continue
		}
		entry := &fstest.MapFile{Data: file.Data, Mode: 0o644}
		if target, found := strings.CutPrefix(string(file.Data), "symlink to "); found {
			entry = &fstest.MapFile{Data: []byte(strings.TrimSpace(target)), Mode: fs.ModeSymlink}
		}
		tree[file.Name] = entry
	}
	return tree, want
}

func check(tree fs.FS) error {
	catalog, err := render.ReadCatalog(tree, "")
	if err != nil {
		return err
	}
	_, err = render.Renderer{Kustomize: kustomize.Build}.Check(tree, catalog, commit)
	return err
}

// told is everything that the error tells a person.
func told(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		t.Fatal("the repository has a fault, but there is no error")
	}
	var several render.Errors
	if !errors.As(err, &several) {
		var one *render.Error
		if !errors.As(err, &one) {
			t.Fatalf("%T is no *render.Error: %v", err, err)
		}
		several = render.Errors{one}
	}
	var b strings.Builder
	for _, e := range several {
		if e.File == "" && e.Service == "" && !strings.Contains(e.Problem, "repository") {
			t.Errorf("names neither file nor service: %v", e)
		}
		b.WriteString(e.Long() + "\n")
	}
	return b.String()
}
