package main

import (
	"fmt"
	"testing"

	installation "banksman.dev/cmd/banksman/install"
)

func TestThePortOfAnAddress(t *testing.T) {
	for address, want := range map[string]string{
		"https://hooks.example.com/banksman":               "0 false",
		"https://hooks.example.com:8443/banksman":          "8443 true",
		"http://hooks.tools.svc/banksman":                  "80 true",
		"smtp://mail.example.com/?to=team@example.com":     "25 true",
		"smtp://mail.example.com:587/?to=team@example.com": "587 true",
		"slack://hook:a-b-c@webhook":                       "0 false",
		"":                                                 "0 false",
		"https://hooks.example.com:99999/":                 "0 false",
	} {
		t.Run(address, func(t *testing.T) {
			n, ok := portOf(address)
			if got := fmt.Sprint(n, ok); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestTheTargetsWhosePortsAreNotKnownAreSaid(t *testing.T) {
	const targets = `notifications:
- {name: team, urlFile: /etc/banksman/notify/team}
- {name: audit, webhook: {url: "https://hooks.example.com/banksman", secretFile: /etc/banksman/notify/secret}}
- {name: mail, urlFile: /etc/banksman/notify/mail}
`
	for name, c := range map[string]struct {
		configuration string
		more          []int32
		want          string
	}{
		"by their names": {
			plannedConfiguration + targets, nil,
			"the address of targets team, mail is in a Secret, so its port is not known; where it is not 443, let it out: --egress-ports 587",
		},
		"not where somebody has said the ports": {plannedConfiguration + targets, []int32{587}, ""},
		"not where there are none":              {plannedConfiguration, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var s settled
			var err error
			if s.config, s.sources, err = readConfiguration("banksman.yaml", []byte(c.configuration)); err != nil {
				t.Fatal(err)
			}
			if got := s.portNote(c.more); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestAnUpgradeKeepsThePortsThatWereAskedFor(t *testing.T) {
	policy := standing("NetworkPolicy", "networking.k8s.io/v1", homeNamespace, homeNamespace, installation.FieldOwner)
	policy.SetAnnotations(map[string]string{installation.EgressPortsAnnotation: "587,8883"})
	cluster, _ := pretendedCluster(policy)
	there, err := (&program{}).findInstallation(t.Context(), cluster, homeNamespace)
	if err != nil {
		t.Fatal(err)
	}
	none, other := "", "25"
	for name, c := range map[string]struct {
		said *string
		want string
	}{
		"nothing said":  {nil, "[587 8883]"},
		"others said":   {&other, "[25]"},
		"said: no more": {&none, "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := (&installFlags{egressPorts: c.said}).morePorts(there)
			if err != nil || fmt.Sprint(got) != c.want {
				t.Errorf("got %v and %v, want %s", got, err, c.want)
			}
		})
	}
}
