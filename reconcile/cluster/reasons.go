package cluster

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"

	"banksman.dev/reconcile"
	"banksman.dev/reconcile/health"
)

// Reasons that Pods do not tell are in Events: a volume that cannot be mounted,
// a probe that fails, a Pod that cannot be created. They are watched, in the
// namespace of a workload that is not healthy, from the moment that it is seen
// until every workload there is healthy again: a list at every look would tell
// of an Event only when something else happens, and costs a request each time,
// whereas a watch costs two and wakes the service. In steady state there is
// none. Only warnings are asked for. Without the right to list and watch Events,
// and to get Secrets, there is a little less of a reason.

var (
	events  = schema.GroupVersionResource{Version: "v1", Resource: "events"}
	secrets = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
)

// reasons are the Events of a namespace, and what else was found out about its
// Pods. It is the informer that watches them.
type reasons struct {
	cache.SharedIndexInformer
	refused chan struct{} // closed when the API server forbids it
	once    sync.Once

	mu       sync.Mutex
	unwell   map[workload]string // at which resourceVersion they were seen to be
	searched map[pullSecret]searchResult
}

// A workload is one of ours, in the namespace of its reasons.
type workload struct {
	kind schema.GroupVersionKind
	name string
}

// A pullSecret is one that all Pods of an owner name.
type pullSecret struct {
	owner types.UID
	name  string
}

// A searchResult says whether a Secret was there when a Pod had this version.
type searchResult struct {
	pod, version string
	absent       bool
}

func allEvents(namespace string) watchKey { return watchKey{resource: events, namespace: namespace} }

// reasonsFor are the reasons in a workload's namespace, which are kept up to
// date from now on and as long as the workload is not healthy.
func (c *Cluster) reasonsFor(u *unstructured.Unstructured) *reasons {
	ws, key := c.watches, allEvents(u.GetNamespace())
	ws.mu.Lock()
	defer ws.mu.Unlock()
	var r *reasons
	if w, ok := ws.on[key]; ok {
		r, _ = w.informer.(*reasons)
	}
	if r == nil {
		r = c.newReasons(u.GetNamespace())
		ws.on[key] = &watch{informer: r, synced: r.HasSyncedChecker(), failed: make(chan struct{})}
		c.tasks.Go(func() { c.keep(r, key) })
	}
	r.mu.Lock()
	r.unwell[workload{u.GroupVersionKind(), u.GetName()}] = u.GetResourceVersion()
	r.mu.Unlock()
	return r
}

func (c *Cluster) newReasons(namespace string) *reasons {
	tweak := func(o *metav1.ListOptions) { o.FieldSelector = "type=Warning" }
	r := &reasons{
		SharedIndexInformer: dynamicinformer.NewFilteredDynamicInformer(c.dyn, events, namespace, 0, byObject(), tweak).Informer(),
		refused:             make(chan struct{}),
		unwell:              map[workload]string{},
		searched:            map[pullSecret]searchResult{},
	}
	// None of these fails before the informer runs.
	_ = r.SetTransform(trimEvent)
	_ = r.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) {
		c.log.Debug("no reasons from Events", "namespace", namespace, "error", err)
		if apierrors.IsForbidden(err) {
			r.once.Do(func() { close(r.refused) })
		}
	})
	_, _ = r.AddEventHandler(c.eventHandler(r))
	return r
}

// wellness is how often it is looked, in memory, whether the reasons of a
// namespace are still asked for.
const wellness = 5 * time.Second

// keep runs a watch of Events until nobody needs it. One that is forbidden ends
// at once, and is tried again with the next trouble.
func (c *Cluster) keep(r *reasons, key watchKey) {
	ctx, stop := context.WithCancel(c.ctx)
	var running sync.WaitGroup
	running.Go(func() { r.RunWithContext(ctx) })
	defer running.Wait()
	defer stop()
	tick := time.NewTicker(wellness)
	defer tick.Stop()
	refused := r.refused
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-refused:
			stop()
			refused = nil
		case <-tick.C:
			if c.dropped(r, key) {
				return
			}
		}
	}
}

// dropped forgets the workloads that are healthy again or gone, and says whether
// that were all; the watch is then no longer found.
func (c *Cluster) dropped(r *reasons, key watchKey) bool {
	r.mu.Lock()
	seen := maps.Clone(r.unwell)
	r.mu.Unlock()
	maps.DeleteFunc(seen, func(w workload, _ string) bool { return c.isUnwell(key.namespace, w) })

	c.watches.mu.Lock()
	defer c.watches.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	for w, version := range seen {
		if r.unwell[w] == version { // and was not asked about meanwhile
			delete(r.unwell, w)
		}
	}
	if len(r.unwell) > 0 {
		return false
	}
	delete(c.watches.on, key)
	return true
}

func (c *Cluster) isUnwell(namespace string, w workload) bool {
	u := c.cached(w.kind, namespace, w.name)
	if u == nil || !hasReasons(u) {
		return false
	}
	_, since := entryOf(u.GetManagedFields())
	return health.Of(u, since).Health != reconcile.Healthy
}

// about are the Events about an object.
func (r *reasons) about(kind, name string) []health.Event {
	found, err := r.GetIndexer().ByIndex(byObjectName, kind+"/"+name)
	if err != nil {
		return nil
	}
	var about []health.Event
	for _, o := range found {
		if u, ok := o.(*unstructured.Unstructured); ok {
			about = append(about, health.EventOf(u))
		}
	}
	slices.SortFunc(about, func(a, b health.Event) int {
		return strings.Compare(a.Reason+a.Container+a.Message, b.Reason+b.Container+b.Message)
	})
	return about
}

// aboutPod are the Events about a Pod and about its claims.
func (r *reasons) aboutPod(pod *unstructured.Unstructured) []health.Event {
	about := r.about("Pod", pod.GetName())
	for _, name := range health.Claims(pod) {
		about = append(about, r.about("PersistentVolumeClaim", name)...)
	}
	return about
}

// missingSecrets are the pull secrets that do not exist, of the Pods of one
// workload, which all name the same. They are looked for once, and again when
// the kubelet has tried again; of each only the metadata is read.
func (r *reasons) missingSecrets(ctx context.Context, c *Cluster, pods []*unstructured.Unstructured) []string {
	i := slices.IndexFunc(pods, func(pod *unstructured.Unstructured) bool { return len(health.PullSecrets(pod)) > 0 })
	if i < 0 {
		return nil
	}
	pod := pods[i]
	var missing []string
	for _, name := range health.PullSecrets(pod) {
		if r.isMissing(ctx, c, pod, name) {
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	return slices.Compact(missing)
}

// patienceForSecret bounds a look that is not worth waiting for.
const patienceForSecret = 5 * time.Second

func (r *reasons) isMissing(ctx context.Context, c *Cluster, pod *unstructured.Unstructured, name string) bool {
	key := pullSecret{name: name}
	if owner := metav1.GetControllerOf(pod); owner != nil {
		key.owner = owner.UID
	}
	r.mu.Lock()
	known, ok := r.searched[key]
	r.mu.Unlock()
	if ok && known.pod == pod.GetName() && known.version == pod.GetResourceVersion() {
		return known.absent
	}
	ctx, cancel := context.WithTimeout(ctx, patienceForSecret)
	defer cancel()
	_, err := c.meta.Resource(secrets).Namespace(pod.GetNamespace()).Get(ctx, name, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		c.log.Debug("no reason from a pull secret", "namespace", pod.GetNamespace(), "secret", name, "error", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.searched[key] = searchResult{pod.GetName(), pod.GetResourceVersion(), apierrors.IsNotFound(err)}
	return apierrors.IsNotFound(err)
}

// tells says whether a Pod has a trouble, or an Event that came before it.
func (c *Cluster) tells(pod *unstructured.Unstructured) bool {
	if health.PodTrouble(pod) != "" {
		return true
	}
	w := c.watches.find(allEvents(pod.GetNamespace()))
	if w == nil {
		return false
	}
	r, ok := w.informer.(*reasons)
	return ok && len(r.about("Pod", pod.GetName())) > 0
}

// eventHandler wakes the service that an Event is about. That the same is said
// once more wakes nobody.
func (c *Cluster) eventHandler(r *reasons) cache.ResourceEventHandler {
	hear := func(o any) {
		u, ok := o.(*unstructured.Unstructured)
		if !ok {
			return
		}
		if e := health.EventOf(u); e.Explains() {
			for _, live := range c.concerned(r, u.GetNamespace(), e) {
				c.tell(live)
			}
		}
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc: hear,
		UpdateFunc: func(before, after any) {
			was, ok1 := before.(*unstructured.Unstructured)
			is, ok2 := after.(*unstructured.Unstructured)
			if ok1 && ok2 && !says(was, health.EventOf(is)) {
				hear(is)
			}
		},
	}
}

// says tells whether an Event, as it was kept, said the same already.
func says(was *unstructured.Unstructured, is health.Event) bool {
	e := health.EventOf(was)
	return e.Explains() && e.Reason == is.Reason && e.Message == is.Message
}

// concerned are the workloads that are not healthy and that an Event may be
// about: that of its Pod, itself, or, for a claim, any.
func (c *Cluster) concerned(r *reasons, namespace string, e health.Event) []*unstructured.Unstructured {
	if e.Kind == "Pod" {
		w := c.watches.find(allPods(namespace))
		if w == nil {
			return nil
		}
		o, _ := w.get(place{namespace: namespace, name: e.Name})
		if pod, ok := o.(*unstructured.Unstructured); ok {
			if live := c.workloadOf(pod); live != nil {
				return []*unstructured.Unstructured{live}
			}
		}
		return nil
	}
	r.mu.Lock()
	unwell := slices.Collect(maps.Keys(r.unwell))
	r.mu.Unlock()
	var all []*unstructured.Unstructured
	for _, w := range unwell {
		if e.Kind != "PersistentVolumeClaim" && (e.Kind != w.kind.Kind || e.Name != w.name) {
			continue
		}
		if live := c.cached(w.kind, namespace, w.name); live != nil {
			all = append(all, live)
		}
	}
	return all
}

const byObjectName = "object"

func byObject() cache.Indexers {
	return cache.Indexers{byObjectName: func(o any) ([]string, error) {
		u, ok := o.(*unstructured.Unstructured)
		if !ok {
			return nil, nil
		}
		e := health.EventOf(u)
		if !e.Explains() {
			return nil, nil
		}
		return []string{e.Kind + "/" + e.Name}, nil
	}}
}

// trimEvent keeps what an Event says, and nothing of one that explains nothing.
func trimEvent(o any) (any, error) {
	u, ok := o.(*unstructured.Unstructured)
	if !ok {
		return o, nil
	}
	keep := []string{"apiVersion", "kind", "metadata", "involvedObject", "reason", "message", "count", "series", "lastTimestamp", "eventTime", "firstTimestamp"}
	if !health.EventOf(u).Explains() {
		keep = keep[:3]
	}
	maps.DeleteFunc(u.Object, func(key string, _ any) bool { return !slices.Contains(keep, key) })
	return trimOwned(u)
}
