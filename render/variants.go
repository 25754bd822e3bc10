package render

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// place puts each object that names no namespace into the service's. An empty namespace, written out, means none.
func (w *rendering) place(objects []rendered) error {
	plain := make([]Object, len(objects))
	for i, o := range objects {
		plain[i] = o.Object
	}
	defined := definedScopes(plain)
	for _, o := range objects {
		metadata := o.metadata()
		namespace, named := metadata["namespace"]
		if namespace == "" {
			delete(metadata, "namespace")
		}
		switch scope := scopeOf(o.Object, defined); {
		case scope == scopeCluster && namespace != nil && namespace != "":
			return o.fault("", fmt.Sprintf("%s %s names a namespace, but its kind lives in none", o.Kind(), o.Name()),
				"remove metadata.namespace")
		case scope == scopeCluster, o.Namespace() != "":
		case scope == scopeNamespace && w.entry.Namespace == "":
			return o.fault("", fmt.Sprintf("%s %s is in no namespace", o.Kind(), o.Name()),
				"add metadata.namespace, or namespace: to the service's entry")
		case (scope == scopeNamespace || !named) && w.entry.Namespace != "":
			metadata["namespace"] = w.entry.Namespace
		}
	}
	return nil
}

// unique refuses two objects of one identity in one variant.
func (w *rendering) unique(name ServiceName, objects []rendered) error {
	first := make(map[ObjectID]rendered, len(objects))
	for _, o := range objects {
		if other, found := first[o.ID()]; found {
			return o.fault(name, fmt.Sprintf("%s is rendered twice, first by %s", o, other.file), "remove one of them")
		}
		first[o.ID()] = o
	}
	return nil
}

// replicaCanary is the canary of a service without an entry for it: the full variant's Deployments under a name of
// their own with fewer replicas; everything else is shared.
func replicaCanary(entry Entry, full []rendered) ([]rendered, error) {
	var canary []rendered
	deployments := 0
	for _, o := range full {
		if o.Kind() != "Deployment" || groupOf(o.APIVersion()) != "apps" {
			canary = append(canary, o)
			continue
		}
		deployments++
		twin := rendered{o.clone(), o.place}
		spec, ok := twin.Object["spec"].(map[string]any)
		if !ok {
			return nil, o.fault(entry.Name, fmt.Sprintf("%s has no spec", o), "write one")
		}
		twin.metadata()["name"] = o.Name() + canarySuffix
		spec["replicas"] = entry.replicas.of(spec["replicas"])
		canary = append(canary, twin)
	}
	if deployments == 0 {
		return nil, entry.replicas.at.fault(entry.Name, "canary: needs a Deployment, and none is rendered",
			fmt.Sprintf("remove canary:, or add an entry %s%s with templates of its own", entry.Name, canarySuffix))
	}
	return canary, nil
}

// of is the number of canary Pods beside the full ones; a percentage gives at least one.
func (r replicas) of(full any) int64 {
	if r.count > 0 {
		return r.count
	}
	pods, ok := full.(int64)
	if !ok {
		pods = 1
	}
	return max(1, (pods*r.percent+99)/100)
}

// split sorts the objects of both variants into the release. What both render must be the same, because there is only
// one such object in the cluster.
func (r *Release) split(entry Entry, full, canary []rendered) error {
	inCanary := make(map[ObjectID]rendered, len(canary))
	for _, o := range canary {
		inCanary[o.ID()] = o
		r.Sources[o.ID()] = o.file
	}
	for _, o := range full {
		r.Sources[o.ID()] = o.file
		twin, both := inCanary[o.ID()]
		if !both {
			r.Full = append(r.Full, o.Object)
			continue
		}
		if path, fullValue, canaryValue := firstDifference("", map[string]any(o.Object), map[string]any(twin.Object)); path != "" {
			return differs(entry, o, path, fullValue, canaryValue)
		}
		delete(inCanary, o.ID())
		r.Shared = append(r.Shared, o.Object)
	}
	for _, o := range inCanary {
		r.Canary = append(r.Canary, o.Object)
	}
	if r.HasCanary && !r.runsCanary() {
		return entry.at.fault(entry.Name, fmt.Sprintf("its canary %s renders no workload of its own, so nothing would run as a canary",
			entry.CanaryName), "name the canary's Deployment by .system.SERVICE")
	}
	sortObjects(r.Full)
	sortObjects(r.Canary)
	sortObjects(r.Shared)
	return nil
}

// workloads are the kinds of Kubernetes itself that run Pods, by group.
var workloads = map[string][]string{
	"":      {"Pod", "ReplicationController"},
	"apps":  {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"},
	"batch": {"Job", "CronJob"},
}

// runsCanary says whether something of the canary's own can run. A kind that is not Kubernetes' own may run Pods too.
func (r *Release) runsCanary() bool {
	isWorkload := func(o Object) bool {
		group := groupOf(o.APIVersion())
		return slices.Contains(workloads[group], o.Kind()) || scopeOf(o, nil) == scopeUnknown
	}
	if slices.ContainsFunc(r.Canary, isWorkload) {
		return true
	}
	running := slices.ContainsFunc(r.Full, isWorkload) || slices.ContainsFunc(r.Shared, isWorkload)
	return len(r.Canary) > 0 && !running
}

func differs(entry Entry, o rendered, path, full, canary string) error {
	return place{file: o.file}.fault(entry.Name,
		fmt.Sprintf("%s is rendered by both variants, but differs at %s: %s in full, %s in the canary", o, path, full, canary),
		"name it by .system.SERVICE for one of each, or render it the same in both")
}

// firstDifference is the first path, in sorted order, at which two values differ, with both values as JSON; "" if they
// are the same.
func firstDifference(path string, a, b any) (where, left, right string) {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok {
			break
		}
		union := map[string]bool{}
		for key := range a {
			union[key] = true
		}
		for key := range b {
			union[key] = true
		}
		for _, key := range keysOf(union) {
			left, inA := a[key]
			right, inB := b[key]
			at := child(path, key)
			if !inA || !inB {
				return at, shown(left, inA), shown(right, inB)
			}
			if where, left, right := firstDifference(at, left, right); where != "" {
				return where, left, right
			}
		}
		return "", "", ""
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			break
		}
		for i := range a {
			if where, left, right := firstDifference(path+"["+strconv.Itoa(i)+"]", a[i], b[i]); where != "" {
				return where, left, right
			}
		}
		return "", "", ""
	}
	if a == b { // scalars: a map or list would have returned, or differs in type
		return "", "", ""
	}
	return path, shown(a, true), shown(b, true)
}

func child(path, key string) string {
	if strings.ContainsAny(key, "./[] ") {
		return path + "[" + key + "]"
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

func shown(v any, present bool) string {
	if !present {
		return "nothing"
	}
	return clip(string(canonical(v)), 60)
}
