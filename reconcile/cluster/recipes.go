package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"banksman.dev/reconcile"
	"banksman.dev/render"
)

// recipes remember, of each object that is wanted, what its hashes are, so that
// a pass that changes nothing neither copies nor encodes anything. One of an
// object is kept, of the content that was asked for last.
type recipes struct {
	printer
	mu sync.Mutex
	of map[recipeKey]recipe
}

type recipeKey struct {
	track reconcile.Track
	id    render.ObjectID
}

// A recipe is what can be said of a wanted object before it is made.
type recipe struct {
	wanted
	sum    uint64        // its fingerprint
	digest render.Digest // of the set
	wants  [2]string     // without and with an autoscaler
	sized  bool          // it is a workload and says how many Pods it wants
}

func newRecipes() *recipes {
	return &recipes{printer: newPrinter(), of: map[recipeKey]recipe{}}
}

// recipeOf is the recipe of one object of a set.
func (c *Cluster) recipeOf(o render.Object, s reconcile.Set) (recipe, error) {
	key := recipeKey{s.Track, o.ID()}
	sum, sure := c.recipes.printer.of(map[string]any(o))
	c.recipes.mu.Lock()
	r, ok := c.recipes.of[key]
	c.recipes.mu.Unlock()
	if ok && sure && r.sum == sum && r.service == s.Service && r.digest == s.Ref.Digest {
		return r, nil
	}
	p, err := c.find(kindOf(o), o.Namespace(), o.Name())
	if err != nil {
		return recipe{}, err
	}
	r = recipe{sum: sum, digest: s.Ref.Digest}
	if r.wanted, err = c.want(o, p, s); err != nil {
		return recipe{}, err
	}
	_, named, _ := unstructured.NestedFieldNoCopy(o, "spec", "replicas")
	r.sized = named && r.workload
	r.wants = [2]string{wordOf(r.wanted, false), wordOf(r.wanted, true)}
	c.recipes.mu.Lock()
	defer c.recipes.mu.Unlock()
	c.recipes.of[key] = r
	return r, nil
}

// wordOf hashes everything that decides what is sent of an object. The number
// stands for the way in which objects are made: it changes when banksman
// begins to send something else for the same content.
func wordOf(w wanted, autoscaled bool) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "1 %s %s %t", w.content, w.digest, autoscaled))
	return hex.EncodeToString(sum[:8])
}

// wordNow is what the witness must have been told of an object that is as wanted.
func (c *Cluster) wordNow(ctx context.Context, r recipe) (string, error) {
	scaled, err := c.isAutoscaled(ctx, r)
	if scaled {
		return r.wants[1], err
	}
	return r.wants[0], err
}
