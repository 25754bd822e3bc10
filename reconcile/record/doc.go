// Package record keeps what banksman remembers of each service in a Delivery,
// and what it runs in a Secret beside it, reads what operators order there, and
// tells transitions as Events of the Delivery.
//
// A reconcile.Record goes into a Delivery's status and comes back the same;
// times have seconds. Every write names the resourceVersion that was read, so
// that nobody's write is lost. The package decides nothing and knows nothing of
// what a record means. Its entry points are Install and Open.
package record
