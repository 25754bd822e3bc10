// Package metrics counts what banksman does, for Prometheus, and brings the
// dashboard and the alerts that go with it.
//
// It listens: to a loop's transitions and effects, and to the requests that go to
// the API server and the forge. It decides nothing, and nothing waits for it. Its
// labels are bounded: a source (a repository of the configuration), a step, an
// event; never a service. Which service it is say the log, the Events and
// banksman status.
//
// The entry point is New; Metrics.Source is one repository's part. Rules,
// Dashboard and PodMonitor are files for the monitoring of a cluster.
package metrics
