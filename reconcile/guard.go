package reconcile

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"banksman.dev/render"
)

// guard says what keeps the canary of an open pull request from running before
// the merge, in sorted sentences; nil: nothing. What nobody has reviewed must
// not get more power than the service has already.
//
// proposed is the release with the pull request merged. running is what the
// service runs in the branch; nil when nothing was promoted. Of proposed only
// the canary's own objects are ever applied. An object that running's canary
// has with the same content is nothing new. What the guard does not know is
// refused.
func guard(proposed render.Release, running *render.Release) []string {
	if running == nil {
		return []string{fmt.Sprintf("nothing of %s runs yet: there is nothing to compare its canary with", proposed.Service)}
	}
	g := newGuarding(proposed, *running)
	for _, o := range proposed.Canary {
		g.object(o)
	}
	for _, o := range proposed.Shared {
		if comesWithCanary(o) && !g.follows[o.ID()] {
			g.refuse(o, "is newly shared with full: the canary would not find it")
		}
	}
	return slices.Sorted(maps.Keys(g.refused))
}

// changedShared are the objects that both variants share and that the release
// changes. The canary runs with the old ones.
func changedShared(proposed render.Release, running *render.Release) []render.ObjectID {
	if running == nil {
		return nil
	}
	was := map[render.ObjectID]render.Object{}
	for _, o := range everything(*running) {
		was[o.ID()] = o
	}
	var changed []render.ObjectID
	for _, o := range proposed.Shared {
		if old, found := was[o.ID()]; found && !reflect.DeepEqual(old, o) {
			changed = append(changed, o.ID())
		}
	}
	slices.SortFunc(changed, render.ObjectID.Compare)
	return changed
}

func everything(r render.Release) []render.Object {
	return slices.Concat(r.Full, r.Canary, r.Shared)
}

// A guarding is one comparison of a canary with what runs.
type guarding struct {
	own     map[render.ObjectID]render.Object // running's canary
	follows map[render.ObjectID]bool          // what follows full in running: nobody else may have it
	homes   map[home]bool
	had     map[string]powers // by namespace
	most    int64             // replicas of running's largest workload
	targets map[render.ObjectID]bool
	refused map[string]bool
}

// A home is where objects of a kind are already; of any kind if it is "",
// because Pods run there.
type home struct{ namespace, group, kind string }

func newGuarding(proposed, running render.Release) *guarding {
	g := &guarding{
		own: map[render.ObjectID]render.Object{}, follows: map[render.ObjectID]bool{}, homes: map[home]bool{},
		had: map[string]powers{}, most: 1, targets: map[render.ObjectID]bool{}, refused: map[string]bool{},
	}
	for _, o := range running.Canary {
		g.own[o.ID()] = o
	}
	for _, o := range slices.Concat(running.Full, running.Shared) {
		g.follows[o.ID()] = true
	}
	for _, o := range everything(running) {
		g.learn(o)
	}
	for _, o := range proposed.Canary {
		id := o.ID()
		switch kindIn(o) {
		case "apps/Deployment", "apps/StatefulSet":
			g.targets[id] = true
		case "/Secret": // what it says stands in the pull request anyhow
			g.powersIn(id.Namespace).add("reads the Secret "+plain(id.Name), "pulls images with the Secret "+plain(id.Name))
		}
	}
	return g
}

func kindIn(o render.Object) string { return o.ID().Group + "/" + o.Kind() }

func (g *guarding) powersIn(namespace string) powers {
	if g.had[namespace] == nil {
		g.had[namespace] = powers{}
	}
	return g.had[namespace]
}

func (had powers) add(words ...string) {
	for _, w := range words {
		had[w] = nil
	}
}

// learn notes what an object of running shows that the service has already.
func (g *guarding) learn(o render.Object) {
	id := o.ID()
	g.homes[home{id.Namespace, id.Group, id.Kind}] = true
	r := newReading()
	n := r.node("", o)
	switch kindIn(o) {
	case "apps/Deployment", "apps/StatefulSet":
		g.homes[home{namespace: id.Namespace}] = true
		g.most = max(g.most, wantedPods(n.inner("spec"), "replicas"))
		r.can(selects(n.inner("spec"))) // its own Pods
	case "autoscaling/HorizontalPodAutoscaler":
		g.most = max(g.most, wantedPods(n.inner("spec"), "maxReplicas"))
	}
	if ask := asks[kindIn(o)]; ask != nil {
		metadataPowers(n)
		ask(n, id)
		maps.Copy(g.powersIn(id.Namespace), r.powers)
	}
}

func (g *guarding) refuse(o render.Object, why string) {
	g.refused[o.String()+" "+brief(why)] = true
}

// brief keeps a sentence readable; what was compared was the whole of it.
func brief(sentence string) string {
	const most = 240
	if runes := []rune(sentence); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return sentence
}

// object refuses what of an object of the canary is new and not allowed.
func (g *guarding) object(o render.Object) {
	id := o.ID()
	if same, found := g.own[id]; found && reflect.DeepEqual(same, o) {
		return
	}
	ask := asks[kindIn(o)]
	if ask == nil {
		g.refuse(o, "is of a kind that no pull request brings")
		return
	}
	if g.follows[id] {
		g.refuse(o, "belongs to full")
	}
	if id.Namespace == "" || !g.homes[home{namespace: id.Namespace}] && !g.homes[home{id.Namespace, id.Group, id.Kind}] {
		g.refuse(o, "is in a namespace in which the service has nothing of the kind")
	}
	r := newReading()
	n := r.node("", o)
	g.metadata(o, n)
	metadataPowers(n)
	ask(n, id)
	g.limits(o, n.inner("spec"))
	for _, power := range slices.Sorted(maps.Keys(r.powers)) {
		if !g.had[id.Namespace].include(power, r.powers[power]) {
			g.refuse(o, power)
		}
	}
	for path := range r.unreadable {
		g.refuse(o, fmt.Sprintf("cannot be read at %s", plain(path)))
	}
}
