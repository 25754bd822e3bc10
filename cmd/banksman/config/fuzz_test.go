package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"banksman.dev/render"
)

// Whatever the file holds, it is read or refused with places; what is read has
// sources, and is the same when it is written and read again.
func FuzzRead(f *testing.F) {
	for _, c := range refused {
		f.Add(c.file)
	}
	for _, name := range []string{"whole.yaml", "least.yaml"} {
		content, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(content))
	}
	f.Add(one("  notify: &a [b]", "notifications: *a"))
	f.Add(one("  <<: {adopt: true}"))
	f.Add(one("  approvals: &a {minimum: *a}"))
	f.Add(one("  namespaces: !!binary aGVsbG8="))
	f.Fuzz(func(t *testing.T, file string) {
		read, err := Read("f.yaml", []byte(file))
		if err != nil {
			var faults render.Errors
			var one *render.Error
			if !errors.As(err, &faults) && errors.As(err, &one) {
				faults = render.Errors{one}
			}
			if len(faults) == 0 {
				t.Fatalf("%T holds no fault", err)
			}
			for _, fault := range faults {
				if fault.Problem == "" || strings.Contains(fault.Problem, "\n") {
					t.Errorf("a fault says %q", fault.Problem)
				}
			}
			return
		}
		sources, err := read.Sources()
		if err != nil {
			t.Fatalf("it was read, and has no sources: %v", err)
		}
		written, err := read.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Read("f.yaml", written)
		if err != nil {
			t.Fatalf("%v in\n%s", err, written)
		}
		if same, err := again.Sources(); err != nil || !cmp.Equal(sources, same) {
			t.Errorf("%v: %s", err, cmp.Diff(sources, same))
		}
	})
}
