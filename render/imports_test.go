package render_test

import (
	"os/exec"
	"strings"
	"testing"
)

// The parent package holds words; clusters, forges and kustomize are wires, and belong to its children.
func TestRenderItselfReachesNeitherKubernetesNorAForge(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "banksman.dev/render").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	dependencies := strings.Fields(string(out))
	if len(dependencies) < 50 {
		t.Fatalf("go list names only %d packages", len(dependencies))
	}
	for _, dependency := range dependencies {
		for _, forbidden := range []string{
			"k8s.io/", "sigs.k8s.io/", "github.com/google/go-github", "github.com/fluxcd",
			"banksman.dev/render/", "banksman.dev/reconcile", "banksman.dev/cmd", "banksman.dev/fixtures", "banksman.dev/approvals/",
		} {
			if strings.HasPrefix(dependency, forbidden) {
				t.Errorf("render reaches %s", dependency)
			}
		}
	}
}
