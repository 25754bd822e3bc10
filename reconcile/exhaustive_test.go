package reconcile

import "testing"

// exhaustive marks a test that walks all inputs of pure functions: the race
// detector sees nothing there, and takes ten times as long. make test runs them
// once more without it.
func exhaustive(t *testing.T) {
	t.Helper()
	if raced {
		t.Skip("walks pure functions: make test runs it without the race detector")
	}
}
