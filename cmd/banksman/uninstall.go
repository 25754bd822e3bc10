package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	installation "banksman.dev/cmd/banksman/install"
	"banksman.dev/reconcile/api/v1alpha1"
)

type uninstallFlags struct {
	cluster    *clusterFlags
	deliveries bool
	yes        bool
	timeout    time.Duration
}

func (f uninstallFlags) home() string { return cmp.Or(f.cluster.namespaceFlag(), homeNamespace) }

func (p *program) uninstallCommand() *cobra.Command {
	var f uninstallFlags
	cmd := &cobra.Command{
		Use:   "uninstall",
		Short: "Remove banksman from a cluster; what it delivered stays",
		Long: `Remove what banksman install has applied: the Deployment, its account and Roles,
configuration and Secret. Everything that banksman delivered stays as it is, and so
do the Deliveries, their definition and the namespace: install it again, and it goes
on from there. What stays is listed, with the commands that remove it.

--deliveries also removes the Deliveries, what is kept beside them, and their
definition: what was approved, held and promoted is forgotten. The services' own
objects stay even then. The Deliveries are those of the whole cluster: they are not
removed while a banksman runs elsewhere. What somebody else applied is never
removed, labels or not.

What it will do is printed first; on a terminal you are asked then, elsewhere it
needs --yes.

Exit codes: 0 it is removed, or was not there; 1 it failed, or you said no; 2 wrong
usage, or --yes is missing.`,
		Example: `  banksman uninstall
  banksman uninstall --deliveries --yes`,
		Args: arguments(0, 0, ""),
	}
	flags := cmd.Flags()
	f.cluster = newClusterFlags(flags, "of the installation (default "+homeNamespace+")")
	flags.BoolVar(&f.deliveries, "deliveries", false, "also remove the Deliveries and their definition")
	flags.BoolVarP(&f.yes, "yes", "y", false, "do not ask")
	flags.DurationVar(&f.timeout, "timeout", 2*time.Minute, "longest `time` to wait until banksman has stopped")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if f.timeout <= 0 {
			return misused("", "--timeout %s: want more than nothing", f.timeout)
		}
		return p.uninstall(cmd.Context(), f)
	}
	return cmd
}

// A removal is what an uninstallation removes, and what it leaves.
type removal struct {
	own, deliveries, secrets, definition []*unstructured.Unstructured
	// foreign carry the labels, and were applied by somebody else.
	foreign []*unstructured.Unstructured
	// account is that of the Pods, where it was there before the installation.
	account *unstructured.Unstructured
	// namespace is whether that of the installation is there.
	namespace bool
}

func (r removal) all() (objects []*unstructured.Unstructured) {
	for _, list := range [][]*unstructured.Unstructured{r.own, r.secrets, r.deliveries, r.definition} {
		objects = append(objects, list...)
	}
	return objects
}

func (p *program) uninstall(ctx context.Context, f uninstallFlags) error {
	c, err := p.clients(f.cluster)
	if err != nil {
		return err
	}
	r, err := findRemoval(ctx, c, f)
	if err != nil {
		return explainCluster(c.host, err)
	}
	if len(r.own) == 0 && (!f.deliveries || len(r.foreign) > 0) || len(r.all()) == 0 {
		return p.nothingInstalled(ctx, c, f, r)
	}
	if f.deliveries {
		if err := p.nobodysMemory(ctx, c, f, r); err != nil {
			return err
		}
	}
	if err := p.printRemoval(c, f, r); err != nil {
		return err
	}
	if !f.yes {
		if err := p.confirm("Remove this? [y/N] "); err != nil {
			return err
		}
	}
	if err := p.removeAll(ctx, c, f, r); err != nil {
		return err
	}
	return p.printLeft(f, r)
}

func findRemoval(ctx context.Context, c clients, f uninstallFlags) (r removal, err error) {
	labelled, err := labelledObjects(ctx, c, f.home(), append(ownKinds, schema.GroupVersionKind{Version: "v1", Kind: "Secret"}))
	if err != nil {
		return r, err
	}
	for _, o := range labelled {
		if appliedHere(o) {
			r.own = append(r.own, o)
		} else {
			r.foreign = append(r.foreign, o)
		}
	}
	account, err := getOrNil(ctx, c, serviceAccounts, f.home(), installation.Name)
	if err != nil {
		return r, err
	}
	if account != nil && !isOurs(account) {
		r.account = account
	}
	home, err := getOrNil(ctx, c, namespaces, "", f.home())
	if err != nil {
		return r, err
	}
	r.namespace = home != nil
	lease, err := getOrNil(ctx, c, leases, f.home(), leaseName)
	if err != nil {
		return r, err
	}
	if lease != nil && len(r.own) > 0 {
		r.own = append(r.own, lease)
	}
	return r, findRecords(ctx, c, f, &r)
}

// findRecords are the Deliveries, what is kept beside them, and the definition.
func findRecords(ctx context.Context, c clients, f uninstallFlags, r *removal) error {
	found, err := list(ctx, c, listKey{kind: v1alpha1.Version.WithKind(v1alpha1.Kind)}, "")
	if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	r.deliveries = found
	if !f.deliveries {
		return nil
	}
	kept, err := c.dynamic.Resource(secrets).List(ctx, metav1.ListOptions{FieldSelector: "type=" + keptType})
	if err != nil {
		return err
	}
	for i := range kept.Items {
		r.secrets = append(r.secrets, &kept.Items[i])
	}
	definition, err := getOrNil(ctx, c, definitions, "", v1alpha1.Resource.GroupResource().String())
	if definition != nil {
		r.definition = append(r.definition, definition)
	}
	return err
}

// keptType is the type of the Secrets that hold what full runs.
const keptType = "banksman.dev/release"

var definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

func (p *program) nothingInstalled(ctx context.Context, c clients, f uninstallFlags, r removal) error {
	if len(r.foreign) > 0 {
		return failed(fmt.Errorf("the banksman in namespace %s was applied by somebody else: %s", f.home(), called(r.foreign[0])),
			"remove it where it was applied from: GitOps, or kubectl delete -k FOLDER")
	}
	err := p.noOther(ctx, c, f.home())
	var other *failure
	if errors.As(err, &other) {
		return failed(fmt.Errorf("no banksman is installed in namespace %s: %w", f.home(), other.err), "say which one: -n NAME")
	}
	if err != nil {
		return err
	}
	return p.note("no banksman is installed in namespace " + f.home())
}

// nobodysMemory: the Deliveries are of the whole cluster, and the memory of every
// banksman in it. One that this command does not stop would run on without what
// was approved and held.
func (p *program) nobodysMemory(ctx context.Context, c clients, f uninstallFlags, r removal) error {
	for _, o := range r.foreign {
		if o.GetKind() == "Deployment" {
			return failed(fmt.Errorf("the Deliveries are the memory of %s, which somebody else applied", called(o)),
				"remove it where it was applied from: GitOps, or kubectl delete -k FOLDER")
		}
	}
	stopsOwn := slices.ContainsFunc(r.own, func(o *unstructured.Unstructured) bool { return o.GetKind() == "Deployment" })
	err := p.noOther(ctx, c, f.home())
	if err == nil && !stopsOwn {
		err = p.noneHolds(ctx, c, "")
	}
	var other *failure
	if errors.As(err, &other) {
		return failed(fmt.Errorf("the Deliveries are the memory of another one: %w", other.err),
			"remove that one: say its namespace with -n NAME, or stop it where it was started; nothing was removed")
	}
	return err
}

func (p *program) printRemoval(c clients, f uninstallFlags, r removal) error {
	var b strings.Builder
	paint := p.screen().paint
	fmt.Fprintln(&b, "From the cluster at "+c.host+":")
	remove := r.own
	if f.deliveries {
		remove = r.all()
	}
	for _, o := range remove {
		fmt.Fprintln(&b, paint.in(red, "remove")+"  "+called(o))
	}
	for _, o := range r.foreign {
		fmt.Fprintln(&b, paint.in(dim, "leave")+"   "+called(o)+", which somebody else applied")
	}
	if r.account != nil {
		fmt.Fprintln(&b, paint.in(dim, "leave")+"   "+called(r.account)+", which was there before")
	}
	if !f.deliveries && len(r.deliveries) > 0 {
		fmt.Fprintf(&b, "%s   %s and their definition\n", paint.in(dim, "leave"), countOf(len(r.deliveries), "Delivery", "Deliveries"))
	}
	fmt.Fprintln(&b, paint.in(dim, "leave")+"   every object that it delivered")
	return p.print(&b)
}

func countOf(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// removeAll stops banksman first, so that it writes nothing anew.
func (p *program) removeAll(ctx context.Context, c clients, f uninstallFlags, r removal) error {
	for _, o := range r.own {
		if err := remove(ctx, c, o); err != nil {
			return err
		}
		if o.GetKind() == "Deployment" {
			if err := p.stopped(ctx, c, f); err != nil {
				return err
			}
		}
	}
	if !f.deliveries {
		return nil
	}
	for _, list := range [][]*unstructured.Unstructured{r.secrets, r.deliveries, r.definition} {
		for _, o := range list {
			if err := remove(ctx, c, o); err != nil {
				return err
			}
		}
	}
	return p.until(ctx, f, "the definition of Deliveries is still there", func(ctx context.Context) (bool, error) {
		left, err := getOrNil(ctx, c, definitions, "", v1alpha1.Resource.GroupResource().String())
		return left == nil, explainCluster(c.host, err)
	})
}

// stopped waits until no Pod of the installation is left.
func (p *program) stopped(ctx context.Context, c clients, f uninstallFlags) error {
	selector := installation.LabelName + "=" + installation.Name + "," + installation.LabelInstance + "=" + f.home()
	return p.until(ctx, f, "banksman still runs, and nothing more is removed while it does", func(ctx context.Context) (bool, error) {
		pods, err := list(ctx, c, listKey{kind: schema.GroupVersionKind{Version: "v1", Kind: "Pod"}, namespace: f.home()}, selector)
		return len(pods) == 0, explainCluster(c.host, err)
	})
}

// until waits for something, as long as --timeout says.
func (p *program) until(ctx context.Context, f uninstallFlags, still string, is func(context.Context) (bool, error)) error {
	limited, done := context.WithTimeout(ctx, f.timeout)
	defer done()
	for {
		yes, err := is(limited)
		switch {
		case err == nil && yes:
			return nil
		case err != nil && limited.Err() == nil:
			return err
		}
		if p.pause(limited, lookAgain) != nil {
			return failed(fmt.Errorf("after %s %s", f.timeout, still), "kubectl -n "+f.home()+" get pods; the same command goes on from there")
		}
	}
}

// printLeft says what stays, and how to remove it.
func (p *program) printLeft(f uninstallFlags, r removal) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\nbanksman is removed from namespace %s; every object that it delivered stays as it is\n", f.home())
	about := facts{out: &b, screen: p.screen()}
	if !f.deliveries && len(r.deliveries) > 0 {
		elsewhere := ""
		if f.home() != homeNamespace {
			elsewhere = " -n " + f.home()
		}
		about.addCommand(countOf(len(r.deliveries), "Delivery stays", "Deliveries stay"), "banksman uninstall --deliveries"+elsewhere)
	}
	if r.namespace {
		about.addCommand("The namespace stays", "kubectl delete namespace "+f.home())
	}
	about.addCommand("Its App or token on GitHub stays", "remove it in GitHub's settings")
	about.print()
	return p.print(&b)
}
