// Package cluster brings objects to a Kubernetes cluster and says what the
// cluster holds of them: apply, prune, drift and health.
//
// What is written is written by server-side apply with one field owner, and
// only when it is not known to be there: watches keep, for each object, a hash
// of what the API server says that banksman owns of it. As long as the hash
// stays, nobody touched a field that banksman set, and nothing is sent. The
// hashes are kept with the inventory, so that after a restart the first list of
// a kind proves the same without a request about any object.
//
// What that rests on, and where it is answered:
//
//   - Watches have gaps. A list that follows a gap is compared whole, a list
//     that is older than what was seen raises doubt (witness.see, witness.lose).
//   - Somebody may apply in the name of the field owner, or change an object in
//     the second in which it was applied. The content is an annotation of the
//     object, an inventory is believed only together with it (memory.tell), and
//     an audit (reconcile.Set.Audit) trusts neither.
//   - A webhook, a default or a definition may change without any object being
//     written. Only an audit finds what would come out otherwise.
//   - Fields that the templates do not name are left to whoever sets them; what
//     kubectl apply brought counts as drift, and its fields are taken over
//     (sighting.leftover). A value that was changed and changed back is applied
//     once more, because else it would not be ours any more (session.lostFields).
//   - A label that is removed looks like a deletion; a live look tells.
//   - A kind that may not be listed and watched is refused, with the rights that
//     are missing: it is not applied blindly.
//   - An inventory that is older than the last apply, because the process died
//     between the two, names another hash or another content: the object is
//     looked at once, and nothing is written that is there already.
//   - Nothing is said to be in sync before the watch of its kind has shown every
//     object once (watches.ensure).
//   - No look is answered from a watch while something is applied: session reads
//     live, and every event of a watch wakes the service again.
//
// The package knows nothing of Git, of reviews or of what should run: it is
// given the objects of one variant as a reconcile.Set. Its entry point is New.
package cluster
