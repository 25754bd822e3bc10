package render

import (
	"cmp"
	"fmt"
	"slices"
)

// CheckOverlap refuses an object that two services render: they would take it from each other for ever. Faults are
// *Error or Errors, one for each object and pair.
func CheckOverlap(releases []Release) error {
	var faults Errors
	collisions(releases, func(o Object, first, second Release) {
		faults = append(faults, overlap(o, second, first))
	})
	return faults.asError()
}

// Overlaps gives each service that renders an object of another one its fault: both sides of every collision.
func Overlaps(releases []Release) map[ServiceName]error {
	faults := map[ServiceName]Errors{}
	collisions(releases, func(o Object, first, second Release) {
		faults[first.Service] = append(faults[first.Service], overlap(o, first, second))
		faults[second.Service] = append(faults[second.Service], overlap(o, second, first))
	})
	errs := map[ServiceName]error{}
	for service, f := range faults {
		errs[service] = f.asError()
	}
	return errs
}

// collisions visits every object that two services render, in the order of the services' names.
func collisions(releases []Release, visit func(o Object, first, second Release)) {
	releases = slices.SortedFunc(slices.Values(releases), func(a, b Release) int { return cmp.Compare(a.Service, b.Service) })
	owner := map[ObjectID]Release{}
	for _, release := range releases {
		for _, objects := range [][]Object{release.Full, release.Canary, release.Shared} {
			for _, o := range objects {
				if first, found := owner[o.ID()]; found {
					visit(o, first, release)
				} else {
					owner[o.ID()] = release
				}
			}
		}
	}
}

func overlap(o Object, of, with Release) *Error {
	return &Error{
		File: of.Sources[o.ID()], Service: of.Service,
		Problem: fmt.Sprintf("%s is rendered by %s too, in %s", o, with.Service, with.Sources[o.ID()]),
		Try:     "keep it in one of the two services, or give it another name",
	}
}
