package install

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"banksman.dev/render"
)

// A Scope is what one repository may touch.
type Scope struct {
	Namespaces     []string // empty: all
	Kinds          []string // "ConfigMap", "Deployment.apps"; empty: all
	ServiceAccount string   // "namespace/name" to act as; "" for banksman's own
}

// A Role is a Role in a namespace or, without one, a ClusterRole, and whose it is.
type Role struct {
	Name, Namespace string
	Account         string // "namespace/name"; "" for banksman's own
	Rules           []Rule
}

// A Rule is a rule and what banksman needs it for.
type Rule struct {
	rbacv1.PolicyRule
	Why string
}

// Roles are all that banksman, which runs in the namespace home, needs for these
// repositories, and nothing else; sorted. The rules of an account that banksman acts
// as are in Roles of that account.
func Roles(home string, scopes []Scope) []Role {
	n := needs{}
	n.add(holder{home, ""}, ownLease())
	for _, s := range scopes {
		for _, namespace := range places(s.Namespaces) {
			n.add(holder{namespace, ""}, ownRecord())
			n.add(holder{namespace, s.ServiceAccount}, about(s, namespace))
		}
		if kinds := clusterKinds(s); len(s.Namespaces) > 0 && len(kinds) > 0 {
			n.add(holder{"", s.ServiceAccount}, applied(kinds))
		}
		if namespace, name, ok := strings.Cut(s.ServiceAccount, "/"); ok {
			n.add(holder{namespace, ""}, []need{{right{"", "serviceaccounts", name}, verbs("impersonate"), "act as " + s.ServiceAccount}})
		}
	}
	return n.roles(home)
}

// A holder is an account in a namespace; in the whole cluster where that is "".
type holder struct{ namespace, account string }

// A right is what verbs are about.
type right struct {
	group, resource string
	name            string // of the one object; "" for all
}

type need struct {
	right
	verbs []string
	why   string
}

func verbs(list string) []string { return strings.Fields(list) }

// leaseName is the lease's that the one who writes holds.
const leaseName = "banksman"

func ownLease() []need {
	const why = "one banksman writes, the others wait"
	return []need{
		{right{"coordination.k8s.io", "leases", ""}, verbs("create"), why}, // no name is known to who may create
		{right{"coordination.k8s.io", "leases", leaseName}, verbs("get update"), why},
	}
}

func ownRecord() []need {
	return []need{
		{right{"banksman.dev", "deliveries", ""}, verbs("get list watch create patch"), "remember what runs and what waits, and read what operators order"},
		{right{"banksman.dev", "deliveries/status", ""}, verbs("update"), "remember what runs and what waits"},
		{right{"", "secrets", ""}, verbs("get create patch"), "keep what was promoted beside its Delivery, so that it can be repaired without Git"},
		{right{"", "events", ""}, verbs("create"), "tell what happens to a release where kubectl describe shows it"},
	}
}

// places are the namespaces of a scope; "" for all of them.
func places(namespaces []string) []string {
	if len(namespaces) == 0 {
		return []string{""}
	}
	return namespaces
}

// about is what is needed about a repository's objects in a namespace, and for the
// reasons why they are not healthy.
func about(s Scope, namespace string) []need {
	kinds := s.Kinds
	if namespace != "" {
		kinds = slices.DeleteFunc(slices.Clone(kinds), isClusters)
	}
	list := applied(kinds)
	if len(s.Kinds) == 0 {
		return append([]need{{right{"*", "*", ""}, verbs(forObjects), "bring the objects of the templates to the cluster: the configuration names no kinds"}}, list...)
	}
	if slices.ContainsFunc(kinds, makesPods) {
		const why = "say why Pods are not ready"
		list = append(list,
			need{right{"", "pods", ""}, verbs("list watch"), why},
			need{right{"", "events", ""}, verbs("list watch"), why},
			need{right{"", "secrets", ""}, verbs("get"), "say whether a pull secret is missing"},
			need{right{"autoscaling", "horizontalpodautoscalers", ""}, verbs("list watch"), "leave the replicas of autoscaled workloads alone"})
	}
	if slices.Contains(kinds, "Deployment.apps") {
		list = append(list, need{right{"apps", "replicasets", ""}, verbs("list watch"), "tell the Pods of a Deployment's present template from older ones"})
	}
	return list
}

// forObjects is what is done with every object of the templates.
const forObjects = "get list watch create patch delete"

func applied(kinds []string) []need {
	var list []need
	for _, kind := range kinds {
		gk := schema.ParseGroupKind(kind)
		list = append(list, need{right{gk.Group, resourceOf(gk), ""}, verbs(forObjects), "bring the objects of the templates to the cluster"})
	}
	return list
}

// resourceOf is what the API server calls a kind, by the rule that all kinds of
// Kubernetes itself follow, and the Gateway of others: the guess would make -ies of
// every -y.
func resourceOf(kind schema.GroupKind) string {
	if lower := strings.ToLower(kind.Kind); len(lower) > 1 && lower[len(lower)-1] == 'y' && strings.ContainsRune("aeiou", rune(lower[len(lower)-2])) {
		return lower + "s"
	}
	plural, _ := meta.UnsafeGuessKindToResource(kind.WithVersion(""))
	return plural.Resource
}

func makesPods(kind string) bool {
	switch kind {
	case "Deployment.apps", "StatefulSet.apps", "DaemonSet.apps", "Job.batch", "CronJob.batch":
		return true
	}
	return false
}

func clusterKinds(s Scope) []string {
	return slices.DeleteFunc(slices.Clone(s.Kinds), func(kind string) bool { return !isClusters(kind) })
}

func isClusters(kind string) bool {
	gk := schema.ParseGroupKind(kind)
	return render.InNoNamespace(gk.Group, gk.Kind)
}

// needs are gathered from several repositories: each right once, with its verbs and
// what it is for.
type needs map[holder]map[right]*gathered

type gathered struct{ verbs, whys []string }

func (n needs) add(h holder, list []need) {
	if n[h] == nil {
		n[h] = map[right]*gathered{}
	}
	for _, more := range list {
		g := n[h][more.right]
		if g == nil {
			g = &gathered{}
			n[h][more.right] = g
		}
		g.verbs, g.whys = union(g.verbs, more.verbs), union(g.whys, []string{more.why})
	}
}

func union(a, b []string) []string {
	for _, s := range b {
		if !slices.Contains(a, s) {
			a = append(slices.Clone(a), s)
		}
	}
	return a
}

func (n needs) roles(home string) []Role {
	var roles []Role
	for h, rights := range n {
		if len(rights) == 0 {
			continue
		}
		roles = append(roles, Role{Name: roleName(home, h.account), Namespace: h.namespace, Account: h.account, Rules: rulesOf(rights)})
	}
	slices.SortFunc(roles, func(a, b Role) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return roles
}

// usualHome is where banksman runs unless somebody says otherwise.
const usualHome = "banksman-system"

// roleName keeps the Roles of two installations, and of two accounts, apart.
func roleName(home, account string) string {
	name := "banksman"
	if home != usualHome {
		name += "-in-" + home
	}
	if account != "" {
		name += "-as-" + strings.ReplaceAll(account, "/", "-")
	}
	return name
}

// rulesOf puts the resources together that are alike in all else.
func rulesOf(rights map[right]*gathered) []Rule {
	var rules []Rule
	for _, r := range slices.SortedFunc(maps.Keys(rights), compareRights) {
		g := rights[r]
		one := Rule{
			PolicyRule: rbacv1.PolicyRule{APIGroups: []string{r.group}, Resources: []string{r.resource}, Verbs: g.verbs},
			Why:        strings.Join(g.whys, "; "),
		}
		if r.name != "" {
			one.ResourceNames = []string{r.name}
		}
		if i := slices.IndexFunc(rules, one.isLike); i >= 0 {
			rules[i].Resources = append(rules[i].Resources, r.resource)
			continue
		}
		rules = append(rules, one)
	}
	return rules
}

func compareRights(a, b right) int {
	return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.resource, b.resource), cmp.Compare(a.name, b.name))
}

// isLike: they differ in their resources at most.
func (r Rule) isLike(o Rule) bool {
	return r.Why == o.Why && slices.Equal(r.APIGroups, o.APIGroups) && slices.Equal(r.Verbs, o.Verbs) && slices.Equal(r.ResourceNames, o.ResourceNames)
}
