package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// golden compares a text with the one that is kept for this name.
func golden(t *testing.T, name, got string) {
	t.Helper()
	goldenIn(t, "golden", name, got)
}

// goldenIn is golden in a folder of testdata.
func goldenIn(t *testing.T, folder, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", folder, strings.ReplaceAll(name, " ", "-")+".txt")
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
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
	}
}
