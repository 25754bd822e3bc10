package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"banksman.dev/reconcile"
	"banksman.dev/reconcile/api/v1alpha1"
)

// logFlags say whose logs, and how much of them.
type logFlags struct {
	cluster       *clusterFlags
	canary, full  bool
	follow        bool
	previous      bool
	allContainers bool
	container     string
	tail          int64
	since         time.Duration
}

// shownTail is how many of the last lines of each container are shown unasked.
const shownTail = 100

func (p *program) logsCommand() *cobra.Command {
	var f logFlags
	cmd := &cobra.Command{
		Use:   "logs SERVICE",
		Short: "What the Pods of a service write: of its canary, of full, or of both",
		Long: `Print what the containers of a service's Pods wrote, of both variants or, with --canary
or --full, of one: which Pods are whose is told by who owns them, because both carry the
same labels. Each line begins with its variant and Pod. With --follow it stays, and goes
on with Pods that come: those of the next release, too.

Without -c it is each Pod's first container, or the one that its annotation
kubectl.kubernetes.io/default-container names. The account needs to get pods/log, and to
list and watch Deliveries, workloads, ReplicaSets and Pods.

Exit codes: 0 it is printed, or an interrupt ended --follow; 1 there is no Pod, or none of
them gave anything; 2 wrong usage.`,
		Example: `  banksman logs fop-gate --canary --follow
  banksman logs fop-gate --since 10m --tail -1 | grep ERROR
  banksman logs fop-gate --canary --previous`,
		Args: arguments(1, 1, "the name of a SERVICE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case f.canary && f.full:
				return misused("without both, it is both", "--canary and --full cannot stand together")
			case f.allContainers && f.container != "":
				return misused("", "--all-containers and --container cannot stand together")
			case f.follow && f.previous:
				return misused("", "--follow and --previous cannot stand together: what ended writes no more")
			case f.since < 0:
				return misused("", "--since %s: want more than nothing", f.since)
			}
			return interruptedOr(cmd.Context(), p.logs(cmd.Context(), f, args[0]))
		},
	}
	flags := cmd.Flags()
	f.cluster = newClusterFlags(flags, "to look in (default: any)")
	cmd.ValidArgsFunction = p.serviceNames(f.cluster)
	flags.BoolVar(&f.canary, "canary", false, "of the canary's Pods alone")
	flags.BoolVar(&f.full, "full", false, "of full's Pods alone")
	flags.BoolVarP(&f.follow, "follow", "f", false, "stay, and print what they write, and what Pods write that come")
	flags.BoolVarP(&f.previous, "previous", "p", false, "of each container's run before, if it was started again")
	flags.StringVarP(&f.container, "container", "c", "", "`name` of the container")
	flags.BoolVar(&f.allContainers, "all-containers", false, "of all containers of each Pod")
	flags.Int64Var(&f.tail, "tail", shownTail, "the last `lines` of each container; -1 for all")
	flags.DurationVar(&f.since, "since", 0, "only what is younger than this `time`: 10m")
	return cmd
}

// startStep is between two looks at whether a container has started.
const startStep = 2 * time.Second

func (p *program) logs(ctx context.Context, f logFlags, name string) error {
	d, err := p.oneDelivery(ctx, f.cluster, name)
	if err != nil {
		return err
	}
	c, err := p.clients(f.cluster)
	if err != nil {
		return err
	}
	l, err := lookoutOver(c, &d, "")
	if err != nil {
		return explainCluster(c.host, err)
	}
	stop, err := l.start(ctx)
	if err != nil {
		return explainCluster(c.host, err)
	}
	defer stop()
	t := newTailing(p, c, f)
	defer t.all.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	again := time.NewTicker(startStep)
	defer again.Stop()
	for {
		sources, err := f.sources(l)
		if err != nil {
			return err
		}
		switch {
		case !f.follow && len(sources) == 0:
			return failed(fmt.Errorf("%s has no Pods%s", nameOfService(d), f.whose()), inNamespace("tree", d)+" shows what it has")
		case !f.follow:
			return t.print(ctx, sources)
		}
		t.begin(ctx, sources)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-t.broken:
			return err
		case <-l.changed:
		case <-again.C:
		}
	}
}

func (f logFlags) whose() string {
	whose := ""
	switch {
	case f.canary:
		whose = " of its canary"
	case f.full:
		whose = " of full"
	}
	if f.container != "" {
		whose += " with a container " + f.container
	}
	return whose
}

// A logSource is one run of one container.
type logSource struct {
	variant, namespace, pod, container string
	uid                                types.UID
	run                                int64 // how often it was started again
	prefix                             string
}

// sources are the containers whose logs are asked for, full's first.
func (f logFlags) sources(l *lookout) ([]logSource, error) {
	deliveries, err := l.deliveries()
	if err != nil || len(deliveries) == 0 {
		return nil, err
	}
	var all []logSource
	for _, v := range []struct {
		name  string
		track reconcile.Track
		skip  bool
	}{{"full", reconcile.TrackStable, f.canary}, {"canary", reconcile.TrackCanary, f.full}} {
		if v.skip {
			continue
		}
		for _, pod := range podsOf(l.lineage(), deliveries[0], v.track) {
			for _, container := range f.containers(pod) {
				s := logSource{variant: v.name, namespace: pod.GetNamespace(), pod: pod.GetName(), container: container, uid: pod.GetUID(), run: restarts(pod, container)}
				s.prefix = "[" + s.variant + " " + s.pod + "] "
				if f.allContainers {
					s.prefix = "[" + s.variant + " " + s.pod + " " + s.container + "] "
				}
				all = append(all, s)
			}
		}
	}
	return all, nil
}

// podsOf are the Pods that a variant's workloads own.
func podsOf(found lineage, d v1alpha1.Delivery, track reconcile.Track) []*unstructured.Unstructured {
	var pods []*unstructured.Unstructured
	var walk func([]*member)
	walk = func(members []*member) {
		for _, m := range members {
			if m.kind == "Pod" && m.object != nil {
				pods = append(pods, m.object)
			}
			walk(m.children)
		}
	}
	walk(found.members(d.Status.Inventory, track))
	return pods
}

const defaultContainer = "kubectl.kubernetes.io/default-container"

// containers are the names of those of a Pod that are asked for.
func (f logFlags) containers(pod *unstructured.Unstructured) []string {
	var inits, names []string
	for list, into := range map[string]*[]string{"initContainers": &inits, "containers": &names} {
		containers, _, _ := unstructured.NestedSlice(pod.Object, "spec", list)
		for _, c := range containers {
			container, _ := c.(map[string]any)
			if name, _ := container["name"].(string); name != "" {
				*into = append(*into, name)
			}
		}
	}
	switch named := pod.GetAnnotations()[defaultContainer]; {
	case f.allContainers:
		return append(inits, names...)
	case f.container != "":
		if slices.Contains(inits, f.container) || slices.Contains(names, f.container) {
			return []string{f.container}
		}
		return nil
	case named != "":
		return []string{named}
	case len(names) > 0:
		return names[:1]
	}
	return nil
}

func restarts(pod *unstructured.Unstructured, container string) int64 {
	for _, list := range []string{"containerStatuses", "initContainerStatuses"} {
		statuses, _, _ := unstructured.NestedSlice(pod.Object, "status", list)
		for _, s := range statuses {
			if status, _ := s.(map[string]any); status["name"] == container {
				n, _, _ := unstructured.NestedInt64(status, "restartCount")
				return n
			}
		}
	}
	return 0
}

func (f logFlags) options(s logSource) *core.PodLogOptions {
	o := &core.PodLogOptions{Container: s.container, Follow: f.follow, Previous: f.previous}
	if f.tail >= 0 {
		o.TailLines = &f.tail
	}
	if f.since > 0 {
		seconds := max(1, int64(f.since.Seconds()))
		o.SinceSeconds = &seconds
	}
	return o
}

// print is what there is now, one container after the other.
func (t *tailing) print(ctx context.Context, sources []logSource) error {
	var faults []error
	for _, s := range sources {
		if err := t.copy(ctx, s, t.flags.options(s)); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", strings.Trim(s.prefix, "[] "), err))
		}
	}
	if len(faults) == len(sources) {
		return t.explain(sources[0], errors.Join(faults...))
	}
	for _, fault := range faults {
		if err := t.note("banksman: " + oneLine(fault.Error())); err != nil {
			return err
		}
	}
	return nil
}
