package reconcile

import (
	"slices"
	"strings"
	"testing"

	"banksman.dev/render"
)

// objects reads "Deployment/web ConfigMap/web" as objects.
func objects(names string) []render.Object {
	var list []render.Object
	for _, n := range strings.Fields(names) {
		kind, name, _ := strings.Cut(n, "/")
		version := "v1"
		switch kind {
		case "Deployment":
			version = "apps/v1"
		case "Ingress":
			version = "networking.k8s.io/v1"
		}
		list = append(list, render.Object{"apiVersion": version, "kind": kind, "metadata": map[string]any{"name": name, "namespace": "shop"}})
	}
	return list
}

func names(list []render.Object) string {
	var s []string
	for _, o := range list {
		s = append(s, o.Kind()+"/"+o.Name())
	}
	slices.Sort(s)
	return strings.Join(s, " ")
}

func TestSharedObjectsFollowFull(t *testing.T) {
	release := func(full, canary, shared string) *render.Release {
		return &render.Release{Full: objects(full), Canary: objects(canary), Shared: objects(shared)}
	}
	for name, c := range map[string]struct {
		full, canary   *render.Release
		stable, beside string
	}{
		"the same release on both sides": {
			release("Deployment/web", "Deployment/web-canary", "Service/web Ingress/web"),
			release("Deployment/web", "Deployment/web-canary", "Service/web Ingress/web"),
			"Deployment/web Ingress/web Service/web", "Deployment/web-canary",
		},
		"a first canary brings the shared objects it needs to run, and no others": {
			nil, release("Deployment/web", "Deployment/web-canary", "ConfigMap/web Ingress/web Secret/web Service/web ServiceAccount/web"),
			"", "ConfigMap/web Deployment/web-canary Secret/web Service/web ServiceAccount/web",
		},
		"a new shared ConfigMap comes with the canary, a new Ingress waits": {
			release("Deployment/web", "Deployment/web-canary", "Service/web"),
			release("Deployment/web", "Deployment/web-canary", "Service/web ConfigMap/new Ingress/new"),
			"Deployment/web Service/web", "ConfigMap/new Deployment/web-canary",
		},
		"a canary never takes an object that full has": {
			release("Deployment/web ConfigMap/web", "Deployment/web-canary", ""),
			release("Deployment/web", "Deployment/web-canary ConfigMap/web", ""),
			"ConfigMap/web Deployment/web", "Deployment/web-canary",
		},
		"without a canary": {
			release("Deployment/web", "", ""), nil,
			"Deployment/web", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			stable, beside, borrowed := place(c.full, c.canary)
			if names(stable) != c.stable || names(beside) != c.beside {
				t.Errorf("stable %q beside %q\nwant   %q beside %q", names(stable), names(beside), c.stable, c.beside)
			}
			for _, o := range beside {
				if shared := o.Name() != "web-canary"; borrowed[o.ID()] != shared {
					t.Errorf("%s: borrowed %v", o, borrowed[o.ID()])
				}
			}
		})
	}
}

func TestWhatNoTargetWantsGoesWhenFullHasSettled(t *testing.T) {
	inventory := withEntries(entriesOf(objects("Deployment/web ConfigMap/old"), TrackStable), entriesOf(objects("ConfigMap/tried"), TrackCanary))
	wanted := objects("Deployment/web")
	for settled, want := range map[bool]string{false: "tried", true: "old tried"} {
		var gone []string
		for _, e := range superfluous(inventory, wanted, settled) {
			gone = append(gone, e.Name)
		}
		if got := strings.Join(gone, " "); got != want {
			t.Errorf("full settled %v: %q goes, want %q", settled, got, want)
		}
	}
}

func TestTheInventoryKeepsAUIDThatIsKnown(t *testing.T) {
	known := entriesOf(objects("Deployment/web"), TrackCanary)
	known[0].UID = "uid-1"
	got := withEntries(known, entriesOf(objects("Deployment/web"), TrackStable))
	if len(got) != 1 || got[0].UID != "uid-1" || got[0].Track != TrackStable || got[0].Group != "apps" || got[0].Version != "v1" {
		t.Errorf("%+v", got)
	}
}
