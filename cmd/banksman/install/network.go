package install

import (
	"slices"

	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// portName is what the Service, the probes and the NetworkPolicy call the port.
const portName = "http"

const port = 8080

// service is for whoever reads the metrics.
func (o Options) service() *core.Service {
	return &core.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: o.named(),
		Spec: core.ServiceSpec{
			Selector: o.selector(),
			Ports:    []core.ServicePort{{Name: portName, Port: port, TargetPort: intstr.FromString(portName), Protocol: core.ProtocolTCP}},
		},
	}
}

// disruptions lets a drain take one Pod at a time. It is no minimum, so that one
// replica can be drained, too.
func (o Options) disruptions() *policy.PodDisruptionBudget {
	one, always := intstr.FromInt32(1), policy.AlwaysAllow
	return &policy.PodDisruptionBudget{
		TypeMeta:   metav1.TypeMeta{APIVersion: "policy/v1", Kind: "PodDisruptionBudget"},
		ObjectMeta: o.named(),
		Spec: policy.PodDisruptionBudgetSpec{
			MaxUnavailable:             &one,
			UnhealthyPodEvictionPolicy: &always,
			Selector:                   &metav1.LabelSelector{MatchLabels: o.selector()},
		},
	}
}

// The ports that banksman talks to: a policy can name no hosts.
const (
	portDNS   = 53
	portHTTPS = 443
	portAPI   = 6443 // of many API servers, behind the Service on 443
)

// traffic lets in what reads the metrics, and out what banksman asks: DNS, and
// the servers of GitHub, of Kubernetes and of the notifications.
func (o Options) traffic() *networking.NetworkPolicy {
	udp, tcp := core.ProtocolUDP, core.ProtocolTCP
	named := intstr.FromString(portName)
	out := []networking.NetworkPolicyPort{}
	for _, n := range o.egress() {
		number := intstr.FromInt32(n)
		out = append(out, networking.NetworkPolicyPort{Protocol: &tcp, Port: &number})
	}
	dns := intstr.FromInt32(portDNS)
	return &networking.NetworkPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"},
		ObjectMeta: o.named(),
		Spec: networking.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: o.selector()},
			PolicyTypes: []networking.PolicyType{networking.PolicyTypeIngress, networking.PolicyTypeEgress},
			Ingress:     []networking.NetworkPolicyIngressRule{{Ports: []networking.NetworkPolicyPort{{Protocol: &tcp, Port: &named}}}},
			Egress: []networking.NetworkPolicyEgressRule{
				{Ports: []networking.NetworkPolicyPort{{Protocol: &udp, Port: &dns}, {Protocol: &tcp, Port: &dns}}},
				{Ports: out},
			},
		},
	}
}

func (o Options) egress() []int32 {
	ports := append([]int32{portHTTPS, portAPI}, o.EgressPorts...)
	slices.Sort(ports)
	return slices.Compact(ports)
}
