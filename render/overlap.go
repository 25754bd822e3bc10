package render

import (
	"cmp"
	"fmt"
	"slices"
)

// CheckOverlap refuses an object that two services render: they would take it from each other for ever. Faults are
// *Error or Errors.
func CheckOverlap(releases []Release) error {
	releases = slices.SortedFunc(slices.Values(releases), func(a, b Release) int { return cmp.Compare(a.Service, b.Service) })
	owner := map[ObjectID]Release{}
	var faults Errors
	for _, release := range releases {
		for _, objects := range [][]Object{release.Full, release.Canary, release.Shared} {
			for _, o := range objects {
				first, found := owner[o.ID()]
				if !found {
					owner[o.ID()] = release
					continue
				}
				faults = append(faults, &Error{
					File: release.Sources[o.ID()], Service: release.Service,
					Problem: fmt.Sprintf("%s is rendered by %s too, in %s", o, first.Service, first.Sources[o.ID()]),
					Try:     "keep it in one of the two services, or give it another name",
				})
			}
		}
	}
	return faults.asError()
}
