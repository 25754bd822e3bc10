package cluster

import (
	"context"
	"fmt"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"
)

// watches are the informers in use. They start when an object of their kind is
// first asked for, and run until the Cluster is closed.
type watches struct {
	c  *Cluster
	mu sync.RWMutex
	on map[watchKey]*watch
}

// A watchKey says what is watched: the objects of a kind in a namespace, or in all
// of them.
type watchKey struct {
	resource  schema.GroupVersionResource
	namespace string // metav1.NamespaceAll: all
	own       bool   // our own only
}

type watch struct {
	informer cache.SharedIndexInformer
	synced   cache.DoneChecker
	failed   chan struct{} // closed when a list or watch failed the first time
	once     sync.Once
	mu       sync.Mutex
	err      error
}

func newWatches(c *Cluster) *watches {
	return &watches{c: c, on: map[watchKey]*watch{}}
}

// syncTimeout bounds the first list of a kind.
const syncTimeout = 30 * time.Second

// own watches our objects of a kind: with status, or only their metadata.
func (ws *watches) own(ctx context.Context, p place) (*watch, error) {
	key := ws.keyOf(p)
	return ws.ensure(ctx, key, func() (cache.SharedIndexInformer, cache.ResourceEventHandler, cache.TransformFunc) {
		tweak := func(o *metav1.ListOptions) { o.LabelSelector = ws.c.selector() }
		if isPlain(p.kind.GroupKind()) {
			i := metadatainformer.NewFilteredMetadataInformer(ws.c.meta, p.resource, key.namespace, 0, cache.Indexers{}, tweak)
			return i.Informer(), ws.c.ownHandler(p.kind), trimOwn
		}
		i := dynamicinformer.NewFilteredDynamicInformer(ws.c.dyn, p.resource, key.namespace, 0, cache.Indexers{}, tweak)
		return i.Informer(), ws.c.ownHandler(p.kind), trimOwn
	})
}

// pods watches the Pods of a namespace, which carry none of our labels.
func (ws *watches) pods(ctx context.Context, namespace string) (*watch, error) {
	return ws.ensure(ctx, allPods(namespace), func() (cache.SharedIndexInformer, cache.ResourceEventHandler, cache.TransformFunc) {
		i := dynamicinformer.NewFilteredDynamicInformer(ws.c.dyn, pods, namespace, 0, byOwner(), nil)
		return i.Informer(), ws.c.podHandler(), trimPod
	})
}

// replicaSets watches what stands between Pods and Deployments.
func (ws *watches) replicaSets(ctx context.Context, namespace string) (*watch, error) {
	return ws.ensure(ctx, allReplicaSets(namespace), func() (cache.SharedIndexInformer, cache.ResourceEventHandler, cache.TransformFunc) {
		i := metadatainformer.NewFilteredMetadataInformer(ws.c.meta, replicaSets, namespace, 0, byOwner(), nil)
		return i.Informer(), nil, trimOwned
	})
}

// autoscalers watches every autoscaler that may scale a workload: they are few, and
// usually not ours.
func (ws *watches) autoscalers(ctx context.Context, p place) (*watch, error) {
	key := watchKey{resource: autoscalers, namespace: ws.c.within(p)}
	return ws.ensure(ctx, key, func() (cache.SharedIndexInformer, cache.ResourceEventHandler, cache.TransformFunc) {
		i := dynamicinformer.NewFilteredDynamicInformer(ws.c.dyn, autoscalers, key.namespace, 0, targetIndex(), nil)
		return i.Informer(), ws.c.autoscalerHandler(), trimAutoscaler
	})
}

func allPods(namespace string) watchKey { return watchKey{resource: pods, namespace: namespace} }

func allReplicaSets(namespace string) watchKey {
	return watchKey{resource: replicaSets, namespace: namespace}
}

// keyOf is the watch that shows a place when what is there is ours.
func (ws *watches) keyOf(p place) watchKey {
	return watchKey{resource: p.resource, namespace: ws.c.within(p), own: true}
}

type informerOf func() (cache.SharedIndexInformer, cache.ResourceEventHandler, cache.TransformFunc)

// ensure starts a watch, or finds it, and waits for its first list. It does not
// wait out a server that cannot be reached or refuses.
func (ws *watches) ensure(ctx context.Context, key watchKey, informer informerOf) (*watch, error) {
	if w := ws.find(key); w != nil && w.isSynced() {
		return w, nil
	}
	w, err := ws.start(key, informer)
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", key.resource.GroupResource(), err)
	}
	if w.isSynced() {
		return w, nil
	}
	timeout := time.NewTimer(syncTimeout)
	defer timeout.Stop()
	select {
	case <-w.synced.Done():
		return w, nil
	case <-w.failed: // the informer tries again by itself; so will the caller
	case <-timeout.C:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err = w.failure(); err == nil {
		err = fmt.Errorf("no answer within %s", syncTimeout)
	}
	return nil, fmt.Errorf("watch %s: %w", key.resource.GroupResource(), explained(err))
}

func (w *watch) isSynced() bool {
	select {
	case <-w.synced.Done():
		return true
	default:
		return false
	}
}

func (ws *watches) start(key watchKey, build informerOf) (*watch, error) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if w, ok := ws.on[key]; ok {
		return w, nil
	}
	informer, handler, trim := build()
	w := &watch{informer: informer, synced: informer.HasSyncedChecker(), failed: make(chan struct{})}
	if err := informer.SetTransform(trim); err != nil {
		return nil, err
	}
	if err := informer.SetWatchErrorHandlerWithContext(w.fail); err != nil {
		return nil, err
	}
	if handler != nil {
		registration, err := informer.AddEventHandler(handler)
		if err != nil {
			return nil, err
		}
		w.synced = registration.HasSyncedChecker()
	}
	ws.on[key] = w
	ws.c.tasks.Go(func() { informer.RunWithContext(ws.c.ctx) })
	return w, nil
}

// fail remembers why a list or watch failed. The informer tries again by itself.
func (w *watch) fail(_ context.Context, _ *cache.Reflector, err error) {
	w.mu.Lock()
	w.err = err
	w.mu.Unlock()
	w.once.Do(func() { close(w.failed) })
}

func (w *watch) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// get finds an object in the cache.
func (w *watch) get(p place) (any, bool) {
	key := p.name
	if p.namespace != "" {
		key = p.namespace + "/" + p.name
	}
	o, found, err := w.informer.GetIndexer().GetByKey(key)
	return o, found && err == nil
}

// find returns a watch that runs already, or nil.
func (ws *watches) find(key watchKey) *watch {
	ws.mu.RLock()
	defer ws.mu.RUnlock()
	return ws.on[key]
}

// running returns the watch of our own objects of a kind, if it runs already.
func (ws *watches) running(p place) *watch {
	return ws.find(ws.keyOf(p))
}
