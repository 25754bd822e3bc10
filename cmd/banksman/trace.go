package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"banksman.dev/reconcile"
	"banksman.dev/reconcile/api/v1alpha1"
	"banksman.dev/reconcile/cluster"
)

func (p *program) traceCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "trace KIND/NAME",
		Short: "Where an object comes from: service, commit, pull request, and who approved",
		Long: `Follow an object of the cluster back to where it comes from: the service that it
belongs to, the Delivery that remembers it, the commit that it was rendered from, the
pull request, and who approved it. A Pod or a ReplicaSet leads to the workload that
owns it. KIND is written as for kubectl: deploy, Deployment or deployments.apps.

An object that is not banksman's is said to be so, and whose it looks to be: Flux's,
Argo CD's, Helm's, or who wrote its fields.

The account needs to get the object and its owners, and to list Deliveries. Git and
GitHub are not asked: the pull request and the reviews are what was known when the
release was decided.

Exit codes: 0 the answer is printed, whosever the object is; 1 there is none; 2 wrong
usage.`,
		Example: `  banksman trace deploy/fop-gate -n dora-apps
  banksman trace pod fop-gate-8d9c95dd-97lz7
  banksman trace cm/fop-gate -o json | jq -r .commit`,
		Args: arguments(1, 2, "an object: KIND/NAME"),
	}
	flags := newClusterFlags(cmd.Flags(), "of the object (default: the context's)")
	cmd.Flags().StringVarP(&output, "output", "o", "", "output `format`: json or yaml")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := oneOf(cmd.Flags(), "output", "", "json", "yaml"); err != nil {
			return err
		}
		kind, name, ok := strings.Cut(strings.Join(args, "/"), "/")
		if !ok || kind == "" || name == "" || strings.Contains(name, "/") {
			return misused("write it as deploy/fop-gate; "+helpOf(cmd), "%q is no object: want KIND/NAME", strings.Join(args, " "))
		}
		return p.trace(cmd.Context(), flags, kind, name, output)
	}
	return cmd
}

// An origin is where an object comes from, as far as it is known.
type origin struct {
	Object    objectName   `json:"object"`
	Owners    []objectName `json:"owners,omitempty"` // the nearest first
	Banksmans bool         `json:"banksman"`
	// LooksLike is whose an object looks to be that is not banksman's.
	LooksLike string `json:"looksLike,omitempty"`

	Service   string       `json:"service,omitempty"`
	Namespace string       `json:"namespace,omitempty"` // of the Delivery
	Source    string       `json:"source,omitempty"`
	Variant   string       `json:"variant,omitempty"`
	Doubt     string       `json:"doubt,omitempty"` // why the Delivery does not stand for it
	Commit    string       `json:"commit,omitempty"`
	Pull      int          `json:"pull,omitempty"`
	Open      bool         `json:"open,omitempty"` // the pull request is not merged
	Approvers []string     `json:"approvers,omitempty"`
	Reason    string       `json:"reason,omitempty"` // why it was promoted
	At        *metav1.Time `json:"at,omitempty"`     // when
	Step      string       `json:"step,omitempty"`   // where the service stands now
	Why       string       `json:"why,omitempty"`
}

type objectName struct {
	Kind      string `json:"kind"`
	Group     string `json:"group,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

func nameOfObject(o *unstructured.Unstructured) objectName {
	k := o.GroupVersionKind()
	return objectName{Kind: k.Kind, Group: k.Group, Namespace: o.GetNamespace(), Name: o.GetName()}
}

func (n objectName) String() string {
	if n.Namespace == "" {
		return n.Kind + " " + n.Name
	}
	return n.Kind + " " + n.Name + " in namespace " + n.Namespace
}

func (p *program) trace(ctx context.Context, flags *clusterFlags, kind, name, output string) error {
	namespace, err := flags.namespace()
	if err != nil {
		return err
	}
	c, err := p.clients(flags)
	if err != nil {
		return err
	}
	mapping, err := typedKind(c.mapper, kind)
	if err != nil {
		return explainCluster(c.host, err)
	}
	object, err := get(ctx, c, mapping, namespace, name)
	if err != nil {
		return notThere(c, mapping, namespace, name, err)
	}
	o := origin{Object: nameOfObject(object)}
	top := o.climb(ctx, c, object)
	all, err := p.deliveriesEverywhere(ctx, flags, namespace)
	if err != nil {
		return err
	}
	o.attribute(top, all)
	switch output {
	case "json":
		return p.printJSON(o)
	case "yaml":
		return p.printYAML(o)
	}
	return p.printOrigin(o)
}

// deliveriesEverywhere: a Delivery may stand in another namespace than an object
// of its service. Who may not look everywhere is answered from the object's.
func (p *program) deliveriesEverywhere(ctx context.Context, flags *clusterFlags, namespace string) ([]v1alpha1.Delivery, error) {
	all, err := p.deliveries(ctx, flags, "")
	if err != nil && troubleOf(err) == troubleForbidden {
		return p.deliveries(ctx, flags, namespace)
	}
	return all, err
}

// typedKind reads a kind as kubectl does: deploy, Deployment, deployments.apps.
func typedKind(mapper meta.RESTMapper, typed string) (*meta.RESTMapping, error) {
	full, part := schema.ParseResourceArg(strings.ToLower(typed))
	kind, err := schema.GroupVersionKind{}, error(&meta.NoResourceMatchError{})
	if full != nil {
		kind, err = mapper.KindFor(*full)
	}
	if err != nil {
		kind, err = mapper.KindFor(part.WithVersion(""))
	}
	if meta.IsNoMatchError(err) {
		return nil, failed(fmt.Errorf("the cluster knows no kind %q", typed), "kubectl api-resources lists them")
	}
	if err != nil {
		return nil, err
	}
	return mapper.RESTMapping(kind.GroupKind(), kind.Version)
}

func get(ctx context.Context, c clients, m *meta.RESTMapping, namespace, name string) (*unstructured.Unstructured, error) {
	if m.Scope.Name() == meta.RESTScopeNameRoot {
		return c.dynamic.Resource(m.Resource).Get(ctx, name, metav1.GetOptions{})
	}
	return c.dynamic.Resource(m.Resource).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
}

func notThere(c clients, m *meta.RESTMapping, namespace, name string, err error) error {
	if !apierrors.IsNotFound(err) {
		return explainCluster(c.host, fmt.Errorf("get %s %s: %w", m.GroupVersionKind.Kind, name, err))
	}
	if m.Scope.Name() == meta.RESTScopeNameRoot {
		return failed(fmt.Errorf("there is no %s %s", m.GroupVersionKind.Kind, name), "")
	}
	return failed(fmt.Errorf("there is no %s %s in namespace %s", m.GroupVersionKind.Kind, name, namespace),
		fmt.Sprintf("kubectl get %s -A lists them; -n chooses the namespace", m.Resource.GroupResource()))
}

// mostOwners bounds a chain of owners, which may be a circle.
const mostOwners = 8

// climb goes up from an object to the one that somebody applied.
func (o *origin) climb(ctx context.Context, c clients, from *unstructured.Unstructured) *unstructured.Unstructured {
	top := from
	for range mostOwners {
		owner := metav1.GetControllerOf(top)
		if owner == nil || top.GetLabels()[cluster.LabelService] != "" {
			return top
		}
		kind := schema.FromAPIVersionAndKind(owner.APIVersion, owner.Kind)
		o.Owners = append(o.Owners, objectName{Kind: kind.Kind, Group: kind.Group, Namespace: top.GetNamespace(), Name: owner.Name})
		mapping, err := c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
		if err != nil {
			return top
		}
		above, err := get(ctx, c, mapping, top.GetNamespace(), owner.Name)
		if err != nil || above.GetUID() != owner.UID {
			return top // it may not be read, or another one has its name now
		}
		top = above
	}
	return top
}

// attribute says whose an object is.
func (o *origin) attribute(top *unstructured.Unstructured, all []v1alpha1.Delivery) {
	labels := top.GetLabels()
	o.Service, o.Source = labels[cluster.LabelService], labels[labelSource]
	d, entry := rememberedBy(top, all)
	switch {
	case d != nil && (o.Service == "" || o.Service == d.Name):
		o.Service = d.Name
	case o.Service == "":
		o.LooksLike = looksLike(top)
		return
	default:
		d = nil
	}
	o.Banksmans = true
	if d == nil {
		o.Doubt = "no Delivery of " + o.Service + " remembers it: the label may have been copied, or it was left when the service went"
		o.Banksmans, o.LooksLike = false, looksLike(top)
		return
	}
	o.Namespace = d.Namespace
	o.Variant = map[string]string{string(reconcile.TrackStable): "full", string(reconcile.TrackCanary): "canary"}[entry.Track]
	switch {
	case entry.UID == "":
		o.Doubt = "its UID is not noted yet: it is being applied"
	case entry.UID != string(top.GetUID()):
		o.Doubt = "somebody deleted it and made it anew: the Delivery remembers another UID"
	case labels[cluster.LabelService] == "":
		o.Doubt = "its label " + cluster.LabelService + " was taken off"
	}
	o.release(top, *d)
}

// labelSource names the repository of several that an object comes from.
const labelSource = "banksman.dev/source"

// rememberedBy is the Delivery whose inventory names the object: the one with its
// UID, if there are two.
func rememberedBy(object *unstructured.Unstructured, all []v1alpha1.Delivery) (found *v1alpha1.Delivery, at v1alpha1.Entry) {
	name := nameOfObject(object)
	for i, d := range all {
		for _, e := range d.Status.Inventory {
			if (objectName{e.Kind, e.Group, e.Namespace, e.Name}) != name {
				continue
			}
			if e.UID == string(object.GetUID()) {
				return &all[i], e
			}
			if found == nil {
				found, at = &all[i], e
			}
		}
	}
	return found, at
}

// looksLike is whose an object is that is not banksman's.
func looksLike(object *unstructured.Unstructured) string {
	if by := cluster.ClaimedBy(object); by != "" {
		return by
	}
	if by := cluster.AppliedBy(object); len(by) > 0 {
		return "whoever wrote it as " + strings.Join(by, ", ")
	}
	return ""
}

// release finds the commit and who approved it.
func (o *origin) release(top *unstructured.Unstructured, d v1alpha1.Delivery) {
	o.Step, o.Why = d.Status.Step, waitsOrReason(d)
	live := liveOf(d.Status.Full)
	if o.Variant == "canary" {
		live = liveOf(d.Status.Canary)
	}
	o.Commit = live.Commit
	if noted := top.GetAnnotations()[cluster.AnnotationCommit]; noted != "" && o.Variant == "full" {
		o.Commit = noted
	} else if o.Commit == "" && d.Status.Promoted != nil {
		o.Commit = d.Status.Promoted.Commit
	}
	if o.Variant == "canary" && live.Pull != 0 {
		o.Pull, o.Open = live.Pull, true
		return
	}
	o.approval(d.Status)
	if m := namedPull.FindStringSubmatch(o.Reason); m != nil {
		o.Pull, _ = strconv.Atoi(m[1])
	}
}

// approval is who answers for the commit: as its release ended or, while it has
// not, as its status says.
func (o *origin) approval(s v1alpha1.DeliveryStatus) {
	reached := func(h v1alpha1.Promotion) bool {
		return h.Commit == o.Commit && slices.Contains(reachedFull, reconcile.Outcome(h.Outcome))
	}
	if i := slices.IndexFunc(s.History, reached); i >= 0 {
		h := s.History[i]
		o.Approvers, o.At = h.Approvers, h.At
		o.Reason = strings.TrimSuffix(h.Outcome+": "+h.Reason, ": ")
		for _, first := range s.History {
			if len(o.Approvers) == 0 && first.Digest != "" && first.Digest == h.Digest && len(first.Approvers) > 0 && reached(withCommit(first, h.Commit)) {
				o.Approvers = first.Approvers // whoever approved the content when it was new
			}
		}
		return
	}
	for _, r := range s.Reports {
		if r.Commit == o.Commit && r.Approval != nil {
			o.Reason = r.Approval.Description
		}
	}
}

// reachedFull are the endings of what full runs, or ran.
var reachedFull = []reconcile.Outcome{reconcile.OutcomePromoted, reconcile.OutcomeRolledBack, reconcile.OutcomeRecovered}

func withCommit(h v1alpha1.Promotion, commit string) v1alpha1.Promotion {
	h.Commit = commit
	return h
}

// namedPull is how reasons name a pull request.
var namedPull = regexp.MustCompile(`#([1-9][0-9]{0,8})\b`)

func (p *program) printOrigin(o origin) error {
	var b strings.Builder
	f := facts{out: &b, screen: p.screen()}
	f.add("Object", cell{text: o.Object.String(), colour: bold})
	owners := make([]string, len(o.Owners))
	for i, owner := range o.Owners {
		owners[i] = owner.Kind + " " + owner.Name
	}
	f.add("Owned by", cell{text: strings.Join(owners, ", owned by ")})
	if !o.Banksmans {
		f.add("Banksman's", cell{text: "no", colour: yellow})
		f.add("Doubt", cell{text: o.Doubt, colour: yellow})
		f.add("Looks like", cell{text: orDash(oneLine(o.LooksLike))})
		f.print()
		return p.print(&b)
	}
	f.add("Service", cell{text: o.Service + " in namespace " + o.Namespace + ", " + orDash(o.Variant)})
	f.add("Source", cell{text: oneLine(o.Source)})
	f.add("Doubt", cell{text: o.Doubt, colour: yellow})
	f.add("Commit", cell{text: orDash(o.Commit)})
	f.add("Pull", cell{text: o.pullWords()})
	f.add("Approved by", cell{text: oneLine(strings.Join(o.Approvers, ", ")), colour: green})
	reason := oneLine(o.Reason)
	if o.At != nil {
		reason += ", " + o.At.UTC().Format(time.DateOnly+" 15:04Z")
	}
	f.add("Because", cell{text: reason})
	f.add("Now", cell{text: o.Step + ", " + oneLine(o.Why)})
	f.print()
	return p.print(&b)
}

func (o origin) pullWords() string {
	switch {
	case o.Pull == 0:
		return ""
	case o.Open:
		return fmt.Sprintf("#%d, which is open: its canary needs no approval", o.Pull)
	}
	return fmt.Sprintf("#%d", o.Pull)
}
