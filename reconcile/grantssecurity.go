package reconcile

import (
	"fmt"
	"strings"
)

// defaultCapabilities are those that containerd and CRI-O leave to a container
// that drops none (https://github.com/containerd/containerd/blob/main/pkg/oci/spec.go).
var defaultCapabilities = []string{
	"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "NET_RAW",
	"SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
}

// securityGrants notes what a container may do by its own security context,
// and by the Pod's where it says nothing itself.
func securityGrants(pod, c node) {
	if c.isTrue("privileged") {
		c.can("is privileged")
	}
	if may, set := ask[bool](c, "allowPrivilegeEscalation"); !set || may {
		c.can("may gain privileges after its start")
	}
	if !c.isTrue("readOnlyRootFilesystem") {
		c.can("writes to its image's files")
	}
	if proc := c.text("procMount"); proc != "" && proc != "Default" {
		c.can(fmt.Sprintf("sets %s to %s", c.at("procMount"), plain(proc)))
	}
	userGrant(pod, c)
	capabilityGrants(c.inner("capabilities"))
	profileGrant(pod, c, "seccompProfile", "seccomp", "Unconfined") // what a node does without being told
	profileGrant(pod, c, "appArmorProfile", "AppArmor", "RuntimeDefault")
	c.others()
}

func userGrant(pod, c node) {
	const anyUser, anyButRoot = "runs as any user, root too", "runs as any user but root"
	user, set := ask[int64](c, "runAsUser")
	if !set {
		user, set = ask[int64](pod, "runAsUser")
	}
	notRoot, said := ask[bool](c, "runAsNonRoot")
	if !said {
		notRoot, _ = ask[bool](pod, "runAsNonRoot")
	}
	switch {
	case set && user == 0:
		c.can("runs as root", anyUser)
	case set:
		c.can(fmt.Sprintf("runs as the user %d", user), anyUser, anyButRoot)
	case notRoot:
		c.can(anyButRoot, anyUser)
	default:
		c.can(anyUser)
	}
}

func capabilityGrants(c node) {
	const all = "has all capabilities"
	has := map[string]bool{}
	for _, name := range defaultCapabilities {
		has[name] = true
	}
	for _, name := range c.texts("drop") {
		if name = capability(name); name == "ALL" {
			clear(has)
		}
		delete(has, name)
	}
	for _, name := range c.texts("add") {
		has[capability(name)] = true
	}
	for name := range has {
		if name == "ALL" {
			c.can(all)
			continue
		}
		c.can("has the capability "+plain(name), all)
	}
	c.others()
}

func capability(name string) string { return strings.TrimPrefix(strings.ToUpper(name), "CAP_") }

// profileGrant notes under which profile of the kernel's confinement a
// container runs.
func profileGrant(pod, c node, key, what, absent string) {
	profile := c.inner(key)
	if len(profile.values) == 0 {
		profile = pod.inner(key)
	}
	unconfined := "runs without " + what
	kind := profile.text("type")
	if kind == "" {
		kind = absent
	}
	switch kind {
	case "Unconfined":
		c.can(unconfined)
	case "RuntimeDefault":
		c.can("runs under the runtime's "+what+" profile", unconfined)
	default:
		c.can(fmt.Sprintf("runs under the %s profile %s", what, canonical(profile.values)), unconfined)
	}
	profile.others("localhostProfile")
}
