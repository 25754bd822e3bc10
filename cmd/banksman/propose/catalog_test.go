package propose_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"banksman.dev/cmd/banksman/propose"
)

func object(kind, name string) string {
	version := map[string]string{"Deployment": "apps/v1", "StatefulSet": "apps/v1"}[kind]
	if version == "" {
		version = "v1"
	}
	content := fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: {name: %q}\n", version, kind, name)
	if version == "apps/v1" {
		content += fmt.Sprintf("spec: {selector: {matchLabels: {app: %[1]s}}, template: {metadata: {labels: {app: %[1]s}}, spec: {containers: [{name: main, image: x}]}}}\n", name)
	}
	return content
}

func TestWhatIsProposedForWhichFolder(t *testing.T) {
	selecting := func(name, app string) string {
		return object("Service", name) + "spec: {selector: {app: " + app + "}, ports: [{port: 80}]}\n"
	}
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"a Deployment and what stands beside it are one service": {
			map[string]string{"shop/web.yaml": object("Deployment", "web"), "shop/config.yaml": object("ConfigMap", "anything")},
			"services:\n  web:\n    namespace: apps\n    templates:\n      - shop/config.yaml\n      - shop/web.yaml\n    canary: {replicas: 1}\n",
		},
		"two Deployments are two services, each with what is its by label or name": {
			map[string]string{
				"web.yaml": object("Deployment", "web"), "api.yaml": object("Deployment", "api"),
				"a.yaml": selecting("front", "web"), "b.yaml": object("ConfigMap", "api-config"),
			},
			"services:\n  api:\n    namespace: apps\n    templates:\n      - api.yaml\n      - b.yaml\n    canary: {replicas: 1}\n" +
				"  web:\n    namespace: apps\n    templates:\n      - a.yaml\n      - web.yaml\n    canary: {replicas: 1}\n",
		},
		"of two names that fit the longer is meant": {
			map[string]string{
				"1.yaml": object("Deployment", "web"), "2.yaml": object("Deployment", "web-admin"), "3.yaml": object("ConfigMap", "web-admin-config"),
			},
			"services:\n  web:\n    namespace: apps\n    templates: [1.yaml]\n    canary: {replicas: 1}\n" +
				"  web-admin:\n    namespace: apps\n    templates:\n      - 2.yaml\n      - 3.yaml\n    canary: {replicas: 1}\n",
		},
		"without a Deployment there is no canary": {
			map[string]string{"db/db.yaml": object("StatefulSet", "db")},
			"services:\n  db:\n    namespace: apps\n    templates: [db/db.yaml]\n",
		},
		"a canary that is there is not made a second time": {
			map[string]string{"web/full.yaml": object("Deployment", "web"), "web/small.yaml": object("Deployment", "web-canary")},
			"services:\n  web:\n    namespace: apps\n    templates: [web/full.yaml]\n  web-canary:\n    namespace: apps\n    templates: [web/small.yaml]\n",
		},
		"the same object in two folders is taken once": {
			map[string]string{"one/web.yaml": object("Deployment", "web"), "two/web.yaml": object("Deployment", "web")},
			"services:\n  web:\n    namespace: apps\n    templates: [one/web.yaml]\n    canary: {replicas: 1}\n\n# Not taken:\n# two/web.yaml: Deployment apps/web is rendered by web too, in one/web.yaml\n",
		},
		"a canary beside a kustomization is its canary": {
			map[string]string{
				"web/full/kustomization.yaml": "resources: [web.yaml]\n", "web/full/web.yaml": object("Deployment", "web"),
				"web/canary/kustomization.yaml": "resources: [web.yaml]\n", "web/canary/web.yaml": object("Deployment", "web-canary"),
			},
			"services:\n  web:\n    namespace: apps\n    kustomize: web/full\n  web-canary:\n    kustomize: web/canary\n",
		},
		"a name that cannot be a service's is made one": {
			map[string]string{"My App_v2/config.yaml": object("ConfigMap", "x")},
			"services:\n  my-app-v2:\n    namespace: apps\n    templates: ['My App_v2/config.yaml']\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := string(proposed(t, c.files).YAML()); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func proposed(t *testing.T, files map[string]string) propose.Proposal {
	t.Helper()
	tree := fstest.MapFS{}
	for name, content := range files {
		tree[name] = &fstest.MapFile{Data: []byte(content)}
	}
	p, err := propose.Catalog(tree, "apps")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What others wrote is skipped, or not looked at, and everything else is taken.
func TestABadFileSpoilsNothingElse(t *testing.T) {
	bomb := "a: &a [x, x, x, x, x, x, x, x, x]\n"
	for i := 'b'; i < 'k'; i++ {
		bomb += fmt.Sprintf("%c: &%c [*%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c]\n", i, i, i-1, i-1, i-1, i-1, i-1, i-1, i-1, i-1)
	}
	for name, content := range map[string]string{
		"no YAML":                          "apiVersion: v1\nkind: [",
		"an alias bomb":                    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n" + bomb,
		"a selector of maps":               "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {selector: {app: {deep: [1]}}}\n",
		"labels of maps":                   "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: odd}\nspec: {template: {metadata: {labels: {app: {deep: [1]}}}}}\n",
		"a Deployment without anything":    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: odd}\n",
		"a list":                           "- apiVersion: v1\n- kind: x\n",
		"a name that is a number":          "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 7}\n",
		"keys that are numbers":            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {1: x}\n",
		"a version that is not served":     "apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: x}\n",
		"a line break in what it is":       "apiVersion: v1\nkind: \"Config\\nMap\"\nmetadata: {name: \"x\\n  evil: true\"}\n",
		"a kustomization that is no YAML":  "resources: [",
		"a kustomization of something far": "resources: ['https://example.com/evil', '../../../etc']\n",
	} {
		t.Run(name, func(t *testing.T) {
			file := "odd/odd.yaml"
			if strings.Contains(name, "kustomization") {
				file = "odd/kustomization.yaml"
			}
			p := proposed(t, map[string]string{"good/web.yaml": object("Deployment", "web"), file: content})
			if !strings.Contains(string(p.YAML()), "  web:\n    namespace: apps\n    templates: [good/web.yaml]\n") {
				t.Errorf("got\n%s", p.YAML())
			}
			if strings.Contains(string(p.YAML()), "\n  evil") {
				t.Errorf("what a file says has become a key:\n%s", p.YAML())
			}
		})
	}
}
