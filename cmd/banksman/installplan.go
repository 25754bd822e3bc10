package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	installation "banksman.dev/cmd/banksman/install"
)

// A change is what an installation does to the cluster.
type change struct {
	// parts are the manifests in their order, the Secret among them.
	parts []part
	// gone are objects of an earlier installation that this one has no more.
	gone []*unstructured.Unstructured
	// withheld are the Roles of accounts that their owners give.
	withheld []installation.Role
	// notes are what a person should know of the cluster as it is.
	notes []string
}

// A part is one object, as it is and as it would be.
type part struct {
	manifest, live, would *unstructured.Unstructured // live is nil where it is created
}

func (p part) differs() bool {
	return p.live == nil || !sameObject(p.live, p.would)
}

func (c change) any() bool {
	return len(c.gone) > 0 || slices.ContainsFunc(c.parts, part.differs)
}

func (c *change) note(words string) {
	if words != "" {
		c.notes = append(c.notes, words)
	}
}

// planChange compares the manifests with the cluster.
func (p *program) planChange(ctx context.Context, c clients, f *installFlags, s settled, there installed, objects []*unstructured.Unstructured) (change, error) {
	if missing := s.missing(there.secretKeys); len(missing) > 0 {
		return change{}, f.noSecret(missing)
	}
	ch := change{}
	if len(s.secret) > 0 {
		secret := s.secretObject(f.home(), objects[0].GetLabels())
		objects = slices.Insert(slices.Clone(objects), len(objects)-1, secret) // before the Deployment
	}
	more, err := f.morePorts(there)
	if err != nil {
		return ch, err
	}
	ch.note(s.portNote(more))
	ready, err := p.namespacesThere(ctx, c, f, s, &ch)
	if err != nil {
		return ch, err
	}
	for _, o := range objects {
		one := part{manifest: o, would: o}
		if o.GetNamespace() == "" || ready[o.GetNamespace()] {
			if one.live, one.would, err = p.dryRunOf(ctx, c, f, o); err != nil {
				return ch, err
			}
			if o.GetKind() == "Namespace" && one.live != nil {
				ch.note(levelWords(one.live))
			}
		}
		ch.parts = append(ch.parts, one)
	}
	if ch.gone, err = leftBehind(ctx, c, f.home(), objects); err != nil {
		return ch, explainCluster(c.host, err)
	}
	_, ch.withheld = installation.Options{Namespace: f.home(), Scopes: s.scopes(), GrantAccounts: f.grantAccounts}.Granted()
	return ch, nil
}

// noSecret is for a configuration that names what nobody gave.
func (f *installFlags) noSecret(missing []string) error {
	if slices.Equal(missing, []string{installation.TokenKey}) {
		return misused("export GITHUB_TOKEN=…, or --token-file FILE:\n"+neededRights, "%w: banksman reads commits and reviews, and writes statuses, with one", errNoToken)
	}
	return misused(secretCommand(f.home(), installation.GitHubSecret, missing)+"\nor, for an App's key, --app-key-file FILE",
		"the configuration names %s of Secret %s, and there is none", strings.Join(missing, " and "), installation.GitHubSecret)
}

func (s settled) secretObject(home string, labels map[string]string) *unstructured.Unstructured {
	values := map[string]any{}
	for key, value := range s.secret {
		values[key] = value
	}
	u := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": encoded(values),
	}}
	u.SetNamespace(home)
	u.SetName(installation.GitHubSecret)
	u.SetLabels(labelsOnly(labels))
	return u
}

// labelsOnly are the labels that say what an object belongs to.
func labelsOnly(labels map[string]string) map[string]string {
	kept := map[string]string{}
	for key, value := range labels {
		if strings.HasPrefix(key, "app.kubernetes.io/") {
			kept[key] = value
		}
	}
	return kept
}

// encoded are bytes in JSON's way.
func encoded(values map[string]any) map[string]any {
	content, err := json.Marshal(values)
	if err != nil {
		return nil
	}
	var plain map[string]any
	if json.Unmarshal(content, &plain) != nil {
		return nil
	}
	return plain
}

// namespacesThere are the namespaces that objects can be tried in. Those of the
// services must be there, or be created: a Role stands in each.
func (p *program) namespacesThere(ctx context.Context, c clients, f *installFlags, s settled, ch *change) (map[string]bool, error) {
	there := map[string]bool{}
	var missing []string
	want := []string{f.home()}
	for _, source := range s.sources {
		want = union(want, source.Namespaces)
	}
	for _, name := range want {
		u, err := getOrNil(ctx, c, namespaces, "", name)
		if err != nil {
			return nil, explainCluster(c.host, err)
		}
		there[name] = u != nil
		if u == nil && name != f.home() {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return there, nil
	}
	if !f.createNamespaces {
		lines := []string{}
		for _, name := range missing {
			lines = append(lines, "kubectl create namespace "+name)
		}
		return nil, failed(fmt.Errorf("the services need %s, which %s not there", counted(len(missing), "namespace", missing), isOrAre(len(missing))),
			strings.Join(lines, "\n")+"\nor --create-namespaces")
	}
	for _, name := range missing {
		u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace"}}
		u.SetName(name)
		ch.parts = append(ch.parts, part{manifest: u, would: u})
	}
	return there, nil
}

func counted(n int, what string, names []string) string {
	if n != 1 {
		what += "s"
	}
	return what + " " + strings.Join(names, ", ")
}

func isOrAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// dryRunOf is one object as it is, and as it would be.
func (p *program) dryRunOf(ctx context.Context, c clients, f *installFlags, o *unstructured.Unstructured) (live, would *unstructured.Unstructured, err error) {
	resource, err := resourceOf(c, o.GroupVersionKind(), o.GetNamespace())
	if err != nil {
		return nil, nil, explainCluster(c.host, err)
	}
	live, err = resource.Get(ctx, o.GetName(), metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		live = nil
	case err != nil:
		return nil, nil, f.refused(c, o, err)
	case live.GetDeletionTimestamp() != nil:
		return nil, nil, failed(fmt.Errorf("%s is being deleted", called(o)), "wait until it is gone, then try again")
	case !f.mayTake(live):
		return nil, nil, failed(fmt.Errorf("%s is there already, and is none of banksman's", called(o)),
			"look at it, and remove or rename it; or install into another namespace: -n NAME")
	case leaves(live):
		return live, live, nil
	}
	would, err = applyObject(ctx, c, o, f.forced(o), metav1.DryRunAll)
	if err != nil {
		return nil, nil, f.refused(c, o, err)
	}
	return live, would, nil
}

// mayTake: it is a part of this installation, or what everybody has one of.
func (f *installFlags) mayTake(live *unstructured.Unstructured) bool {
	switch live.GetKind() {
	case "Namespace", "CustomResourceDefinition", "Secret", "ServiceAccount":
		return true
	}
	return isOurs(live) || f.force
}

// forced: what banksman run itself applies, and what this command was given, is
// taken over.
func (f *installFlags) forced(o *unstructured.Unstructured) bool {
	return f.force || o.GetKind() == "CustomResourceDefinition" || o.GetKind() == "Secret"
}

// applyObject applies one object as the installation, really or as a dry run.
func applyObject(ctx context.Context, c clients, o *unstructured.Unstructured, force bool, dryRun ...string) (*unstructured.Unstructured, error) {
	resource, err := resourceOf(c, o.GroupVersionKind(), o.GetNamespace())
	if err != nil {
		return nil, err
	}
	content, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	return resource.Patch(ctx, o.GetName(), types.ApplyPatchType, content,
		metav1.PatchOptions{DryRun: dryRun, FieldManager: installation.FieldOwner, Force: &force})
}

// refused says why an object cannot be applied.
func (f *installFlags) refused(c clients, o *unstructured.Unstructured, err error) error {
	what := fmt.Errorf("cannot apply %s: %w", called(o), err)
	switch {
	case apierrors.IsConflict(err):
		return failed(what, "somebody else set these fields; take them over with --force-conflicts, or change them back")
	case apierrors.IsInvalid(err):
		return failed(what, "")
	}
	return explainCluster(c.host, what)
}

// called names an object for people.
func called(o *unstructured.Unstructured) string {
	if o.GetNamespace() == "" {
		return o.GetKind() + " " + o.GetName()
	}
	return o.GetKind() + " " + o.GetNamespace() + "/" + o.GetName()
}

// ownKinds are the kinds of an installation's objects, in the order in which
// they are removed. Namespaces and the definition of Deliveries are not among
// them: what stands in them is not banksman's alone.
var ownKinds = []schema.GroupVersionKind{
	{Group: "apps", Version: "v1", Kind: "Deployment"},
	{Group: "policy", Version: "v1", Kind: "PodDisruptionBudget"},
	{Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicy"},
	{Version: "v1", Kind: "Service"},
	{Version: "v1", Kind: "ConfigMap"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "RoleBinding"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "ClusterRoleBinding"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "Role"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "ClusterRole"},
	{Version: "v1", Kind: "ServiceAccount"},
}

// leftBehind are the objects of an installation that are none of these.
func leftBehind(ctx context.Context, c clients, home string, wanted []*unstructured.Unstructured) (gone []*unstructured.Unstructured, err error) {
	mine, err := ownObjects(ctx, c, home)
	if err != nil {
		return nil, err
	}
	for _, o := range mine {
		if !slices.ContainsFunc(wanted, func(w *unstructured.Unstructured) bool {
			return w.GroupVersionKind().GroupKind() == o.GroupVersionKind().GroupKind() && w.GetNamespace() == o.GetNamespace() && w.GetName() == o.GetName()
		}) {
			gone = append(gone, o)
		}
	}
	return gone, nil
}

// ownObjects are those with the labels of the installation in a namespace,
// wherever they stand, that this command has applied: a label alone says little.
func ownObjects(ctx context.Context, c clients, home string) (all []*unstructured.Unstructured, err error) {
	all, err = labelledObjects(ctx, c, home, ownKinds)
	return slices.DeleteFunc(all, func(o *unstructured.Unstructured) bool { return !appliedHere(o) }), err
}

// labelledObjects carry the labels of the installation in a namespace.
func labelledObjects(ctx context.Context, c clients, home string, kinds []schema.GroupVersionKind) (all []*unstructured.Unstructured, err error) {
	selector := installation.LabelName + "=" + installation.Name + "," + installation.LabelInstance + "=" + home
	for _, kind := range kinds {
		found, err := list(ctx, c, listKey{kind: kind}, selector)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// appliedHere: install has applied it.
func appliedHere(o *unstructured.Unstructured) bool {
	return slices.ContainsFunc(o.GetManagedFields(), func(e metav1.ManagedFieldsEntry) bool {
		return e.Manager == installation.FieldOwner && e.Operation == metav1.ManagedFieldsOperationApply
	})
}
