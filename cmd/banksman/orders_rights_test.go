package main

import (
	"time"

	authorization "k8s.io/api/authorization/v1"
	rbac "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// grant lets a person do something with the Deliveries of the namespace, and
// waits until the API server knows.
func (c *orderedCluster) grant(person string, verbs ...string) {
	c.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", c.kubeconfig)
	if err != nil {
		c.Fatal(err)
	}
	rights := kubernetes.NewForConfigOrDie(config).RbacV1()
	role, err := rights.Roles(c.namespace).Create(c.Context(), &rbac.Role{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "orders-"},
		Rules:      []rbac.PolicyRule{{APIGroups: []string{"banksman.dev"}, Resources: []string{"deliveries"}, Verbs: verbs}},
	}, metav1.CreateOptions{})
	if err != nil {
		c.Fatal(err)
	}
	if _, err := rights.RoleBindings(c.namespace).Create(c.Context(), &rbac.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "orders-"},
		RoleRef:    rbac.RoleRef{APIGroup: rbac.GroupName, Kind: "Role", Name: role.Name},
		Subjects:   []rbac.Subject{{APIGroup: rbac.GroupName, Kind: rbac.UserKind, Name: person}},
	}, metav1.CreateOptions{}); err != nil {
		c.Fatal(err)
	}
	config.Impersonate.UserName = person
	config.Impersonate.Groups = []string{"system:authenticated"}
	asked := kubernetes.NewForConfigOrDie(config)
	for _, verb := range verbs {
		c.until("the API server lets "+person+" "+verb+" Deliveries", func() bool { return c.may(asked, verb) })
	}
}

// until polls, with an end.
func (c *orderedCluster) until(what string, holds func() bool) {
	c.Helper()
	for deadline := time.Now().Add(rolloutTime); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if holds() {
			return
		}
	}
	c.Errorf("not within %s: %s", rolloutTime, what)
}

// takeNoteOf does what banksman does once the Delivery has that generation.
func (c *orderedCluster) takeNoteOf(generation int64) {
	c.until("an order is noted", func() bool {
		d, err := c.deliveries.Get(c.Context(), "gate", metav1.GetOptions{})
		if err != nil || d.GetGeneration() < generation {
			return false
		}
		if err := unstructured.SetNestedField(d.Object, d.GetGeneration(), "status", "observedGeneration"); err != nil {
			return false
		}
		if err := unstructured.SetNestedField(d.Object, "Suspended", "status", "step"); err != nil {
			return false
		}
		_, err = c.deliveries.UpdateStatus(c.Context(), d, metav1.UpdateOptions{})
		return err == nil
	})
}

// may asks what the person may do, as the person.
func (c *orderedCluster) may(asked *kubernetes.Clientset, verb string) bool {
	answer, err := asked.AuthorizationV1().SelfSubjectAccessReviews().Create(c.Context(), &authorization.SelfSubjectAccessReview{
		Spec: authorization.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorization.ResourceAttributes{
			Namespace: c.namespace, Group: "banksman.dev", Resource: "deliveries", Verb: verb,
		}},
	}, metav1.CreateOptions{})
	return err == nil && answer.Status.Allowed
}
