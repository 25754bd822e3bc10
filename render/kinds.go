package render

import (
	"fmt"
	"slices"
	"strings"
)

// removedAPIs are the versions that no supported Kubernetes serves, with the words to write instead
// (https://kubernetes.io/docs/reference/using-api/deprecation-guide/).
var removedAPIs = map[string]map[string]string{
	"apps/v1beta1":                       {"*": appsV1},
	"apps/v1beta2":                       {"*": appsV1},
	"extensions/v1beta1":                 {"Ingress": ingressV1, "NetworkPolicy": "networking.k8s.io/v1", "PodSecurityPolicy": podSecurity, "*": appsV1},
	"networking.k8s.io/v1beta1":          {"Ingress": ingressV1, "IngressClass": "networking.k8s.io/v1"},
	"batch/v1beta1":                      {"CronJob": "batch/v1"},
	"batch/v2alpha1":                     {"CronJob": "batch/v1"},
	"policy/v1beta1":                     {"PodDisruptionBudget": "policy/v1; an empty selector then selects every Pod", "PodSecurityPolicy": podSecurity},
	"autoscaling/v2beta1":                {"HorizontalPodAutoscaler": "autoscaling/v2; a metric's target then moves below target:"},
	"autoscaling/v2beta2":                {"HorizontalPodAutoscaler": "autoscaling/v2"},
	"rbac.authorization.k8s.io/v1beta1":  {"*": "rbac.authorization.k8s.io/v1"},
	"rbac.authorization.k8s.io/v1alpha1": {"*": "rbac.authorization.k8s.io/v1"},
	"apiextensions.k8s.io/v1beta1":       {"*": "apiextensions.k8s.io/v1; the schema then moves to spec.versions[].schema"},
	"admissionregistration.k8s.io/v1beta1": {
		"ValidatingWebhookConfiguration": "admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration": "admissionregistration.k8s.io/v1",
	},
	"apiregistration.k8s.io/v1beta1": {"*": "apiregistration.k8s.io/v1"},
	"scheduling.k8s.io/v1beta1":      {"*": "scheduling.k8s.io/v1"},
	"storage.k8s.io/v1beta1":         {"StorageClass": "storage.k8s.io/v1", "CSIDriver": "storage.k8s.io/v1", "CSINode": "storage.k8s.io/v1", "VolumeAttachment": "storage.k8s.io/v1"},
	"discovery.k8s.io/v1beta1":       {"*": "discovery.k8s.io/v1"},
	"coordination.k8s.io/v1beta1":    {"Lease": "coordination.k8s.io/v1"},
}

const (
	appsV1      = "apps/v1"
	ingressV1   = "networking.k8s.io/v1; each path then also needs pathType, and its backend becomes service: {name, port: {number}}"
	podSecurity = "nothing: use the labels of Pod Security Admission on the Namespace"
)

// removed says what to write instead of a removed version, "" for one that is served.
func removed(apiVersion, kind string) string {
	kinds := removedAPIs[apiVersion]
	instead, found := kinds[kind]
	if !found {
		instead = kinds["*"]
	}
	if instead == appsV1 {
		return fmt.Sprintf("write apps/v1; a %s then also needs spec.selector", kind)
	}
	if instead == "" {
		return ""
	}
	return "write " + instead
}

// clusterScoped are the kinds of Kubernetes itself that live in no namespace, by group. Rendering cannot ask the API.
var clusterScoped = map[string][]string{
	"":                             {"Namespace", "Node", "PersistentVolume", "ComponentStatus"},
	"admissionregistration.k8s.io": {"ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"},
	"apiextensions.k8s.io":         {"CustomResourceDefinition"},
	"apiregistration.k8s.io":       {"APIService"},
	"certificates.k8s.io":          {"CertificateSigningRequest", "ClusterTrustBundle"},
	"flowcontrol.apiserver.k8s.io": {"FlowSchema", "PriorityLevelConfiguration"},
	"gateway.networking.k8s.io":    {"GatewayClass"},
	"networking.k8s.io":            {"IngressClass", "IPAddress", "ServiceCIDR"},
	"node.k8s.io":                  {"RuntimeClass"},
	"rbac.authorization.k8s.io":    {"ClusterRole", "ClusterRoleBinding"},
	"resource.k8s.io":              {"DeviceClass", "ResourceSlice"},
	"scheduling.k8s.io":            {"PriorityClass"},
	"snapshot.storage.k8s.io":      {"VolumeSnapshotClass", "VolumeSnapshotContent"},
	"storage.k8s.io":               {"StorageClass", "CSIDriver", "CSINode", "VolumeAttachment", "VolumeAttributesClass"},
}

// scope is where an object lives, as far as its kind tells.
type scope int

const (
	scopeNamespace scope = iota // a namespaced kind of Kubernetes itself
	scopeCluster
	scopeUnknown // a custom resource
)

// scopeOf knows the kinds of Kubernetes itself. A custom kind is namespaced, like most, unless its name says Cluster,
// or its definition, rendered with it, does.
func scopeOf(o Object, defined map[string]scope) scope {
	group := groupOf(o.APIVersion())
	if s, found := defined[group+"/"+o.Kind()]; found {
		return s
	}
	return scopeOfKind(group, o.Kind())
}

func scopeOfKind(group, kind string) scope {
	switch {
	case slices.Contains(clusterScoped[group], kind):
		return scopeCluster
	case !strings.Contains(group, ".") || strings.HasSuffix(group, ".k8s.io"):
		return scopeNamespace
	case strings.HasPrefix(kind, "Cluster"):
		return scopeCluster
	}
	return scopeUnknown
}

// InNoNamespace says whether objects of a kind live in no namespace, as far as the kind tells.
func InNoNamespace(group, kind string) bool { return scopeOfKind(group, kind) == scopeCluster }

// definedScopes reads the CustomResourceDefinitions among the objects.
func definedScopes(objects []Object) map[string]scope {
	defined := map[string]scope{}
	for _, o := range objects {
		if o.Kind() != "CustomResourceDefinition" {
			continue
		}
		spec, _ := o["spec"].(map[string]any)
		names, _ := spec["names"].(map[string]any)
		s := scopeNamespace
		if text(spec, "scope") == "Cluster" {
			s = scopeCluster
		}
		defined[text(spec, "group")+"/"+text(names, "kind")] = s
	}
	return defined
}
