package install

import "testing"

// The Gateway API and Istio call it gateways, as the API server's own rule does
// (only a consonant before the y makes ies).
func TestTheResourceOfAKindThatEndsWithAVowelAndY(t *testing.T) {
	for _, kind := range []string{"Gateway.gateway.networking.k8s.io", "Gateway.networking.istio.io"} {
		roles := Roles("banksman-system", []Scope{{Namespaces: []string{"dora-apps"}, Kinds: []string{kind}}})
		for _, role := range roles {
			for _, rule := range role.Rules {
				for _, resource := range rule.Resources {
					if resource == "gatewaies" {
						t.Errorf("%s: the Role is for %s", kind, resource)
					}
				}
			}
		}
	}
}
