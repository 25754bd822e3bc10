package main

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// A person is who gives an order, as the cluster knows them; "" is nobody known.
type person string

// Every account may ask the API server who it is: role system:basic-user.
var selfReviews = schema.GroupVersionResource{Group: "authentication.k8s.io", Version: "v1", Resource: "selfsubjectreviews"}

// whoAmI asks the API server. Where it does not say, it is the kubeconfig's user.
func whoAmI(ctx context.Context, c clients, flags *clusterFlags) (person, error) {
	question := &unstructured.Unstructured{Object: map[string]any{}}
	question.SetAPIVersion(selfReviews.GroupVersion().String())
	question.SetKind("SelfSubjectReview")
	answer, err := c.dynamic.Resource(selfReviews).Create(ctx, question, metav1.CreateOptions{})
	switch {
	case err == nil:
		if name, _, _ := unstructured.NestedString(answer.Object, "status", "userInfo", "username"); name != "" {
			return personOf(name), nil
		}
	case apierrors.IsForbidden(err), apierrors.IsNotFound(err), apierrors.IsMethodNotSupported(err):
	default:
		return "", explainCluster(c.host, fmt.Errorf("ask who you are: %w", err))
	}
	return flags.configuredPerson(), nil
}

// configuredPerson is --as, else the user that the kubeconfig's context names.
func (c *clusterFlags) configuredPerson() person {
	if *c.Impersonate != "" {
		return personOf(*c.Impersonate)
	}
	raw, err := c.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return "" // it could be used before: there is no kubeconfig, but a Pod's account
	}
	name := raw.CurrentContext
	if *c.Context != "" {
		name = *c.Context
	}
	if context := raw.Contexts[name]; context != nil {
		return personOf(context.AuthInfo)
	}
	return ""
}

// personOf is a name as a Delivery can hold it.
func personOf(name string) person {
	if runes := []rune(oneLine(name)); len(runes) > longestPerson {
		return person(runes[:longestPerson])
	}
	return person(oneLine(name))
}

// or is the person, or other words for somebody who is not known.
func (p person) or(other string) string {
	if p == "" {
		return other
	}
	return string(p)
}
