package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	installation "banksman.dev/cmd/banksman/install"
)

// thereBefore is an object that an administrator has made.
func thereBefore(kind, namespace, name string, labels map[string]string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": kind}}
	u.SetNamespace(namespace)
	u.SetName(name)
	u.SetLabels(labels)
	return u
}

// triedOn plans the first objects of these kinds, and says what the plan asked
// the cluster to write.
func triedOn(t *testing.T, kind string, there *unstructured.Unstructured) (one part, written []string) {
	t.Helper()
	_, _, f, _, objects := planned(t, screen{})
	cluster, client := pretendedCluster(there)
	p := newProgram(genericiooptions.IOStreams{})
	f.cluster = newClusterFlags(pflag.NewFlagSet("install", pflag.ContinueOnError), "")
	for _, o := range objects {
		if o.GetKind() != kind {
			continue
		}
		one.manifest = o
		var err error
		if one.live, one.would, err = p.dryRunOf(t.Context(), cluster, f, o); err != nil {
			t.Fatal(err)
		}
	}
	for _, action := range client.Actions() {
		if action.GetVerb() != "get" {
			written = append(written, action.GetVerb()+" "+action.GetResource().Resource)
		}
	}
	return one, written
}

func TestANamespaceThatWasThereGetsNoPodSecurityLevel(t *testing.T) {
	for name, labels := range map[string]map[string]string{
		"an administrator's":                      {"team": "tools"},
		"one that an earlier installation made":   {installation.LabelName: "banksman", enforcedLevel: "baseline"},
		"one that the administrator made strict":  {enforcedLevel: "restricted"},
		"one that the administrator made lenient": {enforcedLevel: "privileged"},
	} {
		t.Run(name, func(t *testing.T) {
			one, written := triedOn(t, "Namespace", thereBefore("Namespace", "", homeNamespace, labels))
			if one.live == nil || one.differs() || len(written) > 0 {
				t.Errorf("there: %t; differs: %t; written: %v", one.live != nil, one.differs(), written)
			}
		})
	}
}

func TestANamespaceOfALowerLevelIsSaid(t *testing.T) {
	for name, c := range map[string]struct{ level, want string }{
		"restricted is nothing to say of": {"restricted", ""},
		"a lower one":                     {"baseline", "enforces the Pod Security level baseline, and stays as it is"},
		"none":                            {"", "enforces no Pod Security level, and stays as it is"},
	} {
		t.Run(name, func(t *testing.T) {
			labels := map[string]string{}
			if c.level != "" {
				labels[enforcedLevel] = c.level
			}
			got := levelWords(thereBefore("Namespace", "", "tools", labels))
			if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestAnAccountThatWasThereStaysAsItIs(t *testing.T) {
	one, written := triedOn(t, "ServiceAccount", thereBefore("ServiceAccount", homeNamespace, "banksman", map[string]string{"cloud": "identity"}))
	if one.live == nil || one.differs() || len(written) > 0 {
		t.Errorf("there: %t; differs: %t; written: %v", one.live != nil, one.differs(), written)
	}
	if leaves(standing("ServiceAccount", "v1", homeNamespace, homeNamespace, installation.FieldOwner)) {
		t.Error("the installation's own account would never be brought up to date")
	}
}

func TestUninstallLeavesTheAccountThatWasThere(t *testing.T) {
	cluster, client := pretendedCluster(
		thereBefore("ServiceAccount", homeNamespace, "banksman", nil),
		standing("Deployment", "apps/v1", homeNamespace, homeNamespace, installation.FieldOwner))
	var out, errOut bytes.Buffer
	p := newProgram(genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut})
	p.screen = func() screen { return screen{} }
	p.clients = func(*clusterFlags) (clients, error) { return cluster, nil }
	p.pause = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	if code := p.run(t.Context(), []string{"uninstall", "--yes"}); code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, &out, &errOut)
	}
	if want := "leave   ServiceAccount banksman-system/banksman, which was there before\n"; !strings.Contains(out.String(), want) {
		t.Errorf("got %s, want %s", &out, want)
	}
	for _, action := range client.Actions() {
		if action.GetVerb() == "delete" && action.GetResource().Resource == "serviceaccounts" {
			t.Error("the account is deleted")
		}
	}
}
