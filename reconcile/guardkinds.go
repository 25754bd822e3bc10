package reconcile

import (
	"fmt"
	"slices"
	"strings"

	"banksman.dev/render"
)

// asks has the kinds that a pull request's canary may consist of, and how each
// notes the powers that it asks for.
var asks = map[string]func(n node, id render.ObjectID){
	"apps/Deployment":                     deploymentPowers,
	"apps/StatefulSet":                    statefulPowers,
	"/ConfigMap":                          func(n node, _ render.ObjectID) { n.otherFields("data", "binaryData", "immutable") },
	"/Secret":                             secretPowers,
	"/Service":                            servicePowers,
	"autoscaling/HorizontalPodAutoscaler": autoscalerPowers,
	"policy/PodDisruptionBudget":          budgetPowers,
}

// otherFields is others for an object's own fields.
func (n node) otherFields(harmless ...string) {
	n.others(append(harmless, "apiVersion", "kind", "metadata", "status")...)
}

// metadata refuses what ties an object to others, or takes it for ours.
func (g *guarding) metadata(o render.Object, n node) {
	m := n.inner("metadata")
	for key := range m.values {
		switch key {
		case "name", "namespace", "labels", "annotations", "creationTimestamp":
		default:
			if m.get(key) != nil {
				g.refuse(o, "has metadata."+plain(key))
			}
		}
	}
	for _, field := range []string{"labels", "annotations"} {
		for key := range m.pairs(field) {
			if strings.HasPrefix(key, "banksman.dev/") {
				g.refuse(o, fmt.Sprintf("has %s in metadata.%s, which is for banksman to write", plain(key), field))
			}
		}
	}
}

// metadataPowers notes the labels and annotations by which other controllers
// may take orders.
func metadataPowers(n node) {
	m := n.inner("metadata")
	for k, v := range m.pairs("labels") {
		domain, _, _ := strings.Cut(k, "/")
		if domain != "app.kubernetes.io" && k != "helm.sh/chart" && !harmlessLabels[k] {
			m.can(fmt.Sprintf("is labelled %s=%s", plain(k), plain(v)))
		}
	}
	annotationGrants(m, "is annotated")
}

// harmlessLabels say what an object is part of. Any other may be what a
// controller or a sidecar looks for in all namespaces: grafana_datasource.
var harmlessLabels = map[string]bool{
	"app": true, "name": true, "component": true, "part-of": true, "tier": true, "track": true,
	"version": true, "revision": true, "commit": true, "build": true,
}

// limits refuses what has no place among powers because it is counted, or is
// about another object of the canary.
func (g *guarding) limits(o render.Object, spec node) {
	var pods int64
	switch kindIn(o) {
	case "apps/Deployment", "apps/StatefulSet":
		pods = wantedPods(spec, "replicas")
	case "autoscaling/HorizontalPodAutoscaler":
		pods = max(wantedPods(spec, "minReplicas"), wantedPods(spec, "maxReplicas"))
		to := spec.inner("scaleTargetRef")
		group, _ := groupVersion(to.text("apiVersion"))
		target := render.ObjectID{Group: group, Kind: to.text("kind"), Namespace: o.Namespace(), Name: to.text("name")}
		if !g.targets[target] {
			g.refuse(o, fmt.Sprintf("scales %s %s, which is not the canary's", plain(target.Kind), plain(target.Name)))
		}
	}
	if pods > g.most {
		g.refuse(o, fmt.Sprintf("wants %d replicas, more than the %d of the largest that runs", pods, g.most))
	}
}

// wantedPods is a number of replicas; 1 when nothing is said.
func wantedPods(spec node, key string) int64 {
	if pods, said := ask[int64](spec, key); said {
		return pods
	}
	return 1
}

func deploymentPowers(n node, _ render.ObjectID) {
	spec := n.inner("spec")
	n.otherFields()
	grants(spec.inner("template"))
	spec.others("replicas", "selector", "strategy", "minReadySeconds", "revisionHistoryLimit", "paused", "progressDeadlineSeconds")
}

func statefulPowers(n node, id render.ObjectID) {
	spec := n.inner("spec")
	n.otherFields()
	grants(spec.inner("template"))
	// Claims are bound by the name of the StatefulSet and of the template: other
	// names might reach those of another set.
	for _, claim := range spec.each("volumeClaimTemplates") {
		claim.can(fmt.Sprintf("claims for the StatefulSet %s the volume %s", plain(id.Name), canonical(claim.values)))
	}
	spec.others("replicas", "selector", "serviceName", "updateStrategy", "podManagementPolicy", "revisionHistoryLimit",
		"minReadySeconds", "ordinals")
}

// harmlessSecrets are the types that no controller fills or acts on.
var harmlessSecrets = []string{
	"", "Opaque", "kubernetes.io/tls", "kubernetes.io/basic-auth", "kubernetes.io/ssh-auth",
	"kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg",
}

func secretPowers(n node, _ render.ObjectID) {
	if kind := n.text("type"); !slices.Contains(harmlessSecrets, kind) {
		n.can("is a Secret of the type " + plain(kind)) // such as a token of any ServiceAccount
	}
	n.otherFields("data", "stringData", "immutable")
}

func servicePowers(n node, _ render.ObjectID) {
	spec := n.inner("spec")
	n.otherFields()
	if kind := spec.text("type"); kind != "" && kind != "ClusterIP" {
		spec.can("is a Service of the type " + plain(kind))
	}
	if ip := spec.text("clusterIP"); ip != "" && ip != "None" {
		spec.can("takes the address " + plain(ip))
	}
	ports := []string{"of any number"}
	for _, p := range spec.each("ports") {
		if port, set := ask[int64](p, "nodePort"); set && port != 0 {
			p.can(fmt.Sprintf("takes the port %d of every node", port))
		}
		ports = append(ports, canonical(p.values["port"]))
		p.others("name", "port", "protocol", "targetPort", "appProtocol")
	}
	for _, ip := range spec.texts("externalIPs") {
		for _, port := range ports {
			spec.can(fmt.Sprintf("takes the address %s, port %s", plain(ip), port))
		}
	}
	spec.others("selector", "sessionAffinity", "sessionAffinityConfig", "ipFamilies", "ipFamilyPolicy",
		"publishNotReadyAddresses", "internalTrafficPolicy", "externalTrafficPolicy", "trafficDistribution")
}

func autoscalerPowers(n node, _ render.ObjectID) {
	spec := n.inner("spec")
	n.otherFields()
	spec.inner("scaleTargetRef").others("apiVersion", "kind", "name")
	spec.others("minReplicas", "maxReplicas", "metrics", "behavior", "targetCPUUtilizationPercentage")
}

// budgetPowers is about the Pods that a budget keeps on their nodes: those of
// the service, not of its neighbours.
func budgetPowers(n node, _ render.ObjectID) {
	spec := n.inner("spec")
	n.otherFields()
	spec.can(selects(spec))
	spec.others("minAvailable", "maxUnavailable", "unhealthyPodEvictionPolicy")
}

func selects(spec node) string {
	return "keeps on their nodes the Pods of " + canonical(spec.get("selector"))
}
