package cluster

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"banksman.dev/reconcile"
	"banksman.dev/reconcile/health"
	"banksman.dev/render"
)

// verdicts keep what the last version of an object was judged like, because a
// judgement reads the whole status.
type verdicts struct {
	mu sync.Mutex
	of map[render.ObjectID]verdict
}

type verdict struct {
	uid     types.UID
	version string
	state   health.State
}

func newVerdicts() *verdicts { return &verdicts{of: map[render.ObjectID]verdict{}} }

// judge says what an object that has the wanted content is like.
func (c *Cluster) judge(id render.ObjectID, u *unstructured.Unstructured) health.State {
	uid, version := u.GetUID(), u.GetResourceVersion()
	c.verdicts.mu.Lock()
	v, ok := c.verdicts.of[id]
	c.verdicts.mu.Unlock()
	if ok && version != "" && v.version == version && v.uid == uid {
		return v.state
	}
	var since time.Time
	if s := sightingOf(u); s.written != 0 {
		since = time.Unix(s.written, 0)
	}
	v = verdict{uid, version, health.Of(u, since)}
	if v.state.Health != reconcile.Healthy && isPaused(u) {
		v.state = pausedState(u)
	}
	c.verdicts.mu.Lock()
	defer c.verdicts.mu.Unlock()
	c.verdicts.of[id] = v
	return v.state
}
