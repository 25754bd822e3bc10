// Package lease lets one of several banksmen write, and holds the others back.
//
// They agree by a Lease of coordination.k8s.io, through client-go's leader
// election. That alone does not keep a process from writing which was stopped,
// or cut off, for longer than its lease lasts. So every request that writes
// passes a fence first: it is open only while nobody else can hold the lease
// yet, by this process's own clocks.
//
// The API server's inability to answer ends nothing: the fence shuts, and opens
// again when the lease could be renewed and nobody has held it meanwhile. The
// lease is lost when another one has taken it.
//
// What no fence can do: take back a request that has left. One that is under
// way when the time runs out is broken off with some seconds to spare (see
// Margin), and the record's own writes carry a resourceVersion.
//
// The package knows nothing of what is written. Its entry point is New.
package lease
