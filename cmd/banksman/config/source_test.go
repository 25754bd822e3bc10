package config

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"banksman.dev/approvals"
	"banksman.dev/reconcile"
)

func TestARepositoryInheritsWhatItDoesNotSay(t *testing.T) {
	got, err := fileOf(t, "whole.yaml").Sources()
	if err != nil {
		t.Fatal(err)
	}
	audit := Notification{Name: "audit", Webhook: &Webhook{URL: "https://hooks.example.com/banksman", SecretFile: "/etc/banksman/notify/secret"}}
	chat := Notification{Name: "chat", URL: "generic://chat.example.com/hook"}
	releases := Notification{
		Name: "releases", URLFile: "testdata/notify/slack", Services: []string{"fop-*"},
		Events: []reconcile.Event{reconcile.EventPromoted, reconcile.EventHeld},
	}
	want := []Source{
		{
			Name: "dora",
			Forge: Forge{
				URL: "https://github.com/dora/manifests", API: "https://github.example.com/api/v3/", Owner: "dora", Name: "manifests",
			},
			Credentials:    Credentials{TokenFile: "testdata/token"},
			Branch:         "release",
			Catalog:        "teams/services.yaml",
			Environment:    "staging",
			Namespaces:     []string{"dora-apps", "dora-jobs"},
			Kinds:          []string{"ConfigMap", "Service", "Deployment.apps", "Ingress.networking.k8s.io"},
			ServiceAccount: "dora-apps/deployer",
			Floor:          approvals.Policy{Any: 2, Teams: []string{"dora-owners"}},
			Trust:          "3f1e0a9c2b7d4e5f60718293a4b5c6d7e8f90a1b",
			CanaryFrom:     approvals.CanaryFromPullRequests,
			Authors:        []string{"renovate[bot]", "alice"},
			SlotTime:       45 * time.Minute,
			Adopt:          true,
			Interval:       90 * time.Second,
			Audit:          12 * time.Hour,
			Parallel:       128,
			Notify:         []Notification{releases},
		},
		{
			Forge: Forge{URL: "https://github.com/eve/manifests", API: "https://api.github.com/", Owner: "eve", Name: "manifests"},
			Credentials: Credentials{App: &App{
				ID: 1, Installation: 2, PrivateKeyFile: "/etc/banksman/github/private-key.pem",
			}},
			Branch:      "main",
			Environment: "production",
			Floor:       approvals.Policy{Any: 1},
			CanaryFrom:  approvals.CanaryFromBranch,
			SlotTime:    30 * time.Minute,
			Interval:    15 * time.Second,
			Audit:       12 * time.Hour,
			Parallel:    128,
			Notify:      []Notification{audit, chat, releases},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheLeastFileHasBanksmansOwnDefaults(t *testing.T) {
	got, err := fileOf(t, "least.yaml").Sources()
	if err != nil {
		t.Fatal(err)
	}
	want := []Source{{
		Forge:      Forge{URL: "https://github.com/dora/manifests", API: "https://api.github.com/", Owner: "dora", Name: "manifests"},
		Branch:     DefaultBranch,
		Floor:      DefaultFloor(),
		CanaryFrom: approvals.CanaryFromBranch,
		SlotTime:   DefaultSlotTime,
		Interval:   DefaultInterval,
		Audit:      DefaultAudit,
		Parallel:   DefaultParallel,
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestZeroIsSomethingThatIsSaid(t *testing.T) {
	c, err := Read("f.yaml", []byte(one("  slotTime: 0s", "audit: 0")))
	if err != nil {
		t.Fatal(err)
	}
	sources, err := c.Sources()
	if err != nil {
		t.Fatal(err)
	}
	if s := sources[0]; s.Audit != 0 || s.SlotTime != 0 {
		t.Errorf("audit %s, slot time %s; want 0", s.Audit, s.SlotTime)
	}
}

func TestTheFirstNamespaceIsForServicesThatNameNone(t *testing.T) {
	for _, c := range []struct {
		namespaces []string
		want       string
	}{{nil, ""}, {[]string{"a"}, "a"}, {[]string{"b", "a"}, "b"}} {
		if got := (Source{Namespaces: c.namespaces}).Home(); got != c.want {
			t.Errorf("%v: got %q, want %q", c.namespaces, got, c.want)
		}
	}
}

func TestATimeIsWrittenAsAPersonWould(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 15 * time.Second: "15s", 12 * time.Hour: "12h", 90 * time.Minute: "1h30m",
		90 * time.Second: "1m30s", time.Hour + time.Second: "1h0m1s", 10 * time.Minute: "10m",
	} {
		if got := Duration(d).String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
