package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"banksman.dev/reconcile"
	"banksman.dev/reconcile/api/v1alpha1"
)

// git exports GIT_DIR to aliases, hooks and rebase --exec.
func TestARollbackTouchesNoRepositoryThatTheEnvironmentNames(t *testing.T) {
	w := newRevertible(t)
	w.commit("the second release", map[string]string{"gate.values.yaml": "tag: v2\n# the gate\n"})
	w.promoted(1, 1, 0)
	before := w.git("rev-parse", "HEAD")
	t.Setenv("GIT_DIR", filepath.Join(w.clone, ".git"))
	said, code := w.run("--dry-run")
	if err := os.Unsetenv("GIT_DIR"); err != nil {
		t.Fatal(err)
	}
	if after := w.git("rev-parse", "HEAD"); after != before {
		t.Errorf("the user's own branch was moved from %s to %s (exit code %d):\n%s\n%s", before, after, code, said, w.git("log", "--oneline"))
	}
}

// The help says: never pushed where it would change other services.
func TestARollbackOfABrokenBranchIsNotPushedWhereItTakesAnotherServicesChange(t *testing.T) {
	w := newRevertible(t)
	w.promoted(0, 0)
	w.commit("gate breaks the catalog", map[string]string{"services.yaml": revertibleCatalog + "  gate: {}\n"})
	w.commit("the ledger's second release", map[string]string{"ledger.values.yaml": "tag: v2\n"})
	said, code := w.run("--to", w.commits[0], "--push")
	if got := w.at("main", "ledger.values.yaml"); !strings.Contains(got, "v2") {
		t.Errorf("main lost the ledger's release (exit code %d):\n%s", code, said)
	}
}

// A head that cannot be rendered is newer than what full runs: the way back is to
// that, and not past it.
func TestARollbackOfABrokenBranchKeepsWhatFullRuns(t *testing.T) {
	w := newRevertible(t)
	w.commit("the second release", map[string]string{"gate.values.yaml": "tag: v2\n# the gate\n"})
	w.promoted(1, 1, 0)
	w.commit("gate breaks the catalog", map[string]string{"services.yaml": revertibleCatalog + "  gate: {}\n"})
	w.delivery.Status.Head = &v1alpha1.Ref{Commit: w.commits[2]}
	w.delivery.Status.Step = string(reconcile.StepUnreadable)
	said, code := w.run("--push")
	if got := w.at("main", "gate.values.yaml"); !strings.Contains(got, "v2") || strings.Contains(said, "the second release") {
		t.Errorf("full ran v2, and goes back to v1 (exit code %d):\n%s", code, said)
	}
}
