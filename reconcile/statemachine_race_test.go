//go:build race

package reconcile

// What is walked unless the environment says how much: the race detector makes
// everything ten times as dear.
const (
	modelStepsUnasked = 1_000
	badSourcesUnasked = 200
)
