package main

import (
	"context"
	"io"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
)

// clients reach one cluster.
type clients struct {
	host    string // for what a person is told
	dynamic dynamic.Interface
	mapper  meta.RESTMapper
	// logs opens what a container of a Pod wrote.
	logs func(ctx context.Context, namespace, pod string, o *core.PodLogOptions) (io.ReadCloser, error)
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
	typed, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return clients{}, c.explainConfig(err)
	}
	logs := func(ctx context.Context, namespace, pod string, o *core.PodLogOptions) (io.ReadCloser, error) {
		return typed.CoreV1().Pods(namespace).GetLogs(pod, o).Stream(ctx)
	}
	return clients{host: cfg.Host, dynamic: objects, mapper: mapper, logs: logs}, nil
}
