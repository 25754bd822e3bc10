package main

import (
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/dynamic"
)

// clients reach one cluster.
type clients struct {
	host    string // for what a person is told
	dynamic dynamic.Interface
	mapper  meta.RESTMapper
}

// connectTo asks nothing of the cluster yet.
func connectTo(c *clusterFlags) (clients, error) {
	cfg, err := c.rest()
	if err != nil {
		return clients{}, err
	}
	objects, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return clients{}, c.explainConfig(err)
	}
	mapper, err := c.ToRESTMapper()
	if err != nil {
		return clients{}, c.explainConfig(err)
	}
	return clients{host: cfg.Host, dynamic: objects, mapper: mapper}, nil
}
