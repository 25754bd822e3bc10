package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	installation "banksman.dev/cmd/banksman/install"
	"banksman.dev/reconcile/api/v1alpha1"
	"banksman.dev/render"
)

const plannedConfiguration = `apiVersion: banksman.dev/v1alpha1
kind: Configuration
github: {tokenFile: /etc/banksman/github/token}
repositories:
- name: dora
  url: https://github.com/dora/manifests
  trust: 3f1e0a9c2b7d4e5f60718293a4b5c6d7e8f90a1b
  namespaces: [dora-apps]
  kinds: [ConfigMap, Deployment.apps]
  serviceAccount: dora-apps/deployer
- url: https://github.com/dora/platform
  branch: stable
  trust: none
`

// planned is an installation that was settled, and a program that prints it.
func planned(t *testing.T, s screen) (*program, *bytes.Buffer, *installFlags, settled, []*unstructured.Unstructured) {
	t.Helper()
	var out bytes.Buffer
	p := newProgram(genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &bytes.Buffer{}})
	p.screen = func() screen { return s }
	f := &installFlags{cluster: newClusterFlags(pflag.NewFlagSet("install", pflag.ContinueOnError), ""), image: "reg.example.com/banksman:v2"}
	d := settled{
		secret: map[string][]byte{"token": []byte("the-secret")}, from: "$GITHUB_TOKEN",
		heads: map[string]branchHead{"main of https://github.com/dora/manifests": {commit: "3f1e0a9c2b7d4e5f60718293a4b5c6d7e8f90a1b", subject: "the first release"}},
	}
	var err error
	d.content = []byte(plannedConfiguration)
	if d.config, d.sources, err = readConfiguration("banksman.yaml", d.content); err != nil {
		t.Fatal(err)
	}
	objects, err := installation.Objects(installation.Options{
		Namespace: f.home(), Image: f.image, Version: "v2", Replicas: 2, Configuration: d.content, Scopes: d.scopes(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return p, &out, f, d, objects
}

func TestThePlanSaysWhatWillBeDone(t *testing.T) {
	for name, s := range map[string]screen{"80 columns": {width: 80}, "200 columns with colour": {width: 200, paint: true}} {
		t.Run(name, func(t *testing.T) {
			p, out, f, d, objects := planned(t, s)
			ch := change{}
			_, ch.withheld = installation.Options{Namespace: f.home(), Scopes: d.scopes()}.Granted()
			for _, o := range append(objects, d.secretObject(f.home(), objects[0].GetLabels())) {
				ch.parts = append(ch.parts, part{manifest: o, would: o})
			}
			if err := p.printPlan(clients{host: "https://pretended"}, f, d, ch); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(out.String(), "the-secret") {
				t.Errorf("the token is printed:\n%s", out)
			}
			goldenIn(t, "golden", "plan new "+name, out.String())
		})
	}
}

func TestThePlanOfAnUpgradeSaysWhatDiffers(t *testing.T) {
	p, out, f, d, objects := planned(t, screen{width: 80})
	ch := change{}
	for _, o := range append(objects, d.secretObject(f.home(), objects[0].GetLabels())) {
		live := o.DeepCopy()
		switch o.GetKind() {
		case "Deployment":
			setImage(t, live, "reg.example.com/banksman:v1")
			setNested(t, live, int64(1), "spec", "replicas")
		case "Secret":
			setNested(t, live, "b3RoZXI=", "data", "token")
		}
		ch.parts = append(ch.parts, part{manifest: o, live: live, would: o})
	}
	gone := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role"}}
	gone.SetNamespace("dora-old")
	gone.SetName("banksman")
	ch.gone = append(ch.gone, gone)
	ch.note(levelWords(thereBefore("Namespace", "", "banksman-system", nil)))
	if err := p.printPlan(clients{host: "https://pretended"}, f, d, ch); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"the-secret", "b3RoZXI", "dGhlLXNlY3JldA"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%s is printed:\n%s", secret, out)
		}
	}
	goldenIn(t, "golden", "plan upgrade", out.String())
}

func setNested(t *testing.T, o *unstructured.Unstructured, value any, path ...string) {
	t.Helper()
	if err := unstructured.SetNestedField(o.Object, value, path...); err != nil {
		t.Fatal(err)
	}
}

func setImage(t *testing.T, o *unstructured.Unstructured, image string) {
	t.Helper()
	list, _, err := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers")
	if err != nil || len(list) != 1 {
		t.Fatalf("containers: %v %v", list, err)
	}
	list[0].(map[string]any)["image"] = image
	setNested(t, o, list, "spec", "template", "spec", "containers")
}

// standing is an object of an installation in a namespace, applied by somebody.
func standing(kind, apiVersion, namespace, home, by string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": apiVersion, "kind": kind}}
	u.SetNamespace(namespace)
	u.SetName("banksman")
	u.SetLabels(map[string]string{installation.LabelName: "banksman", installation.LabelInstance: home})
	u.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: by, Operation: metav1.ManagedFieldsOperationApply}})
	return u
}

func leaseHeld(namespace string, renewed time.Time) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
		"spec": map[string]any{"holderIdentity": "vm-1", "renewTime": renewed.UTC().Format(time.RFC3339Nano)},
	}}
	u.SetNamespace(namespace)
	u.SetName(leaseName)
	return u
}

func TestAClusterHasOneBanksman(t *testing.T) {
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		there []runtime.Object
		want  string // "" for none
	}{
		"none is there": {nil, ""},
		"the same one is brought up to date": {[]runtime.Object{
			standing("Deployment", "apps/v1", "banksman-system", "banksman-system", installation.FieldOwner), leaseHeld("banksman-system", now),
		}, ""},
		"one in another namespace is installed": {
			[]runtime.Object{standing("Deployment", "apps/v1", "tools", "tools", "kubectl")}, "is installed in namespace tools already",
		},
		"one in another namespace runs, and was not installed": {
			[]runtime.Object{leaseHeld("default", now.Add(-10*time.Second))}, "runs with namespace default already: vm-1 holds its lease",
		},
		"one in another namespace ran once": {[]runtime.Object{leaseHeld("default", now.Add(-time.Hour))}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			cluster, _ := pretendedCluster(c.there...)
			p := newProgram(genericiooptions.IOStreams{})
			p.now = func() time.Time { return now }
			err := p.noOther(t.Context(), cluster, "banksman-system")
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestUninstallRemovesOnlyWhatInstallApplied(t *testing.T) {
	mine := standing("ConfigMap", "v1", "banksman-system", "banksman-system", installation.FieldOwner)
	labelled := standing("Service", "v1", "dora-apps", "banksman-system", "kubectl")
	elsewhere := standing("Deployment", "apps/v1", "tools", "tools", installation.FieldOwner)
	ours := standing("Deployment", "apps/v1", "banksman-system", "banksman-system", installation.FieldOwner)
	cluster, client := pretendedCluster(mine, labelled, elsewhere, ours)
	var out, errOut bytes.Buffer
	p := newProgram(genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut})
	p.screen = func() screen { return screen{} }
	p.clients = func(*clusterFlags) (clients, error) { return cluster, nil }
	p.pause = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	if code := p.run(t.Context(), []string{"uninstall", "--yes"}); code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, &out, &errOut)
	}
	golden(t, "uninstall", out.String())
	var deleted []string
	for _, action := range client.Actions() {
		if action.GetVerb() == "delete" {
			deleted = append(deleted, action.GetResource().Resource+" in "+action.GetNamespace())
		}
	}
	if got, want := strings.Join(deleted, ", "), "deployments in banksman-system, configmaps in banksman-system"; got != want {
		t.Errorf("deleted %s, want %s", got, want)
	}
}

func TestWhatSomebodyElseAppliedIsLeftToThem(t *testing.T) {
	remembered := &unstructured.Unstructured{Object: map[string]any{}}
	remembered.SetGroupVersionKind(v1alpha1.Version.WithKind(v1alpha1.Kind))
	remembered.SetNamespace("dora-apps")
	remembered.SetName("tool")
	cluster, client := pretendedCluster(remembered, standing("Deployment", "apps/v1", "banksman-system", "banksman-system", "kustomize-controller"))
	var out, errOut bytes.Buffer
	p := newProgram(genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut})
	p.clients = func(*clusterFlags) (clients, error) { return cluster, nil }
	if code := p.run(t.Context(), []string{"uninstall", "--yes", "--deliveries"}); code != 1 {
		t.Errorf("exit code %d\n%s", code, &out)
	}
	if want := "the banksman in namespace banksman-system was applied by somebody else: Deployment banksman-system/banksman"; !strings.Contains(errOut.String(), want) {
		t.Errorf("got %s, want %s", &errOut, want)
	}
	for _, action := range client.Actions() {
		if action.GetVerb() == "delete" {
			t.Errorf("deleted %s", action.GetResource().Resource)
		}
	}
}

func TestWhatACatalogNeeds(t *testing.T) {
	object := func(apiVersion, kind, namespace string) render.Object {
		metadata := map[string]any{"name": "x"}
		if namespace != "" {
			metadata["namespace"] = namespace
		}
		return render.Object{"apiVersion": apiVersion, "kind": kind, "metadata": metadata}
	}
	for name, c := range map[string]struct {
		releases   []render.Release
		namespaces string
		kinds      string
	}{
		"the namespaces of its objects and of its services, each once": {
			[]render.Release{
				{Namespace: "apps", Full: []render.Object{object("apps/v1", "Deployment", "apps")}, Canary: []render.Object{object("apps/v1", "Deployment", "apps")}},
				{Namespace: "jobs", Shared: []render.Object{object("v1", "ConfigMap", "shared")}},
			}, "apps jobs shared", "ConfigMap Deployment.apps",
		},
		"where all of it stands in no namespace, no others are opened": {
			[]render.Release{{Full: []render.Object{object("rbac.authorization.k8s.io/v1", "ClusterRole", "")}}},
			"banksman-system", "ClusterRole.rbac.authorization.k8s.io",
		},
	} {
		t.Run(name, func(t *testing.T) {
			namespaces, kinds := needsOf(c.releases, "banksman-system")
			if got := strings.Join(namespaces, " "); got != c.namespaces {
				t.Errorf("namespaces: got %s, want %s", got, c.namespaces)
			}
			if got := strings.Join(kinds, " "); got != c.kinds {
				t.Errorf("kinds: got %s, want %s", got, c.kinds)
			}
		})
	}
}

func TestInstallTakesOverNothingOfOthers(t *testing.T) {
	of := func(kind string, labels map[string]string) *unstructured.Unstructured {
		u := &unstructured.Unstructured{Object: map[string]any{"kind": kind}}
		u.SetLabels(labels)
		return u
	}
	ours := map[string]string{installation.LabelName: "banksman"}
	for name, c := range map[string]struct {
		live  *unstructured.Unstructured
		force bool
		want  bool
	}{
		"its own Deployment":                       {of("Deployment", ours), false, true},
		"somebody's Deployment of that name":       {of("Deployment", nil), false, false},
		"somebody's Role of that name":             {of("Role", map[string]string{installation.LabelName: "other"}), false, false},
		"somebody's Deployment, with force":        {of("Deployment", nil), true, true},
		"the namespace that an administrator made": {of("Namespace", nil), false, true},
		"the Secret that an administrator made":    {of("Secret", nil), false, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (&installFlags{force: c.force}).mayTake(c.live); got != c.want {
				t.Errorf("got %t, want %t", got, c.want)
			}
		})
	}
}
