package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

func TestLogsSayWhoGivesNone(t *testing.T) {
	for name, c := range map[string]struct {
		fault     error
		says, try string
		neverSaid string
	}{
		"the kubelet, where the API server answers for it": {
			apierrors.NewInternalError(errors.New("Get \"https://10.0.0.7:10250/containerLogs/shop/gate-1/gate\": connection refused")),
			"the API server gets none from the kubelet of the Pod's node", "kubectl -n shop describe pod gate-1", "is not ready",
		},
		"the rights of the account": {
			apierrors.NewForbidden(schema.GroupResource{Resource: "pods/log"}, "gate-1", nil),
			"refuses it", "kubectl auth can-i", "kubelet",
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProgram(genericiooptions.IOStreams{Out: io.Discard, ErrOut: io.Discard})
			tail := newTailing(p, clients{host: "https://cluster", logs: func(context.Context, string, string, *core.PodLogOptions) (io.ReadCloser, error) {
				return nil, c.fault
			}}, logFlags{})
			err := tail.print(t.Context(), []logSource{{variant: "full", namespace: "shop", pod: "gate-1", container: "gate", prefix: "[full gate-1] "}})
			var f *failure
			if !errors.As(err, &f) || !strings.Contains(f.Error(), c.says) || !strings.Contains(f.Error(), "full gate-1: ") || !strings.Contains(f.try, c.try) || strings.Contains(f.Error(), c.neverSaid) {
				t.Errorf("got %v, want %q and %q", err, c.says, c.try)
			}
		})
	}
}
