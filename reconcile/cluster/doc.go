// Package cluster brings objects to a Kubernetes cluster and says what the
// cluster holds of them: apply, prune, drift and health.
//
// What is written is written by server-side apply with one field owner, and
// only when it is not known to be there: watches keep, for each object, a hash
// of what the API server says that banksman owns of it. As long as the hash
// stays, nobody touched a field that banksman set, and nothing is sent.
//
// The package knows nothing of Git, of reviews or of what should run: it is
// given the objects of one variant as a reconcile.Set. Its entry point is New.
package cluster
