package reconcile_test

import (
	"os/exec"
	"strings"
	"testing"
)

// The rule of the house: a child package imports its parent, never the
// reverse, and the packages of words and decisions reach no client of
// Kubernetes or GitHub.
func TestWhoMayImportWhom(t *testing.T) {
	const module = "banksman.dev/"
	foreign := []string{"k8s.io/", "sigs.k8s.io/", "github.com/google/go-github", "github.com/fluxcd/", "github.com/prometheus/"}
	rules := []struct {
		pkg    string
		ours   []string // all that may be reached of ours
		forbid []string
	}{
		{"gitsrc", nil, foreign},
		{"approvals", nil, append([]string{"github.com/go-git"}, foreign...)},
		{"approvals/github", []string{"approvals", "gitsrc"}, []string{"k8s.io/", "sigs.k8s.io/"}},
		{"render", []string{"gitsrc", "approvals"}, foreign},
		{"render/kustomize", []string{"render", "gitsrc", "approvals"}, []string{"k8s.io/client-go"}},
		{"reconcile", []string{"gitsrc", "render", "approvals"}, foreign},
		{"reconcile/api/v1alpha1", nil, []string{"k8s.io/client-go"}},
		{"reconcile/health", []string{"reconcile", "gitsrc", "render", "approvals"}, []string{"github.com/google/go-github"}},
		{"reconcile/cluster", []string{"reconcile", "reconcile/health", "gitsrc", "render", "approvals"}, []string{"github.com/google/go-github"}},
		{"reconcile/record", []string{"reconcile", "reconcile/api/v1alpha1", "gitsrc", "render", "approvals"}, []string{"github.com/google/go-github"}},
		{"cmd/banksman/config", []string{"reconcile", "gitsrc", "render", "approvals"}, foreign},
		{"reconcile/notify", []string{"reconcile", "gitsrc", "render", "approvals"}, foreign},
		{"reconcile/metrics", []string{"reconcile", "gitsrc", "render", "approvals"}, []string{"k8s.io/", "github.com/google/go-github"}},
		{"cmd/banksman/install", []string{"reconcile/api/v1alpha1", "gitsrc", "render", "approvals"}, []string{"k8s.io/client-go/rest", "k8s.io/client-go/dynamic", "github.com/google/go-github", "github.com/fluxcd/"}},
		{"cmd/banksman/propose", []string{"gitsrc", "render", "render/kustomize", "approvals"}, []string{"k8s.io/client-go", "github.com/google/go-github", "github.com/fluxcd/"}},
		{"cmd/banksman/bump", []string{"gitsrc", "render", "render/kustomize", "approvals"}, []string{"k8s.io/client-go", "github.com/google/go-github", "github.com/fluxcd/"}},
		{"reconcile/lease", nil, []string{"github.com/google/go-github", "github.com/fluxcd/"}},
	}
	for _, r := range rules {
		t.Run(r.pkg, func(t *testing.T) {
			allowed := map[string]bool{r.pkg: true}
			for _, o := range r.ours {
				allowed[o] = true
			}
			for _, dep := range reached(t, module+r.pkg) {
				if our, ok := strings.CutPrefix(dep, module); ok && !allowed[our] {
					t.Errorf("%s reaches %s", r.pkg, our)
				}
				for _, f := range r.forbid {
					if strings.HasPrefix(dep, f) {
						t.Errorf("%s reaches %s", r.pkg, dep)
					}
				}
			}
		})
	}
}

func reached(t *testing.T, pkg string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", pkg).CombinedOutput()
	if err != nil {
		t.Fatalf("go list -deps %s: %v\n%s", pkg, err, out)
	}
	return strings.Fields(string(out))
}
