package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"banksman.dev/reconcile"
	"banksman.dev/render"
)

// Owner is the field owner of everything that banksman applies.
const Owner = "banksman"

// Options are what the operator of banksman chose.
type Options struct {
	Logger *slog.Logger
	// Adopt takes over objects that another tool claims.
	Adopt bool
	// Version is part of the user agent.
	Version string
	// Source names the repository, among those of one banksman; "" for the one that
	// has no name. What belongs to another one is never touched.
	Source string
	// Scope bounds every request: outside of it nothing is listed, read or written.
	Scope reconcile.Scope
	// ServiceAccount is impersonated in every request, as "namespace/name"; "" for
	// nobody.
	ServiceAccount string
}

// A Cluster is one Kubernetes cluster. Its methods may be called from several
// goroutines, for one service at a time. They end with their context, and no
// request waits longer than that, also where the API server answers Retry-After.
type Cluster struct {
	log    *slog.Logger
	adopt  bool
	source string
	scope  reconcile.Scope
	mapper meta.RESTMapper
	client client.Client // reads live, never from a cache
	dyn    dynamic.Interface
	meta   metadata.Interface

	workloads listed
	witness   *witness
	recipes   *recipes
	verdicts  *verdicts
	holds     *holds
	watches   *watches
	queue     workqueue.TypedInterface[render.ServiceName]
	changed   chan render.ServiceName

	ctx    context.Context
	cancel context.CancelFunc
	tasks  sync.WaitGroup

	mu     sync.Mutex
	spared map[leftObject]bool // those that were said to be left
	// unsure are objects that may have been written: the answer was lost.
	unsure  map[render.ObjectID]bool
	leaving map[types.UID]int // how often an object was met while it was being deleted
	// foreign are borrowed objects that somebody else made.
	foreign map[render.ObjectID]bool
}

// New connects to a cluster. It sends nothing yet.
func New(config *rest.Config, o Options) (*Cluster, error) {
	config = rest.CopyConfig(config)
	config.QPS, config.Burst = -1, 0
	config.Wrap(newGate)
	if config.UserAgent == "" {
		config.UserAgent = "banksman/" + orDev(o.Version)
	}
	log := o.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if err := impersonate(config, o.ServiceAccount); err != nil {
		return nil, err
	}
	config.WarningHandler = nil
	config.WarningHandlerWithContext = &warnings{log: log, said: map[string]bool{}}
	c := &Cluster{
		log: log, adopt: o.Adopt, source: o.Source, scope: o.Scope,
		witness: newWitness(), recipes: newRecipes(), verdicts: newVerdicts(), holds: newHolds(),
		queue:   workqueue.NewTyped[render.ServiceName](),
		changed: make(chan render.ServiceName),
		unsure:  map[render.ObjectID]bool{},
		spared:  map[leftObject]bool{},
		leaving: map[types.UID]int{},
		foreign: map[render.ObjectID]bool{},
	}
	if err := c.connect(config); err != nil {
		return nil, fmt.Errorf("connect to the cluster: %w", err)
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.watches = newWatches(c)
	c.tasks.Go(c.announce)
	return c, nil
}

// kindsTimeout bounds a question about the kinds that the API server serves.
const kindsTimeout = 30 * time.Second

func (c *Cluster) connect(config *rest.Config) error {
	http, err := rest.HTTPClientFor(config)
	if err != nil {
		return err
	}
	questions := *http // about kinds: they are asked without a context
	questions.Timeout = kindsTimeout
	if c.mapper, err = apiutil.NewDynamicRESTMapper(config, &questions); err != nil {
		return err
	}
	if c.client, err = client.New(config, client.Options{HTTPClient: http, Mapper: c.mapper}); err != nil {
		return err
	}
	if c.dyn, err = dynamic.NewForConfigAndClient(config, http); err != nil {
		return err
	}
	c.meta, err = metadata.NewForConfigAndClient(metadata.ConfigFor(config), http)
	return err
}

func orDev(version string) string {
	if version == "" {
		return "dev"
	}
	return version
}

// Changed names the services of which something changed in the cluster that
// may matter. Names that nobody has taken yet are not repeated.
func (c *Cluster) Changed() <-chan render.ServiceName { return c.changed }

// announce moves names from the queue to the channel, so that no watch ever
// waits for a reader.
func (c *Cluster) announce() {
	for {
		name, done := c.queue.Get()
		if done {
			return
		}
		select {
		case c.changed <- name:
		case <-c.ctx.Done():
		}
		c.queue.Done(name)
	}
}

// Close ends the watches and waits for them.
func (c *Cluster) Close() {
	c.cancel()
	c.queue.ShutDown()
	c.tasks.Wait()
}
