package reconcile

import (
	"testing"

	"banksman.dev/render"
)

// A Delivery's spec is an operator's word (acknowledge answers for commits that
// nobody approved): a repository that could render one would speak it itself, in a
// canary that needs no review.
func TestNoRepositoryMayDeployADelivery(t *testing.T) {
	id := render.ObjectID{Group: "banksman.dev", Kind: "Delivery", Namespace: "shop", Name: "web"}
	for name, scope := range map[string]Scope{
		"where nothing is named":        {},
		"where its namespace is named":  {Namespaces: []string{"shop"}},
		"not even where its kind named": {Namespaces: []string{"shop"}, Kinds: []string{"Delivery.banksman.dev"}},
	} {
		t.Run(name, func(t *testing.T) {
			if scope.Outside(id) == "" {
				t.Error("it may")
			}
		})
	}
}
