package reconcile_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"banksman.dev/gitsrc"
	"banksman.dev/reconcile"
	"banksman.dev/render"
)

// A mapCluster is a cluster and its Deliveries as maps. What is applied is
// healthy at the next look, unless its image is named bad or slow.
type mapCluster struct {
	answersLost int // of so many writes of records nobody hears
	objects     map[render.ObjectID]render.Object
	uid         int
	uids        map[render.ObjectID]string
	foreign     map[render.ObjectID]bool // made by hand
	bad, slow   map[string]bool
	records     map[render.ServiceName]reconcile.Record
	views       map[render.ServiceName]reconcile.View
	orders      map[render.ServiceName]reconcile.Orders
	kept        map[render.ServiceName]reconcile.Kept
	noted       map[render.ObjectID]reconcile.Ref // the release that a workload of full names
	paused      map[render.ObjectID]bool
	sent        int
	keeps       int
	keptReads   int
	keptFault   string // what cannot be done with it
	happened    bool   // somebody did something to it since it was last looked at

	t         *testing.T
	tracks    map[render.ObjectID]reconcile.Track
	forbidden map[string]bool // texts of pull requests that are not merged
}

func newMapCluster(t *testing.T) *mapCluster {
	return &mapCluster{
		t: t, tracks: map[render.ObjectID]reconcile.Track{}, forbidden: map[string]bool{},
		objects: map[render.ObjectID]render.Object{}, uids: map[render.ObjectID]string{}, noted: map[render.ObjectID]reconcile.Ref{}, paused: map[render.ObjectID]bool{},
		foreign: map[render.ObjectID]bool{},
		bad:     map[string]bool{}, slow: map[string]bool{},
		records: map[render.ServiceName]reconcile.Record{}, views: map[render.ServiceName]reconcile.View{},
		orders: map[render.ServiceName]reconcile.Orders{}, kept: map[render.ServiceName]reconcile.Kept{},
	}
}

func (c *mapCluster) services() []render.ServiceName {
	return slices.Sorted(maps.Keys(c.records))
}

func (c *mapCluster) load(name render.ServiceName) (reconcile.Record, reconcile.Orders, bool) {
	r, ok := c.records[name]
	return r, c.orders[name], ok
}

func (c *mapCluster) save(_ context.Context, r reconcile.Record, v reconcile.View) error {
	c.records[r.Service], c.views[r.Service] = r, v
	if c.answersLost > 0 {
		c.answersLost--
		return errors.New("write Delivery: the answer was lost")
	}
	return nil
}

func (c *mapCluster) keep(_ context.Context, name render.ServiceName, _ string, k reconcile.Kept) error {
	c.keeps++
	switch c.keptFault {
	case "written":
		return errors.New("write Secret: forbidden")
	case "packed":
		return fmt.Errorf("write Secret: %w", reconcile.ErrTooLargeToKeep)
	}
	for id, ref := range c.noted {
		if id.Name == string(name) && ref.Digest != k.Digest {
			c.t.Errorf("%s is kept as of %s before full has it", name, k.Commit.Short())
		}
	}
	c.kept[name] = k
	if c.keptFault == "answered" {
		return errors.New("write Secret: the answer was lost")
	}
	return nil
}

func (c *mapCluster) readKept(_ context.Context, name render.ServiceName, _ string) (reconcile.Kept, bool, error) {
	k, ok := c.kept[name]
	c.keptReads++
	switch c.keptFault {
	case "read":
		return k, ok, errors.New("read Secret: forbidden")
	case "unpacked":
		return k, ok, fmt.Errorf("read Secret: %w: gzip: invalid header", reconcile.ErrKeptDamaged)
	}
	return k, ok, nil
}

func (c *mapCluster) apply(ctx context.Context, s reconcile.Set) (reconcile.Applied, error) {
	entries, err := c.put(ctx, s)
	return reconcile.Applied{Entries: entries}, err
}

func (c *mapCluster) put(_ context.Context, s reconcile.Set) ([]reconcile.Entry, error) {
	var entries []reconcile.Entry
	c.audit(s)
	for _, o := range s.Objects {
		id := o.ID()
		if _, there := c.objects[id]; there && s.Proposed && c.tracks[id] != reconcile.TrackCanary {
			return entries, &reconcile.ApplyError{Object: id, Permanent: true, Err: errors.New("it is not of this service's canary")}
		}
		if s.Borrowed[id] && (c.foreign[id] || s.Unapproved && c.tracks[id] == reconcile.TrackStable) {
			continue
		}
		delete(c.foreign, id)
		if c.uids[id] == "" {
			c.uid++
			c.uids[id] = fmt.Sprintf("uid-%d", c.uid)
		}
		if !reflect.DeepEqual(c.objects[id], o) {
			c.objects[id] = o
			c.sent++
		}
		c.tracks[id] = s.Track
		if was, ok := c.noted[id]; o.Kind() == "Deployment" && (!ok || was.Digest != s.Ref.Digest) {
			c.noted[id] = s.Ref
		}
		entries = append(entries, reconcile.Entry{Group: id.Group, Kind: id.Kind, Namespace: id.Namespace, Name: id.Name, UID: c.uids[id], Track: s.Track})
	}
	return entries, nil
}

// audit: nothing but the canary's own objects may carry what is not merged.
func (c *mapCluster) audit(s reconcile.Set) {
	for _, o := range s.Objects {
		b, err := json.Marshal(o)
		if err != nil {
			c.t.Error(err)
		}
		for text := range c.forbidden {
			own := s.Proposed && s.Track == reconcile.TrackCanary && strings.HasSuffix(o.Name(), "-canary")
			if !own && strings.Contains(string(b), text) {
				c.t.Errorf("%s of %s was sent with %q, which is not merged", o, s.Track, text)
			}
		}
	}
}

// forbid and allow follow what is proposed and not merged; what the cluster
// has anyway is no secret.
func (c *mapCluster) forbid(text string) {
	for _, o := range c.objects {
		if b, err := json.Marshal(o); err != nil || strings.Contains(string(b), text) {
			return
		}
	}
	c.forbidden[text] = true
}

func (c *mapCluster) allow(text string) { delete(c.forbidden, text) }

func (c *mapCluster) prune(_ context.Context, _ render.ServiceName, entries []reconcile.Entry) ([]reconcile.Entry, error) {
	for _, e := range entries {
		if c.foreign[e.ID()] {
			continue // it carries no label of ours
		}
		delete(c.objects, e.ID())
		delete(c.uids, e.ID())
		delete(c.noted, e.ID())
	}
	return nil, nil
}

func (c *mapCluster) pause(_ context.Context, s reconcile.Set, paused bool) error {
	for _, o := range s.Objects {
		if o.Kind() == "Deployment" {
			c.paused[o.ID()] = paused
		}
	}
	return nil
}

func (c *mapCluster) isPaused(kindAndName string) string {
	for id, paused := range c.paused {
		if strings.EqualFold(id.Kind+"/"+id.Name, kindAndName) && paused {
			return "yes"
		}
	}
	return "no"
}

// recall finds the workloads of a service by their names.
func (c *mapCluster) recall(_ context.Context, name render.ServiceName, _ string) ([]reconcile.Recalled, error) {
	var found []reconcile.Recalled
	for id, ref := range c.noted {
		if _, there := c.objects[id]; there && c.tracks[id] == reconcile.TrackStable && id.Name == string(name) {
			found = append(found, reconcile.Recalled{Object: id, Commit: ref.Commit, Digest: ref.Digest})
		}
	}
	return found, nil
}

func (c *mapCluster) live(_ context.Context, s reconcile.Set) (reconcile.Live, error) {
	l := reconcile.Live{Digest: s.Ref.Digest, Health: reconcile.Healthy}
	for _, o := range s.Objects {
		if s.Borrowed[o.ID()] && c.foreign[o.ID()] {
			continue
		}
		if !reflect.DeepEqual(c.objects[o.ID()], o) {
			return reconcile.Live{Digest: s.Ref.Digest, Health: reconcile.Missing, Message: o.String() + " is not there"}, nil
		}
		image := imageOf(o)
		name := strings.ToLower(o.Kind() + "/" + o.Name())
		switch {
		case image == "":
		case c.bad[image] || c.bad[name]:
			l.Health, l.Message = reconcile.Failed, image+" crashes"
		case c.slow[image] || c.slow[name]:
			l.Health, l.Message = reconcile.Progressing, image+" is starting"
		}
	}
	return l, nil
}

func (c *mapCluster) view(name render.ServiceName) reconcile.View { return c.views[name] }

// image is the image that a workload or, for other objects, the text that a
// ConfigMap carries: "-" when there is none.
func (c *mapCluster) image(kindAndName string) string {
	for id, o := range c.objects {
		if strings.EqualFold(id.Kind+"/"+id.Name, kindAndName) {
			return imageOf(o)
		}
	}
	return "-"
}

// byHand makes a ConfigMap in the namespace shop that is not banksman's.
func (c *mapCluster) byHand(name, text string) {
	o := render.Object{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"name": name, "namespace": "shop"}, "data": map[string]any{"text": text},
	}
	c.objects[o.ID()], c.foreign[o.ID()] = o, true
}

// runsByHand puts a Deployment there that banksman did not make.
func (c *mapCluster) runsByHand(name, image string) {
	o := render.Object{
		"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": name, "namespace": "shop"},
		"spec": map[string]any{"template": map[string]any{"spec": map[string]any{"containers": []any{map[string]any{"name": name, "image": image}}}}},
	}
	c.objects[o.ID()], c.foreign[o.ID()] = o, true
}

func (c *mapCluster) standing(_ context.Context, _ render.ServiceName, objects []render.Object) ([]render.ObjectID, error) {
	var found []render.ObjectID
	for _, o := range objects {
		if _, there := c.objects[o.ID()]; there && c.tracks[o.ID()] != reconcile.TrackCanary {
			found = append(found, o.ID())
		}
	}
	return found, nil
}

func (c *mapCluster) remove(kindAndName string) error {
	for id := range c.objects {
		if strings.EqualFold(id.Kind+"/"+id.Name, kindAndName) {
			delete(c.objects, id)
			return nil
		}
	}
	return fmt.Errorf("there is no %s", kindAndName)
}

// order gives an operator's order, suspend, retry, acknowledge or abort, or with "-"
// takes it back: for the service web, or for another one, as api/retry.
func (c *mapCluster) order(verb, value string) error {
	service := render.ServiceName("web")
	if name, rest, ok := strings.Cut(verb, "/"); ok {
		service, verb = render.ServiceName(name), rest
	}
	o := c.orders[service]
	switch verb {
	case "suspend":
		o.Suspend = nil
		if value != "-" {
			o.Suspend = &reconcile.Suspend{Reason: value, By: "carol"}
		}
	case "retry":
		o.Retry = value
	case "acknowledge":
		o.Acknowledge = gitsrc.SHA(value)
	case "abort":
		o.Abort, o.AbortedBy, o.AbortReason = gitsrc.SHA(strings.TrimPrefix(value, "-")), "carol", "it is wrong"
	default:
		return fmt.Errorf("unknown order %q", verb)
	}
	c.orders[service] = o
	return nil
}

func imageOf(o render.Object) string {
	var workload struct {
		Spec struct {
			Template struct {
				Spec struct {
					Containers []struct{ Image string }
				}
			}
		}
		Data struct{ Text string }
	}
	b, err := json.Marshal(o)
	if err != nil || json.Unmarshal(b, &workload) != nil {
		return ""
	}
	if containers := workload.Spec.Template.Spec.Containers; len(containers) > 0 {
		return containers[0].Image
	}
	return workload.Data.Text
}
