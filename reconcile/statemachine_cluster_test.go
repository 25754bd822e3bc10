package reconcile

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// A thing is an object of the small cluster. It stands for what the API server
// would answer, its labels and annotations included.
type thing struct {
	object  render.Object
	uid     string
	service render.ServiceName // the label; "" when somebody made it by hand
	track   Track
	commit  gitsrc.SHA // annotations
	digest  render.Digest
	ours    bool // banksman made it
	drifted bool // somebody changed it since it was applied
	settled bool // its Pods are as they will be
	paused  bool
}

// A smallCluster is what the effects of the loop meet. Pods are well unless
// their image is ill or slow on that track.
type smallCluster struct {
	things map[render.ObjectID]*thing
	uids   int
	ill    map[Track]map[string]bool
	slow   map[Track]map[string]bool
	writes int    // creates, changes and deletes
	rival  string // the field manager of whoever changes what was applied
}

func newSmallCluster() *smallCluster {
	c := &smallCluster{things: map[render.ObjectID]*thing{}, ill: map[Track]map[string]bool{}, slow: map[Track]map[string]bool{}}
	for _, t := range []Track{TrackStable, TrackCanary} {
		c.ill[t], c.slow[t] = map[string]bool{}, map[string]bool{}
	}
	return c
}

func (c *smallCluster) ids() []render.ObjectID {
	return slices.SortedFunc(maps.Keys(c.things), render.ObjectID.Compare)
}

func (c *smallCluster) deployments() []render.ObjectID {
	return slices.DeleteFunc(c.ids(), func(id render.ObjectID) bool { return id.Kind != "Deployment" })
}

// settle lets the Pods become what they will be.
func (c *smallCluster) settle() {
	for _, t := range c.things {
		t.settled = t.settled || !t.paused
	}
}

// refuse says whether an object of a set may not be applied, as the wire does
// before anything of the set is written.
func (c *smallCluster) refuse(s Set) error {
	for _, o := range s.Objects {
		is, exists := c.things[o.ID()]
		if !exists {
			continue
		}
		if s.Proposed && (is.service != s.Service || is.track != TrackCanary) {
			return &ApplyError{Object: o.ID(), Permanent: true, Unapproved: true, Err: errors.New("it exists and is not of this service's canary")}
		}
	}
	return nil
}

// put applies one object of a set. It says what the wire would.
func (c *smallCluster) put(s Set, o render.Object) (e Entry, repaired bool) {
	id := o.ID()
	is, exists := c.things[id]
	if exists && s.Borrowed[id] && is.service == "" {
		return Entry{}, false
	}
	if !exists {
		c.uids++
		is = &thing{uid: fmt.Sprintf("uid-%d", c.uids), ours: true}
		c.things[id] = is
	}
	left := is.drifted && (s.KeepDrift || s.Resting[id]) && reflect.DeepEqual(is.object, o)
	if !exists || is.drifted && !left || !reflect.DeepEqual(is.object, o) || is.service != s.Service {
		c.writes++
		repaired = exists && is.drifted && reflect.DeepEqual(is.object, o)
		is.drifted, is.settled = false, false
	}
	is.object, is.service, is.track = o, s.Service, s.Track
	if s.Track == TrackStable {
		is.commit, is.digest = s.Ref.Commit, s.Ref.Digest
	}
	_, version := groupVersion(o.APIVersion())
	return Entry{
		Group: id.Group, Version: version, Kind: id.Kind, Namespace: id.Namespace, Name: id.Name,
		UID: is.uid, Track: s.Track,
	}, repaired
}

func (c *smallCluster) live(s Set) Live {
	l := Live{Digest: s.Ref.Digest, Health: Healthy}
	for _, o := range s.Objects {
		if _, exists := c.things[o.ID()]; !exists {
			l.Gone = append(l.Gone, o.ID())
		}
	}
	for _, o := range s.Objects {
		id := o.ID()
		is, exists := c.things[id]
		switch {
		case exists && s.Borrowed[id] && is.service == "":
			continue
		case exists && is.drifted && s.KeepDrift && reflect.DeepEqual(is.object, o):
			l.Drifted = append(l.Drifted, id)
		case !exists || is.drifted || !reflect.DeepEqual(is.object, o):
			return Live{Digest: s.Ref.Digest, Health: Missing, Message: o.String() + " is not there", Gone: l.Gone}
		}
		if id.Kind == "Deployment" {
			l.Health, l.Message = worse(l.Health, c.health(is)), cmp.Or(l.Message, "")
		}
	}
	if l.Health != Healthy {
		l.Message = "its Pods are not ready"
	}
	return l
}

func (c *smallCluster) health(t *thing) Health {
	word := wordOf(t.object)
	switch {
	case !t.settled || t.paused || c.slow[t.track][word]:
		return Progressing
	case c.ill[t.track][word]:
		return Failed
	}
	return Healthy
}

// worse: what failed counts before what is on its way.
func worse(a, b Health) Health {
	if a == Healthy || b == Failed {
		return b
	}
	return a
}

// take deletes what an entry names, as the wire does: only what carries the
// service's label and the recorded UID.
func (c *smallCluster) take(service render.ServiceName, e Entry) (deleted bool) {
	is, exists := c.things[e.ID()]
	if !exists || is.service != service || e.UID != "" && e.UID != is.uid || e.UID == "" && !is.ours {
		return false
	}
	delete(c.things, e.ID())
	c.writes++
	return true
}

func (c *smallCluster) recalled(service render.ServiceName) []Recalled {
	var all []Recalled
	for _, id := range c.deployments() {
		if t := c.things[id]; t.service == service && t.track == TrackStable && t.commit != "" {
			all = append(all, Recalled{Object: id, Commit: t.commit, Digest: t.digest})
		}
	}
	return all
}
