package reconcile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"banksman.dev/render"
)

const volumes = "        volumeMounts: [{name: v, mountPath: /v"

// mounting gives the container a volume.
func mounting(source, mount string) []string {
	return append(inPod("volumes: [{name: v, "+source+"}]"), "        image: example.org/web:1\n", "        image: example.org/web:1\n"+volumes+mount+"}]\n")
}

// security replaces the container's security context.
func security(words string) []string {
	return []string{"{allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}", words}
}

func TestWhatNoPodOfTheServiceMayDoIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		pod  []string
		says string
	}{
		"the host's network":               {inPod("hostNetwork: true"), "uses the host's network"},
		"the host's processes":             {inPod("hostPID: true"), "sees the host's processes"},
		"the host's IPC":                   {inPod("hostIPC: true"), "uses the host's IPC"},
		"a shared process namespace":       {inPod("shareProcessNamespace: true"), "shares processes between its containers"},
		"a node by name":                   {inPod("nodeName: node-1"), "sets spec.template.spec.nodeName to node-1"},
		"a node by label":                  {inPod("nodeSelector: {pci: yes-please}"), "sets spec.template.spec.nodeSelector"},
		"an affinity":                      {inPod("affinity: {podAntiAffinity: {}}"), "sets spec.template.spec.affinity"},
		"a toleration":                     {inPod("tolerations: [{operator: Exists}]"), `tolerates {"operator":"Exists"}`},
		"a priority":                       {inPod("priorityClassName: system-node-critical"), "sets spec.template.spec.priorityClassName to system-node-critical"},
		"a scheduler":                      {inPod("schedulerName: mine"), "sets spec.template.spec.schedulerName to mine"},
		"a runtime":                        {inPod("runtimeClassName: raw"), "runs in the runtime raw"},
		"another operating system":         {inPod("os: {name: windows}"), "runs on windows"},
		"names of hosts":                   {inPod("hostAliases: [{ip: 192.0.2.1, hostnames: [bank.example]}]"), "sets spec.template.spec.hostAliases"},
		"an ephemeral container":           {inPod("ephemeralContainers: [{name: e}]"), "sets spec.template.spec.ephemeralContainers"},
		"a claimed resource":               {inPod("resourceClaims: [{name: gpu}]"), "sets spec.template.spec.resourceClaims"},
		"an unknown field of the Pod":      {inPod("magic: {}"), "sets spec.template.spec.magic to {}"},
		"another ServiceAccount":           {[]string{"serviceAccountName: web", "serviceAccountName: root"}, "runs as the ServiceAccount root"},
		"the default ServiceAccount":       {[]string{"serviceAccountName: web", "dnsPolicy: Default"}, "runs as the ServiceAccount default"},
		"a ServiceAccount in old words":    {inPod("serviceAccount: root"), "runs as the ServiceAccount root"},
		"the ServiceAccount's token":       {[]string{"automountServiceAccountToken: false", "automountServiceAccountToken: true"}, "holds the token of the ServiceAccount web"},
		"the token by leaving it open":     {[]string{"automountServiceAccountToken: false", "dnsPolicy: Default"}, "holds the token of the ServiceAccount web, unless that forbids it"},
		"a sysctl":                         {inPod("securityContext: {sysctls: [{name: kernel.x, value: \"1\"}]}"), "sets the sysctl kernel.x to 1"},
		"a group of files":                 {inPod("securityContext: {fsGroup: 0}"), "sets spec.template.spec.securityContext.fsGroup to 0"},
		"a Secret to pull images with":     {inPod("imagePullSecrets: [{name: registry}]"), "pulls images with the Secret registry"},
		"a label of other Pods":            {[]string{"labels: {app: web}, annotations", "labels: {app: web, tier: payments}, annotations"}, "labels its Pods tier=payments"},
		"a role by annotation":             {[]string{"annotations: {note: hello}", "annotations: {iam.amazonaws.com/role: admin}"}, "annotates its Pods iam.amazonaws.com/role: admin"},
		"no AppArmor by annotation":        {[]string{"annotations: {note: hello}", "annotations: {container.apparmor.security.beta.kubernetes.io/web: unconfined}"}, "annotates its Pods container.apparmor.security.beta.kubernetes.io/web: unconfined"},
		"a finalizer on its Pods":          {[]string{"annotations: {note: hello}", "finalizers: [example.org/x]"}, "sets spec.template.metadata.finalizers"},
		"an unknown field of the template": {[]string{"    metadata: {labels", "    magic: 1\n    metadata: {labels"}, "sets spec.template.magic to 1"},

		"a folder of the host":             {mounting("hostPath: {path: /var/run}", ""), "mounts the host's folder /var/run"},
		"a folder of the host for reading": {mounting("hostPath: {path: /var/run}", ", readOnly: true"), "mounts the host's folder /var/run, for reading"},
		"a folder that nobody mounts":      {inPod("volumes: [{name: v, hostPath: {path: /var/run}}]"), "has the host's folder /var/run"},
		"a part of a folder of the host":   {mounting("hostPath: {path: /var}", ", subPath: run"), "mounts the host's folder /var at run"},
		"a part by the environment":        {mounting("hostPath: {path: /var}", ", subPathExpr: $(MODE)"), "mounts the host's folder /var at"},
		"mounts that reach the host":       {mounting("hostPath: {path: /var}", ", mountPropagation: Bidirectional"), "with propagation Bidirectional"},
		"a folder that the node makes":     {mounting("hostPath: {path: /var, type: DirectoryOrCreate}", ""), "hostPath.type to \"DirectoryOrCreate\""},
		"a claimed volume":                 {mounting("persistentVolumeClaim: {claimName: data}", ""), "mounts the PersistentVolumeClaim data"},
		"a device":                         {append(inPod("volumes: [{name: v, persistentVolumeClaim: {claimName: raw}}]"), inContainer("volumeDevices: [{name: v, devicePath: /dev/x}]")...), "uses the device of the PersistentVolumeClaim raw"},
		"a volume of the network":          {mounting("nfs: {server: s, path: /}", ""), `mounts the nfs volume {"path":"/","server":"s"}`},
		"a volume of a driver":             {mounting("csi: {driver: d, nodePublishSecretRef: {name: root}}", ""), "mounts the csi volume"},
		"a kind of volume to come":         {mounting("magic: {}", ""), "mounts the magic volume null"},
		"an empty volume of huge pages":    {mounting("emptyDir: {medium: HugePages}", ""), "has an empty volume of HugePages"},
		"a Secret as a volume":             {mounting("secret: {secretName: root}", ""), "reads the Secret root"},
		"a Secret's key as a volume":       {mounting("secret: {secretName: root, items: [{key: k, path: p}]}", ""), "reads the key k of the Secret root"},
		"a projected Secret":               {mounting("projected: {sources: [{secret: {name: root}}]}", ""), "reads the Secret root"},
		"a projected token":                {mounting("projected: {sources: [{serviceAccountToken: {audience: vault, path: t}}]}", ""), "holds a token of the ServiceAccount web for vault"},
		"a projection to come":             {mounting("projected: {sources: [{podCertificate: {signerName: s}}]}", ""), "sources[].podCertificate"},

		"a Secret in the environment":       {inContainer("envFrom: [{secretRef: {name: root}}]"), "reads the Secret root"},
		"another key of a known Secret":     {[]string{"{name: web, key: api}", "{name: web, key: root}"}, "reads the key root of the Secret web"},
		"all keys of a known Secret":        {inContainer("envFrom: [{secretRef: {name: web}}]"), "reads the Secret web"},
		"a source of variables to come":     {inContainer("envFrom: [{magicRef: {name: root}}]"), "envFrom[].magicRef"},
		"a source of a variable to come":    {[]string{"valueFrom: {secretKeyRef: {name: web, key: api}}", "valueFrom: {magicRef: {name: root}}"}, "valueFrom.magicRef"},
		"a port of the node":                {inContainer("ports: [{containerPort: 80, hostPort: 80}]"), "takes the port 80/TCP of its node"},
		"a port of the node at one address": {inContainer("ports: [{containerPort: 80, hostPort: 80, hostIP: 127.0.0.1}]"), "takes the port 80/TCP of its node at 127.0.0.1"},
		"a device of the node":              {inContainer("resources: {limits: {nvidia.com/gpu: \"1\"}}"), `uses "1" of nvidia.com/gpu`},
		"a probe of somebody else":          {inContainer("livenessProbe: {httpGet: {host: 169.254.169.254, port: 80}}"), "makes its node connect to 169.254.169.254"},
		"a hook to somebody else":           {inContainer("lifecycle: {preStop: {tcpSocket: {host: 10.0.0.1, port: 80}}}"), "makes its node connect to 10.0.0.1"},
		"an unknown field of a container":   {inContainer("magic: 1"), "sets spec.template.spec.containers[].magic to 1"},
		"an init container's powers":        {inPod("initContainers: [{name: i, image: i, securityContext: {privileged: true}}]"), "is privileged"},

		"privilege":                        {security("{privileged: true, allowPrivilegeEscalation: true, capabilities: {drop: [ALL]}}"), "is privileged"},
		"more privileges after the start":  {security("{allowPrivilegeEscalation: true, capabilities: {drop: [ALL]}}"), "may gain privileges after its start"},
		"them by saying nothing":           {security("{capabilities: {drop: [ALL]}}"), "may gain privileges after its start"},
		"a capability":                     {security("{allowPrivilegeEscalation: false, capabilities: {drop: [ALL], add: [cap_sys_admin]}}"), "has the capability SYS_ADMIN"},
		"all capabilities":                 {security("{allowPrivilegeEscalation: false, capabilities: {drop: [ALL], add: [ALL]}}"), "has all capabilities"},
		"the capabilities of every Pod":    {security("{allowPrivilegeEscalation: false}"), "has the capability NET_RAW"},
		"one of them":                      {security("{allowPrivilegeEscalation: false, capabilities: {drop: [ALL], add: [NET_RAW]}}"), "has the capability NET_RAW"},
		"the host's /proc":                 {security("{allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, procMount: Unmasked}"), "procMount to Unmasked"},
		"a label of SELinux":               {security("{allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, seLinuxOptions: {type: spc_t}}"), "seLinuxOptions"},
		"a process of a Windows host":      {security("{allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, windowsOptions: {hostProcess: true}}"), "windowsOptions"},
		"an unknown field of its security": {security("{allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, magic: true}"), "securityContext.magic"},
		"no AppArmor":                      {security("{allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, appArmorProfile: {type: Unconfined}}"), "runs without AppArmor"},
		"a profile of the node":            {security("{allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, appArmorProfile: {type: Localhost, localhostProfile: p}}"), "runs under the AppArmor profile"},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			got := guard(guardCase{pod: c.pod}.releases(t))
			if !strings.Contains(strings.Join(got, "\n"), c.says) || len(got) == 0 {
				t.Errorf("says %q\nwant %q", got, c.says)
			}
		})
		t.Run(name+" is kept when the service has it", func(t *testing.T) {
			for _, where := range []guardCase{{running: deployment("other", c.pod...)}, {runningFull: deployment("other", c.pod...)}, {runningShared: deployment("other", c.pod...)}} {
				where.pod = c.pod
				if got := guard(where.releases(t)); got != nil {
					t.Errorf("refuses %q", got)
				}
			}
		})
	}
}

// What the service's Pods may do is compared with what a pull request's may:
// less is never refused.
func TestARestrictionThatIsDroppedIsAPowerAndOneThatIsAddedIsNone(t *testing.T) {
	all := func(words string) []string {
		return security("{allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, " + words + "}")
	}
	for name, c := range map[string]struct {
		more, less []string
		says       string // of more, when the service has less
	}{
		"root, and any user but root":         {all(""), all("runAsNonRoot: true"), "runs as any user, root too"},
		"any user, and a user":                {all(""), all("runAsUser: 7"), "runs as any user, root too"},
		"any user, and root":                  {all(""), all("runAsUser: 0"), "runs as any user, root too"},
		"any user, and one":                   {all("runAsNonRoot: true"), all("runAsUser: 7"), "runs as any user but root"},
		"a container over its Pod":            {append(inPod("securityContext: {runAsNonRoot: true}"), all("runAsNonRoot: false")...), append(inPod("securityContext: {runAsNonRoot: true}"), all("")...), "runs as any user, root too"},
		"files of the image, and none":        {all(""), all("readOnlyRootFilesystem: true"), "writes to its image's files"},
		"no seccomp, and some":                {all(""), all("seccompProfile: {type: RuntimeDefault}"), "runs without seccomp"},
		"seccomp of the Pod":                  {all("seccompProfile: {type: Unconfined}"), append(inPod("securityContext: {seccompProfile: {type: RuntimeDefault}}"), all("")...), "runs without seccomp"},
		"groups of the image, and none":       {nil, inPod("securityContext: {supplementalGroupsPolicy: Strict}"), "takes groups from its image"},
		"the host's users, and its own":       {nil, inPod("hostUsers: false"), "shares the host's users"},
		"a token, and perhaps one":            {[]string{"automountServiceAccountToken: false", "automountServiceAccountToken: true"}, []string{"automountServiceAccountToken: false", "dnsPolicy: Default"}, "holds the token of the ServiceAccount web"},
		"writing to the host, and reading":    {mounting("hostPath: {path: /var}", ""), mounting("hostPath: {path: /var}", ", readOnly: true"), "mounts the host's folder /var"},
		"the whole folder, and a part":        {mounting("hostPath: {path: /var}", ""), mounting("hostPath: {path: /var}", ", subPath: a"), "mounts the host's folder /var"},
		"a claim, and the same for reading":   {mounting("persistentVolumeClaim: {claimName: d}", ""), mounting("persistentVolumeClaim: {claimName: d, readOnly: true}", ""), "mounts the PersistentVolumeClaim d"},
		"a Secret, and a key of it":           {mounting("secret: {secretName: s}", ""), mounting("secret: {secretName: s, items: [{key: k, path: p}]}", ""), "reads the Secret s"},
		"a port of all addresses, and of one": {inContainer("ports: [{containerPort: 80, hostPort: 80}]"), inContainer("ports: [{containerPort: 80, hostPort: 80, hostIP: 127.0.0.1}]"), "takes the port 80/TCP of its node"},
		"all capabilities, and one":           {security("{allowPrivilegeEscalation: false, capabilities: {add: [ALL]}}"), all(""), "has all capabilities"},
	} {
		t.Run(name, func(t *testing.T) {
			releases := func(was, will []string) (render.Release, *render.Release) {
				running := render.Release{Service: web, Full: parsed(t, deployment(web, was...)), Canary: parsed(t, deployment(webCanary, was...))}
				return render.Release{Service: web, Canary: parsed(t, deployment(webCanary, append(will, "web:1", "web:2")...))}, &running
			}
			if got := guard(releases(c.more, c.less)); got != nil {
				t.Errorf("less is refused: %q", got)
			}
			if got := strings.Join(guard(releases(c.less, c.more)), "\n"); !strings.Contains(got+"\n", c.says+"\n") {
				t.Errorf("says %q, want %q", got, c.says)
			}
		})
	}
}

// Of two such neither includes the other: root without capabilities does not
// read what another user keeps to itself.
func TestAnotherOfTheSameKindIsRefused(t *testing.T) {
	in := func(words string) []string {
		return security("{allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, " + words + "}")
	}
	drops := func(name string) []string {
		return security("{allowPrivilegeEscalation: false, capabilities: {drop: [" + name + "]}}")
	}
	local := func(kind, name string) []string {
		return in(kind + ": {type: Localhost, localhostProfile: " + name + "}")
	}
	for name, c := range map[string]struct {
		was, will []string
		says      string
	}{
		"root for a user":              {in("runAsUser: 7"), in("runAsUser: 0"), "runs as root"},
		"a user for root":              {in("runAsUser: 0"), in("runAsUser: 7"), "runs as the user 7"},
		"a user for another":           {in("runAsUser: 8"), in("runAsUser: 7"), "runs as the user 7"},
		"root for any user but root":   {in("runAsNonRoot: true"), in("runAsUser: 0"), "runs as root"},
		"root by the Pod's words":      {in("runAsUser: 7"), inPod("securityContext: {runAsUser: 0}"), "runs as root"},
		"a capability for another":     {drops("NET_RAW"), drops("KILL"), "has the capability NET_RAW"},
		"a seccomp profile of another": {local("seccompProfile", "a"), local("seccompProfile", "b"), "runs under the seccomp profile"},
		"an AppArmor profile":          {local("appArmorProfile", "a"), local("appArmorProfile", "b"), "runs under the AppArmor profile"},
		"a folder with what is mounted in it": {
			mounting("hostPath: {path: /a}", ", readOnly: true, recursiveReadOnly: Enabled"), mounting("hostPath: {path: /a}", ", readOnly: true"), "mounts the host's folder /a, for reading",
		},
		"a key of another name": {[]string{"key: api", "key: a"}, []string{"key: api", "key: b"}, "reads the key b of the Secret web"},
	} {
		t.Run(name, func(t *testing.T) {
			running := render.Release{Full: parsed(t, deployment(web, c.was...))}
			proposed := render.Release{Canary: parsed(t, deployment(webCanary, c.will...))}
			if got := guard(proposed, &running); len(got) != 1 || !strings.Contains(got[0], c.says) {
				t.Errorf("%q", got)
			}
		})
	}
}

// The same expression mounts another folder when the environment changes.
func TestAFolderNamedByTheEnvironmentChangesWithIt(t *testing.T) {
	was := mounting("hostPath: {path: /var}", ", subPathExpr: $(MODE)")
	c := guardCase{running: deployment("other", was...), pod: append(was, "value: quiet", "value: ..")}
	if got := guard(c.releases(t)); len(got) != 1 || !strings.Contains(got[0], "mounts the host's folder /var at") {
		t.Errorf("%q", got)
	}
}

func TestNamesCannotPassForSentences(t *testing.T) {
	key := func(key, secret string) []string {
		return []string{"{name: web, key: api}", fmt.Sprintf("{name: %q, key: %q}", secret, key)}
	}
	c := guardCase{running: deployment("other", key("a", "b of the Secret c")...), pod: key("a of the Secret b", "c")}
	if got := guard(c.releases(t)); len(got) != 1 || !strings.Contains(got[0], "of the Secret c") {
		t.Errorf("%q", got)
	}
}

func TestTwoVolumesOfOneNameCannotBeRead(t *testing.T) {
	was := inPod("volumes: [{name: v, hostPath: {path: /a}}]")
	c := guardCase{running: deployment("other", was...), pod: inPod("volumes: [{name: v, hostPath: {path: /b}}, {name: v, hostPath: {path: /a}}]")}
	if got := guard(c.releases(t)); len(got) != 1 || !strings.Contains(got[0], "cannot be read at spec.template.spec.volumes[].name") {
		t.Errorf("%q", got)
	}
}

// anyJSON draws objects with keys and values that mean something, in the right
// places and in the wrong ones.
func anyJSON(depth int) *rapid.Generator[any] {
	leaf := rapid.OneOf(
		rapid.Just[any](nil), rapid.Map(rapid.Bool(), func(b bool) any { return b }), rapid.Map(rapid.Int64(), func(i int64) any { return i }),
		rapid.Map(rapid.SampledFrom([]string{"", "a", "ALL", "Unconfined", "v1", "apps/v1", "Deployment", "shop", "None"}), func(s string) any { return s }),
	)
	if depth == 0 {
		return leaf
	}
	keys := rapid.SampledFrom(strings.Fields("metadata spec template name namespace labels annotations containers initContainers volumes securityContext" +
		" capabilities add drop env envFrom valueFrom secretKeyRef hostPath secret items key replicas selector ports hostPort resources limits magic" +
		" volumeMounts readOnly sources projected serviceAccountName seccompProfile type maxReplicas scaleTargetRef externalIPs volumeClaimTemplates"))
	return rapid.Custom(func(t *rapid.T) any {
		switch rapid.IntRange(0, 3).Draw(t, "shape") {
		case 0:
			return leaf.Draw(t, "leaf")
		case 1:
			return rapid.SliceOfN(anyJSON(depth-1), 0, 3).Draw(t, "list")
		}
		return rapid.MapOfN(keys, anyJSON(depth-1), 0, 4).Draw(t, "map")
	})
}

func anyObject(name string) *rapid.Generator[render.Object] {
	kinds := []string{
		"apps/v1 Deployment", "apps/v1 StatefulSet", "v1 ConfigMap", "v1 Secret", "v1 Service", "policy/v1 PodDisruptionBudget",
		"autoscaling/v2 HorizontalPodAutoscaler", "rbac.authorization.k8s.io/v1 Role",
	}
	return rapid.Custom(func(t *rapid.T) render.Object {
		version, kind, _ := strings.Cut(rapid.SampledFrom(kinds).Draw(t, "kind"), " ")
		return render.Object{
			"apiVersion": version, "kind": kind, "metadata": map[string]any{"name": name, "namespace": "shop"},
			"spec": anyJSON(6).Draw(t, "spec"), "data": anyJSON(2).Draw(t, "data"),
		}
	})
}

func TestAReleaseGuardedAgainstItselfIsNeverRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r render.Release
		for i, list := range []*[]render.Object{&r.Full, &r.Canary, &r.Shared} {
			for j := range rapid.IntRange(0, 3).Draw(t, "objects") {
				*list = append(*list, anyObject(fmt.Sprintf("o%d-%d", i, j)).Draw(t, "object"))
			}
		}
		if got := guard(r, &r); got != nil {
			t.Errorf("%q", got)
		}
	})
}

// A Pod that asks for a power is refused whatever else it and the service's own
// say, as long as these do not have it.
func TestAPowerIsRefusedWhateverStandsBesideIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec, _ := anyJSON(5).Draw(t, "spec").(map[string]any)
		pod := map[string]any{"hostNetwork": true}
		for k, v := range spec {
			if k != "hostNetwork" {
				pod[k] = v
			}
		}
		r := render.Release{Canary: []render.Object{{
			"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": "c", "namespace": "shop"},
			"spec": map[string]any{"template": map[string]any{"spec": pod}},
		}}}
		running := render.Release{Full: []render.Object{anyObject("f").Draw(t, "full")}}
		if got := strings.Join(guard(r, &running), "\n"); !strings.Contains(got, "uses the host's network") {
			t.Errorf("%q", got)
		}
	})
}

func FuzzTheGuardReadsAnything(f *testing.F) {
	f.Add([]byte(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a","namespace":"n"},"spec":{"template":{"spec":{"containers":[{"name":"c"}]}}}}`), []byte(`{}`))
	f.Add([]byte(`{"apiVersion":"v1","kind":"Service","metadata":[],"spec":[]}`), []byte(`{"apiVersion":"apps/v1","kind":"Deployment","spec":{"template":[]}}`))
	f.Add([]byte(`{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","spec":{"scaleTargetRef":7}}`), []byte(`{"kind":"x"}`))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		read := func(raw []byte) render.Object {
			var o render.Object
			d := json.NewDecoder(bytes.NewReader(raw))
			if d.Decode(&o) != nil {
				t.Skip("no object")
			}
			return o
		}
		proposed, running := read(a), read(b)
		for _, p := range []render.Release{{Canary: []render.Object{proposed}}, {Shared: []render.Object{proposed}}} {
			for _, r := range []render.Release{{Canary: []render.Object{running}}, {Full: []render.Object{running}}} {
				guard(p, &r)
				changedShared(p, &r)
			}
		}
	})
}
