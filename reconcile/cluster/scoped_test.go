package cluster

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"banksman.dev/reconcile"
	"banksman.dev/render"
)

// only is the scope of the bench's namespace.
func (b *bench) only() reconcile.Scope { return reconcile.Scope{Namespaces: []string{b.namespace}} }

func (b *bench) labelConfigMap(value string) {
	b.Helper()
	patch := `{"metadata":{"labels":{"` + LabelSource + `":` + value + `}}}`
	if _, err := b.kube.CoreV1().ConfigMaps(b.namespace).Patch(b.Context(), "fop-gate", types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: "kubectl-label"}); err != nil {
		b.Fatal(err)
	}
}

func TestWhatARepositoryAppliesCarriesItsName(t *testing.T) {
	b := newBench(t)
	b.apply(b.set())
	if l := b.configMap().Labels; l[LabelSource] != "" {
		t.Errorf("one without a name labels %v", l)
	}
	b = newBench(t)
	b.cluster = b.open(Options{Source: "dora"})
	b.apply(b.set())
	if l := b.configMap().Labels; l[LabelSource] != "dora" {
		t.Errorf("labels %v", l)
	}
	b.becomes(b.set(), reconcile.Healthy)
	if sent := b.sent.during(func() { b.apply(b.set()) }); len(sent) > 0 {
		t.Errorf("the second apply sent %q", sent)
	}
}

func TestNoRepositoryTouchesWhatIsAnothers(t *testing.T) {
	for name, c := range map[string]struct{ has, wants, says, release string }{
		"a named one, one without a name": {"dora", "", "claimed by the repository dora", "banksman.dev/source-"},
		"one without a name, a named one": {"", "dora", "claimed by the repository without a name", "banksman.dev/source=dora --overwrite"},
		"a named one, another named one":  {"dora", "kodo", "claimed by the repository dora", "banksman.dev/source=kodo --overwrite"},
	} {
		t.Run("that of "+name, func(t *testing.T) {
			b := newBench(t)
			b.cluster = b.open(Options{Source: c.has})
			entries := b.apply(b.set())
			canary := b.set("name: fop-gate,", "name: fop-gate-canary,")
			canary.Track = reconcile.TrackCanary
			b.apply(canary)
			b.cluster = b.open(Options{Source: c.wants, Adopt: true})
			b.refused(b.set(), true, c.says, "kubectl label -n "+b.namespace+" configmaps fop-gate "+c.release)
			if _, err := b.cluster.Apply(t.Context(), b.set()); strings.Contains(err.Error(), "--adopt") {
				t.Errorf("it is said to try what does not help: %v", err)
			}
			if found, err := b.cluster.Recall(t.Context(), "fop-gate", b.namespace); err != nil || len(found) > 0 {
				t.Errorf("recalled %v, %v", found, err)
			}
			for _, s := range []reconcile.Set{b.set(), canary} {
				if stands, err := b.cluster.Standing(t.Context(), "fop-gate", s.Objects); err != nil || len(stands) != len(s.Objects) {
					t.Errorf("of %d objects %v stand, %v", len(s.Objects), stands, err)
				}
			}
			if kept := b.prune(entries...); len(kept) > 0 {
				t.Errorf("kept %v", kept)
			}
			if b.configMap() == nil {
				t.Error("it was deleted")
			}
			if live := b.live(b.set()); live.Health != reconcile.Missing {
				t.Errorf("another's objects are %v", live)
			}
		})
	}
}

func TestWhatWasHandedOverIsApplied(t *testing.T) {
	b := newBench(t)
	config := b.set()
	config.Objects = config.Objects[:1]
	b.apply(config)
	before := b.configMap()
	b.labelConfigMap(`"dora"`)
	b.cluster = b.open(Options{Source: "dora"})
	b.apply(config)
	after := b.configMap()
	if after.UID != before.UID || after.Annotations[AnnotationContent] == before.Annotations[AnnotationContent] {
		t.Errorf("it is as it was: %v", after.Annotations)
	}
	b.becomes(config, reconcile.Healthy)
}

func TestTheLabelOfARepositoryIsPutBackAndNeverTaken(t *testing.T) {
	b := newBench(t)
	b.cluster = b.open(Options{Source: "dora"})
	config := b.set()
	config.Objects = config.Objects[:1]
	b.apply(config)
	b.becomes(config, reconcile.Healthy)
	b.labelConfigMap("null")
	b.eventually("the watch loses it", func() bool { return b.live(config).Health != reconcile.Healthy })
	b.apply(config)
	if l := b.configMap().Labels; l[LabelSource] != "dora" {
		t.Fatalf("labels %v", l)
	}
	b.becomes(config, reconcile.Healthy)
	b.labelConfigMap(`"kodo"`)
	b.eventually("the watch loses it", func() bool { return b.live(config).Health != reconcile.Healthy })
	b.refused(config, true, "claimed by the repository kodo")
}

// grant gives a user rights in the bench's namespace, and nowhere else.
func (b *bench) grant(user string, rules ...rbacv1.PolicyRule) {
	b.Helper()
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}, Rules: rules}
	role, err := b.kube.RbacV1().Roles(b.namespace).Create(b.Context(), role, metav1.CreateOptions{})
	if err != nil {
		b.Fatal(err)
	}
	_, err = b.kube.RbacV1().RoleBindings(b.namespace).Create(b.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	}, metav1.CreateOptions{})
	if err != nil {
		b.Fatal(err)
	}
}

func rule(group, resources, verbs string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: strings.Fields(resources), Verbs: strings.Fields(verbs)}
}

const everyVerb = "get list watch create patch delete"

// namespaced are the rules for the bench's manifests.
func namespaced() []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		rule("", "configmaps services", everyVerb), rule("apps", "deployments", everyVerb),
		rule("apps", "replicasets", "list watch"), rule("", "pods events", "list watch"),
		rule("autoscaling", "horizontalpodautoscalers", "list watch"),
	}
}

// as makes the bench's Clusters some user's, and returns what they ask for from now
// on, watches, too.
func (b *bench) as(user string) (asked func() []string) {
	config := rest.CopyConfig(b.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: []string{"system:authenticated"}}
	var mu sync.Mutex
	var all []string
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			mu.Lock()
			all = append(all, r.URL.Path)
			mu.Unlock()
			return next.RoundTrip(r)
		})
	})
	b.config = config
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}
}

func TestRolesInOneNamespaceAreEnough(t *testing.T) {
	b := newBench(t)
	user := "only-" + b.namespace
	b.grant(user, namespaced()...)
	asked := b.as(user)
	b.cluster = b.open(Options{Scope: reconcile.Scope{Namespaces: []string{b.namespace}, Kinds: []string{"ConfigMap", "Service", "Deployment.apps"}}})
	entries := b.apply(b.set())
	b.becomes(b.set(), reconcile.Healthy)
	if found, err := b.cluster.Recall(t.Context(), "fop-gate", b.namespace); err != nil || len(found) != 1 {
		t.Errorf("recalled %v, %v", found, err)
	}
	changed := b.set("quiet", "loud", "fop-gate:1", "fop-gate:2")
	changed.Ref.Digest = render.Digest(strings.Repeat("2", 64))
	b.apply(changed)
	b.becomes(changed, reconcile.Healthy)
	b.cluster.Close()
	b.cluster = b.open(Options{Scope: b.only()}) // as after a restart
	b.cluster.Expect(entries)
	b.becomes(changed, reconcile.Healthy)
	for range 2 { // the Deployment's goes in a moment
		entries = b.prune(entries...)
	}
	for _, path := range asked() {
		if strings.Contains(path, "/namespaces/") && !strings.Contains(path, "/namespaces/"+b.namespace+"/") {
			t.Errorf("asks for another namespace: %s", path)
		}
		for _, resource := range []string{"configmaps", "services", "deployments", "replicasets", "pods", "events", "horizontalpodautoscalers"} {
			if strings.HasSuffix(path, "/v1/"+resource) || strings.HasSuffix(path, "/v2/"+resource) {
				t.Errorf("asks for all namespaces: %s", path)
			}
		}
	}
}

func TestAMissingRuleIsSaidAndStopsOneServiceAlone(t *testing.T) {
	b := newBench(t)
	user := "less-" + b.namespace
	b.grant(user, append(namespaced()[1:], rule("", "services", everyVerb))...)
	b.as(user)
	b.cluster = b.open(Options{Scope: b.only()})
	b.refused(b.set(), true, user+" may not list configmaps in namespace "+b.namespace,
		"give it the rights get, list, watch, create, patch and delete on configmaps there")
	if _, err := b.cluster.Live(t.Context(), b.set()); err == nil || !strings.Contains(err.Error(), user+" may not list configmaps in namespace "+b.namespace) {
		t.Errorf("a look says %v", err)
	}
	other := b.set("name: fop-gate,", "name: other,")
	other.Service, other.Objects = "other", other.Objects[1:2]
	b.apply(other)
	b.grant(user, rule("", "configmaps", "get list watch"))
	b.eventually("the watch begins", func() bool {
		_, err := b.cluster.Live(t.Context(), b.set())
		return err == nil
	})
	b.refused(b.set(), true, user+" may not patch configmaps in namespace "+b.namespace)
}

func TestRequestsAboutObjectsAreTheServiceAccounts(t *testing.T) {
	b := newBench(t)
	account := b.namespace + "/deployer"
	if _, err := b.kube.CoreV1().ServiceAccounts(b.namespace).Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "deployer"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	user := "system:serviceaccount:" + b.namespace + ":deployer"
	b.cluster = b.open(Options{Scope: b.only(), ServiceAccount: account})
	b.refused(b.set(), true, user+" may not list configmaps in namespace "+b.namespace)
	b.grant(user, namespaced()...)
	b.cluster = b.open(Options{Scope: b.only(), ServiceAccount: account})
	b.apply(b.set())
	b.becomes(b.set(), reconcile.Healthy)
	if _, err := New(b.config, Options{ServiceAccount: "deployer"}); err == nil || !strings.Contains(err.Error(), "namespace/name") {
		t.Errorf("an account without a namespace: %v", err)
	}
}

func TestPruneLeavesWhatIsOutOfANarrowedScopeAndSaysSoOnce(t *testing.T) {
	b := newBench(t)
	entries := b.apply(b.set())
	config := entryFor(t, entries, "ConfigMap")
	b.cluster = b.open(Options{Scope: reconcile.Scope{Kinds: []string{"Service", "Deployment.apps"}}})
	var said strings.Builder
	b.cluster.log = slog.New(slog.NewTextHandler(&said, nil))
	for range 2 { // the second time as when the first was not saved
		if kept := b.prune(config, entryFor(t, entries, "Service")); len(kept) > 0 {
			t.Errorf("kept %v", kept)
		}
	}
	if b.configMap() == nil {
		t.Error("it was deleted")
	}
	if _, err := b.kube.CoreV1().Services(b.namespace).Get(t.Context(), "fop-gate", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("what is in the scope stands: %v", err)
	}
	if strings.Count(said.String(), "left in the cluster") != 1 ||
		!strings.Contains(said.String(), "this repository may only deploy Service, Deployment.apps") ||
		!strings.Contains(said.String(), "kubectl delete -n "+b.namespace+" configmaps fop-gate") {
		t.Errorf("it is said: %s", said.String())
	}
}

// What was rendered may not show where an object stands: the API server knows.
func TestNothingOutOfTheScopeIsAskedFor(t *testing.T) {
	for name, scope := range map[string]reconcile.Scope{
		"in another namespace": {Namespaces: []string{"kube-system"}},
		"of another kind":      {Kinds: []string{"Secret"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			entries := b.apply(b.set())
			b.cluster = b.open(Options{Scope: scope})
			sent := b.sent.during(func() {
				b.refused(b.set(), true, "this repository may only deploy")
				b.prune(entries...)
			})
			for _, request := range sent {
				if strings.Contains(request, b.namespace) || strings.Contains(request, "kube-system") {
					t.Errorf("sends %s", request)
				}
			}
			if b.configMap() == nil {
				t.Error("it was deleted")
			}
		})
	}
}
