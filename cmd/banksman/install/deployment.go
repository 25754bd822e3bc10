package install

import (
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// nonRoot is the user of the image, as in the images of distroless.
const nonRoot = 65532

// deployment restarts no Pod when the configuration or a Secret changes: both
// are read anew by the running process.
func (o Options) deployment() *apps.Deployment {
	return &apps.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: metav1.ObjectMeta{Namespace: o.Namespace, Name: Name, Labels: o.versioned()},
		Spec: apps.DeploymentSpec{
			Replicas: &o.Replicas,
			Selector: &metav1.LabelSelector{MatchLabels: o.selector()},
			// The old one that holds the lease hands it over when it is stopped.
			Strategy: apps.DeploymentStrategy{Type: apps.RollingUpdateDeploymentStrategyType, RollingUpdate: &apps.RollingUpdateDeployment{
				MaxSurge: of(intstr.FromInt32(1)), MaxUnavailable: of(intstr.FromInt32(0)),
			}},
			Template: core.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: o.versioned(), Annotations: map[string]string{
					"kubectl.kubernetes.io/default-container": Name,
				}},
				Spec: o.pod(),
			},
		},
	}
}

func (o Options) pod() core.PodSpec {
	return core.PodSpec{
		ServiceAccountName:            Name,
		Containers:                    []core.Container{o.container()},
		Volumes:                       o.volumes(),
		NodeSelector:                  map[string]string{"kubernetes.io/os": "linux"},
		TopologySpreadConstraints:     []core.TopologySpreadConstraint{o.spread("kubernetes.io/hostname"), o.spread("topology.kubernetes.io/zone")},
		TerminationGracePeriodSeconds: of(int64(30)), // what is being written takes ten at most
		SecurityContext: &core.PodSecurityContext{
			RunAsNonRoot:   of(true),
			RunAsUser:      of(int64(nonRoot)),
			RunAsGroup:     of(int64(nonRoot)),
			FSGroup:        of(int64(nonRoot)), // so that it may read the Secrets
			SeccompProfile: &core.SeccompProfile{Type: core.SeccompProfileTypeRuntimeDefault},
		},
	}
}

func (o Options) spread(over string) core.TopologySpreadConstraint {
	return core.TopologySpreadConstraint{
		MaxSkew: 1, TopologyKey: over, WhenUnsatisfiable: core.ScheduleAnyway,
		LabelSelector: &metav1.LabelSelector{MatchLabels: o.selector()},
	}
}

func (o Options) container() core.Container {
	return core.Container{
		Name:  Name,
		Image: o.Image,
		Args: []string{
			"run", "--config", ConfigPath + "/" + ConfigKey, "--listen", ":8080", "--log-format", "json", "--data-dir", DataPath,
		},
		Ports: []core.ContainerPort{{Name: portName, ContainerPort: port, Protocol: core.ProtocolTCP}},
		// The collector works harder near the limit instead of being killed at it.
		Env: []core.EnvVar{{Name: "GOMEMLIMIT", Value: "460MiB"}},
		Resources: core.ResourceRequirements{
			Requests: core.ResourceList{core.ResourceCPU: resource.MustParse("100m"), core.ResourceMemory: resource.MustParse("128Mi")},
			Limits:   core.ResourceList{core.ResourceMemory: resource.MustParse("512Mi")},
		},
		// The first clone of a large repository takes its time.
		StartupProbe:   probe("/healthz", 5, 60),
		LivenessProbe:  probe("/healthz", 10, 3),
		ReadinessProbe: probe("/readyz", 5, 3),
		VolumeMounts:   o.mounts(),
		SecurityContext: &core.SecurityContext{
			AllowPrivilegeEscalation: of(false),
			ReadOnlyRootFilesystem:   of(true),
			RunAsNonRoot:             of(true),
			Capabilities:             &core.Capabilities{Drop: []core.Capability{"ALL"}},
			SeccompProfile:           &core.SeccompProfile{Type: core.SeccompProfileTypeRuntimeDefault},
		},
	}
}

// probe asks every so many seconds, and gives up after so many failures.
func probe(path string, period, failures int32) *core.Probe {
	return &core.Probe{
		ProbeHandler:  core.ProbeHandler{HTTPGet: &core.HTTPGetAction{Path: path, Port: intstr.FromString(portName)}},
		PeriodSeconds: period, FailureThreshold: failures, TimeoutSeconds: 3,
	}
}

func (o Options) mounts() []core.VolumeMount {
	mounts := []core.VolumeMount{
		{Name: "config", MountPath: ConfigPath, ReadOnly: true},
		{Name: "github", MountPath: GitHubPath, ReadOnly: true},
		{Name: "data", MountPath: DataPath},
	}
	if o.Notifies {
		mounts = append(mounts, core.VolumeMount{Name: "notify", MountPath: NotifyPath, ReadOnly: true})
	}
	return mounts
}

func (o Options) volumes() []core.Volume {
	secret := func(name string, optional *bool) core.VolumeSource {
		return core.VolumeSource{Secret: &core.SecretVolumeSource{SecretName: name, DefaultMode: of(int32(0o440)), Optional: optional}}
	}
	volumes := []core.Volume{
		{Name: "config", VolumeSource: core.VolumeSource{ConfigMap: &core.ConfigMapVolumeSource{LocalObjectReference: core.LocalObjectReference{Name: Name}}}},
		{Name: "github", VolumeSource: secret(GitHubSecret, nil)},
		// What it holds is fetched again when it is lost.
		{Name: "data", VolumeSource: core.VolumeSource{EmptyDir: &core.EmptyDirVolumeSource{SizeLimit: of(resource.MustParse("2Gi"))}}},
	}
	if o.Notifies {
		volumes = append(volumes, core.Volume{Name: "notify", VolumeSource: secret(NotifySecret, of(true))})
	}
	return volumes
}

func of[T any](v T) *T { return &v }
