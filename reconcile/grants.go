package reconcile

import (
	"fmt"
	"slices"
	"strings"
)

// grants notes what a Pod template lets its Pods do. The lack of a restriction
// is a power too: a template that drops one asks for more than it had.
// The lists of harmless keys are those of Kubernetes 1.37.
func grants(template node) {
	metadata := template.inner("metadata")
	for k, v := range metadata.pairs("labels") {
		if !harmlessTemplateLabels[k] {
			metadata.can(fmt.Sprintf("labels its Pods %s=%s", plain(k), plain(v))) // Services and network policies select by them
		}
	}
	annotationGrants(metadata, "annotates its Pods")
	metadata.others("name", "namespace", "creationTimestamp")
	podGrants(template.inner("spec"))
	template.others()
}

func podGrants(pod node) {
	for key, power := range map[string]string{
		"hostNetwork":           "uses the host's network",
		"hostPID":               "sees the host's processes",
		"hostIPC":               "uses the host's IPC",
		"shareProcessNamespace": "shares processes between its containers",
	} {
		if pod.isTrue(key) {
			pod.can(power)
		}
	}
	if own, set := ask[bool](pod, "hostUsers"); !set || own {
		pod.can("shares the host's users")
	}
	for _, t := range pod.each("tolerations") {
		pod.can("tolerates " + canonical(t.values))
	}
	for _, key := range []string{"nodeName", "priorityClassName", "schedulerName"} {
		if v := pod.text(key); v != "" {
			pod.can(fmt.Sprintf("sets %s to %s", pod.at(key), plain(v)))
		}
	}
	// A runtime may be a sandbox, and the default one is none.
	if class := pod.text("runtimeClassName"); class != "" {
		pod.can("runs in the runtime " + plain(class))
	} else {
		pod.can("runs in the cluster's default runtime")
	}
	os := pod.inner("os")
	if name := os.text("name"); name != "" && name != "linux" {
		os.can("runs on " + plain(name))
	}
	os.others()
	for _, s := range pod.each("imagePullSecrets") {
		pod.can("pulls images with the Secret " + plain(s.text("name")))
		s.others()
	}
	accountGrants(pod)
	podSecurity(pod.inner("securityContext"))
	resourceGrants(pod.inner("resources"))
	volumes := volumesOf(pod)
	for _, key := range []string{"containers", "initContainers"} {
		for _, c := range pod.each(key) {
			c.path = pod.at("containers[]") // both kinds can do the same
			containerGrants(pod, c, volumes)
		}
	}
	unmounted(volumes)
	pod.others("restartPolicy", "terminationGracePeriodSeconds", "activeDeadlineSeconds", "dnsPolicy", "dnsConfig",
		"hostname", "subdomain", "setHostnameAsFQDN", "enableServiceLinks", "readinessGates", "schedulingGates",
		"topologySpreadConstraints")
}

func account(pod node) string {
	name := pod.text("serviceAccountName")
	if name == "" {
		name = pod.text("serviceAccount")
	}
	if name == "" {
		return "default"
	}
	return plain(name)
}

func accountGrants(pod node) {
	name := account(pod)
	pod.can("runs as the ServiceAccount " + name)
	if old := pod.text("serviceAccount"); old != "" {
		pod.can("runs as the ServiceAccount " + plain(old))
	}
	always := "holds the token of the ServiceAccount " + name
	switch mounts, set := ask[bool](pod, "automountServiceAccountToken"); {
	case !set:
		pod.can(always+", unless that forbids it", always)
	case mounts:
		pod.can(always)
		pod.can(always + ", unless that forbids it")
	}
}

// podSecurity notes what only the Pod's own security context says; what a
// container may override is noted for each container.
func podSecurity(security node) {
	for _, s := range security.each("sysctls") {
		security.can(fmt.Sprintf("sets the sysctl %s to %s", plain(s.text("name")), plain(s.text("value"))))
		s.others()
	}
	if security.text("supplementalGroupsPolicy") != "Strict" {
		security.can("takes groups from its image")
	}
	security.others("fsGroupChangePolicy", "runAsUser", "runAsNonRoot", "seccompProfile", "appArmorProfile")
}

func resourceGrants(resources node) {
	for _, key := range []string{"limits", "requests"} {
		amounts := resources.inner(key)
		for name, amount := range amounts.values {
			switch name {
			case "cpu", "memory", "ephemeral-storage":
			default: // a device
				resources.can(fmt.Sprintf("uses %s of %s", canonical(amount), plain(name)))
			}
		}
	}
	resources.others()
}

func containerGrants(pod, c node, volumes map[string]*volume) {
	securityGrants(pod.inner("securityContext"), c.inner("securityContext"))
	for _, p := range c.each("ports") {
		if port, set := ask[int64](p, "hostPort"); set && port != 0 {
			portGrant(p, port)
		}
		p.others("name", "containerPort", "protocol", "hostIP")
	}
	for _, e := range c.each("env") {
		from := e.inner("valueFrom")
		if ref := from.inner("secretKeyRef"); len(ref.values) > 0 {
			readsKey(ref, ref.text("name"), ref.text("key"))
			ref.others("optional")
		}
		from.others("fieldRef", "resourceFieldRef", "configMapKeyRef", "fileKeyRef")
		e.others("name", "value")
	}
	for _, e := range c.each("envFrom") {
		if ref := e.inner("secretRef"); len(ref.values) > 0 {
			ref.can("reads the Secret " + plain(ref.text("name")))
			ref.others("optional")
		}
		e.others("prefix", "configMapRef")
	}
	resourceGrants(c.inner("resources"))
	mountGrants(c, volumes)
	for _, key := range []string{"livenessProbe", "readinessProbe", "startupProbe"} {
		handlerGrants(c.inner(key))
	}
	lifecycle := c.inner("lifecycle")
	handlerGrants(lifecycle.inner("postStart"))
	handlerGrants(lifecycle.inner("preStop"))
	lifecycle.others("stopSignal")
	c.others("name", "image", "imagePullPolicy", "command", "args", "workingDir", "terminationMessagePath",
		"terminationMessagePolicy", "stdin", "stdinOnce", "tty", "resizePolicy", "restartPolicy", "restartPolicyRules")
}

func portGrant(p node, port int64) {
	protocol := p.text("protocol")
	if protocol == "" {
		protocol = "TCP"
	}
	anywhere := fmt.Sprintf("takes the port %d/%s of its node", port, plain(protocol))
	if ip := p.text("hostIP"); ip != "" {
		p.can(anywhere+" at "+plain(ip), anywhere)
		return
	}
	p.can(anywhere)
}

func readsKey(n node, secret, key string) {
	n.can(fmt.Sprintf("reads the key %s of the Secret %s", plain(key), plain(secret)), "reads the Secret "+plain(secret))
}

// handlerGrants is about probes and hooks: the node sends them, also to
// addresses that the Pod cannot reach.
func handlerGrants(handler node) {
	for _, key := range []string{"httpGet", "tcpSocket"} {
		to := handler.inner(key)
		if host := to.text("host"); host != "" {
			handler.can("makes its node connect to " + plain(host))
		}
		to.others("path", "port", "scheme", "httpHeaders")
	}
	handler.others("exec", "grpc", "sleep", "initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold",
		"failureThreshold", "terminationGracePeriodSeconds")
}

// harmlessTemplateLabels say which build runs; nobody selects other services'
// Pods by them.
var harmlessTemplateLabels = map[string]bool{
	"app.kubernetes.io/version": true, "helm.sh/chart": true, "version": true, "revision": true, "commit": true, "build": true,
}

// annotationGrants notes annotations that some controller may take for an
// order: a role in a cloud, a network, a DNS name, a copy of a Secret.
func annotationGrants(metadata node, does string) {
	for k, v := range metadata.pairs("annotations") {
		if !isHarmlessAnnotation(k) {
			metadata.can(fmt.Sprintf("%s %s: %s", does, plain(k), plain(v)))
		}
	}
}

func isHarmlessAnnotation(key string) bool {
	domain, _, _ := strings.Cut(key, "/")
	switch {
	case harmlessLabels[key], key == "checksum", key == "description":
		return true
	case slices.Contains([]string{"checksum", "prometheus.io", "app.kubernetes.io"}, domain):
		return true
	}
	return slices.Contains([]string{
		"kubernetes.io/change-cause", "kubernetes.io/description",
		"kubectl.kubernetes.io/restartedAt", "kubectl.kubernetes.io/default-container",
	}, key)
}
