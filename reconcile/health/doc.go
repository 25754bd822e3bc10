// Package health says what one live object is like: on its way, settled, or
// stuck, and why, in a sentence that stays the same while the facts do.
//
// The judgement is kstatus's, and more lenient than that where an object has no
// say in whether its service runs (see settled). The sentences are about Pods,
// because that is what a person looks for. They are written into commit statuses
// of 140 characters, again whenever they change: no name of a Pod, no time, no
// duration and no count that moves by itself is in them, and what a container
// printed is not repeated.
//
// The package sends nothing and watches nothing: it is given objects and Events
// as they were last seen. It knows nothing of services, releases or digests. Its
// entry points are Of, for an object, and WhyPod and WhyNoPods, for the reasons
// behind a workload that is not healthy.
package health
