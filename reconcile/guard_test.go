package reconcile

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	fopgate "banksman.dev/fixtures/fop-gate"
	"banksman.dev/render"
	"banksman.dev/render/kustomize"
)

const deployed = `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME, namespace: shop, labels: {app: web}}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, annotations: {note: hello}}
    spec:
      serviceAccountName: web
      automountServiceAccountToken: false
      containers:
      - name: web
        image: example.org/web:1
        env: [{name: MODE, value: quiet}, {name: KEY, valueFrom: {secretKeyRef: {name: web, key: api}}}]
        securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
`

const (
	web       = "web"
	webCanary = "web-canary"
)

// deployment is the Deployment above with some of its words replaced.
func deployment(name string, replace ...string) string {
	return strings.NewReplacer(append([]string{"NAME", name}, replace...)...).Replace(deployed)
}

// inPod adds a line to the Pod's spec.
func inPod(line string) []string {
	return []string{"      serviceAccountName: web\n", "      serviceAccountName: web\n      " + line + "\n"}
}

// inContainer adds a line to the container.
func inContainer(line string) []string {
	return []string{"        image: example.org/web:1\n", "        image: example.org/web:1\n        " + line + "\n"}
}

// parsed reads objects of YAML.
func parsed(t testing.TB, text string) []render.Object {
	t.Helper()
	if text == "" {
		return nil
	}
	list, err := render.Objects("test.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func small(kind, name string, lines ...string) string {
	version := map[string]string{
		"Ingress": "networking.k8s.io/v1", "Role": "rbac.authorization.k8s.io/v1", "Job": "batch/v1", "DaemonSet": "apps/v1",
		"HorizontalPodAutoscaler": "autoscaling/v2", "PodDisruptionBudget": "policy/v1", "StatefulSet": "apps/v1",
	}[kind]
	if version == "" {
		version = "v1"
	}
	return fmt.Sprintf("---\napiVersion: %s\nkind: %s\nmetadata: {name: %s, namespace: shop}\n%s\n", version, kind, name, strings.Join(lines, "\n"))
}

// A guardCase changes both releases of a service with a canary.
type guardCase struct {
	running       string // more objects of running's canary
	runningFull   string
	runningShared string
	canary        string // more objects of the pull request's canary
	shared        string
	pod           []string // what the pull request replaces in its Deployment
	says          string   // a part of what is refused; "" when nothing is
	except        string   // what is not refused; says nothing of the rest
	nothingRuns   bool
}

func (c guardCase) releases(t testing.TB) (render.Release, *render.Release) {
	running := render.Release{
		Service: web, Full: parsed(t, deployment(web, "replicas: 1", "replicas: 3")+c.runningFull),
		Canary: parsed(t, deployment(webCanary)+c.running), Shared: parsed(t, c.runningShared),
	}
	proposed := render.Release{
		Service: web, Full: running.Full,
		Canary: parsed(t, deployment(webCanary, append(c.pod, "web:1", "web:2")...)+c.canary), Shared: parsed(t, c.shared),
	}
	if c.nothingRuns {
		return proposed, nil
	}
	return proposed, &running
}

func TestTheGuard(t *testing.T) {
	service := small("Service", web, "spec: {selector: {app: web}, ports: [{port: 80}]}")
	for name, c := range map[string]guardCase{
		"lets another image pass":                     {},
		"lets other words of the program pass":        {pod: []string{"value: quiet", "value: loud"}},
		"refuses all when nothing runs yet":           {nothingRuns: true, says: "nothing of web runs yet"},
		"lets a ConfigMap of the canary's pass":       {canary: small("ConfigMap", "c", "data: {a: b}")},
		"lets a Service of the canary's pass":         {canary: small("Service", "s", "spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}")},
		"lets a headless Service pass":                {canary: small("Service", "s", "spec: {clusterIP: None, ports: [{port: 80}]}")},
		"lets a Secret of the canary's pass":          {canary: small("Secret", "s", "stringData: {a: b}")},
		"refuses a Role":                              {canary: small("Role", "r", "rules: []"), says: "Role shop/r is of a kind that no pull request brings"},
		"refuses a ServiceAccount":                    {canary: small("ServiceAccount", "r"), says: "ServiceAccount shop/r is of a kind"},
		"refuses an Ingress":                          {canary: small("Ingress", "r", "spec: {}"), says: "Ingress shop/r is of a kind"},
		"refuses a Job":                               {canary: small("Job", "r", "spec: {}"), says: "Job shop/r is of a kind"},
		"refuses a DaemonSet":                         {canary: small("DaemonSet", "r", "spec: {}"), says: "DaemonSet shop/r is of a kind"},
		"refuses a Namespace":                         {canary: "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: other}\n", says: "Namespace other is of a kind"},
		"refuses a kind of another group":             {canary: "---\napiVersion: example.org/v1\nkind: Deployment\nmetadata: {name: other, namespace: shop}\n", says: "is of a kind"},
		"refuses a kind that runs under another name": {running: small("Role", "r", "rules: []"), canary: small("Role", "other", "rules: []"), says: "Role shop/other"},
		"refuses a changed object of such a kind":     {running: small("Role", "r", "rules: []"), canary: small("Role", "r", "rules: [{verbs: [get]}]"), says: "Role shop/r"},
		"lets such an object pass unchanged":          {running: small("Role", "r", "rules: []"), canary: small("Role", "r", "rules: []")},

		"refuses a namespace of somebody else":       {canary: strings.Replace(small("ConfigMap", "c"), "shop", "kube-system", 1), says: "ConfigMap kube-system/c is in a namespace in which the service has nothing of the kind"},
		"refuses a namespace where only a Role is":   {runningFull: strings.Replace(small("Role", "r"), "shop", "kube-system", 1), canary: strings.Replace(small("ConfigMap", "c"), "shop", "kube-system", 1), says: "is in a namespace"},
		"knows a namespace with objects of the kind": {runningFull: strings.Replace(small("ConfigMap", "r"), "shop", "boards", 1), canary: strings.Replace(small("ConfigMap", "c"), "shop", "boards", 1)},
		"refuses an object without a namespace":      {runningFull: "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: r}\n", canary: "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n", says: "ConfigMap c is in a namespace"},
		"does not take a power of another namespace": {
			runningFull: strings.ReplaceAll(deployment("other", inPod("hostNetwork: true")...), "shop", "ops"), pod: inPod("hostNetwork: true"), says: "uses the host's network",
		},

		"refuses an object that full shares":               {runningShared: service, canary: service, says: "Service shop/web belongs to full"},
		"refuses an object of full's own":                  {runningFull: small("ConfigMap", "c"), canary: small("ConfigMap", "c", "data: {a: b}"), says: "ConfigMap shop/c belongs to full"},
		"refuses a new shared ConfigMap":                   {shared: small("ConfigMap", "new"), says: "ConfigMap shop/new is newly shared with full"},
		"refuses a new shared ServiceAccount":              {shared: small("ServiceAccount", "new"), says: "ServiceAccount shop/new is newly shared"},
		"refuses a shared ConfigMap that was the canary's": {running: small("ConfigMap", "c"), shared: small("ConfigMap", "c"), says: "ConfigMap shop/c is newly shared"},
		"lets a changed shared ConfigMap pass":             {runningShared: small("ConfigMap", "c"), shared: small("ConfigMap", "c", "data: {a: b}")},
		"lets a new shared Ingress wait for the merge":     {shared: small("Ingress", "new", "spec: {}")},
		"lets a shared object pass that was full's":        {runningFull: small("ConfigMap", "c"), shared: small("ConfigMap", "c")},

		"refuses a Service of a load balancer":        {canary: small("Service", "s", "spec: {type: LoadBalancer, ports: [{port: 80}]}"), says: "is a Service of the type LoadBalancer"},
		"refuses a Service that is a name":            {canary: small("Service", "s", "spec: {type: ExternalName, externalName: evil.example}"), says: "sets spec.externalName to \"evil.example\""},
		"refuses a Service of external addresses":     {canary: small("Service", "s", "spec: {externalIPs: [192.0.2.1], ports: [{port: 443}]}"), says: "takes the address 192.0.2.1, port 443"},
		"refuses another port of an external address": {runningShared: small("Service", "r", "spec: {externalIPs: [192.0.2.1], ports: [{port: 80}]}"), canary: small("Service", "s", "spec: {externalIPs: [192.0.2.1], ports: [{port: 443}]}"), says: "takes the address 192.0.2.1, port 443"},
		"refuses a Service that picks its address":    {canary: small("Service", "s", "spec: {clusterIP: 10.96.0.10, ports: [{port: 80}]}"), says: "takes the address 10.96.0.10"},
		"refuses loadBalancer fields":                 {canary: small("Service", "s", "spec: {loadBalancerSourceRanges: [0.0.0.0/0], ports: [{port: 80}]}"), says: "sets spec.loadBalancerSourceRanges"},
		"refuses a port of the nodes":                 {canary: small("Service", "s", "spec: {ports: [{port: 80, nodePort: 30080}]}"), says: "takes the port 30080 of every node"},
		"keeps the type of a Service that runs": {
			running: small("Service", "s", "spec: {type: NodePort, ports: [{port: 80}]}"), canary: small("Service", "s", "spec: {type: NodePort, ports: [{port: 81}]}"),
		},

		"refuses more replicas than the largest that runs": {pod: []string{"replicas: 1", "replicas: 4"}, says: "wants 4 replicas, more than the 3 of the largest that runs"},
		"lets as many replicas pass as the largest has":    {pod: []string{"replicas: 1", "replicas: 3"}},
		"refuses an autoscaler to more":                    {canary: small("HorizontalPodAutoscaler", "h", "spec: {maxReplicas: 9, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web-canary}}"), says: "wants 9 replicas"},
		"refuses an autoscaler of full":                    {canary: small("HorizontalPodAutoscaler", "h", "spec: {maxReplicas: 2, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}"), says: "scales Deployment web, which is not the canary's"},
		"lets an autoscaler of the canary pass":            {canary: small("HorizontalPodAutoscaler", "h", "spec: {maxReplicas: 2, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web-canary}}")},
		"counts the autoscaler that runs": {
			runningFull: small("HorizontalPodAutoscaler", "h", "spec: {maxReplicas: 9, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}"), pod: []string{"replicas: 1", "replicas: 9"},
		},
		"lets a budget for the service's Pods pass":   {canary: small("PodDisruptionBudget", "b", "spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}")},
		"refuses a budget for the Pods of neighbours": {canary: small("PodDisruptionBudget", "b", "spec: {minAvailable: 1, selector: {matchLabels: {app: shop}}}"), says: "keeps on their nodes the Pods of"},
		"refuses a budget for all Pods":               {canary: small("PodDisruptionBudget", "b", "spec: {minAvailable: 1, selector: {}}"), says: "keeps on their nodes the Pods of null"},

		"refuses finalizers":                     {canary: strings.Replace(small("ConfigMap", "c"), "namespace: shop", "namespace: shop, finalizers: [example.org/x]", 1), says: "has metadata.finalizers"},
		"refuses owners":                         {canary: strings.Replace(small("ConfigMap", "c"), "namespace: shop", "namespace: shop, ownerReferences: [{name: x}]", 1), says: "has metadata.ownerReferences"},
		"refuses unknown metadata":               {canary: strings.Replace(small("ConfigMap", "c"), "namespace: shop", "namespace: shop, clusterName: x", 1), says: "has metadata.clusterName"},
		"refuses our own labels":                 {canary: strings.Replace(small("ConfigMap", "c"), "namespace: shop", "namespace: shop, labels: {banksman.dev/track: stable}", 1), says: "has banksman.dev/track in metadata.labels"},
		"refuses our own annotations":            {canary: strings.Replace(small("ConfigMap", "c"), "namespace: shop", "namespace: shop, annotations: {banksman.dev/prune: confirm}", 1), says: "has banksman.dev/prune in metadata.annotations"},
		"lets plain labels pass":                 {canary: strings.Replace(small("ConfigMap", "c"), "namespace: shop", "namespace: shop, labels: {app: b, app.kubernetes.io/name: z}, annotations: {version: b}", 1)},
		"refuses what a sidecar looks for":       {canary: strings.Replace(small("ConfigMap", "c"), "namespace: shop", `namespace: shop, labels: {grafana_datasource: "1"}`, 1), says: "is labelled grafana_datasource=1"},
		"refuses a plain order":                  {canary: strings.Replace(small("ConfigMap", "c"), "namespace: shop", "namespace: shop, annotations: {reload: all}", 1), says: "is annotated reload: all"},
		"refuses an order to another controller": {canary: strings.Replace(small("Secret", "c"), "namespace: shop", "namespace: shop, annotations: {replicator.example/replicate-from: kube-system/root}", 1), says: "is annotated replicator.example/replicate-from: kube-system/root"},
		"refuses a label of another controller":  {canary: strings.Replace(small("Secret", "c"), "namespace: shop", "namespace: shop, labels: {argocd.example/secret-type: cluster}", 1), says: "is labelled argocd.example/secret-type=cluster"},

		"refuses a Secret that becomes a token":    {canary: small("Secret", "c", "type: kubernetes.io/service-account-token"), says: "is a Secret of the type kubernetes.io/service-account-token"},
		"refuses an unknown field of a ConfigMap":  {canary: small("ConfigMap", "c", "magic: {}"), says: "sets magic to {}"},
		"refuses an unknown field of a Deployment": {pod: []string{"  replicas: 1", "  magic: 1\n  replicas: 1"}, says: "sets spec.magic to 1"},
		"lets the canary read a Secret of its own": {canary: small("Secret", "s"), pod: inContainer("envFrom: [{secretRef: {name: s}}]")},
		"does not let it read any other Secret":    {canary: small("ConfigMap", "s"), pod: inContainer("envFrom: [{secretRef: {name: s}}]"), says: "reads the Secret s"},

		"refuses a StatefulSet's claims, which may be another's": {
			running: small("StatefulSet", "s", "spec: {volumeClaimTemplates: [{metadata: {name: data}}]}"),
			canary:  small("StatefulSet", "t", "spec: {volumeClaimTemplates: [{metadata: {name: data}}]}"), says: "claims for the StatefulSet t the volume",
		},
		"keeps a StatefulSet's claims": {
			running: small("StatefulSet", "s", "spec: {volumeClaimTemplates: [{metadata: {name: data}}]}"),
			canary:  small("StatefulSet", "s", "spec: {serviceName: s, volumeClaimTemplates: [{metadata: {name: data}}]}"), except: "claims",
		},

		"refuses what it cannot read":         {pod: []string{"      containers:", "      volumes: {a: b}\n      containers:"}, says: "Deployment shop/web-canary cannot be read at spec.template.spec.volumes"},
		"refuses a number that is none":       {pod: []string{"replicas: 1", `replicas: "1"`}, says: "cannot be read at spec.replicas"},
		"refuses a list with odd items":       {pod: inContainer("ports: [80]"), says: "cannot be read at spec.template.spec.containers[].ports"},
		"refuses a flag that is none":         {pod: inPod(`hostNetwork: "true"`), says: "cannot be read at spec.template.spec.hostNetwork"},
		"refuses annotations that are a list": {pod: []string{"annotations: {note: hello}", "annotations: [a]"}, says: "cannot be read at spec.template.metadata.annotations"},
	} {
		t.Run(name, func(t *testing.T) {
			proposed, running := c.releases(t)
			got := guard(proposed, running)
			if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
				t.Errorf("not sorted and unique: %q", got)
			}
			all := strings.Join(got, "\n")
			switch {
			case c.except != "":
				if strings.Contains(all, c.except) {
					t.Errorf("says %q", got)
				}
			case c.says == "" && got != nil:
				t.Errorf("refuses: %q", got)
			case !strings.Contains(all, c.says):
				t.Errorf("says %q\nwant %q", got, c.says)
			}
		})
	}
}

func TestTheGuardSaysAllThatItFinds(t *testing.T) {
	c := guardCase{pod: inPod("hostNetwork: true\n      hostPID: true"), canary: small("Role", "r")}
	want := []string{
		"Deployment shop/web-canary sees the host's processes",
		"Deployment shop/web-canary uses the host's network",
		"Role shop/r is of a kind that no pull request brings",
	}
	if got := guard(c.releases(t)); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestChangedSharedObjectsAreNamed(t *testing.T) {
	c := guardCase{
		runningShared: small("ConfigMap", "b") + small("ConfigMap", "a") + small("ConfigMap", "same"),
		shared:        small("ConfigMap", "b", "data: {x: y}") + small("ConfigMap", "a", "data: {x: y}") + small("ConfigMap", "same") + small("Ingress", "new"),
	}
	proposed, running := c.releases(t)
	var got []string
	for _, id := range changedShared(proposed, running) {
		got = append(got, id.String())
	}
	if want := []string{"ConfigMap shop/a", "ConfigMap shop/b"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got := changedShared(proposed, nil); got != nil {
		t.Errorf("when nothing runs: %v", got)
	}
}

func TestALongPowerIsCutAndStillCompared(t *testing.T) {
	long := strings.Repeat("x", 500)
	c := guardCase{pod: inPod("affinity: {a: " + long + "1}"), running: deployment("other", inPod("affinity: {a: "+long+"2}")...)}
	got := guard(c.releases(t))
	if len(got) != 1 || len(got[0]) > 300 || !strings.HasSuffix(got[0], "…") {
		t.Errorf("%q", got)
	}
}

func TestTheExamplesPassWithAnotherImageAndAreRefusedWithMorePower(t *testing.T) {
	catalog, err := render.ReadCatalog(fopgate.FS(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, service := range []render.ServiceName{"fop-gate", "thumbnailer"} {
		running, err := render.Renderer{Kustomize: kustomize.Build}.Release(fopgate.FS(), catalog, service, "1")
		if err != nil {
			t.Fatal(err)
		}
		changed := func(old, now string) render.Release {
			var text strings.Builder
			for _, o := range running.Canary {
				raw := canonical(o)
				if o.Kind() == "Deployment" && !strings.Contains(raw, old) {
					t.Fatalf("no %q in %s", old, raw)
				}
				text.WriteString("---\n" + strings.ReplaceAll(raw, old, now) + "\n")
			}
			proposed := running
			proposed.Canary = parsed(t, text.String())
			return proposed
		}
		if got := guard(changed(`"image":"`, `"image":"other/`), &running); got != nil {
			t.Errorf("%s with another image: %q", service, got)
		}
		if got := guard(changed(`"containers":`, `"hostPID":true,"containers":`), &running); len(got) != 1 {
			t.Errorf("%s with the host's processes: %q", service, got)
		}
	}
}
