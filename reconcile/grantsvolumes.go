package reconcile

import (
	"fmt"
	"maps"
)

// A volume is one whose mounts count: not one that Kubernetes fills from its
// own objects, or that is empty.
type volume struct {
	node
	words   string // "the host's folder /var/run"
	guarded bool   // its source says readOnly
	mounted bool
}

// volumesOf notes what the volumes of a Pod read, and returns those whose
// mounts count, by name.
func volumesOf(pod node) map[string]*volume {
	volumes := map[string]*volume{}
	for _, v := range pod.each("volumes") {
		name := v.text("name")
		emptyGrants(v.inner("emptyDir"))
		if s := v.inner("secret"); len(s.values) > 0 {
			secretGrants(s, s.text("secretName"))
		}
		for _, source := range v.inner("projected").each("sources") {
			projectedGrants(pod, source)
		}
		for key := range v.values {
			switch key {
			case "name", "emptyDir", "secret", "projected", "configMap", "downwardAPI":
			default:
				if volumes[name] != nil {
					v.unreadable[v.at("name")] = true // two of one name: which is mounted?
				}
				volumes[name] = volumeOf(v, key)
			}
		}
	}
	return volumes
}

func emptyGrants(empty node) {
	if medium := empty.text("medium"); medium != "" && medium != "Memory" {
		empty.can("has an empty volume of " + plain(medium))
	}
	empty.others("sizeLimit")
}

// secretGrants is about a Secret of which single keys may be picked.
func secretGrants(s node, name string) {
	items := s.each("items")
	for _, item := range items {
		readsKey(s, name, item.text("key"))
	}
	if len(items) == 0 {
		s.can("reads the Secret " + plain(name))
	}
	s.others("optional", "defaultMode")
}

func projectedGrants(pod, source node) {
	if s := source.inner("secret"); len(s.values) > 0 {
		secretGrants(s, s.text("name"))
	}
	if t := source.inner("serviceAccountToken"); len(t.values) > 0 {
		t.can(fmt.Sprintf("holds a token of the ServiceAccount %s for %s", account(pod), plain(t.text("audience"))))
		t.others("path", "expirationSeconds")
	}
	source.others("configMap", "downwardAPI")
}

func volumeOf(v node, kind string) *volume {
	source := v.inner(kind)
	guarded := source.isTrue("readOnly")
	rest := maps.Clone(source.values)
	delete(rest, "readOnly")
	out := &volume{node: v, guarded: guarded}
	switch kind {
	case "hostPath":
		out.words = "the host's folder " + plain(source.text("path"))
		source.others()
	case "persistentVolumeClaim":
		out.words = "the PersistentVolumeClaim " + plain(source.text("claimName"))
		source.others()
	default:
		out.words = fmt.Sprintf("the %s volume %s", plain(kind), canonical(rest))
	}
	return out
}

// mountGrants notes how a container reaches the volumes that count.
func mountGrants(c node, volumes map[string]*volume) {
	for _, m := range c.each("volumeMounts") {
		name, readOnly := m.text("name"), m.isTrue("readOnly")
		if v := volumes[name]; v != nil {
			v.mounted = true
			v.mount(m, readOnly, canonical(c.values["env"])+canonical(c.values["envFrom"]))
		}
		m.others("mountPath", "subPath", "subPathExpr", "mountPropagation", "recursiveReadOnly")
	}
	for _, d := range c.each("volumeDevices") {
		if v := volumes[d.text("name")]; v != nil {
			v.mounted = true
			d.can("uses the device of " + v.words)
		}
		d.others("devicePath")
	}
}

func (v *volume) mount(m node, readOnly bool, environment string) {
	whole := "mounts " + v.words
	power := whole
	if path := m.text("subPath"); path != "" {
		power += " at " + plain(path)
	}
	if expression := m.text("subPathExpr"); expression != "" {
		power += fmt.Sprintf(" at %s with %s", plain(expression), environment) // which says what the expression means
	}
	if p := m.text("mountPropagation"); p != "" && p != "None" {
		whole += " with propagation " + plain(p)
		power += " with propagation " + plain(p)
	}
	if r := m.text("recursiveReadOnly"); r != "" && r != "Disabled" {
		power += ", recursiveReadOnly " + plain(r)
	}
	if readOnly || v.guarded {
		m.can(power+", for reading", power, whole, whole+", for reading")
		return
	}
	m.can(power, whole)
}

// unmounted notes the volumes that no container mounts: a node prepares them
// all the same.
func unmounted(volumes map[string]*volume) {
	for _, v := range volumes {
		if !v.mounted {
			v.can("has "+v.words, "mounts "+v.words, "mounts "+v.words+", for reading")
		}
	}
}
