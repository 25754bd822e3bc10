//go:build !race

package reconcile

// What is walked unless the environment says how much.
const (
	modelStepsUnasked = 5_000
	badSourcesUnasked = 500
)
