package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"banksman.dev/reconcile"
	"banksman.dev/render"
)

func TestWhichRefusalsArePermanent(t *testing.T) {
	resource := schema.GroupResource{Group: "apps", Resource: "deployments"}
	terminating := apierrors.NewForbidden(resource, "d", errors.New("because it is being terminated"))
	terminating.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	id := render.ObjectID{Group: "apps", Kind: "Deployment", Namespace: "n", Name: "d"}
	for name, c := range map[string]struct {
		err       error
		permanent bool
		try       string
	}{
		"a rule of RBAC":              {apierrors.NewForbidden(resource, "d", errors.New(`User "x" cannot patch resource "deployments" in API group "apps" in the namespace "n"`)), true, "the rights get, list, watch, create, patch and delete on deployments.apps there"},
		"an admission rule":           {apierrors.NewForbidden(resource, "d", errors.New("exceeded quota")), true, "an admission rule of the cluster"},
		"an invalid field":            {apierrors.NewInvalid(schema.GroupKind{Kind: "Deployment"}, "d", nil), true, "correct the template"},
		"a request that is no object": {apierrors.NewBadRequest("strict decoding error"), true, "correct the template"},
		"a missing namespace":         {apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "n"), true, "kubectl create namespace n"},
		"an unknown kind":             {&meta.NoKindMatchError{GroupKind: schema.GroupKind{Kind: "Deployment"}}, true, "CustomResourceDefinition"},
		"no namespace":                {errNoNamespace, true, "metadata.namespace"},
		"a namespace on its way out":  {terminating, false, "wait until namespace n is gone"},
		"a conflict":                  {apierrors.NewConflict(resource, "d", errors.New("x")), false, ""},
		"too many requests":           {apierrors.NewTooManyRequests("slow down", 1), false, ""},
		"a server error":              {apierrors.NewInternalError(errors.New("etcdserver: request timed out")), false, ""},
		"a webhook that is down":      {apierrors.NewInternalError(errors.New(`failed calling webhook "policy.example.org": connection refused`)), false, "webhook policy.example.org does not answer"},
		"a pass that ran out of time": {context.DeadlineExceeded, false, ""},
		"a pass that was stopped":     {fmt.Errorf("client: %w", context.Canceled), false, ""},
		"a server that is not there":  {errors.New("connection refused"), false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := refusal(id, fmt.Errorf("wrapped by ssa: %w", &writeError{id, c.err}))
			if got.Permanent != c.permanent || !strings.Contains(got.Try, c.try) || (c.try == "") != (got.Try == "") {
				t.Errorf("permanent %v, try %q", got.Permanent, got.Try)
			}
			if got.Object != id || strings.Contains(got.Error(), "wrapped by ssa") {
				t.Errorf("%v", got)
			}
		})
	}
}

func TestAnErrorThatIsOneAlreadyStaysAsItIs(t *testing.T) {
	e := &reconcile.ApplyError{Object: thing, Permanent: true, Err: errors.New("claimed")}
	if got := refusal(render.ObjectID{}, fmt.Errorf("x: %w", e)); got != e {
		t.Errorf("%v", got)
	}
}

func entry(manager string, operation metav1.ManagedFieldsOperationType, subresource, fields string) metav1.ManagedFieldsEntry {
	return metav1.ManagedFieldsEntry{
		Manager: manager, Operation: operation, Subresource: subresource,
		FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(fields),
	}
}

func TestWhoGivesWay(t *testing.T) {
	for name, c := range map[string]struct {
		entry metav1.ManagedFieldsEntry
		ours  bool
		want  bool
	}{
		"we ourselves":                              {entry(Owner, "Apply", "", "{}"), false, true},
		"kubectl edit":                              {entry("kubectl-edit", "Update", "", "{}"), false, true},
		"kubectl apply, server-side":                {entry("kubectl", "Apply", "", "{}"), false, true},
		"Kubernetes itself":                         {entry("kube-controller-manager", "Update", "", "{}"), false, true},
		"an unknown writer before the adoption":     {entry("terraform", "Update", "", "{}"), false, false},
		"an unknown writer afterwards, it is drift": {entry("terraform", "Update", "", "{}"), true, true},
		"another applier, also afterwards":          {entry("terraform", "Apply", "", "{}"), true, false},
		"a name that only begins like kubectl":      {entry("kubectlish", "Update", "", "{}"), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := mayBeOverruled(c.entry, c.ours); got != c.want {
				t.Errorf("%v", got)
			}
		})
	}
}

func TestReplicasAreLeftToAnOwnerThatStays(t *testing.T) {
	const replicas, image = `{"f:spec":{"f:replicas":{}}}`, `{"f:spec":{"f:template":{}}}`
	for name, c := range map[string]struct {
		fields []metav1.ManagedFieldsEntry
		want   any // of what is sent; nil: nothing
	}{
		"the autoscaler owns them":             {[]metav1.ManagedFieldsEntry{entry("kube-controller-manager", "Update", "scale", replicas)}, nil},
		"only we own them":                     {[]metav1.ManagedFieldsEntry{entry(Owner, "Apply", "", replicas)}, int64(7)},
		"kubectl owned them and is taken over": {[]metav1.ManagedFieldsEntry{entry("kubectl-client-side-apply", "Update", "", replicas)}, int64(7)},
		"another owner has other fields":       {[]metav1.ManagedFieldsEntry{entry("x", "Update", "", image)}, int64(7)},
	} {
		t.Run(name, func(t *testing.T) {
			live := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"replicas": int64(7)}}}
			live.SetManagedFields(c.fields)
			w := wanted{object: &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"replicas": int64(3)}}}}
			if err := w.leaveReplicas(live); err != nil {
				t.Fatal(err)
			}
			got, _, _ := unstructured.NestedFieldNoCopy(w.object.Object, "spec", "replicas")
			if got != c.want {
				t.Errorf("sends %v", got)
			}
		})
	}
}

func TestTheCommitMovesOnlyWithTheDigest(t *testing.T) {
	for name, c := range map[string]struct{ liveDigest, liveCommit, want string }{
		"the same digest keeps it":  {"d", "old", "old"},
		"another digest moves it":   {"e", "old", "new"},
		"without one it is written": {"d", "", "new"},
	} {
		t.Run(name, func(t *testing.T) {
			live, sent := &unstructured.Unstructured{Object: map[string]any{}}, &unstructured.Unstructured{Object: map[string]any{}}
			live.SetAnnotations(map[string]string{AnnotationDigest: c.liveDigest, AnnotationCommit: c.liveCommit})
			sent.SetAnnotations(map[string]string{AnnotationDigest: "d", AnnotationCommit: "new"})
			wanted{object: sent, digest: "d", workload: true}.keepCommit(live)
			if got := sent.GetAnnotations()[AnnotationCommit]; got != c.want {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestContentCoversTheObjectTheServiceAndTheTrackAndNotTheCommit(t *testing.T) {
	object := func(mode string) render.Object {
		return render.Object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "c"}, "data": map[string]any{"mode": mode}}
	}
	base := reconcile.Set{Service: "s", Track: reconcile.TrackStable, Ref: reconcile.Ref{Commit: "1", Digest: "1"}}
	hash := func(o render.Object, s reconcile.Set) string {
		h, err := contentOf(o, s, "")
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	first := hash(object("a"), base)
	commit, service, track := base, base, base
	commit.Ref = reconcile.Ref{Commit: "2", Digest: "2"}
	service.Service, track.Track = "other", reconcile.TrackCanary
	if hash(object("a"), commit) != first {
		t.Error("another commit is another content: every release would write every object")
	}
	for what, got := range map[string]string{"object": hash(object("b"), base), "service": hash(object("a"), service), "track": hash(object("a"), track)} {
		if got == first {
			t.Errorf("another %s is the same content", what)
		}
	}
}

func TestTheWorstComesFirst(t *testing.T) {
	deployment := &unstructured.Unstructured{Object: map[string]any{}}
	state := func(id string, h reconcile.Health, workload bool) finding {
		f := finding{id: render.ObjectID{Kind: "K", Name: id}}
		f.state.Health, f.state.Message = h, "why "+id
		if workload {
			f.workload = deployment
		}
		return f
	}
	for name, c := range map[string]struct {
		found   []finding
		health  reconcile.Health
		message string
	}{
		"nothing at all is healthy":       {nil, reconcile.Healthy, ""},
		"all healthy":                     {[]finding{state("a", reconcile.Healthy, false)}, reconcile.Healthy, ""},
		"missing before failed":           {[]finding{state("a", reconcile.Failed, true), state("b", reconcile.Missing, false)}, reconcile.Missing, "K b: why b"},
		"failed before progressing":       {[]finding{state("a", reconcile.Progressing, false), state("b", reconcile.Failed, false)}, reconcile.Failed, "K b: why b"},
		"the only workload needs no name": {[]finding{state("a", reconcile.Progressing, false), state("b", reconcile.Progressing, true)}, reconcile.Progressing, "why b"},
		"one of two workloads is named":   {[]finding{state("a", reconcile.Healthy, true), state("b", reconcile.Progressing, true)}, reconcile.Progressing, "K b: why b"},
	} {
		t.Run(name, func(t *testing.T) {
			if h, m := worst(c.found); h != c.health || m != c.message {
				t.Errorf("%v %q", h, m)
			}
		})
	}
}

func TestWhatAWatchShowsCountsOnlyIfItIsTheWantedContent(t *testing.T) {
	const label, content, digest = "s", "c", "d"
	w := wanted{service: label, content: content, digest: digest}
	w.place.kind.Kind, w.place.namespace, w.place.name = thing.Kind, thing.Namespace, thing.Name
	for name, c := range map[string]struct {
		change func(*unstructured.Unstructured)
		known  func(*witness)
		want   reconcile.Health
	}{
		"as wanted": {want: reconcile.Healthy},
		"of another service": {change: func(u *unstructured.Unstructured) {
			setLabels(u, map[string]string{LabelService: "other"})
		}, want: reconcile.Missing},
		"with another content": {change: func(u *unstructured.Unstructured) {
			setAnnotations(u, map[string]string{AnnotationContent: "x"})
		}, want: reconcile.Missing},
		"of another release": {change: func(u *unstructured.Unstructured) {
			setAnnotations(u, map[string]string{AnnotationDigest: "x"})
		}, want: reconcile.Missing},
		"as it was written last":      {known: func(w *witness) { w.note(thing, "x", sighting{version: 5}) }, want: reconcile.Healthy},
		"older than what was written": {known: func(w *witness) { w.note(thing, "x", sighting{version: 6}) }, want: reconcile.Progressing},
		"changed by somebody": {known: func(w *witness) {
			w.note(thing, "x", sighting{version: 4})
			w.see(thing, at(5, 1))
		}, want: reconcile.Progressing},
	} {
		t.Run(name, func(t *testing.T) {
			seen := &unstructured.Unstructured{Object: map[string]any{}}
			seen.SetResourceVersion("5")
			setLabels(seen, map[string]string{LabelService: label})
			setAnnotations(seen, map[string]string{AnnotationContent: content, AnnotationDigest: digest})
			if c.change != nil {
				c.change(seen)
			}
			cluster := &Cluster{witness: newWitness()}
			if c.known != nil {
				c.known(cluster.witness)
			}
			if got := cluster.content(w, seen); got.Health != c.want {
				t.Errorf("%v", got)
			}
		})
	}
}
