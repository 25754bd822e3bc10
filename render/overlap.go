package render

import (
	"cmp"
	"fmt"
	"slices"
)

// CheckOverlap refuses an object that two services render: they would take it from each other for ever. Faults are
// *Error or Errors, one for each object and pair.
func CheckOverlap(releases []Release) error {
	var all []claims
	for _, r := range releases {
		c := claims{service: r.Service, sources: r.Sources}
		for _, o := range slices.Concat(r.Full, r.Canary, r.Shared) {
			c.ids = append(c.ids, o.ID())
		}
		all = append(all, c)
	}
	var faults Errors
	collisions(all, func(id ObjectID, first, second claims) {
		faults = append(faults, overlap(id, second, first))
	})
	return faults.Err()
}

// Overlaps gives each service that renders an object of another one its fault: both sides of every collision.
func Overlaps(releases []Packed) map[ServiceName]error {
	var all []claims
	for _, p := range releases {
		all = append(all, claims{p.Service, p.IDs(), p.sources})
	}
	faults := map[ServiceName]Errors{}
	collisions(all, func(id ObjectID, first, second claims) {
		faults[first.service] = append(faults[first.service], overlap(id, first, second))
		faults[second.service] = append(faults[second.service], overlap(id, second, first))
	})
	errs := map[ServiceName]error{}
	for service, f := range faults {
		errs[service] = f.Err()
	}
	return errs
}

// claims are the objects that a service renders, and where they come from.
type claims struct {
	service ServiceName
	ids     []ObjectID
	sources map[ObjectID]string
}

// collisions visits every object that two services render, in the order of the services' names.
func collisions(all []claims, visit func(id ObjectID, first, second claims)) {
	all = slices.SortedFunc(slices.Values(all), func(a, b claims) int { return cmp.Compare(a.service, b.service) })
	owner := map[ObjectID]int{}
	for i, c := range all {
		for _, id := range c.ids {
			if first, found := owner[id]; found {
				visit(id, all[first], c)
			} else {
				owner[id] = i
			}
		}
	}
}

func overlap(id ObjectID, of, with claims) *Error {
	return &Error{
		File: of.sources[id], Service: of.service,
		Problem: fmt.Sprintf("%s is rendered by %s too, in %s", id, with.service, with.sources[id]),
		Try:     "keep it in one of the two services, or give it another name",
	}
}
