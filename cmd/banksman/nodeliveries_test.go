package main

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	installation "banksman.dev/cmd/banksman/install"
	"banksman.dev/reconcile/api/v1alpha1"
)

func TestAServiceThatIsNotThereIsAnsweredWithWhereThereAreSome(t *testing.T) {
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	const runIt, look = "banksman run --repo", "banksman status -A"
	isInstalled := []runtime.Object{standing("Deployment", "apps/v1", "banksman-system", "banksman-system", installation.FieldOwner)}
	for name, c := range map[string]struct {
		args  string
		in    []string // namespaces that have a Delivery gate
		there []runtime.Object
		alone bool // the account may look into no other namespace
		says  []string
		never string
	}{
		"in another namespace":                    {"why gate -n wrong", []string{"dora-apps"}, nil, false, []string{"no service gate in namespace wrong: it is in namespace dora-apps", "-n dora-apps"}, runIt},
		"in no namespace, and others are":         {"status nothing -n wrong", []string{"shop", "dora-apps"}, nil, false, []string{"no service nothing in namespace wrong: there are Deliveries in dora-apps, shop", look}, runIt},
		"an order to one in another namespace":    {"retry gate -n wrong", []string{"dora-apps"}, nil, false, []string{"it is in namespace dora-apps"}, runIt},
		"where the account may look nowhere else": {"why gate -n wrong", []string{"dora-apps"}, nil, true, []string{"no service gate in namespace wrong: there are no Deliveries in it", look}, runIt},
		"before anything is installed":            {"why gate", nil, nil, false, []string{"there are no Deliveries at all", runIt}, "kubectl"},
		"before anything is installed, with -n":   {"why gate -n wrong", nil, nil, false, []string{"there are no Deliveries at all", runIt}, "kubectl"},
		"right after install":                     {"why gate", nil, isInstalled, false, []string{"a banksman is in namespace banksman-system already", look, "kubectl -n banksman-system logs deployment/banksman"}, runIt},
		"right after install, in the list":        {"status -A", nil, isInstalled, false, []string{"no services; a banksman is in namespace banksman-system already"}, runIt},
		"while one runs that was not installed":   {"why gate", nil, []runtime.Object{leaseHeld("default", now.Add(-10*time.Second))}, false, []string{"a banksman is in namespace default already", "the log of vm-1"}, runIt},
		"where the account may look for none":     {"why gate", nil, nil, true, []string{"whether it\n  does cannot be seen with this account"}, runIt},
		"after one ran that was not installed":    {"why gate", nil, []runtime.Object{leaseHeld("default", now.Add(-time.Hour))}, false, []string{runIt}, "already"},
	} {
		t.Run(name, func(t *testing.T) {
			cluster, _ := pretendedCluster(c.there...)
			var out, errOut bytes.Buffer
			p := newProgram(genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut})
			p.now = func() time.Time { return now }
			forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "things"}, "", nil)
			p.clients = func(*clusterFlags) (clients, error) {
				if c.alone {
					return clients{}, forbidden
				}
				return cluster, nil
			}
			p.deliveries = func(_ context.Context, _ *clusterFlags, namespace string) (found []v1alpha1.Delivery, err error) {
				if namespace == "" && c.alone && len(c.in) > 0 {
					return nil, forbidden
				}
				for _, in := range c.in {
					if namespace == "" || namespace == in {
						var d v1alpha1.Delivery
						d.Name, d.Namespace = "gate", in
						found = append(found, d)
					}
				}
				return found, nil
			}
			args := strings.Fields(c.args)
			code := p.run(t.Context(), args)
			if want := !slices.Contains(args, "-A"); (code == exitFailed) != want {
				t.Errorf("exit code %d", code)
			}
			for _, want := range c.says {
				if !strings.Contains(errOut.String(), want) {
					t.Errorf("want %q:\n%s", want, &errOut)
				}
			}
			if strings.Contains(errOut.String(), c.never) {
				t.Errorf("it says %q:\n%s", c.never, &errOut)
			}
		})
	}
}
