package record

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"banksman.dev/reconcile"
	"banksman.dev/reconcile/api/v1alpha1"
)

// openAs opens the Store of one of several repositories.
func (b *bench) openAs(o Options) *Store {
	b.Helper()
	o.Logger = slog.New(slog.NewTextHandler(b.Output(), nil))
	s, err := Open(b.Context(), b.config, o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.Close)
	return s
}

func TestADeliveryIsOneRepositorysAlone(t *testing.T) {
	for name, c := range map[string]struct{ has, wants, says, release string }{
		"that of a named one is not taken by the one without a name": {"dora", "", "belongs to the repository dora", "banksman.dev/source-"},
		"that of the one without a name is not taken by a named one": {"", "dora", "belongs to the repository without a name", "banksman.dev/source=dora --overwrite"},
		"that of a named one is not taken by another":                {"dora", "kodo", "belongs to the repository dora", "banksman.dev/source=kodo --overwrite"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			owner, other := b.openAs(Options{Source: c.has}), b.openAs(Options{Source: c.wants})
			b.save(owner, b.record(), view)
			if err := owner.Keep(t.Context(), b.service(), b.namespace, reconcile.Kept{Commit: "c", Digest: "d"}); err != nil {
				t.Fatal(err)
			}
			if _, _, found := other.Load(b.service()); found {
				t.Error("it is loaded by the other one")
			}
			err := other.Save(t.Context(), b.record(), view)
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "label delivery "+string(b.service())+" "+c.release) {
				t.Errorf("the other one's save says %v", err)
			}
			if err := other.Keep(t.Context(), b.service(), b.namespace, reconcile.Kept{}); err == nil {
				t.Error("the other one keeps something in its Secret")
			}
			again := b.openAs(Options{Source: c.has})
			if r, _, found := again.Load(b.service()); !found || r.Promoted == nil || r.Promoted.Digest != "d" {
				t.Errorf("the owner reads %+v", r)
			}
			kube := kubernetes.NewForConfigOrDie(b.config)
			secret, err := kube.CoreV1().Secrets(b.namespace).Get(t.Context(), keptPrefix+string(b.service()), metav1.GetOptions{})
			if err != nil || secret.Labels[labelSource] != c.has {
				t.Errorf("the Secret's labels are %v, %v", secret.Labels, err)
			}
		})
	}
}

// The label decides, whatever was known of a Delivery before.
func TestADeliveryThatIsHandedOverIsLoadedByTheOther(t *testing.T) {
	b := newBench(t)
	dora, kodo := b.openAs(Options{Source: "dora"}), b.openAs(Options{Source: "kodo"})
	b.save(dora, b.record(), view)
	patch := []byte(`{"metadata":{"labels":{"banksman.dev/source":"kodo"}}}`)
	if _, err := dora.at(b.namespace).Patch(t.Context(), string(b.service()), types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		_, _, had := dora.Load(b.service())
		_, _, has := kodo.Load(b.service())
		if !had && has {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it does not change hands")
		}
	}
	r := b.record()
	r.Settled = "e"
	b.save(kodo, r, view)
	if err := dora.Save(t.Context(), r, view); err == nil || !strings.Contains(err.Error(), "belongs to the repository kodo") {
		t.Errorf("the one before says %v", err)
	}
}

func TestRolesInTheNamedNamespacesAreEnough(t *testing.T) {
	b := newBench(t)
	kube := kubernetes.NewForConfigOrDie(b.config)
	second, err := kube.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "banksman-record-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b.Cleanup(func() {
		if err := kube.CoreV1().Namespaces().Delete(context.WithoutCancel(t.Context()), second.Name, metav1.DeleteOptions{}); err != nil {
			b.Error(err)
		}
	})
	user := "only-" + b.namespace
	for _, namespace := range []string{b.namespace, second.Name} {
		grant(t, kube, namespace, user)
	}
	var mu sync.Mutex
	var asked []string
	admin := b.config
	b.config = rest.CopyConfig(admin)
	b.config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: []string{"system:authenticated"}}
	b.config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			mu.Lock()
			asked = append(asked, r.URL.Path)
			mu.Unlock()
			return next.RoundTrip(r)
		})
	})
	if err := Install(t.Context(), b.config); err != nil {
		t.Fatalf("the definition is there: %v", err)
	}
	s := b.openAs(Options{Namespaces: []string{b.namespace, second.Name}})
	b.save(s, b.record(), view)
	r := b.record()
	r.Service, r.Namespace = b.service()+"-2", second.Name
	b.save(s, r, view)
	if err := s.Keep(t.Context(), r.Service, r.Namespace, reconcile.Kept{Commit: "c", Digest: "d", Content: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	if _, found, err := s.Kept(t.Context(), r.Service, r.Namespace); err != nil || !found {
		t.Fatalf("%v, %v", found, err)
	}
	again := b.openAs(Options{Namespaces: []string{b.namespace, second.Name}})
	if all := again.All(); len(all) != 2 {
		t.Errorf("it knows %v", all)
	}
	mu.Lock()
	all := slices.Clone(asked)
	mu.Unlock()
	for _, path := range all {
		if strings.HasSuffix(path, "/v1alpha1/"+v1alpha1.Resource.Resource) {
			t.Errorf("asks for all namespaces: %s", path)
		}
	}
	b.config.Impersonate.UserName = "nobody-" + b.namespace
	if _, err := Open(t.Context(), b.config, Options{Namespaces: []string{second.Name}}); err == nil || !strings.Contains(err.Error(), "in namespace "+second.Name) || !strings.Contains(err.Error(), "give this account the rights") {
		t.Errorf("without rights: %v", err)
	}
}

func grant(t *testing.T, kube kubernetes.Interface, namespace, user string) {
	t.Helper()
	_, err := kube.RbacV1().Roles(namespace).Create(t.Context(), &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "test"}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{v1alpha1.Version.Group}, Resources: []string{"deliveries"}, Verbs: []string{"get", "list", "watch", "create"}},
		{APIGroups: []string{v1alpha1.Version.Group}, Resources: []string{"deliveries/status"}, Verbs: []string{"update"}},
		{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get", "create", "patch"}},
	}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = kube.RbacV1().RoleBindings(namespace).Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "test"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "test"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}
