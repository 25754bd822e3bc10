package install

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

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

// The ports that banksman talks to: a policy can name no hosts. It sees the ports
// of the Pods behind a Service, not the Service's own.
const (
	portDNS     = 53
	portDNSPods = 5353 // of OpenShift's DNS Pods, behind the Service on 53
	portHTTPS   = 443
	portAPI     = 6443 // of many API servers, behind the Service on 443
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
	dns := []networking.NetworkPolicyPort{}
	for _, n := range []int32{portDNS, portDNSPods} {
		number := intstr.FromInt32(n)
		dns = append(dns, networking.NetworkPolicyPort{Protocol: &udp, Port: &number}, networking.NetworkPolicyPort{Protocol: &tcp, Port: &number})
	}
	asked := o.named()
	if len(o.MoreEgressPorts) > 0 {
		asked.Annotations = map[string]string{EgressPortsAnnotation: portWords(o.MoreEgressPorts)}
	}
	return &networking.NetworkPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"},
		ObjectMeta: asked,
		Spec: networking.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: o.selector()},
			PolicyTypes: []networking.PolicyType{networking.PolicyTypeIngress, networking.PolicyTypeEgress},
			Ingress:     []networking.NetworkPolicyIngressRule{{Ports: []networking.NetworkPolicyPort{{Protocol: &tcp, Port: &named}}}},
			Egress: []networking.NetworkPolicyEgressRule{
				{Ports: dns},
				{Ports: out},
			},
		},
	}
}

func (o Options) egress() []int32 {
	return sortedPorts(slices.Concat([]int32{portHTTPS, portAPI}, o.EgressPorts, o.MoreEgressPorts))
}

func sortedPorts(ports []int32) []int32 {
	return slices.Compact(slices.Sorted(slices.Values(ports)))
}

// EgressPortsAnnotation remembers on the NetworkPolicy which ports were asked
// for, so that an upgrade keeps them: "587,8883".
const EgressPortsAnnotation = "banksman.dev/egress-ports"

func portWords(ports []int32) string {
	var words []string
	for _, n := range sortedPorts(ports) {
		words = append(words, strconv.Itoa(int(n)))
	}
	return strings.Join(words, ",")
}

// ParsePorts reads TCP ports, "587,8883"; "" is none.
func ParsePorts(words string) (ports []int32, err error) {
	for word := range strings.SplitSeq(words, ",") {
		if word = strings.TrimSpace(word); word == "" {
			continue
		}
		n, err := strconv.ParseUint(word, 10, 16)
		if err != nil || n == 0 {
			return nil, fmt.Errorf("%q is no port: want a number from 1 to 65535", word)
		}
		ports = append(ports, int32(n))
	}
	return sortedPorts(ports), nil
}
