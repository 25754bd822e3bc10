package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"k8s.io/client-go/rest"

	"banksman.dev/reconcile/lease"
)

// unheldLease was never taken.
func unheldLease(t *testing.T) *lease.Lease {
	t.Helper()
	held, err := lease.New(&rest.Config{Host: "https://127.0.0.1:1"}, lease.Options{Namespace: "dora", Name: leaseName, Identity: "a"})
	if err != nil {
		t.Fatal(err)
	}
	return held
}

func TestAnIdentityIsTheFoldersForGood(t *testing.T) {
	dir := t.TempDir()
	first := identity(t, dir)
	if !regexp.MustCompile(`^.+-[0-9a-f]{8}$`).MatchString(first) {
		t.Errorf("the identity is %q", first)
	}
	if again := identity(t, dir); again != first {
		t.Errorf("the second time it is %q, want %q", again, first)
	}
	if other := identity(t, t.TempDir()); other == first {
		t.Error("two folders have one identity")
	}
}

func TestACopyOfAFolderIsAnother(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	first := identity(t, dir)
	content, err := os.ReadFile(filepath.Join(dir, "identity"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(other, "identity"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	if copied := identity(t, other); copied == first {
		t.Error("a copy has the identity of its original")
	}
}

func TestAnIdentityThatCannotBeReadIsMadeAnew(t *testing.T) {
	for name, content := range map[string]string{"empty": "", "cut off": "0123", "something else": "hello\n"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "identity"), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if first := identity(t, dir); first != identity(t, dir) {
				t.Error("it is made anew each time")
			}
		})
	}
}

func identity(t *testing.T, dir string) string {
	t.Helper()
	id, err := identityOf(dir)
	if err != nil {
		t.Fatal(err)
	}
	return id
}
