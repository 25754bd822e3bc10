package reconcile

import (
	"slices"
	"strings"

	"banksman.dev/render"
)

// place divides the objects of both targets between the tracks. Shared objects
// follow full, so that no unapproved configuration reaches full Pods. A shared
// object that full does not render is created with the canary when it is of a
// kind that the canary needs to run, and only borrowed when it exists already;
// any other waits for full.
func place(full, canary *render.Release) (stable, beside []render.Object, borrowed map[render.ObjectID]bool) {
	if full != nil {
		stable = append(slices.Clone(full.Full), full.Shared...)
	}
	if canary == nil {
		return stable, nil, nil
	}
	borrowed = map[render.ObjectID]bool{}
	taken := map[render.ObjectID]bool{}
	for _, o := range stable {
		taken[o.ID()] = true
	}
	for _, o := range canary.Canary {
		if !taken[o.ID()] {
			beside = append(beside, o)
		}
	}
	for _, o := range canary.Shared {
		if !taken[o.ID()] && comesWithCanary(o) {
			beside = append(beside, o)
			borrowed[o.ID()] = true
		}
	}
	return stable, beside, borrowed
}

// withoutFulls leaves out what is full's: nothing unapproved may be written to
// it, also when what full should run cannot be rendered now.
func withoutFulls(objects []render.Object, inventory []Entry) []render.Object {
	return slices.DeleteFunc(slices.Clone(objects), func(o render.Object) bool {
		return slices.ContainsFunc(inventory, func(e Entry) bool { return e.Track == TrackStable && e.ID() == o.ID() })
	})
}

func comesWithCanary(o render.Object) bool {
	switch o.ID().Group + "/" + o.Kind() {
	case "/ConfigMap", "/Secret", "/Service", "/ServiceAccount":
		return true
	}
	return false
}

// entriesOf are the inventory entries of objects that may not exist yet.
func entriesOf(objects []render.Object, track Track) []Entry {
	entries := make([]Entry, 0, len(objects))
	for _, o := range objects {
		id := o.ID()
		_, version := groupVersion(o.APIVersion())
		entries = append(entries, Entry{
			Group: id.Group, Version: version, Kind: id.Kind,
			Namespace: id.Namespace, Name: id.Name, Track: track,
		})
	}
	return entries
}

func groupVersion(apiVersion string) (group, version string) {
	if group, version, ok := strings.Cut(apiVersion, "/"); ok {
		return group, version
	}
	return "", apiVersion
}

// withEntries adds entries to an inventory. What an entry says of its track and
// UID replaces what was known; an unknown UID replaces nothing.
func withEntries(inventory, entries []Entry) []Entry {
	out := slices.Clone(inventory)
	for _, e := range entries {
		i := slices.IndexFunc(out, func(o Entry) bool { return o.ID() == e.ID() })
		if i < 0 {
			out = append(out, e)
			continue
		}
		if e.UID == "" {
			e.UID, e.Want, e.Owned = out[i].UID, out[i].Want, out[i].Owned
		}
		out[i] = e
	}
	slices.SortFunc(out, func(a, b Entry) int { return a.ID().Compare(b.ID()) })
	return out
}

// forgotten takes away what was known of objects that are gone: if they are made
// anew and the answer is lost, they are still ours.
func forgotten(inventory []Entry, gone []render.ObjectID) []Entry {
	if len(gone) == 0 {
		return inventory
	}
	out := slices.Clone(inventory)
	for i, e := range out {
		if slices.Contains(gone, e.ID()) {
			out[i].UID, out[i].Want, out[i].Owned = "", "", ""
		}
	}
	return out
}

// superfluous are the entries that no target wants any more. Objects of the
// stable track go only when full has settled: Pods of the release before may
// still need them.
func superfluous(inventory []Entry, wanted []render.Object, fullSettled bool) []Entry {
	keep := map[render.ObjectID]bool{}
	for _, o := range wanted {
		keep[o.ID()] = true
	}
	var out []Entry
	for _, e := range inventory {
		if !keep[e.ID()] && (fullSettled || e.Track == TrackCanary) {
			out = append(out, e)
		}
	}
	return out
}
