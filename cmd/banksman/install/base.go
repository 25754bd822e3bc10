package install

import (
	"bytes"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// A File is one file of a kustomize base.
type File struct {
	Name    string
	Content []byte
}

// Base writes the objects as a kustomize base: a file for each, and the
// kustomization that names them in their order. The same objects give the same
// bytes. What head says is a comment in front of the kustomization.
func Base(objects []*unstructured.Unstructured, head string) ([]File, error) {
	var files []File
	list := &strings.Builder{}
	list.WriteString(commented(head))
	list.WriteString("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n")
	for _, o := range objects {
		content, err := yaml.Marshal(o.Object)
		if err != nil {
			return nil, fmt.Errorf("write the manifest of %s %s: %w", o.GetKind(), o.GetName(), err)
		}
		name := fileName(o)
		files = append(files, File{name, content})
		list.WriteString("- " + name + "\n")
	}
	return append(files, File{"kustomization.yaml", []byte(list.String())}), nil
}

// Stream writes the objects as one YAML stream, for kubectl apply.
func Stream(objects []*unstructured.Unstructured, head string) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString(commented(head))
	for _, o := range objects {
		content, err := yaml.Marshal(o.Object)
		if err != nil {
			return nil, fmt.Errorf("write the manifest of %s %s: %w", o.GetKind(), o.GetName(), err)
		}
		out.WriteString("---\n")
		out.Write(content)
	}
	return out.Bytes(), nil
}

// fileName is "role-dora-apps-banksman.yaml": the namespace stands in it where
// it is not the installation's own, which the name of the object tells already.
func fileName(o *unstructured.Unstructured) string {
	parts := []string{o.GetKind()}
	if strings.HasPrefix(o.GetKind(), "Role") {
		parts = append(parts, o.GetNamespace())
	}
	parts = append(parts, o.GetName())
	return strings.ReplaceAll(strings.ToLower(strings.Join(parts, "-")), ":", "-") + ".yaml"
}

func commented(text string) string {
	if text == "" {
		return ""
	}
	var b strings.Builder
	for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		b.WriteString(strings.TrimRight("# "+line, " ") + "\n")
	}
	return b.String()
}
