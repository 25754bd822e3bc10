package bump

import (
	"strings"
	"testing"
)

// The help says that the images that change with it are printed.
func TestTheImagesOfOtherServicesThatChangeWithItAreNamed(t *testing.T) {
	tree := treeOf(map[string]string{
		"services.yaml": "services:\n  gate: {templates: [app.yaml], namespace: shop}\n  ledger: {templates: [app.yaml], namespace: shop}\n",
		"app.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: \"{{.system.SERVICE}}\"}\n" +
			"spec:\n  selector: {matchLabels: {app: \"{{.system.SERVICE}}\"}}\n  template:\n    metadata: {labels: {app: \"{{.system.SERVICE}}\"}}\n" +
			"    spec:\n      containers:\n      - {name: app, image: \"reg.example.com/app:1.0\"}\n",
	})
	w, err := ParseWish("image=2.0")
	if err != nil {
		t.Fatal(err)
	}
	e, err := Find(tree, "gate", w, Options{})
	if err != nil {
		t.Fatal(err)
	}
	said := ""
	for _, p := range e.Places {
		said += strings.Join(p.Changes, "\n")
	}
	if !strings.Contains(said, "ledger") {
		t.Errorf("ledger runs another image, too, and nothing says so:\n%s", said)
	}
}
